//! A certificate chain with its key, as PEM says it.

use std::sync::Arc;

use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

/// Why PEM cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error("no certificate in it")]
    NoCertificate,
    #[error("no private key in it")]
    NoKey,
    #[error("the certificate and the key do not belong together: {0}")]
    Mismatch(rustls::Error),
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// From when it holds, Unix milliseconds.
    pub from_ms: u64,
    /// Until when.
    pub until_ms: u64,
    /// The host names that it is for.
    pub names: Vec<String>,
}

impl About {
    pub fn lifetime_ms(&self) -> u64 {
        self.until_ms.saturating_sub(self.from_ms)
    }

    /// Whether it is for all of these names.
    pub fn covers(&self, names: &[String]) -> bool {
        let has = |name: &String| self.names.iter().any(|it| it.eq_ignore_ascii_case(name));
        names.iter().all(has)
    }
}

/// A certificate chain and its key, ready to be shown.
#[derive(Clone, Debug)]
pub struct Pair {
    pub(crate) certified: Arc<CertifiedKey>,
    /// `None` where the certificate could not be understood; clients may understand it.
    pub(crate) about: Option<About>,
}

impl Pair {
    /// Reads PEM: the server's own certificate first and then its chain; and its key.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Unfit> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .unwrap_or_default();
        let Some(own) = chain.first() else {
            return Err(Unfit::NoCertificate);
        };
        let about = about(own);
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| Unfit::NoKey)?;
        let provider = aws_lc_rs::default_provider();
        let certified = CertifiedKey::from_der(chain, key, &provider).map_err(Unfit::Mismatch)?;
        Ok(Self {
            certified: Arc::new(certified),
            about,
        })
    }

    /// One that nobody can rely on: nobody is told when it ends.
    pub fn that_claims_nothing(self) -> Self {
        Self {
            about: None,
            ..self
        }
    }

    /// What its certificate says of itself.
    pub fn about(&self) -> Option<&About> {
        self.about.as_ref()
    }
}

fn about(certificate: &CertificateDer<'_>) -> Option<About> {
    let (_, it) = X509Certificate::from_der(certificate).ok()?;
    let ms = |seconds: i64| u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000);
    let named = it.subject_alternative_name().ok().flatten();
    let names = named.map_or(&[][..], |it| &it.value.general_names);
    let host = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    };
    Some(About {
        from_ms: ms(it.validity().not_before.timestamp()),
        until_ms: ms(it.validity().not_after.timestamp()),
        names: names.iter().filter_map(host).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_says_when_it_ends_and_whom_it_is_for() {
        let names = ["one.example".to_owned(), "two.example".to_owned()];
        let mut params = rcgen::CertificateParams::new(names.to_vec()).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 1, 31);
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let key = key.serialize_pem();
        let pair = Pair::from_pem(made.pem().as_bytes(), key.as_bytes()).unwrap();
        let about = pair.about().unwrap();
        assert_eq!(about.from_ms, 1_767_225_600_000);
        assert_eq!(about.lifetime_ms(), 30 * 24 * 3_600_000);
        assert!(about.covers(&names) && about.covers(&["TWO.example".to_owned()]));
        assert!(!about.covers(&["one.example".to_owned(), "three.example".to_owned()]));
        let shown = crate::Certificates::new(pair);
        assert!(shown.is_for("one.example") && shown.is_for("TWO.example"));
        assert!(!shown.is_for("three.example") && !shown.is_for("not a name"));
    }
}

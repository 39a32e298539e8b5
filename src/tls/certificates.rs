//! What the server shows: its certificate, which may be changed while it serves, and the answers to
//! an authority that asks whose name this is (TLS-ALPN-01, RFC 8737).

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    client::verify_server_name,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName},
    server::{ClientHello, ParsedCertificate, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::pair::{About, Pair};

/// What an authority offers as the only protocol when it checks a name (RFC 8737 §4).
pub(crate) const CHALLENGE_PROTOCOL: &[u8] = b"acme-tls/1";

/// The certificate in force, for everybody who comes from now on.
#[derive(Debug)]
pub struct Certificates {
    now: RwLock<Pair>,
    /// By name, lower case; only while an authority checks it.
    answers: RwLock<BTreeMap<String, Arc<CertifiedKey>>>,
}

impl Certificates {
    pub fn new(first: Pair) -> Self {
        Self {
            now: RwLock::new(first),
            answers: RwLock::default(),
        }
    }

    /// Shows another one to whoever comes next; everybody else stays.
    pub fn show(&self, next: Pair) {
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = next;
    }

    /// What the certificate in force says of itself, where it could be understood.
    pub fn about(&self) -> Option<About> {
        self.now().about
    }

    /// Whether the certificate in force is for this name or address, as a browser sees it.
    pub fn is_for(&self, host: &str) -> bool {
        let certified = self.now().certified;
        let read = ParsedCertificate::try_from(&certified.cert[0]);
        match (read, ServerName::try_from(host)) {
            (Ok(read), Ok(name)) => verify_server_name(&read, &name).is_ok(),
            _ => false,
        }
    }

    /// Answers an authority that checks `name`. The certificate is not for people: its extension is
    /// critical, so nobody but the authority takes it.
    pub fn answer(
        &self,
        name: &str,
        certificate: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), rustls::Error> {
        let key = aws_lc_rs::default_provider()
            .key_provider
            .load_private_key(key)?;
        let certified = Arc::new(CertifiedKey::new(vec![certificate], key));
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        answers.insert(name.to_ascii_lowercase(), certified);
        Ok(())
    }

    /// The authority is done.
    pub fn forget_answers(&self) {
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        answers.clear();
    }

    pub(crate) fn now(&self) -> Pair {
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.clone()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut offered = client.alpn().into_iter().flatten();
        let checks = offered.next() == Some(CHALLENGE_PROTOCOL) && offered.next().is_none();
        if !checks {
            let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
            return Some(now.certified.clone());
        }
        let name = client.server_name()?.to_ascii_lowercase();
        let answers = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        answers.get(&name).cloned()
    }
}

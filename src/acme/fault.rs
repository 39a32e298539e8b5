//! What can go wrong with an order, in words that say what to do.

use std::time::Duration;

use instant_acme::Problem;

use crate::kept::KeptError;

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The authority looked at a name and did not find this server.
    #[error("{name} was not proved: {said}. {advice}")]
    Name {
        name: String,
        said: String,
        advice: &'static str,
    },
    /// The authority refused something else.
    #[error("the authority refused: {said}. {advice}")]
    Refused { said: String, advice: &'static str },
    #[error(
        "the authority ({directory}) cannot be talked to: {error}. Is tls.directory right, does this machine reach it, and does it trust it (ca-certificates, or tls.directory_ca)?"
    )]
    Unreachable { directory: String, error: String },
    #[error(
        "the authority does not check names by TLS-ALPN-01, which is the only way of this server: choose another tls.directory"
    )]
    NoWay,
    #[error("the authority took longer than {within:?}")]
    Late { within: Duration },
    #[error(
        "the authority's certificate cannot be used ({0}): is the clock of this machine right?"
    )]
    Certificate(String),
    #[error("tls.directory_ca = {path}: {error}")]
    DirectoryCa { path: String, error: tls::Untrusted },
    #[error(
        "this machine knows no authorities ({0}): install ca-certificates, or name tls.directory_ca"
    )]
    NoRoots(String),
    #[error("the authority neither accepted nor refused the names; it is tried again by itself")]
    NotReady,
    #[error("keeping it was interrupted: {0}")]
    Interrupted(String),
    #[error("a key or certificate could not be made: {0}")]
    Made(#[from] rcgen::Error),
    #[error("what was made cannot be shown: {0}")]
    Shown(#[from] tls::Unfit),
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Kept(#[from] KeptError),
}

impl Fault {
    /// A refusal of the authority, where it says of which name.
    pub(crate) fn of(name: Option<String>, problem: &Problem) -> Self {
        let kind = kind(problem);
        // The sub-problems say which name it was; the problem around them says only "some".
        let sub = problem.subproblems.first();
        let named = sub.and_then(|it| match &it.identifier {
            Some(instant_acme::Identifier::Dns(name)) => Some(name.clone()),
            _ => None,
        });
        let said = sub
            .and_then(|it| it.detail.as_ref())
            .or(problem.detail.as_ref());
        let said = said.map_or("no reason given", |it| it.trim_end_matches('.'));
        let said = format!("{said} ({kind})");
        let advice = advice(kind);
        match name.or(named) {
            Some(name) => Self::Name { name, said, advice },
            None => Self::Refused { said, advice },
        }
    }

    /// Whether the authority heard of the order: then it counts how often it is asked.
    pub(crate) fn was_heard(&self) -> bool {
        !matches!(self, Self::Unreachable { .. })
    }

    /// A failure of the client: the authority's own words where it said any.
    pub(crate) fn from_client(error: instant_acme::Error, directory: &str) -> Self {
        match error {
            instant_acme::Error::Api(problem) => Self::of(None, &problem),
            instant_acme::Error::Timeout(_) => Self::NotReady,
            other => Self::Unreachable {
                directory: directory.to_owned(),
                error: with_causes(&other),
            },
        }
    }
}

/// The last word of `urn:ietf:params:acme:error:…` (RFC 8555 §6.7).
pub(crate) fn kind(problem: &Problem) -> &str {
    let kind = problem.r#type.as_deref().unwrap_or("unknown");
    kind.rsplit(':').next().unwrap_or(kind)
}

fn advice(kind: &str) -> &'static str {
    match kind {
        "dns" => {
            "Set an A or AAAA record of that name to this machine, and remove one that leads elsewhere"
        }
        // Some authorities call a port that nobody listens on "unauthorized" too.
        "connection" | "tls" | "unauthorized" | "incorrectResponse" => {
            "The A and AAAA records of that name and its port 443 must lead to server.listen, with nothing else in between that ends TLS"
        }
        "caa" => "A CAA record of that name forbids this authority: change it, or tls.directory",
        "rejectedIdentifier" | "unsupportedIdentifier" | "malformed" => {
            "Is every name in tls.domains a public host name, without wildcards?"
        }
        "rateLimited" => {
            "Nothing to do but to wait; while you are trying things, use tls.directory = \"staging\""
        }
        "invalidContact" | "unsupportedContact" => "Correct tls.contact, or leave it empty",
        "externalAccountRequired" => {
            "This authority wants accounts made by hand, which this version cannot: choose another tls.directory"
        }
        "userActionRequired" => "The authority has new terms: read what it says",
        _ => "It is tried again by itself",
    }
}

/// An error with everything that it came from, the way `anyhow` prints it.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(json: serde_json::Value) -> Problem {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_fault_names_the_name_and_what_to_do() {
        let dns = problem(serde_json::json!({
            "type": "urn:ietf:params:acme:error:dns", "detail": "NXDOMAIN looking up A.", "status": 400,
        }));
        let said = Fault::of(Some("live.example".into()), &dns).to_string();
        assert!(
            said.starts_with("live.example was not proved: NXDOMAIN looking up A (dns)."),
            "{said}"
        );
        assert!(said.contains("A or AAAA record"), "{said}");

        let compound = problem(serde_json::json!({
            "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "Some were rejected",
            "subproblems": [{
                "type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "no public suffix",
                "identifier": {"type": "dns", "value": "box.lan"},
            }],
        }));
        let said = Fault::of(None, &compound).to_string();
        assert!(
            said.starts_with("box.lan was not proved: no public suffix"),
            "{said}"
        );
        assert!(said.contains("tls.domains"), "{said}");
    }

    #[test]
    fn every_kind_that_an_operator_can_help_has_advice() {
        for kind in [
            "dns",
            "connection",
            "tls",
            "unauthorized",
            "incorrectResponse",
            "caa",
            "rejectedIdentifier",
            "rateLimited",
            "invalidContact",
            "externalAccountRequired",
        ] {
            assert_ne!(advice(kind), advice("serverInternal"), "{kind}");
        }
    }
}

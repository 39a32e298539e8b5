//! Tokens (JWT): ours, minted here for ten minutes, and those of other sites whose keys the operator
//! configured.
//!
//! What RFC 8725 asks for: a key has one algorithm and only that one is accepted with it; `kid`
//! chooses among the configured keys and nothing else, `jku`, `x5u` and `jwk` are never looked at;
//! a token with critical extensions is refused (we know none); `aud`, `iss`, `sub`, `exp` are
//! required, `nbf` is held where it is there. Times are held against the time we are told, with a
//! leeway of 30 s. Revocation is not decided here: [`Identity::epoch`] is for the caller to compare.

use std::time::Duration;

use jsonwebtoken::{
    Algorithm, DecodingKey, EncodingKey, Header, TokenData, Validation, decode, decode_header,
    encode,
};
use protocol::{Code, MemberId, Refusal, limits, rest::Token};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    identity::{Identity, Role, role_of, word_of},
    names,
    secrets::{self, ServerSecret},
};

/// How long a token of ours is good: a page renews it by its sign-in cookie.
pub const LIFETIME: Duration = Duration::from_secs(600);
/// Whom our tokens are for.
const AUDIENCE: &str = "weiquan";
/// The key id of our own tokens. A configured key may not have it.
const OWN_KID: &str = "weiquan";
/// A token longer than this is not read: ours have about 400 bytes, and a request head 8 KiB.
const TOKEN_BYTES_MAX: usize = 6 * 1024;
/// RFC 7518, 3.2: a key at least as long as the hash.
const HS256_BYTES_MIN: usize = 32;

/// Why a token is not accepted. The reason is for the log and the developer, never a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    #[error("the token is not acceptable: {0}")]
    Invalid(&'static str),
    #[error("the token has expired")]
    Expired,
}

impl From<TokenError> for Refusal {
    fn from(error: TokenError) -> Self {
        let code = match error {
            TokenError::Invalid(_) => Code::TokenInvalid,
            TokenError::Expired => Code::TokenExpired,
        };
        Self::new(code, error.to_string())
    }
}

/// Why a configured key cannot be used: the server does not start with it.
#[derive(Debug, Error)]
pub enum KeyError {
    #[error("auth.keys: the id {0:?} is empty, used twice, or reserved")]
    Id(String),
    #[error("auth.keys {id}: algorithm {algorithm:?} is not known; it is HS256 or EdDSA")]
    Algorithm { id: String, algorithm: String },
    #[error("auth.keys {id}: the secret has {bytes} bytes; HS256 needs at least 32")]
    Short { id: String, bytes: usize },
    #[error("auth.keys {id}: the file is not an Ed25519 public key in PEM")]
    Pem { id: String },
    #[error("auth.keys {id}: issuer and audience must be written")]
    Scope { id: String },
}

/// Whom a token of ours is for.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    pub id: &'a MemberId,
    pub name: &'a str,
    pub role: Role,
    /// The account's token epoch; `None` for a guest.
    pub epoch: Option<u64>,
    pub lifetime: Duration,
}

/// A new token.
pub struct Minted {
    pub token: String,
    pub expires_ms: u64,
}

/// A key of another site, checked.
pub struct TrustedKey {
    id: String,
    key: DecodingKey,
    rules: Validation,
    /// Distinguishes the people of one issuer from those of another.
    realm: String,
    roles: bool,
}

impl TrustedKey {
    /// `material` is what the key's file holds. One line end after an HS256 secret is not part of it.
    pub fn new(
        id: &str,
        algorithm: &str,
        material: &[u8],
        issuer: &str,
        audience: &str,
        roles: Roles,
    ) -> Result<Self, KeyError> {
        if id.is_empty() || id == OWN_KID {
            return Err(KeyError::Id(id.to_owned()));
        }
        if issuer.is_empty() || audience.is_empty() {
            return Err(KeyError::Scope { id: id.to_owned() });
        }
        let (algorithm, key) = match algorithm {
            "HS256" => {
                let secret = material.strip_suffix(b"\n").unwrap_or(material);
                let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
                if secret.len() < HS256_BYTES_MIN {
                    return Err(KeyError::Short {
                        id: id.to_owned(),
                        bytes: secret.len(),
                    });
                }
                (Algorithm::HS256, DecodingKey::from_secret(secret))
            }
            "EdDSA" => {
                let key = DecodingKey::from_ed_pem(material)
                    .map_err(|_| KeyError::Pem { id: id.to_owned() })?;
                (Algorithm::EdDSA, key)
            }
            other => {
                let (id, algorithm) = (id.to_owned(), other.to_owned());
                return Err(KeyError::Algorithm { id, algorithm });
            }
        };
        Ok(Self {
            id: id.to_owned(),
            key,
            rules: rules(algorithm, issuer, audience),
            realm: secrets::encode(&secrets::hash(issuer)[..6]),
            roles: roles == Roles::Named,
        })
    }
}

/// Whether another site's token may name a role above member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    MembersOnly,
    Named,
}

/// Mints and reads tokens.
pub struct Tokens {
    sign: EncodingKey,
    verify: DecodingKey,
    rules: Validation,
    issuer: String,
    trusted: Vec<TrustedKey>,
}

impl Tokens {
    /// `issuer` names this server (its public address).
    pub fn new(
        secret: &ServerSecret,
        issuer: &str,
        trusted: Vec<TrustedKey>,
    ) -> Result<Self, KeyError> {
        for (i, key) in trusted.iter().enumerate() {
            if trusted[..i].iter().any(|it| it.id == key.id) {
                return Err(KeyError::Id(key.id.clone()));
            }
        }
        let key = secret.key_for("token");
        Ok(Self {
            sign: EncodingKey::from_secret(&key),
            verify: DecodingKey::from_secret(&key),
            rules: rules(Algorithm::HS256, issuer, AUDIENCE),
            issuer: issuer.to_owned(),
            trusted,
        })
    }

    /// A token that says who somebody is, as one hears it.
    pub fn hand_out(&self, identity: &Identity, now_ms: u64) -> Token {
        let grant = Grant {
            id: &identity.id,
            name: &identity.name,
            role: identity.role,
            epoch: identity.epoch,
            lifetime: LIFETIME,
        };
        let Minted { token, expires_ms } = self.mint(&grant, now_ms);
        Token {
            token,
            expires_ms,
            me: identity.card(),
        }
    }

    pub fn mint(&self, grant: &Grant<'_>, now_ms: u64) -> Minted {
        let now_s = now_ms / 1_000;
        let exp = now_s + grant.lifetime.as_secs();
        let claims = OwnClaims {
            iss: self.issuer.clone(),
            aud: AUDIENCE.to_owned(),
            sub: grant.id.as_str().to_owned(),
            name: grant.name.to_owned(),
            role: word_of(grant.role).to_owned(),
            iat: now_s,
            nbf: now_s,
            exp,
            jti: secrets::encode(&secrets::random::<16>()),
            ep: grant.epoch,
            gst: grant.role == Role::Guest,
        };
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(OWN_KID.to_owned());
        let token = encode(&header, &claims, &self.sign)
            .expect("plain claims serialize, and an HMAC key signs anything");
        Minted {
            token,
            expires_ms: exp * 1_000,
        }
    }

    pub fn read(&self, token: &str, now_ms: u64) -> Result<Identity, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid("it is too long"));
        }
        let header = decode_header(token)
            .map_err(|_| TokenError::Invalid("its header cannot be read or names no algorithm"))?;
        if header.crit.is_some() {
            return Err(TokenError::Invalid("it has critical extensions"));
        }
        match header.kid.as_deref() {
            Some(OWN_KID) => self.read_own(token, now_ms),
            Some(kid) => {
                let key = self.trusted.iter().find(|it| it.id == kid);
                read_foreign(
                    key.ok_or(TokenError::Invalid("its key is not known"))?,
                    token,
                    now_ms,
                )
            }
            None => Err(TokenError::Invalid("it names no key")),
        }
    }

    fn read_own(&self, token: &str, now_ms: u64) -> Result<Identity, TokenError> {
        let TokenData { claims, .. } =
            decode::<OwnClaims>(token, &self.verify, &self.rules).map_err(explain)?;
        hold_times(claims.exp, Some(claims.nbf), now_ms)?;
        let role = role_of(&claims.role).ok_or(TokenError::Invalid("its role"))?;
        Ok(Identity {
            id: claims.sub.into(),
            name: claims.name,
            role,
            expires_ms: claims.exp.saturating_mul(1_000),
            epoch: claims.ep,
            foreign: false,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct OwnClaims {
    iss: String,
    aud: String,
    sub: String,
    name: String,
    role: String,
    iat: u64,
    nbf: u64,
    exp: u64,
    jti: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ep: Option<u64>,
    #[serde(default)]
    gst: bool,
}

/// What we read of another site's token. Everything else in it is ignored.
#[derive(Deserialize)]
struct ForeignClaims {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
    name: Option<String>,
    role: Option<String>,
}

fn read_foreign(key: &TrustedKey, token: &str, now_ms: u64) -> Result<Identity, TokenError> {
    let TokenData { claims, .. } =
        decode::<ForeignClaims>(token, &key.key, &key.rules).map_err(explain)?;
    let seconds = |it: f64| {
        // Beyond 2^53 s (285 million years) a float is no longer exact, and no date either.
        let fits = it.is_finite() && (0.0..9.0e15).contains(&it);
        fits.then_some(it as u64)
            .ok_or(TokenError::Invalid("its times"))
    };
    let exp = seconds(claims.exp)?;
    hold_times(exp, claims.nbf.map(seconds).transpose()?, now_ms)?;
    if claims.sub.is_empty() {
        return Err(TokenError::Invalid("its subject is empty"));
    }
    let role = match (claims.role.as_deref(), key.roles) {
        (None, _) => Role::Member,
        (Some(word), true) => role_of(word).ok_or(TokenError::Invalid("its role"))?,
        (Some("guest"), false) => Role::Guest,
        (Some(_), false) => Role::Member,
    };
    let digest = secrets::encode(&secrets::hash(&claims.sub)[..16]);
    let name = claims.name.as_deref().and_then(|it| names::fit(it).ok());
    Ok(Identity {
        id: foreign_id(&key.realm, &claims.sub, &digest),
        name: name.unwrap_or_else(|| format!("Member {}", &digest[..6])),
        role,
        expires_ms: exp.saturating_mul(1_000),
        epoch: None,
        foreign: true,
    })
}

/// `x_<issuer>_<subject>`; a subject that is long or has other characters goes by its hash, after a
/// dot, so that it can never be the same as a plain one.
fn foreign_id(realm: &str, sub: &str, digest: &str) -> MemberId {
    let plain = sub.len() <= 64
        && sub
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_');
    if plain {
        MemberId::new(format!("x_{realm}_{sub}"))
    } else {
        MemberId::new(format!("x_{realm}.{digest}"))
    }
}

/// The library holds algorithm, signature, issuer, audience and presence; times are ours, because
/// it would ask the clock itself.
fn rules(algorithm: Algorithm, issuer: &str, audience: &str) -> Validation {
    let mut rules = Validation::new(algorithm);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.set_issuer(&[issuer]);
    rules.set_audience(&[audience]);
    rules.validate_exp = false;
    rules.validate_nbf = false;
    rules
}

fn hold_times(exp_s: u64, nbf_s: Option<u64>, now_ms: u64) -> Result<(), TokenError> {
    let (now_s, leeway_s) = (now_ms / 1_000, limits::TOKEN_LEEWAY.as_secs());
    if exp_s.saturating_add(leeway_s) <= now_s {
        return Err(TokenError::Expired);
    }
    if nbf_s.is_some_and(|it| it > now_s.saturating_add(leeway_s)) {
        return Err(TokenError::Invalid("it is not good yet"));
    }
    Ok(())
}

fn explain(error: jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind;
    TokenError::Invalid(match error.kind() {
        ErrorKind::InvalidSignature => "its signature",
        ErrorKind::InvalidAlgorithm => "its algorithm is not the key's",
        ErrorKind::InvalidIssuer => "its issuer",
        ErrorKind::InvalidAudience => "it is for somebody else",
        ErrorKind::MissingRequiredClaim(_) => "it lacks exp, iss, aud or sub",
        _ => "it cannot be read",
    })
}

#[cfg(test)]
#[path = "tokens_tests.rs"]
mod tests;

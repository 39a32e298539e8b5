//! Tokens that must not get in, one by one, and those that must.

use serde_json::{Value, json};

use super::*;

const NOW_MS: u64 = 1_800_000_000_000;
const NOW_S: u64 = NOW_MS / 1_000;
const ISSUER: &str = "https://live.example";
const SHARED: &[u8] = b"a shared secret of forty-one characters..";

/// An Ed25519 key pair made for these tests alone (openssl genpkey -algorithm ed25519).
const ED_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIOz2xJuLCVC1ob1ySL56aTHonTyUNLZ+5Vp2ak9RqDXO
-----END PRIVATE KEY-----
";
const ED_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA/dTNnG+a2DSVbJQyhzHnveoc0XF3H+KFIbCvrm+S/9M=
-----END PUBLIC KEY-----
";

fn key(id: &str, algorithm: &str, material: &[u8], roles: Roles) -> Result<TrustedKey, KeyError> {
    TrustedKey::new(
        id,
        algorithm,
        material,
        "https://site.example",
        "live",
        roles,
    )
}

fn tokens() -> Tokens {
    let secret = ServerSecret::new(&[9; 32]).expect("32 bytes");
    let trusted = vec![
        key("site", "HS256", SHARED, Roles::MembersOnly).expect("a good key"),
        key("ed", "EdDSA", ED_PUBLIC.as_bytes(), Roles::Named).expect("a good key"),
    ];
    Tokens::new(&secret, ISSUER, trusted).expect("distinct keys")
}

fn claims() -> Value {
    json!({
        "iss": "https://site.example", "aud": "live", "sub": "u42", "exp": NOW_S + 60,
        "name": "Mei",
    })
}

fn with(mut claims: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().expect("an object") {
        if value.is_null() {
            claims.as_object_mut().expect("an object").remove(key);
        } else {
            claims[key] = value.clone();
        }
    }
    claims
}

fn signed(kid: &str, claims: &Value) -> String {
    let (algorithm, key) = match kid {
        "ed" => (
            Algorithm::EdDSA,
            EncodingKey::from_ed_pem(ED_PRIVATE.as_bytes()).expect("a key"),
        ),
        _ => (Algorithm::HS256, EncodingKey::from_secret(SHARED)),
    };
    let mut header = Header::new(algorithm);
    header.kid = Some(kid.to_owned());
    encode(&header, claims, &key).expect("signs")
}

/// A token put together by hand: any header, any claims, HMAC of `secret` or no signature at all.
fn forged(header: Value, claims: &Value, secret: Option<&[u8]>) -> String {
    let body = format!(
        "{}.{}",
        secrets::encode(header.to_string().as_bytes()),
        secrets::encode(claims.to_string().as_bytes())
    );
    let signature = secret.map_or(String::new(), |it| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, it);
        secrets::encode(aws_lc_rs::hmac::sign(&key, body.as_bytes()).as_ref())
    });
    format!("{body}.{signature}")
}

fn mint(tokens: &Tokens) -> Minted {
    let id = MemberId::from("m_1");
    let grant = Grant {
        id: &id,
        name: "Mei",
        role: Role::Moderator,
        epoch: Some(3),
        lifetime: LIFETIME,
    };
    tokens.mint(&grant, NOW_MS)
}

#[test]
fn our_own_token_is_read_as_it_was_minted() {
    let tokens = tokens();
    let minted = mint(&tokens);
    assert_eq!(minted.expires_ms, NOW_MS + 600_000);
    let seen = tokens.read(&minted.token, NOW_MS).expect("good");
    let expect = Identity {
        id: "m_1".into(),
        name: "Mei".into(),
        role: Role::Moderator,
        expires_ms: minted.expires_ms,
        epoch: Some(3),
        foreign: false,
    };
    assert_eq!(seen, expect);
    assert_ne!(mint(&tokens).token, minted.token, "each has its own jti");
}

#[test]
fn it_ends_after_ten_minutes_and_the_leeway() {
    let tokens = tokens();
    let token = mint(&tokens).token;
    assert!(tokens.read(&token, NOW_MS + 629_000).is_ok());
    assert_eq!(
        tokens.read(&token, NOW_MS + 630_000),
        Err(TokenError::Expired)
    );
    assert!(
        tokens.read(&token, NOW_MS - 30_000).is_ok(),
        "our clock may be late"
    );
    assert!(tokens.read(&token, NOW_MS - 31_000).is_err());
    assert_eq!(Refusal::from(TokenError::Expired).code, Code::TokenExpired);
    assert_eq!(Refusal::from(TokenError::Invalid("x")).code.status(), 401);
}

#[test]
fn another_server_with_another_secret_or_address_does_not_read_it() {
    let token = mint(&tokens()).token;
    let other = |secret: [u8; 32], issuer: &str| {
        let secret = ServerSecret::new(&secret).expect("32 bytes");
        Tokens::new(&secret, issuer, vec![])
            .expect("no keys")
            .read(&token, NOW_MS)
    };
    assert!(other([9; 32], ISSUER).is_ok());
    assert_eq!(
        other([8; 32], ISSUER),
        Err(TokenError::Invalid("its signature"))
    );
    assert_eq!(
        other([9; 32], "https://other.example"),
        Err(TokenError::Invalid("its issuer"))
    );
}

#[test]
fn another_sites_people_come_in_as_members_under_their_own_ids() {
    let tokens = tokens();
    let seen = tokens
        .read(&signed("site", &claims()), NOW_MS)
        .expect("good");
    assert!(
        seen.id.as_str().starts_with("x_") && seen.id.as_str().ends_with("_u42"),
        "{seen:?}"
    );
    assert_eq!(
        (seen.name.as_str(), seen.role, seen.foreign),
        ("Mei", Role::Member, true)
    );
    assert_eq!((seen.epoch, seen.expires_ms), (None, (NOW_S + 60) * 1_000));

    let odd = with(
        claims(),
        json!({"sub": "a@b.example/../m_1", "name": "\u{202e}Owner"}),
    );
    let seen = tokens.read(&signed("site", &odd), NOW_MS).expect("good");
    assert!(
        seen.id
            .as_str()
            .bytes()
            .all(|it| it.is_ascii_graphic() && it != b'/'),
        "{seen:?}"
    );
    assert!(
        seen.name.starts_with("Member "),
        "an unfit name is not shown: {seen:?}"
    );

    let list = with(
        claims(),
        json!({"aud": ["other", "live"], "nbf": NOW_S + 30}),
    );
    assert!(tokens.read(&signed("ed", &list), NOW_MS).is_ok());
}

#[test]
fn a_role_from_elsewhere_counts_only_where_the_operator_said_so() {
    let tokens = tokens();
    let role = |kid: &str, word: &str| {
        let token = signed(kid, &with(claims(), json!({"role": word})));
        tokens.read(&token, NOW_MS).map(|it| it.role)
    };
    assert_eq!(role("site", "owner"), Ok(Role::Member));
    assert_eq!(role("site", "guest"), Ok(Role::Guest));
    assert_eq!(role("ed", "moderator"), Ok(Role::Moderator));
    assert_eq!(role("ed", "emperor"), Err(TokenError::Invalid("its role")));
}

#[test]
fn claims_that_are_missing_or_wrong_are_refused() {
    let tokens = tokens();
    for changes in [
        json!({"exp": null}),
        json!({"iss": null}),
        json!({"aud": null}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": 42}),
        json!({"iss": "https://evil.example"}),
        json!({"iss": ["https://evil.example"]}),
        json!({"aud": "dead"}),
        json!({"aud": []}),
        json!({"exp": "soon"}),
        json!({"exp": -1}),
        json!({"exp": 1e300}),
        json!({"exp": NOW_S - 30}),
        json!({"nbf": NOW_S + 31}),
        json!({"nbf": "later"}),
    ] {
        let token = signed("site", &with(claims(), changes.clone()));
        assert!(tokens.read(&token, NOW_MS).is_err(), "{changes}");
    }
}

#[test]
fn alg_none_and_a_changed_algorithm_are_refused() {
    let tokens = tokens();
    let good = claims();
    for algorithm in ["none", "None", "NONE", "nOnE", ""] {
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": "site"});
        assert!(
            tokens
                .read(&forged(header.clone(), &good, None), NOW_MS)
                .is_err()
        );
        assert!(
            tokens
                .read(&forged(header, &good, Some(SHARED)), NOW_MS)
                .is_err()
        );
    }
    // The classic: the public key of the pair, which everybody has, used as an HMAC secret.
    let confused = json!({"alg": "HS256", "kid": "ed"});
    let token = forged(confused, &good, Some(ED_PUBLIC.as_bytes()));
    assert_eq!(
        tokens.read(&token, NOW_MS),
        Err(TokenError::Invalid("its algorithm is not the key's"))
    );
    for algorithm in ["HS384", "HS512", "RS256", "ES256", "EdDSA"] {
        let header = json!({"alg": algorithm, "kid": "site"});
        assert!(
            tokens
                .read(&forged(header, &good, Some(SHARED)), NOW_MS)
                .is_err(),
            "{algorithm}"
        );
    }
    // The same by hand with the right algorithm is good: it is not the forging that fails.
    let header = json!({"alg": "HS256", "kid": "site"});
    assert!(
        tokens
            .read(&forged(header, &good, Some(SHARED)), NOW_MS)
            .is_ok()
    );
}

#[test]
fn a_header_only_chooses_among_the_configured_keys() {
    let tokens = tokens();
    let own = claims();
    for kid in [
        json!("../../../../dev/null"),
        json!("' OR 1=1 --"),
        json!("weiquan"),
        json!(""),
        json!("SITE"),
        Value::Null,
        json!(7),
    ] {
        for secret in [SHARED, b"".as_slice(), [9; 32].as_slice()] {
            let header = json!({"alg": "HS256", "kid": kid});
            assert!(
                tokens
                    .read(&forged(header, &own, Some(secret)), NOW_MS)
                    .is_err(),
                "{kid}"
            );
        }
    }
    // Keys that the token brings along are not looked at: signed by another's key it stays refused,
    // signed by the right one it stays good.
    let brought = json!({
        "alg": "HS256", "kid": "site", "jku": "https://evil.example/keys",
        "x5u": "https://evil.example/cert",
        "jwk": {"kty": "oct", "k": secrets::encode(&[1; 32])},
    });
    assert!(
        tokens
            .read(&forged(brought.clone(), &own, Some(&[1; 32])), NOW_MS)
            .is_err()
    );
    assert!(
        tokens
            .read(&forged(brought, &own, Some(SHARED)), NOW_MS)
            .is_ok()
    );
    let critical = json!({"alg": "HS256", "kid": "site", "crit": ["b64"], "b64": false});
    assert!(
        tokens
            .read(&forged(critical, &own, Some(SHARED)), NOW_MS)
            .is_err()
    );
}

#[test]
fn a_changed_token_is_refused_wherever_it_was_changed() {
    let tokens = tokens();
    let good = mint(&tokens).token;
    let mut refused = 0;
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(bytes).expect("ASCII");
        // A last base64 digit has bits that mean nothing; there the decoder refuses as well.
        assert!(tokens.read(&text, NOW_MS).is_err(), "byte {at}");
        refused += 1;
    }
    assert_eq!(refused, good.len());
    for text in [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b",
        &good[..good.len() - 1],
        &"x".repeat(7_000),
    ] {
        assert!(tokens.read(text, NOW_MS).is_err());
    }
}

#[test]
fn a_key_that_is_weak_or_doubled_keeps_the_server_from_starting() {
    let message = |it: Result<TrustedKey, KeyError>| it.err().expect("refused").to_string();
    let short = message(key("site", "HS256", &[b'x'; 31], Roles::MembersOnly));
    assert!(
        short.contains("31 bytes") && short.contains("site"),
        "{short}"
    );
    // 31 bytes and a line end are still 31 bytes.
    message(key(
        "site",
        "HS256",
        &[[b'x'; 31].as_slice(), b"\n"].concat(),
        Roles::MembersOnly,
    ));
    message(key("site", "none", SHARED, Roles::MembersOnly));
    message(key("site", "RS256", SHARED, Roles::MembersOnly));
    message(key("weiquan", "HS256", SHARED, Roles::MembersOnly));
    message(key("", "HS256", SHARED, Roles::MembersOnly));
    message(key("site", "EdDSA", SHARED, Roles::MembersOnly));
    message(TrustedKey::new(
        "site",
        "HS256",
        SHARED,
        "",
        "live",
        Roles::MembersOnly,
    ));
    message(TrustedKey::new(
        "site",
        "HS256",
        SHARED,
        "https://i",
        "",
        Roles::MembersOnly,
    ));

    let twice = (0..2).map(|_| key("site", "HS256", SHARED, Roles::MembersOnly).expect("good"));
    let secret = ServerSecret::new(&[9; 32]).expect("32 bytes");
    assert!(Tokens::new(&secret, ISSUER, twice.collect()).is_err());
}

/// Good tokens with random damage: none is taken, none breaks the reader.
#[test]
fn no_mutated_token_is_taken_and_none_breaks_the_reader() {
    use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

    let tokens = tokens();
    let good = [
        mint(&tokens).token,
        signed("site", &claims()),
        signed("ed", &claims()),
    ];
    for seed in seeds::of(4_000) {
        let mut rng = SmallRng::seed_from_u64(seed);
        let original = &good[rng.random_range(0..good.len())];
        let mut text: Vec<char> = original.chars().collect();
        for _ in 0..rng.random_range(1..5) {
            let at = rng.random_range(0..text.len());
            let odd = ['.', '=', '-', '_', 'A', '/', '\0', 'é', '\u{ffff}'];
            match rng.random_range(0..4) {
                0 => text[at] = odd[rng.random_range(0..odd.len())],
                1 if text.len() > 1 => drop(text.remove(at)),
                2 => text.insert(at, odd[rng.random_range(0..odd.len())]),
                _ => text.truncate(at.max(1)),
            }
        }
        let text: String = text.into_iter().collect();
        if text != *original {
            assert!(tokens.read(&text, NOW_MS).is_err(), "seed {seed}: {text}");
        }
    }
}

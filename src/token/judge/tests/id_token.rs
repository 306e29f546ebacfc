//! ID tokens.

use crate::time::UnixTime;
use crate::token::TokenError;
use crate::token::fixtures::{CLIENT, ISSUER, NOW, b64, id_claims, issuer, verified_as, with};
use crate::token::judge::*;
use serde_json::{Value, json};
use std::time::Duration;

/// The hash of RFC 7518's ES256, left half.
fn half_hash(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    b64(&digest.as_ref()[..16])
}

/// What becomes of an ID token with these claims under rules that `change` changes.
fn id_token(claims: &Value, change: impl Fn(&mut IdTokenRules<'_>)) -> Result<String, TokenError> {
    id_token_as("", claims, change)
}

pub(super) fn id_token_as(
    typ: &str,
    claims: &Value,
    change: impl Fn(&mut IdTokenRules<'_>),
) -> Result<String, TokenError> {
    let issuer = issuer();
    let mut rules = IdTokenRules::new(&issuer, CLIENT);
    change(&mut rules);
    let claims = verified_as(typ, claims)?;
    judge_id_token(&claims, &rules, NOW).map(|token| token.subject.to_owned())
}

#[test]
fn takes_an_id_token() {
    let at_login = |rules: &mut IdTokenRules<'_>| {
        rules.max_age = Some(Duration::from_secs(600));
        rules.nonce = Some("n-1");
        rules.max_auth_age = Some(Duration::from_secs(10));
        rules.access_token = Some("at");
        rules.code = Some("code");
    };
    let claims = with(id_claims(), "at_hash", &json!(half_hash("at")));
    let claims = with(claims, "c_hash", &json!(half_hash("code")));
    assert_eq!(id_token(&claims, at_login).as_deref(), Ok("00u1"));
    assert_eq!(id_token_as("JWT", &claims, at_login).as_deref(), Ok("00u1"));
    for (name, value) in [
        ("aud", json!([CLIENT])),
        ("azp", json!(CLIENT)),
        ("exp", json!(NOW.0 as f64 + 0.5)),
        ("iat", json!(NOW.0 - 600 - 60)),
        ("iat", json!(NOW.0 + 60)),
        ("nbf", json!(NOW.0 + 60)),
        ("exp", json!(NOW.0 - 59)),
    ] {
        let claims = with(claims.clone(), name, &value);
        let claims = if name == "exp" { with(claims, "iat", &json!(NOW.0 - 70)) } else { claims };
        assert_eq!(id_token(&claims, at_login).as_deref(), Ok("00u1"), "{name} {value}");
    }
}

#[test]
fn refuses_an_id_token_by_its_claims() {
    let wrong_issuers = [
        format!("{ISSUER}/"),
        ISSUER.to_uppercase(),
        ISSUER.replace("https", "http"),
        ISSUER.replace(".com", ".com:443"),
        format!(" {ISSUER}"),
        format!("{ISSUER} "),
        ISSUER.replace("default", "other"),
        ISSUER.replace("/default", ""),
        format!("{ISSUER}.evil.example"),
        ISSUER.replace("dev-1", "dev-2"),
        "https://dev-1.okta.com".to_owned(),
    ];
    let mut cases: Vec<(&str, Value, TokenError)> = Vec::new();
    for iss in wrong_issuers {
        cases.push(("iss", json!(iss), TokenError::WrongIssuer));
    }
    for aud in [
        json!("*"),
        json!("other"),
        json!("0oaclien"),
        json!("0oaclient2"),
        json!("0OACLIENT"),
        json!([CLIENT, "other"]),
        json!(["other"]),
        json!("api://default"),
    ] {
        cases.push(("aud", aud, TokenError::WrongAudience));
    }
    for azp in ["other", "", "0oaclient2"] {
        cases.push(("azp", json!(azp), TokenError::WrongAuthorizedParty));
    }
    for (name, value) in [
        ("scp", json!(["a"])),
        ("scope", json!("openid")),
        ("cid", json!(CLIENT)),
        ("events", json!({})),
    ] {
        cases.push((name, value, TokenError::WrongKind(name)));
    }
    cases.push(("cnf", json!({"jkt": "a"}), TokenError::BoundToKey));
    cases.push(("cnf", json!(null), TokenError::BoundToKey));
    for name in ["exp", "iat", "sub"] {
        cases.push((name, json!("absent"), TokenError::BadClaim(name)));
    }
    let ended = UnixTime(NOW.0 - 60);
    cases.push(("exp", json!(ended.0), TokenError::Expired(ended)));
    cases.push(("exp", json!(0), TokenError::Expired(UnixTime(0))));
    cases.push(("nbf", json!(NOW.0 + 61), TokenError::NotYetValid(UnixTime(NOW.0 + 61))));
    cases.push((
        "nbf",
        json!(100_000_000_000_u64),
        TokenError::NotYetValid(UnixTime(100_000_000_000)),
    ));
    cases.push(("iat", json!(NOW.0 + 61), TokenError::IssuedInFuture(UnixTime(NOW.0 + 61))));
    for exp in
        [json!(1e18), json!(u64::MAX), json!(253_402_300_800_u64), json!(NOW.0 + 86_400 + 61)]
    {
        cases.push(("exp", exp, TokenError::LivesTooLong));
    }
    cases.push(("iat", json!(0), TokenError::LivesTooLong));
    for (name, value, want) in cases {
        let refused = id_token(&with(id_claims(), name, &value), |_| {});
        assert_eq!(refused, Err(want), "{name} {value}");
    }
    let longest = with(id_claims(), "exp", &json!(NOW.0 + 86_400 + 60));
    assert!(id_token(&longest, |_| {}).is_ok());
    for typ in ["at+jwt", "logout+jwt", "global-token-revocation+jwt"] {
        assert_eq!(
            id_token_as(typ, &id_claims(), |_| {}),
            Err(TokenError::WrongKind("typ")),
            "{typ}"
        );
    }
    assert!(TokenError::Expired(NOW).is_expired() && !TokenError::WrongIssuer.is_expired());
}

#[test]
fn refuses_an_id_token_that_does_not_answer_the_login() {
    let nonce = |rules: &mut IdTokenRules<'_>| rules.nonce = Some("n-1");
    for value in [json!("absent"), json!("n-2"), json!(""), json!("N-1"), json!("n-1 ")] {
        let refused = id_token(&with(id_claims(), "nonce", &value), nonce);
        assert_eq!(refused, Err(TokenError::WrongNonce), "{value}");
    }
    let empty = id_token(&with(id_claims(), "nonce", &json!("")), |rules| rules.nonce = Some(""));
    assert_eq!(empty, Err(TokenError::WrongNonce));
    let old = NOW.0 - 600 - 61;
    let refused = id_token(&with(id_claims(), "iat", &json!(old)), |rules| {
        rules.max_age = Some(Duration::from_secs(600));
    });
    assert_eq!(refused, Err(TokenError::TooOld(UnixTime(old))));
    for value in [json!("absent"), json!(NOW.0 - 10 - 61)] {
        let refused = id_token(&with(id_claims(), "auth_time", &value), |rules| {
            rules.max_auth_age = Some(Duration::from_secs(10));
        });
        assert_eq!(refused, Err(TokenError::SignedInTooLongAgo), "{value}");
    }
}

#[test]
fn refuses_an_id_token_that_came_with_another_access_token_or_code() {
    let along = |rules: &mut IdTokenRules<'_>| {
        rules.access_token = Some("at");
        rules.code = Some("code");
    };
    let sha_384 = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA384, b"at");
    let whole = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"at");
    for hash in [
        half_hash("other"),
        String::new(),
        b64(whole.as_ref()),
        b64(&whole.as_ref()[16..]),
        b64(&sha_384.as_ref()[..24]),
        format!("{}==", half_hash("at")),
    ] {
        let refused = id_token(&with(id_claims(), "at_hash", &json!(hash)), along);
        assert_eq!(refused, Err(TokenError::WrongAccessTokenHash), "{hash}");
    }
    assert_eq!(id_token(&id_claims(), along), Err(TokenError::MissingAccessTokenHash));
    let lenient = |rules: &mut IdTokenRules<'_>| {
        along(rules);
        rules.require_at_hash = false;
    };
    assert!(id_token(&id_claims(), lenient).is_ok());
    let refused = id_token(&with(id_claims(), "at_hash", &json!("AAAA")), lenient);
    assert_eq!(refused, Err(TokenError::WrongAccessTokenHash));
    let refused = id_token(&with(id_claims(), "c_hash", &json!(half_hash("other"))), lenient);
    assert_eq!(refused, Err(TokenError::WrongCodeHash));
}

#[test]
fn compares_a_refreshed_id_token_with_the_login() {
    let previous = PreviousIdToken {
        subject: "00u1",
        auth_time: Some(UnixTime(NOW.0 - 10)),
        nonce: Some("n-1"),
    };
    let cases = [
        ("nonce", json!("n-1"), Ok(())),
        ("nonce", json!("absent"), Ok(())),
        ("auth_time", json!("absent"), Ok(())),
        ("nonce", json!("n-2"), Err(TokenError::WrongNonce)),
        ("auth_time", json!(NOW.0), Err(TokenError::OtherSignIn)),
        ("sub", json!("00u2"), Err(TokenError::OtherSubject)),
        ("iss", json!("https://dev-2.okta.com"), Err(TokenError::WrongIssuer)),
        ("aud", json!("other"), Err(TokenError::WrongAudience)),
    ];
    for (name, value, want) in cases {
        let claims = with(id_claims(), name, &value);
        let got = id_token(&claims, |rules| rules.previous = Some(previous)).map(|_subject| ());
        assert_eq!(got, want, "{name} {value}");
    }
    let unknown = PreviousIdToken { subject: "00u1", auth_time: None, nonce: None };
    assert!(id_token(&id_claims(), |rules| rules.previous = Some(unknown)).is_ok());
}

//! Logout tokens and Universal Logout tokens.

use crate::time::UnixTime;
use crate::token::TokenError;
use crate::token::fixtures::{CLIENT, ISSUER, NOW, issuer, verified_as, with};
use crate::token::judge::*;
use serde_json::{Value, json};

pub(super) fn logout_claims() -> Value {
    json!({"iss": ISSUER, "aud": CLIENT, "sub": "00u1", "sid": "s-1", "jti": "l-1", "iat": NOW.0,
        "exp": NOW.0 + 120,
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}}})
}

pub(super) fn logout_token(typ: &str, claims: &Value) -> Result<String, TokenError> {
    let issuer = issuer();
    let claims = verified_as(typ, claims)?;
    let token = judge_logout_token(&claims, &LogoutTokenRules::new(&issuer, CLIENT), NOW)?;
    Ok(format!("{:?} {:?} {}", token.subject, token.session_id, token.token_id))
}

#[test]
fn judges_logout_tokens() {
    assert_eq!(
        logout_token("logout+jwt", &logout_claims()).as_deref(),
        Ok("Some(\"00u1\") Some(\"s-1\") l-1")
    );
    assert!(logout_token("", &logout_claims()).is_ok());
    assert!(logout_token("", &with(logout_claims(), "sub", &json!("absent"))).is_ok());
    assert!(logout_token("", &with(logout_claims(), "sid", &json!("absent"))).is_ok());
    let event = "http://schemas.openid.net/event/backchannel-logout";
    let cases = [
        ("iss", json!("https://dev-2.okta.com"), TokenError::WrongIssuer),
        ("aud", json!("other"), TokenError::WrongAudience),
        ("aud", json!([CLIENT, "other"]), TokenError::WrongAudience),
        ("nonce", json!("n"), TokenError::WrongKind("nonce")),
        ("at_hash", json!("n"), TokenError::WrongKind("at_hash")),
        ("scope", json!("openid"), TokenError::WrongKind("scope")),
        ("events", json!("absent"), TokenError::WrongKind("events")),
        ("events", json!({}), TokenError::WrongKind("events")),
        ("events", json!([event]), TokenError::WrongKind("events")),
        ("events", json!({"http://example.com/event": {}}), TokenError::WrongKind("events")),
        ("events", json!({event: "yes"}), TokenError::WrongKind("events")),
        ("events", json!({event: null}), TokenError::WrongKind("events")),
        ("jti", json!("absent"), TokenError::BadClaim("jti")),
        ("jti", json!(""), TokenError::BadClaim("jti")),
        ("iat", json!("absent"), TokenError::BadClaim("iat")),
        ("exp", json!("absent"), TokenError::BadClaim("exp")),
        ("exp", json!(NOW.0 - 60), TokenError::Expired(UnixTime(NOW.0 - 60))),
        ("exp", json!(NOW.0 + 661), TokenError::LivesTooLong),
    ];
    for (name, value, want) in cases {
        let refused = logout_token("logout+jwt", &with(logout_claims(), name, &value));
        assert_eq!(refused, Err(want), "{name} {value}");
    }
    let nobody = with(with(logout_claims(), "sub", &json!("absent")), "sid", &json!("absent"));
    assert_eq!(logout_token("logout+jwt", &nobody), Err(TokenError::BadClaim("sub")));
    for typ in ["JWT", "at+jwt", "global-token-revocation+jwt"] {
        assert_eq!(logout_token(typ, &logout_claims()), Err(TokenError::WrongKind("typ")), "{typ}");
    }
}

const ENDPOINT: &str = "https://portal.example.com/.auth/revoke";

pub(super) fn revocation_claims() -> Value {
    json!({"iss": ISSUER, "aud": ENDPOINT, "sub": CLIENT, "jti": "r-1", "iat": NOW.0,
        "nbf": NOW.0 - 300, "exp": NOW.0 + 300})
}

pub(super) fn revocation(typ: &str, claims: &Value) -> Result<(), TokenError> {
    let issuer = issuer();
    let claims = verified_as(typ, claims)?;
    let rules = GlobalRevocationRules::new(&issuer, CLIENT, ENDPOINT);
    judge_global_revocation_token(&claims, &rules, NOW).map(|_token| ())
}

#[test]
fn judges_universal_logout_tokens() {
    let typ = "global-token-revocation+jwt";
    assert_eq!(revocation(typ, &revocation_claims()), Ok(()));
    let cases = [
        ("iss", json!("https://dev-2.okta.com"), TokenError::WrongIssuer),
        ("aud", json!(CLIENT), TokenError::WrongAudience),
        ("aud", json!(format!("{ENDPOINT}/")), TokenError::WrongAudience),
        ("aud", json!([ENDPOINT, "other"]), TokenError::WrongAudience),
        ("sub", json!("00u1"), TokenError::BadClaim("sub")),
        ("sub", json!("absent"), TokenError::BadClaim("sub")),
        ("jti", json!("absent"), TokenError::BadClaim("jti")),
        ("nbf", json!("absent"), TokenError::BadClaim("nbf")),
        ("nbf", json!(NOW.0 + 61), TokenError::NotYetValid(UnixTime(NOW.0 + 61))),
        ("iat", json!("absent"), TokenError::BadClaim("iat")),
        ("exp", json!(NOW.0 - 60), TokenError::Expired(UnixTime(NOW.0 - 60))),
        ("exp", json!(NOW.0 + 661), TokenError::LivesTooLong),
        ("nonce", json!("n"), TokenError::WrongKind("nonce")),
        ("scp", json!([]), TokenError::WrongKind("scp")),
        ("scope", json!(""), TokenError::WrongKind("scope")),
        ("events", json!({}), TokenError::WrongKind("events")),
    ];
    for (name, value, want) in cases {
        assert_eq!(
            revocation(typ, &with(revocation_claims(), name, &value)),
            Err(want),
            "{name} {value}"
        );
    }
    for typ in ["", "JWT", "at+jwt", "logout+jwt"] {
        assert_eq!(
            revocation(typ, &revocation_claims()),
            Err(TokenError::WrongKind("typ")),
            "{typ}"
        );
    }
}

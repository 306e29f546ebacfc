//! Access tokens.

use crate::time::UnixTime;
use crate::token::TokenError;
use crate::token::fixtures::{CLIENT, NOW, access_claims, issuer, verified_as, with};
use crate::token::judge::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What becomes of an access token: the principal, or the refusal.
pub(super) fn access_token(
    typ: &str,
    form: AccessTokenForm,
    claims: &Value,
) -> Result<String, TokenError> {
    let issuer = issuer();
    let audiences = BTreeSet::from(["api://default".to_owned(), "both".to_owned()]);
    let client_ids = BTreeSet::from([CLIENT.to_owned(), "both".to_owned()]);
    let rules =
        AccessTokenRules { form, ..AccessTokenRules::new(&issuer, &audiences, &client_ids) };
    let claims = verified_as(typ, claims)?;
    let token = judge_access_token(&claims, &rules, NOW)?;
    Ok(format!("{:?} {:?}", token.principal, token.scopes))
}

#[test]
fn takes_access_tokens_in_both_forms() {
    let okta = |claims: &Value| access_token("", AccessTokenForm::Okta, claims);
    let user = "User(\"00u1\") [\"openid\", \"pets\"]";
    assert_eq!(okta(&access_claims()).as_deref(), Ok(user));
    assert_eq!(okta(&with(access_claims(), "aud", &json!(["api://default"]))).as_deref(), Ok(user));
    for typ in ["JWT", "at+jwt"] {
        assert_eq!(
            access_token(typ, AccessTokenForm::Okta, &access_claims()).as_deref(),
            Ok(user),
            "{typ}"
        );
    }
    let service = with(with(access_claims(), "uid", &json!("absent")), "sub", &json!(CLIENT));
    let service = with(service, "scp", &json!([]));
    assert_eq!(okta(&service).as_deref(), Ok("Service(\"0oaclient\") []"));
    let twin = with(access_claims(), "uid", &json!(CLIENT));
    assert_eq!(okta(&twin).as_deref(), Ok("User(\"0oaclient\") [\"openid\", \"pets\"]"));

    let mut plain = with(access_claims(), "client_id", &json!("c"));
    for name in ["cid", "scp", "uid"] {
        plain = with(plain, name, &json!("absent"));
    }
    let scoped = with(plain.clone(), "scope", &json!("openid pets"));
    let any = |typ: &str, claims: &Value| access_token(typ, AccessTokenForm::Any, claims);
    let user = "User(\"joe@example.com\") [\"openid\", \"pets\"]";
    assert_eq!(any("at+jwt", &scoped).as_deref(), Ok(user));
    assert_eq!(any("", &scoped).as_deref(), Ok(user));
    assert_eq!(any("at+jwt", &plain).as_deref(), Ok("User(\"joe@example.com\") []"));
    assert_eq!(any("", &plain), Err(TokenError::WrongKind("scope")));
    assert_eq!(any("", &access_claims()), okta(&access_claims()));
    // `uid` is Okta's: of another provider it names nobody.
    for uid in ["00u1", "", "0"] {
        let other = with(scoped.clone(), "uid", &json!(uid));
        assert_eq!(any("", &other).as_deref(), Ok(user), "{uid}");
    }
    let service = with(plain, "sub", &json!("c"));
    assert_eq!(any("at+jwt", &service).as_deref(), Ok("Service(\"c\") []"));
    assert_eq!(
        access_token("at+jwt", AccessTokenForm::Okta, &scoped),
        Err(TokenError::WrongKind("cid"))
    );
}

#[test]
fn refuses_an_access_token_by_its_claims() {
    let mut cases: Vec<(&str, Value, TokenError)> = vec![
        ("iss", json!("https://dev-2.okta.com/oauth2/default"), TokenError::WrongIssuer),
        ("cnf", json!({"jkt": "a"}), TokenError::BoundToKey),
        ("cid", json!("absent"), TokenError::WrongKind("cid")),
        ("scp", json!("absent"), TokenError::WrongKind("scp")),
        ("uid", json!("absent"), TokenError::NoPrincipal),
        ("uid", json!(""), TokenError::BadClaim("uid")),
        ("sub", json!("absent"), TokenError::BadClaim("sub")),
        ("exp", json!("absent"), TokenError::BadClaim("exp")),
        ("iat", json!("absent"), TokenError::BadClaim("iat")),
        ("exp", json!(NOW.0 - 60), TokenError::Expired(UnixTime(NOW.0 - 60))),
        ("exp", json!(NOW.0 + 86_461), TokenError::LivesTooLong),
        ("nbf", json!(NOW.0 + 61), TokenError::NotYetValid(UnixTime(NOW.0 + 61))),
        ("iat", json!(NOW.0 + 61), TokenError::IssuedInFuture(UnixTime(NOW.0 + 61))),
        ("nbf", json!(NOW.0 as f64 + 60.5), TokenError::NotYetValid(UnixTime(NOW.0 + 61))),
        ("iat", json!(NOW.0 as f64 + 60.5), TokenError::IssuedInFuture(UnixTime(NOW.0 + 61))),
    ];
    for aud in [
        json!("other"),
        json!("api://default2"),
        json!("API://default"),
        json!("*"),
        json!(CLIENT),
        json!("both"),
        json!(["api://default", "other"]),
        json!(["api://default", CLIENT]),
    ] {
        cases.push(("aud", aud, TokenError::WrongAudience));
    }
    for (name, value) in [
        ("nonce", json!("n")),
        ("at_hash", json!("h")),
        ("c_hash", json!("h")),
        ("events", json!({})),
    ] {
        cases.push((name, value, TokenError::WrongKind(name)));
    }
    for (name, value, want) in cases {
        let refused = access_token("", AccessTokenForm::Okta, &with(access_claims(), name, &value));
        assert_eq!(refused, Err(want), "{name} {value}");
    }
    for typ in ["logout+jwt", "global-token-revocation+jwt"] {
        let refused = access_token(typ, AccessTokenForm::Any, &access_claims());
        assert_eq!(refused, Err(TokenError::WrongKind("typ")), "{typ}");
    }
}

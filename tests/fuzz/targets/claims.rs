//! Claims under a good signature: what is taken for an ID token is one by an independent reading.

use super::authority::{CLIENT, NOW, jwks, sign};
use portcullis::time::UnixTime;
use portcullis::token::{
    AccessTokenRules, IdTokenRules, Issuer, Jws, KeySet, judge_access_token, judge_id_token, verify,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::LazyLock;

const ISSUER: &str = "https://example.okta.com/oauth2/default";
const AUDIENCE: &str = "api://pets";

static KEYS: LazyLock<KeySet> =
    LazyLock::new(|| KeySet::parse(jwks().to_string().as_bytes()).expect("keys").0);

pub(crate) fn run(payload: &[u8]) {
    let token = sign(payload);
    let Ok(jws) = Jws::parse(&token, usize::MAX) else { panic!("what we signed does not parse") };
    let Ok(claims) = verify(&jws, &KEYS) else { return };
    let said: Value = serde_json::from_slice(payload).expect("claims that are no JSON were taken");
    let issuer = Issuer::parse(ISSUER, false).expect("an issuer");
    let mut rules = IdTokenRules::new(&issuer, CLIENT);
    rules.nonce = Some("n-1");
    let id_token = judge_id_token(&claims, &rules, UnixTime(NOW)).is_ok();
    if id_token {
        assert_eq!(said["iss"], ISSUER);
        assert!(
            said["aud"] == CLIENT
                || said["aud"]
                    .as_array()
                    .is_some_and(|all| { !all.is_empty() && all.iter().all(|one| one == CLIENT) }),
            "{said}"
        );
        assert_eq!(said["nonce"], "n-1");
        holds_now(&said);
        let subject = said["sub"].as_str().expect("a subject");
        assert!(!subject.is_empty() && subject.bytes().all(|byte| byte.is_ascii_graphic()));
        for other in ["scp", "cid", "events", "cnf"] {
            assert!(said.get(other).is_none(), "an ID token with {other}");
        }
    }
    let (audiences, clients): (BTreeSet<_>, BTreeSet<_>) =
        ([AUDIENCE.to_owned()].into(), [CLIENT.to_owned()].into());
    let rules = AccessTokenRules::new(&issuer, &audiences, &clients);
    if judge_access_token(&claims, &rules, UnixTime(NOW)).is_ok() {
        assert!(!id_token, "two kinds at once: {said}");
        assert_eq!(said["iss"], ISSUER);
        let own = |audience: &Value| audience == AUDIENCE;
        assert!(own(&said["aud"]) || said["aud"].as_array().is_some_and(|all| all.iter().any(own)));
        assert!(!said["aud"].as_array().is_some_and(|all| all.iter().any(|one| one == CLIENT)));
        holds_now(&said);
        for other in ["nonce", "at_hash", "events", "cnf"] {
            assert!(said.get(other).is_none(), "an access token with {other}");
        }
    }
}

/// By wide bounds: a minute of skew, a day of life.
fn holds_now(said: &Value) {
    let now = NOW as f64;
    let (issued, expires) =
        (said["iat"].as_f64().expect("iat"), said["exp"].as_f64().expect("exp"));
    assert!(expires > now - 61.0 && issued < now + 61.0, "{said}");
    assert!(expires - issued < 86_400.0 + 62.0, "{said}");
    assert!(said["nbf"].as_f64().is_none_or(|from| from < now + 61.0), "{said}");
}

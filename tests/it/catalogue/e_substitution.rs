//! Token substitution and type confusion: group E. A good token in the place of another one.

mod bearer;
mod login;
mod logout;

use crate::support::{CLIENT, Setup, Ways};
use serde_json::{Value, json};

/// What access tokens are for.
const AUDIENCE: &str = "api://default";

/// A service that takes access tokens beside ID tokens.
async fn ways() -> Ways {
    let tokens = format!("{{audiences: ['{AUDIENCE}']}}");
    Ways::with(Setup::default().setting("tokens", &tokens)).await
}

/// What makes a right ID token's claims those of an access token, kind by kind of provider.
fn as_access_token() -> Vec<(&'static str, Value)> {
    vec![
        ("Okta's", json!({"aud": AUDIENCE, "cid": CLIENT, "uid": "00u1", "scp": ["openid"]})),
        ("Okta's, for the client", json!({"cid": CLIENT, "uid": "00u1", "scp": ["openid"]})),
        ("with cid alone", json!({"cid": CLIENT})),
        ("with scp alone", json!({"scp": ["openid"]})),
        ("with no scope", json!({"scp": []})),
        ("of RFC 9068", json!({"aud": AUDIENCE, "client_id": CLIENT, "scope": "openid"})),
        ("of RFC 9068, for the client", json!({"client_id": CLIENT, "scope": "openid"})),
        ("with scope alone", json!({"scope": "openid"})),
    ]
}

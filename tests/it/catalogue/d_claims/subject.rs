//! `sub`, `uid`, `cid`, `cnf`: who acts, and that it is the one who shows the token.

use super::{AUDIENCE, Kinds};
use crate::support::{API, Answer, Ask};
use serde_json::{Value, json};

async fn shown(kinds: &Kinds, token: &str) -> Answer {
    kinds.ways.gateway.ask(Ask::get(&format!("{API}/pets")).bearer(token)).await
}

fn access(kinds: &Kinds, changes: &Value) -> String {
    kinds.ways.gateway.provider.access_token(AUDIENCE, changes)
}

#[tokio::test]
async fn d28_a_subject_that_is_none_is_refused() {
    let kinds = Kinds::new().await;
    const LONG: &str = concat!(
        "\"",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", // 64
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", // 128
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", // 192
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"", // 256
    );
    for raw in [
        "-",
        "null",
        "\"\"",
        "1",
        "[]",
        "[\"$\"]",
        "{}",
        "true",
        LONG,
        "\" \"",
        "\" $\"",
        "\"$ \"",
        "\"$\\r\\nx-user-groups: admin\"",
        "\"$\\u0000\"",
        "\"$\\u0007\"",
        "\"\\u0661\"",
        "\"$\\u200b\"",
    ] {
        kinds.refused("sub", raw).await;
    }
    for length in [1, 255] {
        let sub = "a".repeat(length);
        let token = kinds.ways.gateway.provider.id_token(&json!({ "sub": sub }));
        assert_eq!(shown(&kinds, &token).await.granted().set["x-user-id"], sub);
    }
}

#[tokio::test]
async fn d32_a_service_is_not_the_person_whose_id_its_client_id_equals() {
    let kinds = Kinds::new().await;
    let service = |id: &str| json!({"uid": null, "sub": id, "cid": id});
    let person = shown(&kinds, &access(&kinds, &json!({}))).await;
    assert_eq!(person.granted().set["x-user-id"], "00u1");
    let twin = shown(&kinds, &access(&kinds, &service("00u1"))).await;
    assert_eq!(twin.granted().set["x-user-id"], "client:00u1");
    assert_eq!((person.text("sub"), twin.text("sub")), ("00u1", "client:00u1"));
    // By a login name that is a client id, a person is still the one with the user id.
    let login = shown(&kinds, &access(&kinds, &json!({"sub": "0oaOther"}))).await;
    assert_eq!(login.granted().set["x-user-id"], "00u1");
    // And nobody is called what a service is called.
    for uid in ["client:00u1", "client:"] {
        let token = access(&kinds, &json!({ "uid": uid }));
        shown(&kinds, &token).await.refused(401, "invalid_token");
    }
    kinds.refused_id_token("invalid_token", "sub", "\"client:00u1\"").await;
    // Without a user id, only the client itself can be meant.
    for changes in
        [json!({"uid": null}), json!({"uid": ""}), json!({"uid": null, "sub": "0oaother"})]
    {
        shown(&kinds, &access(&kinds, &changes)).await.refused(401, "invalid_token");
    }
}

#[tokio::test]
async fn d46_an_access_token_that_names_no_client_is_refused() {
    // Which clients may call which route is no setting of the product: the provider's own access policy
    // says to whom it gives tokens for this audience.
    let kinds = Kinds::new().await;
    for raw in ["-", "null", "1", "[]", "[\"$\"]", "{}", "true"] {
        kinds.refused_access_token("invalid_token", "cid", raw).await;
    }
    for raw in ["-", "null", "\"pets\"", "{}", "1", "[1]", "[\"pets\",null]", "[[\"pets\"]]"] {
        kinds.refused_access_token("invalid_token", "scp", raw).await;
    }
    // The form of other providers is not Okta's: there `client_id` stands for a client that `cid` lacks.
    let other = json!({"cid": null, "scp": null, "client_id": "0oaOther", "scope": "pets"});
    shown(&kinds, &access(&kinds, &other)).await.refused(401, "invalid_token");
    shown(&kinds, &access(&kinds, &json!({}))).await.granted();
}

#[tokio::test]
async fn d47_a_token_that_is_bound_to_a_key_is_no_bearer() {
    let kinds = Kinds::new().await;
    for raw in [
        "{\"jkt\":\"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I\"}",
        "{\"x5t#S256\":\"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2\"}",
        "{\"jwk\":{}}",
        "{\"kid\":\"key-1\"}",
        "{}",
        "null",
        "\"\"",
        "[]",
        "false",
    ] {
        kinds.refused("cnf", raw).await;
    }
}

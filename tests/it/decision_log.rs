//! The decision log: which line has which fields.

use crate::support::{API, Ask, Browser, Gateway, Log, PORTAL};
use portcullis::config::LogFormat;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What every line of a decision has, whoever asks.
const ALWAYS: [&str; 8] = [
    "credential",
    "decision",
    "level",
    "message",
    "microseconds",
    "reason",
    "request_id",
    "timestamp",
];

fn lines(log: &Log) -> Vec<Map<String, Value>> {
    let text = log.text();
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("a JSON object"));
    lines.collect()
}

/// The last line of a decision, which has these fields besides [`ALWAYS`].
fn last(log: &Log, message: &str, more: &[&str]) -> Map<String, Value> {
    let mut decisions = lines(log);
    decisions.retain(|line| line["message"] == message);
    let line = decisions.pop().expect("a line");
    let fields: BTreeSet<&str> = line.keys().map(String::as_str).collect();
    let want: BTreeSet<&str> = ALWAYS.iter().chain(more).copied().collect();
    assert_eq!(fields, want, "{line:?}");
    assert!(line["microseconds"].is_u64(), "{line:?}");
    line
}

#[tokio::test]
async fn a_decision_s_line_has_every_field_of_the_contract_that_is_known() {
    let log = Log::start(LogFormat::Json, tracing::Level::DEBUG);
    let gateway = Gateway::new().await;
    let pets = || Ask::get(&format!("{API}/pets"));
    let place = ["host", "method", "portal", "environment", "product"];
    let caller = ["subject", "issuer", "login_portals", "caller_groups", "email_verified"];
    let token = gateway.provider.id_token(&json!({}));
    gateway.ask(pets().bearer(&token)).await.granted();
    let allowed = last(&log, "check", &[&place[..], &caller, &["groups"]].concat());
    assert_eq!(allowed["level"], "DEBUG");
    assert_eq!((&allowed["decision"], &allowed["reason"]), (&json!("allow"), &json!("granted")));
    assert_eq!(allowed["portal"], "petstore-portal.default");
    assert_eq!(allowed["environment"], "dev.default");
    assert_eq!(allowed["product"], "petstore-product.default");
    assert_eq!(allowed["groups"], "PetstoreUsers", "only what matched");
    assert_eq!(allowed["request_id"], "req-1");
    assert_eq!(allowed["credential"], "id_token");
    let subject = allowed["subject"].as_str().expect("text");
    assert!(subject.len() == 16 && subject.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let other = gateway.provider.id_token(&json!({"groups": ["Others"]}));
    gateway.ask(pets().bearer(&other)).await.refused(403, "not_granted");
    let denied = last(&log, "check", &[&place[..], &caller, &["hint"]].concat());
    assert_eq!(denied["caller_groups"], "", "none that a Group names");
    assert_eq!((&denied["level"], &denied["subject"]), (&json!("INFO"), &allowed["subject"]));
    gateway.ask(pets()).await.refused(401, "no_credentials");
    assert_eq!(last(&log, "check", &place)["credential"], "none");
}

#[tokio::test]
async fn logins_logouts_and_reloads_have_a_line() {
    let log = Log::start(LogFormat::Json, tracing::Level::INFO);
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    let login = last(&log, "endpoint", &["portal", "subject", "groups"]);
    assert_eq!((&login["decision"], &login["credential"]), (&json!("redirect"), &json!("session")));
    assert_eq!(login["groups"], "PetstoreUsers");
    browser.send(&gateway, Ask::post(&format!("{PORTAL}/.auth/logout")).fetch()).await;
    let logout = last(&log, "endpoint", &["portal", "subject"]);
    assert_eq!(logout["subject"], login["subject"]);
    gateway.load().await;
    let reload = lines(&log).pop().expect("a line");
    assert!(
        reload["message"].as_str().is_some_and(|text| text.starts_with("reload: ")),
        "{reload:?}"
    );
}

#[tokio::test]
async fn a_line_of_an_api_key_names_its_holder_by_a_hash_and_never_the_key() {
    use crate::api_keys::{PLAIN, minted, setup};
    let log = Log::start(LogFormat::Json, tracing::Level::TRACE);
    let gateway = Gateway::with(setup().setting("log", "{level: trace}")).await;
    let ask = |path: &str, key: &str| Ask::get(&format!("{API}{path}")).header("api-key", key);
    let place = ["host", "method", "portal", "environment", "product"];
    let caller = ["subject", "issuer", "caller_groups", "email_verified"];
    gateway.ask(ask("/pets/1", PLAIN)).await.granted();
    let allowed = last(&log, "check", &[&place[..], &caller].concat());
    assert_eq!(
        (&allowed["credential"], &allowed["issuer"]),
        (&json!("api_key"), &json!("api-key:keys"))
    );
    let subject = allowed["subject"].as_str().expect("text").to_owned();
    assert!(subject.len() == 16 && subject.bytes().all(|byte| byte.is_ascii_hexdigit()));
    gateway.ask(ask("/store/1", &minted())).await.refused(403, "not_granted");
    let denied = last(&log, "check", &[&place[..], &caller, &["hint"]].concat());
    assert_ne!(denied["subject"], subject.as_str(), "another holder");
    assert_eq!(denied["hint"], "the API key is for something else");
    gateway.ask(ask("/pets/1", "portcullis_mistyped")).await.refused(401, "invalid_token");
    let unknown = last(&log, "check", &[&place[..], &["hint"]].concat());
    assert_eq!(unknown["credential"], "api_key");
    let all = log.text();
    for hidden in [PLAIN, &minted(), "portcullis_mistyped"] {
        assert!(!all.contains(hidden), "{all}");
    }
}

//! P17: one line for one event, whatever a client or a provider writes.

use crate::support::{API, Ask, Browser, Gateway, Log, PORTAL, Setup};
use portcullis::config::LogFormat;
use serde_json::{Value, json};

/// Ends a line, begins another one, ends a string, turns colours on, ends a terminal's title.
const EVIL: [&str; 6] = [
    "a\r\n{\"forged\":true}\r\n",
    "a\",\"forged\":true,\"b\":\"",
    "\u{1b}[31mred\u{1b}]0;title\u{7}",
    "a\u{2028}b\u{85}c\u{0}d\u{7f}",
    "${jndi:ldap://x}%0a%0d{\"forged\":true}",
    "\\u000a{\\\"forged\\\":true}\\n",
];

/// Puts `evil` wherever somebody outside has a say.
async fn provoke(gateway: &Gateway, evil: &str) {
    let pets = || Ask::get(&format!("{API}/pets"));
    let provider = &gateway.provider;
    let signer = provider.signer();
    let claims = provider.bearer_claims(&json!({}));
    let header = |name: &str| json!({"alg": "ES256", "kid": "key-1", name: evil});
    let mut asks = vec![
        pets().path(evil),
        pets().path(&format!("/pets/{evil}")),
        pets().path(&format!("/pets?{evil}")),
        pets().host(evil),
        pets().method(evil),
        pets().bearer(evil),
        pets().bearer(&format!("{evil}.{evil}.{evil}")),
        pets().header("authorization", evil),
        pets().header("api-key", evil),
        pets().header("cookie", &format!("__Host-portcullis-s={evil}; {evil}={evil}")),
        pets().header(evil, evil),
        Ask::get(&format!("{PORTAL}/.auth/login?return_to={evil}")).navigate(),
        Ask::get(&format!("{PORTAL}/.auth/{evil}")),
        Ask::get(&format!("{PORTAL}/callback?error={evil}&error_description={evil}&state={evil}")),
        Ask::get(&format!("{PORTAL}/callback?code={evil}&state={evil}&iss={evil}")).navigate(),
        Ask::post(&format!("{PORTAL}/.auth/backchannel-logout"))
            .body(&format!("logout_token={evil}")),
        Ask::post(&format!("{PORTAL}/.auth/global-token-revocation")).bearer(evil).body(evil),
    ];
    for name in [
        "user-agent",
        "x-request-id",
        "referer",
        "origin",
        "accept",
        "x-forwarded-for",
        "sec-fetch-site",
        "traceparent",
    ] {
        asks.push(pets().header(name, evil));
    }
    for name in ["environment", "product", "portal", "access", "other"] {
        asks.push(pets().context(name, evil));
    }
    for name in ["kid", "alg", "typ", "crit", "x"] {
        asks.push(pets().bearer(&signer.sign_as(&header(name), &claims)));
    }
    for name in ["iss", "sub", "aud", "email", "groups", "sid", "azp"] {
        let token = provider.id_token(&json!({ name: evil }));
        asks.push(pets().bearer(&token));
        asks.push(
            Ask::post(&format!("{PORTAL}/.auth/backchannel-logout"))
                .body(&format!("logout_token={}", provider.logout_token(&json!({ name: evil })))),
        );
    }
    asks.push(pets().bearer(&provider.id_token(&json!({"groups": ["PetstoreUsers", evil]}))));
    for ask in asks {
        gateway.ask(ask).await;
    }
    // A login of somebody with such a name, and one at which the provider says such a thing.
    gateway.later(61);
    let person = json!({"sub": evil, "email": evil, "email_verified": true, "sid": evil,
        "groups": ["PetstoreUsers", evil]});
    let before = std::sync::Mutex::new(Value::Null);
    provider.turn(|knobs| {
        *before.lock().expect("a lock") = std::mem::replace(&mut knobs.person, person);
    });
    let mut browser = Browser::default();
    let url = browser.callback(gateway, &format!("{PORTAL}/pets")).await;
    browser.load(gateway, &url).await;
    browser.load(gateway, &format!("{PORTAL}/pets")).await;
    gateway.later(3661);
    let leaked: &'static str = Box::leak(evil.to_owned().into_boxed_str());
    provider.turn(|knobs| knobs.token_error = Some((400, leaked)));
    browser.load(gateway, &format!("{PORTAL}/pets")).await;
    gateway.later(61);
    let mut browser = Browser::default();
    let url = browser.callback(gateway, &format!("{PORTAL}/pets")).await;
    browser.load(gateway, &url).await;
    provider.turn(|knobs| {
        knobs.token_error = None;
        knobs.person = before.lock().expect("a lock").clone();
    });
}

#[tokio::test]
async fn p17_every_line_is_one_json_object_of_ours() {
    let log = Log::start(LogFormat::Json, tracing::Level::DEBUG);
    let gateway = Gateway::with(Setup::default()).await;
    for evil in EVIL {
        let before = log.text().lines().count();
        provoke(&gateway, evil).await;
        let text = log.text();
        // One line a check; those of logins and refreshes come on top.
        let lines: Vec<&str> = text.lines().skip(before).collect();
        assert!((50..100).contains(&lines.len()), "{} lines", lines.len());
    }
    let text = log.text();
    assert!(text.ends_with('\n'));
    assert!(!text.contains("\n\n") && !text.contains('\r'));
    for line in text.split_terminator('\n') {
        let line: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let line = line.as_object().expect("an object");
        assert!(line.contains_key("timestamp") && line.contains_key("level"), "{line:?}");
        assert!(!line.contains_key("forged"), "{line:?}");
    }
    let visible = |character: char| !character.is_control() || character == '\n';
    assert!(text.chars().all(visible), "a control character");
}

#[tokio::test]
async fn p17_every_line_of_text_begins_with_its_time() {
    let log = Log::start(LogFormat::Text, tracing::Level::DEBUG);
    let gateway = Gateway::with(Setup::default()).await;
    for evil in EVIL {
        provoke(&gateway, evil).await;
    }
    let text = log.text();
    for line in text.split_terminator('\n') {
        let time = line.split('T').next().unwrap_or_default();
        let digits =
            time.len() == 10 && time.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        assert!(digits, "{line:?}");
    }
    let visible = |character: char| !character.is_control() || character == '\n';
    let line = text.lines().find(|line| !line.chars().all(visible));
    assert_eq!(line, None, "a control character");
}

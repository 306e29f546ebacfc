//! Callbacks that somebody meddled with.

use super::{
    HOST, SESSION, changed, exchanges, guard, home, parameters, refused_unused, returning,
};
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};

#[tokio::test]
async fn g01_g36_a_callback_without_parameters_is_refused() {
    let gateway = Gateway::new().await;
    let (mut browser, callback) = returning(&gateway).await;
    let query = callback.split_once('?').expect("a query").1.to_owned();
    for path in [
        "/callback",
        "/callback?",
        "/callback?&",
        "/callback?=",
        "/callback?code",
        "/callback?state",
    ] {
        refused_unused(&gateway, &mut browser, &format!("{PORTAL}{path}")).await;
    }
    // A fragment never reaches a server; a gateway that passes it on all the same is not believed.
    let fragment = gateway.ask(Ask::get(&format!("{PORTAL}/callback#{query}")).navigate()).await;
    assert_eq!(fragment.status, 400, "{fragment:?}");
    assert!(fragment.set_cookie(SESSION).is_none());
    // Nor a form: the response mode is `query`.
    let post = Ask::post(&format!("{PORTAL}/callback")).body(&query).navigate();
    let answer = browser.send(&gateway, post).await;
    assert_eq!((answer.status, answer.reason()), (400, "bad_callback"));
    assert_eq!(exchanges(&gateway), 0);
    // The login that is under way goes on.
    assert_eq!(browser.load(&gateway, &callback).await.location(), "/home");
}

#[tokio::test]
async fn g02_a_state_that_is_not_this_login_s_is_refused() {
    let gateway = Gateway::new().await;
    let (mut browser, callback) = returning(&gateway).await;
    let state = parameters(&callback)["state"].clone();
    let mut wrong: Vec<Option<String>> = vec![
        None,
        Some(String::new()),
        Some("garbage".to_owned()),
        Some("A".repeat(state.len())),
        Some(state.chars().skip(1).collect()),
        Some(state.chars().take(state.len() - 1).collect()),
        Some(format!("{state}A")),
        Some(format!("{state}=")),
        Some(format!(" {state}")),
        Some(state.to_uppercase()),
        Some("\u{e4}\u{0}".to_owned()),
        Some("A".repeat(5000)),
    ];
    // One bit anywhere behind the name of the key.
    for at in (12..state.len()).step_by(7) {
        let mut bytes = state.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        wrong.push(Some(String::from_utf8(bytes).expect("text")));
    }
    for state in wrong {
        refused_unused(&gateway, &mut browser, &changed(&callback, &[("state", state.as_deref())]))
            .await;
    }
    // A state of another login of this service, and one of another browser.
    let (_, other) = returning(&gateway).await;
    let theirs = parameters(&other)["state"].clone();
    refused_unused(&gateway, &mut browser, &changed(&callback, &[("state", Some(&theirs))])).await;
    assert_eq!(
        browser.load(&gateway, &callback).await.location(),
        "/home",
        "the right one is good"
    );
}

#[tokio::test]
async fn g05_a_state_of_ten_minutes_ago_restarts_the_login_once_and_its_code_is_never_used() {
    let gateway = Gateway::new().await;
    let (mut browser, callback) = returning(&gateway).await;
    let (mut in_time, last) = returning(&gateway).await;
    gateway.later(599);
    assert_eq!(in_time.load(&gateway, &last).await.location(), "/home");
    gateway.later(1);
    let start = format!("{}/authorize", gateway.provider.issuer);
    browser.load(&gateway, &callback).await.sent_to(&start, "bad_callback");
    // Once by itself, then the person is asked.
    refused_unused(&gateway, &mut browser, &callback).await;
    assert_eq!(exchanges(&gateway), 1);
    // A program is not sent anywhere.
    let (_, callback) = returning(&gateway).await;
    gateway.later(601);
    gateway.ask(Ask::get(&callback)).await.refused(400, "bad_callback");
}

/// The name with its first letter percent-encoded.
fn odd(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    format!("%{:02x}{rest}", first.as_bytes()[0])
}

#[tokio::test]
async fn g06_a_parameter_twice_is_refused_whichever_is_right() {
    let gateway = Gateway::new().await;
    for name in ["state", "code", "iss", "error"] {
        for (first, second) in [("x", None), ("x", Some("x")), ("", None)] {
            let (mut browser, callback) = returning(&gateway).await;
            let right = parameters(&callback).get(name).cloned().unwrap_or_default();
            let second = second.unwrap_or(&right);
            // Before and behind, the same twice, and a name that is written otherwise.
            for twice in [
                changed(&callback, &[(name, Some(first)), (name, Some(second))]),
                changed(&callback, &[(name, Some(second)), (name, Some(first))]),
                format!("{callback}&{}={first}", odd(name)),
            ] {
                if name == "error"
                    && twice.matches("error=").count() + twice.matches("%65rror").count() < 2
                {
                    continue;
                }
                refused_unused(&gateway, &mut browser, &twice).await;
            }
        }
    }
    guard(&gateway).await;
}

#[tokio::test]
async fn g07_without_code_or_with_both_code_and_error_nothing_is_exchanged() {
    let gateway = Gateway::new().await;
    let changes: [&[(&str, Option<&str>)]; 6] = [
        &[("code", None)],
        &[("code", Some(""))],
        &[("error", Some("access_denied"))],
        &[("error", Some(""))],
        &[("code", Some("")), ("error", Some("access_denied"))],
        &[("code", Some("")), ("error", Some(""))],
    ];
    for change in changes {
        let (mut browser, callback) = returning(&gateway).await;
        refused_unused(&gateway, &mut browser, &changed(&callback, change)).await;
    }
    guard(&gateway).await;
}

#[tokio::test]
async fn g08_a_code_counts_once_and_the_first_session_stays() {
    let gateway = Gateway::new().await;
    let (mut browser, callback) = returning(&gateway).await;
    let thief = browser.clone();
    let (first, second) = tokio::join!(
        gateway.ask(browser.dress(Ask::get(&callback).navigate())),
        gateway.ask(thief.dress(Ask::get(&callback).navigate()))
    );
    let signed_in = [&first, &second].iter().filter(|a| a.set_cookie(SESSION).is_some()).count();
    assert_eq!((signed_in, exchanges(&gateway)), (1, 1), "two tabs at once");
    for answer in [&first, &second] {
        browser.keep(HOST, answer);
    }
    for again in [&mut browser.clone(), &mut thief.clone()] {
        let answer = again.load(&gateway, &callback).await;
        answer.refused(400, "bad_callback");
        assert!(answer.set_cookie(SESSION).is_none(), "neither given nor cleared: {answer:?}");
    }
    browser.load(&gateway, &callback).await.refused(400, "bad_callback");
    browser.load(&gateway, &home()).await.granted();
    assert_eq!(exchanges(&gateway), 1);
}

#[tokio::test]
async fn g09_a_code_of_another_login_is_refused_by_its_verifier() {
    let gateway = Gateway::new().await;
    let (_, attacker) = returning(&gateway).await;
    let (mut victim, callback) = returning(&gateway).await;
    let code = parameters(&attacker)["code"].clone();
    let answer = victim.load(&gateway, &changed(&callback, &[("code", Some(&code))])).await;
    assert!(answer.refused(400, "bad_callback").is_page());
    assert!(answer.set_cookie(SESSION).is_none());
    assert_eq!(exchanges(&gateway), 1, "the provider was asked, and said invalid_grant");
    guard(&gateway).await;
}

#[tokio::test]
async fn g10_a_callback_without_the_cookie_of_its_login_is_refused() {
    let gateway = Gateway::new().await;
    let (mut browser, callback) = returning(&gateway).await;
    refused_unused(&gateway, &mut Browser::default(), &callback).await;
    // The cookie of another host, of another login, and under another name.
    let mut on_api = Browser::default();
    on_api.callback(&gateway, &format!("{API}/pets")).await;
    let theirs = on_api.cookies("api.petstore.localhost").clone();
    let (other, _) = returning(&gateway).await;
    let other = other.clone().cookies(HOST).clone();
    let name = browser.cookies(HOST).keys().next().expect("a flow cookie").clone();
    for value in theirs.values().chain(other.values()) {
        let mut browser = Browser::default();
        browser.cookies(HOST).insert(name.clone(), value.clone());
        refused_unused(&gateway, &mut browser, &callback).await;
    }
    let value = browser.cookies(HOST)[&name].clone();
    for other in [name.to_uppercase(), name.replace("__Host-", ""), name.replace("-l-", "-s-")] {
        let mut browser = Browser::default();
        browser.cookies(HOST).insert(other, value.clone());
        refused_unused(&gateway, &mut browser, &callback).await;
    }
    assert_eq!(browser.load(&gateway, &callback).await.location(), "/home");
}

#[tokio::test]
async fn g14_an_issuer_that_is_not_ours_is_refused_before_the_code_is_shown() {
    for announced in [true, false] {
        let gateway = Gateway::new().await;
        gateway.provider.turn(|knobs| {
            let name = "authorization_response_iss_parameter_supported";
            knobs.discovery = serde_json::json!({ name: announced });
        });
        let issuer = gateway.providers.report()[0].issuer.clone();
        gateway.providers.refresh_keys(&issuer).await.expect("fetched");
        let own = gateway.provider.issuer.clone();
        let (slash, upper) = (format!("{own}/"), own.to_uppercase());
        let short = own.trim_end_matches('t');
        for iss in ["https://evil.example", &slash, &upper, "", "null", short] {
            let (mut browser, callback) = returning(&gateway).await;
            refused_unused(&gateway, &mut browser, &changed(&callback, &[("iss", Some(iss))]))
                .await;
            // An error of somebody else is not shown as ours either.
            let (mut browser, callback) = returning(&gateway).await;
            let error = [("code", None), ("iss", Some(iss)), ("error", Some("access_denied"))];
            refused_unused(&gateway, &mut browser, &changed(&callback, &error)).await;
        }
        let (mut browser, callback) = returning(&gateway).await;
        let without = changed(&callback, &[("iss", None)]);
        if announced {
            refused_unused(&gateway, &mut browser, &without).await;
        } else {
            assert_eq!(browser.load(&gateway, &without).await.location(), "/home");
        }
    }
}

#[tokio::test]
async fn g34_a_strange_code_is_sent_encoded_or_refused_and_injects_nothing() {
    let gateway = Gateway::new().await;
    let (mut browser, callback) = returning(&gateway).await;
    let long = "c".repeat(10 * 1024);
    let answer = browser.load(&gateway, &changed(&callback, &[("code", Some(&long))])).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    assert_eq!(exchanges(&gateway), 0);
    let codes = [
        "a&grant_type=client_credentials&x=y",
        "a\r\nx-evil: 1\r\n\r\n",
        "a\0b",
        "a=b;c d+e%26",
        "\u{1f600}",
    ];
    for code in codes {
        let (mut browser, callback) = returning(&gateway).await;
        let right = parameters(&callback)["code"].clone();
        for code in [code.to_owned(), format!("{right}{code}")] {
            let changed = changed(&callback, &[("code", Some(&code))]);
            let answer = browser.clone().load(&gateway, &changed).await;
            assert!(answer.refused(400, "bad_callback").set_cookie(SESSION).is_none(), "{code:?}");
            let sent = gateway.provider.forms("/token");
            let Some(form) = sent.last() else { continue };
            assert_eq!(form["grant_type"], "authorization_code", "{code:?}");
            assert!(!form.contains_key("x"), "{form:?}");
            browser.load(&gateway, &home()).await;
        }
    }
    // By way of the Portal the parameters reach the API host as they came.
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &format!("{API}/pets")).await;
    let odd = changed(&callback, &[("code", Some("a&b=c\r\n#d"))]);
    let relay = browser.load(&gateway, &odd).await;
    relay.sent_to(&format!("{API}/.auth/callback?"), "endpoint");
    let sent = parameters(relay.location());
    assert_eq!((sent["code"].as_str(), sent.contains_key("b")), ("a&b=c\r\n#d", false));
    guard(&gateway).await;
}

#[tokio::test]
async fn g02_g10_a_callback_of_another_key_ring_never_uses_its_code() {
    let gateway = Gateway::new().await;
    let (mut browser, callback) = returning(&gateway).await;
    let gateway = gateway.restarted(Setup::default().keys(&[9])).await;
    let start = format!("{}/authorize", gateway.provider.issuer);
    browser.load(&gateway, &callback).await.sent_to(&start, "bad_callback");
    refused_unused(&gateway, &mut browser, &callback).await;
    assert_eq!(exchanges(&gateway), 0);
}

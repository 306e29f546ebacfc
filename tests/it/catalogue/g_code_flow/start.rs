//! How a login begins.

use super::{HOST, exchanges, guard, home, parameters};
use crate::support::process::Process;
use crate::support::{API, Ask, Browser, Gateway, Log, PORTAL, Provider, Setup};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::StreamExt;
use portcullis::clock::Clock;
use portcullis::config::LogFormat;
use serde_json::json;
use std::collections::HashSet;
use std::process::Command;

#[tokio::test]
async fn g17_every_login_has_a_fresh_s256_challenge_state_and_nonce() {
    let gateway = Gateway::new().await;
    let mut seen = HashSet::new();
    for at in 0..1000 {
        let page = if at % 2 == 0 { home() } else { format!("{API}/pets") };
        let answer = gateway.ask(Ask::get(&page).navigate()).await;
        let sent = parameters(answer.location());
        assert_eq!(sent["code_challenge_method"], "S256");
        let challenge = URL_SAFE_NO_PAD.decode(&sent["code_challenge"]).expect("base64url");
        assert_eq!(challenge.len(), 32, "a hash, never the verifier");
        for name in ["code_challenge", "state", "nonce"] {
            assert!(sent[name].len() >= 43, "{name}: {}", sent[name]);
            assert!(seen.insert(sent[name].clone()), "{name} came twice");
        }
    }
    // The verifier is what the provider hashes: 43 characters of its alphabet.
    guard(&gateway).await;
    let forms = gateway.provider.forms("/token");
    let verifier = &forms.last().expect("an exchange")["code_verifier"];
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    assert!((43..=128).contains(&verifier.len()) && verifier.bytes().all(allowed), "{verifier}");
}

#[tokio::test]
async fn g18_a_provider_without_s256_takes_no_login_and_bearers_go_on() {
    for methods in
        [json!(null), json!([]), json!(["plain"]), json!(["s256"]), json!("S256"), json!(5)]
    {
        let gateway = Gateway::new().await;
        gateway.provider.turn(|knobs| {
            knobs.discovery = json!({"code_challenge_methods_supported": methods});
        });
        let issuer = gateway.providers.report()[0].issuer.clone();
        gateway.providers.refresh_keys(&issuer).await.expect("fetched");
        for page in [home(), format!("{PORTAL}/.auth/login"), format!("{API}/pets")] {
            let log = Log::start(LogFormat::Json, tracing::Level::INFO);
            let answer = gateway.ask(Ask::get(&page).navigate()).await;
            assert!(answer.refused(503, "provider_unavailable").is_page(), "{methods}");
            assert!(answer.set_cookies().is_empty());
            // It was reached, so nobody is told otherwise; the operator reads what it lacks.
            assert!(!answer.body.contains("cannot be reached"), "{}", answer.body);
            let lines = log.text();
            let line: serde_json::Value = serde_json::from_str(lines.trim()).expect("one line");
            assert_eq!(line["hint"], "the provider does not announce PKCE with S256", "{lines}");
            assert_eq!(line["reason"], "provider_unavailable", "{lines}");
        }
        let (status, ready) = gateway.admin("/readyz").await;
        assert!(status == 200 && ready.contains("does not announce PKCE with S256"), "{ready}");
        let token = gateway.provider.id_token(&json!({}));
        gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await.granted();
    }
}

#[tokio::test]
async fn g18_lint_names_a_provider_without_s256_and_judges_none_that_it_cannot_hear() {
    let gateway = Gateway::new().await;
    let lint = |issuer: &str, offline: bool| {
        let folder = tempfile::tempdir().expect("a folder");
        Setup::default().write(folder.path(), issuer);
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.current_dir(folder.path()).args(["lint", "--config", "portcullis.yaml"]);
        command.args(offline.then_some("--offline"));
        async move {
            // Elsewhere: the provider answers on this thread.
            let run = tokio::task::spawn_blocking(move || command.output());
            let run = run.await.expect("ends").expect("runs");
            drop(folder);
            assert_eq!(run.status.code(), Some(0), "a warning changes no exit code");
            [run.stdout, run.stderr].map(|said| String::from_utf8(said).expect("text"))
        }
    };
    let well = lint(&gateway.provider.issuer, false).await;
    assert!(!well[0].contains("S256") && well[1].is_empty(), "{well:?}");
    let [silent, why] = lint("http://127.0.0.1:9/oauth2/default", false).await;
    assert_eq!(silent, well[0], "stdout tells of settings and resources");
    assert!(why.contains("not judged") && why.contains("127.0.0.1:9"), "{why}");
    let asked = || gateway.provider.calls("/.well-known/openid-configuration", "");
    for methods in [json!(null), json!(["plain"]), json!("S256")] {
        gateway.provider.turn(|knobs| {
            knobs.discovery = json!({"code_challenge_methods_supported": methods});
        });
        let [found, _] = lint(&gateway.provider.issuer, false).await;
        let named = |line: &str| line.contains("warning: spec.oidcAuth: ") && line.contains("S256");
        assert!(found.lines().any(named), "{methods}: {found}");
        let before = asked();
        assert_eq!(lint(&gateway.provider.issuer, true).await, well, "{methods}");
        assert_eq!(asked(), before, "--offline asks nobody");
    }
}

#[tokio::test]
async fn g24_twenty_logins_in_one_browser_leave_five_and_each_of_those_works() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::default();
    let mut callbacks = Vec::new();
    for at in 0..20 {
        callbacks.push(browser.callback(&gateway, &format!("{PORTAL}/{at}")).await);
        gateway.later(1);
    }
    assert_eq!(browser.cookies(HOST).len(), 5);
    for callback in &callbacks[..15] {
        browser.load(&gateway, callback).await.refused(400, "bad_callback");
    }
    for (at, callback) in callbacks.iter().enumerate().skip(15) {
        assert_eq!(browser.load(&gateway, callback).await.location(), format!("/{at}"));
        gateway.later(31);
    }
    // At the same moment none knows of the others; the next one clears up.
    let mut browser = Browser::default();
    let asks = (0..20).map(|at| gateway.ask(Ask::get(&format!("{PORTAL}/{at}")).navigate()));
    for answer in futures_util::future::join_all(asks).await {
        browser.keep(HOST, &answer);
    }
    gateway.later(1);
    let callback = browser.callback(&gateway, &home()).await;
    assert_eq!(browser.cookies(HOST).len(), 5);
    assert_eq!(browser.load(&gateway, &callback).await.location(), "/home");
}

/// Bytes a start that a process may keep on average: less than the smallest thing worth keeping.
const KEPT: u64 = 100;

#[tokio::test]
async fn g25_ten_thousand_logins_that_are_only_begun_leave_nothing_behind() {
    // A process of its own: what other tests use is not counted.
    let provider = Provider::start(Clock::system()).await;
    let service = Process::start(Setup::default(), &provider).await;
    let start = |number: u64| {
        let ask = Ask::get(&format!("{PORTAL}/{number}")).navigate();
        async {
            let answer = service.ask(ask).await;
            assert_eq!(answer.status, 302);
            assert!(answer.location().contains("state="), "{}", answer.location());
        }
    };
    let starts = |from: u64, to: u64| {
        futures_util::stream::iter(from..to).map(start).buffer_unordered(16).for_each(|()| async {})
    };
    // What the allocator and the connection take once.
    starts(0, 2_000).await;
    let before = service.memory();
    starts(2_000, 12_000).await;
    let after = service.memory();
    println!("memory before and after 10,000 started logins: {before} KiB, {after} KiB");
    assert!(after < before + 10_000 * KEPT / 1024, "{before} KiB, then {after} KiB");
}

#[tokio::test]
async fn g26_nothing_of_the_query_reaches_the_provider() {
    let gateway = Gateway::new().await;
    let names = [
        "prompt",
        "scope",
        "acr_values",
        "idp",
        "idp_scope",
        "login_hint",
        "sessionToken",
        "request",
        "request_uri",
        "redirect_uri",
        "response_mode",
        "response_type",
        "client_id",
        "max_age",
        "enroll_amr_values",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "id_token_hint",
        "display",
        "ui_locales",
        "claims",
        "resource",
        "audience",
        "domain_hint",
        "dpop_jkt",
    ];
    let query: String = names.iter().map(|name| format!("{name}=evil-{name}&")).collect();
    let want = parameters(gateway.ask(Ask::get(&home()).navigate()).await.location());
    let mut wanted: Vec<_> = want.keys().collect();
    wanted.sort_unstable();
    for page in ["/home", "/.auth/login", "/.auth/signup"] {
        let url = format!("{PORTAL}{page}?{query}return_to=/a");
        let answer = gateway.ask(Ask::get(&url).navigate()).await;
        let sent = parameters(answer.location());
        let mut names: Vec<_> = sent.keys().collect();
        names.sort_unstable();
        assert_eq!(names, wanted, "{page}");
        for same in ["client_id", "scope", "redirect_uri", "response_type", "code_challenge_method"]
        {
            assert_eq!(sent[same], want[same], "{page}");
        }
        assert!(!answer.location().contains("evil-"), "{}", answer.location());
    }
}

#[tokio::test]
async fn g29_the_sign_up_form_is_asked_for_only_where_the_provider_says_it_has_one() {
    let gateway = Gateway::new().await;
    let signup = || gateway.ask(Ask::get(&format!("{PORTAL}/.auth/signup")).navigate());
    let cases = [
        (json!(null), false),
        (json!([]), false),
        (json!(["none", "login", "consent"]), false),
        (json!(["CREATE", "create "]), false),
        (json!("create"), false),
        (json!(["login", "create"]), true),
    ];
    let issuer = gateway.providers.report()[0].issuer.clone();
    for (values, asked) in cases {
        gateway.provider.turn(|knobs| knobs.discovery = json!({"prompt_values_supported": values}));
        gateway.providers.refresh_keys(&issuer).await.expect("fetched");
        let sent = parameters(signup().await.location());
        assert_eq!(sent.get("prompt").map(String::as_str), asked.then_some("create"), "{values}");
    }
    assert_eq!(exchanges(&gateway), 0);
}

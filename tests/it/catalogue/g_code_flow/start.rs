//! How a login begins.

use super::{HOST, exchanges, guard, home, parameters};
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::collections::HashSet;
use std::process::{Command, Stdio};

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
            let answer = gateway.ask(Ask::get(&page).navigate()).await;
            assert!(answer.refused(503, "provider_unavailable").is_page(), "{methods}");
            assert!(answer.set_cookies().is_empty());
        }
        let token = gateway.provider.id_token(&json!({}));
        gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await.granted();
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

/// Memory of a process, in KiB.
fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test]
async fn g25_logins_that_are_only_begun_leave_nothing_behind() {
    // A process of its own: what other tests use is not counted.
    let (helper, folder) = (Gateway::new().await, tempfile::tempdir().expect("a folder"));
    let listen = "{grpc: 'unix:authz.sock', admin: '127.0.0.1:0'}";
    Setup::default().setting("listen", listen).write(folder.path(), &helper.provider.issuer);
    let mut service = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .current_dir(folder.path())
        .args(["serve", "--config", "portcullis.yaml"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("runs");
    let socket = folder.path().join("authz.sock");
    crate::support::eventually(|| socket.exists()).await;
    let address = format!("unix:{}", socket.display());
    let channel =
        tonic::transport::Endpoint::from_shared(address).expect("an address").connect_lazy();
    let client =
        envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient::new(
            channel,
        );
    let start = || {
        let mut client = client.clone();
        async move {
            let answer = client.check(Ask::get(&home()).navigate().message()).await.ok()?;
            Some(crate::support::Answer::read(answer.into_inner()).status)
        }
    };
    let ready = async { while start().await != Some(302) {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), ready).await.expect("ready");
    for _warm_up in 0..300 {
        start().await;
    }
    let before = resident(service.id());
    for _start in 0..2000 {
        assert_eq!(start().await, Some(302));
    }
    let after = resident(service.id());
    service.kill().expect("ends");
    service.wait().expect("ended");
    println!("memory before and after 2,000 started logins: {before} KiB, {after} KiB");
    assert!(after < before + 1024, "{before} KiB, then {after} KiB");
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

//! What is connected to, and for how long.

use super::fake::{DISCOVERY, Fake, Reply};
use crate::clock::Clock;
use crate::provider::{Providers, ProvidersError};
use crate::token::Algorithm;
use crate::token::fixtures::ec;
use serde_json::Value;
use std::time::Duration;

fn key() -> Value {
    ec("a", Algorithm::Es256).jwk()
}

#[tokio::test]
async fn connects_to_allowed_addresses_only() {
    for host in ["127.0.0.1", "localhost", "op.localhost"] {
        let fake = Fake::start_as(host, &[key()]).await;
        let mut settings = Fake::settings();
        settings.allow_addresses = vec!["10.0.0.0/8".parse().expect("a net")];
        let (providers, _) = fake.known_with(&settings).await;
        assert!(providers.keys(&fake.issuer).is_err(), "{host}");
        assert_eq!(fake.count(DISCOVERY), 0, "{host}");
        let (providers, _) = fake.known().await;
        assert!(providers.keys(&fake.issuer).is_ok(), "{host}");
    }
}

#[tokio::test]
async fn speaks_http_only_where_settings_allow_it() {
    let fake = Fake::start(&[key()]).await;
    let mut settings = Fake::settings();
    settings.allow_http = false;
    let (providers, _) = fake.known_with(&settings).await;
    assert!(providers.keys(&fake.issuer).is_err());
    assert_eq!(fake.count(DISCOVERY), 0);
}

#[tokio::test]
async fn f06_follows_no_redirect() {
    let fake = Fake::start(&[key()]).await;
    fake.on("/elsewhere", Reply::json(&fake.document()));
    for status in [301, 302, 303, 307, 308] {
        fake.on(DISCOVERY, Reply::status(status).header("location", "/elsewhere"));
        let (providers, _) = fake.known().await;
        assert!(providers.keys(&fake.issuer).is_err(), "{status}");
    }
    assert_eq!(fake.count("/elsewhere"), 0);
}

#[tokio::test]
async fn gives_up_on_a_body_that_is_slow_or_long() {
    let fake = Fake::start(&[key()]).await;
    let mut settings = Fake::settings();
    settings.timeout = Duration::from_millis(300);
    fake.on(DISCOVERY, Reply { endless: true, ..Reply::text("{") });
    let (providers, _) = fake.known_with(&settings).await;
    assert!(providers.report()[0].last_error.as_deref().expect("an error").ends_with("timed out"));

    let long = Reply { endless: true, ..Reply::text(&" ".repeat(256 * 1024 + 1)) };
    fake.on(DISCOVERY, long);
    let (providers, _) = fake.known().await;
    let error = providers.report()[0].last_error.clone().expect("an error");
    assert!(error.contains("longer than 262144 bytes"), "{error}");
}

#[tokio::test]
async fn f17_goes_through_the_proxy_of_the_settings() {
    let fake = Fake::start(&[key()]).await;
    let proxy = Fake::start(&[]).await;
    let mut settings = Fake::settings();
    settings.proxy = format!("http://localhost:{}", proxy.port).parse().ok();
    let (providers, _) = fake.known_with(&settings).await;
    assert!(providers.keys(&fake.issuer).is_err());
    assert_eq!(proxy.count(&format!("{}{DISCOVERY}", fake.issuer)), 1);
    assert_eq!(fake.count(DISCOVERY), 0);
}

#[test]
fn f17_takes_no_proxy_from_the_environment() {
    // The environment of a process cannot be changed safely, so another one does the work.
    let this = std::env::current_exe().expect("this program");
    let run = std::process::Command::new(this)
        .args(["--exact", "provider::tests::keys::fetches_metadata_and_keys"])
        .envs(
            ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
                .map(|name| (name, "http://127.0.0.1:9")),
        )
        .output()
        .expect("runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn starts_with_certificates_or_says_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ca.pem");
    let mut settings = Fake::settings();
    settings.ca_file = Some(file.clone());
    let start = || Providers::new(&settings, Clock::system());
    assert!(matches!(start(), Err(ProvidersError::UnreadableCa { .. })));
    std::fs::write(&file, "no certificate").expect("written");
    assert!(matches!(start(), Err(ProvidersError::BadCa { .. })));
    let made = rcgen::generate_simple_self_signed(["op.example.com".to_owned()]).expect("made");
    std::fs::write(&file, made.cert.pem()).expect("written");
    assert!(start().is_ok());
}

#[test]
fn needs_a_runtime() {
    let made = Providers::new(&Fake::settings(), Clock::system());
    assert!(matches!(made, Err(ProvidersError::NoRuntime)));
}

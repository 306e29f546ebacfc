//! Metrics: each is there once it was brought about, with the labels of its table; and why logins fail.

use crate::support::collector::Collector;
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup};
use portcullis::telemetry::LoginFailure;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Names and labels as README.md has them; `tests/docs` holds its table against the sources.
const METRICS: [(&str, &[&str]); 21] = [
    ("portcullis_bearer_signatures_total", &["outcome"]),
    ("portcullis_build_info", &["version"]),
    ("portcullis_check_duration_seconds_bucket", &["le"]),
    ("portcullis_check_duration_seconds_count", &[]),
    ("portcullis_check_duration_seconds_sum", &[]),
    ("portcullis_checks_total", &["decision", "environment", "portal", "reason"]),
    ("portcullis_groups_maybe_truncated_total", &[]),
    ("portcullis_last_reload_successful", &["what"]),
    ("portcullis_login_failures_total", &["portal", "reason"]),
    ("portcullis_logins_total", &["outcome", "portal"]),
    ("portcullis_policy_problems", &[]),
    ("portcullis_provider_fetches_total", &["issuer", "outcome"]),
    ("portcullis_provider_key_alarms_total", &["issuer"]),
    ("portcullis_provider_keys", &["issuer"]),
    ("portcullis_provider_keys_age_seconds", &["issuer"]),
    ("portcullis_provider_keys_overdue_seconds", &["issuer"]),
    ("portcullis_provider_up", &["issuer"]),
    ("portcullis_refreshes_total", &["outcome"]),
    ("portcullis_reloads_total", &["outcome"]),
    ("portcullis_spans_total", &["outcome"]),
    ("portcullis_token_revocations_total", &["outcome"]),
];

/// Those that are zero while all is well.
const WELL: [&str; 4] = [
    "portcullis_policy_problems",
    "portcullis_provider_key_alarms_total",
    "portcullis_provider_keys_age_seconds",
    "portcullis_provider_keys_overdue_seconds",
];

/// Names with the names of their labels.
fn names(text: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut names: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (series, _value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels =
            labels.trim_end_matches('}').split(',').filter_map(|label| label.split_once('='));
        names.entry(name).or_default().extend(labels.map(|(label, _)| label));
    }
    names
}

#[tokio::test]
async fn every_metric_is_there_after_what_it_counts_and_has_the_labels_of_its_table() {
    let collector = Collector::start(200).await;
    let endpoint = format!("{{otlp_endpoint: '{}'}}", collector.endpoint);
    let gateway = Gateway::with(Setup::default().setting("telemetry", &endpoint)).await;
    let mut browser = Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    gateway.later(3599);
    browser.load(&gateway, &format!("{PORTAL}/")).await.granted();
    let groups: Vec<String> = (0..100).map(|number| format!("group-{number}")).collect();
    let bearer = gateway.provider.id_token(&json!({"groups": groups}));
    gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&bearer)).await;
    gateway.ask(Ask::get(&format!("{PORTAL}/callback?code=x&state=x")).navigate()).await;
    // The provider of these tests takes no token back.
    let endpoint = format!("{}/revoke", gateway.provider.issuer);
    gateway.provider.turn(|knobs| knobs.discovery = json!({"revocation_endpoint": endpoint}));
    gateway.fetch_keys().await;
    browser.send(&gateway, Ask::post(&format!("{PORTAL}/.auth/logout")).fetch()).await;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    gateway.ask(Ask::get(&format!("{API}/pets")).header("traceparent", traceparent)).await;
    let want: BTreeMap<&str, BTreeSet<&str>> =
        METRICS.iter().map(|(name, labels)| (*name, labels.iter().copied().collect())).collect();
    assert_eq!(names(&gateway.admin("/metrics").await.1), want);
    // Some of it is done beside the checks.
    let missing = async || {
        let text = gateway.admin("/metrics").await.1;
        let at_zero = text.lines().filter(|line| !line.ends_with(" 0") && !line.ends_with(" 0.0"));
        let told = at_zero.filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
        let told = names(&told);
        let missing = want.keys().filter(|name| !told.contains_key(*name) && !WELL.contains(name));
        missing.map(|name| (*name).to_owned()).collect::<Vec<_>>()
    };
    let mut left = missing().await;
    let counted = async {
        while !left.is_empty() {
            left = missing().await;
        }
    };
    let counted = tokio::time::timeout(Duration::from_secs(15), counted).await;
    assert!(counted.is_ok(), "not counted: {left:?}");
}

#[tokio::test]
async fn keys_that_are_not_fetched_grow_old_and_are_told_to_be_overdue() {
    let gateway = Gateway::new().await;
    let issuer = &gateway.provider.issuer;
    let told = async |what: &str| {
        gateway
            .metric(&format!("portcullis_provider_keys_{what}_seconds{{issuer=\"{issuer}\"}}"))
            .await
    };
    assert_eq!((told("age").await, told("overdue").await), (0, 0));
    gateway.provider.turn(|knobs| knobs.fetch_status = 503);
    gateway.later(7200);
    let (age, overdue) = (told("age").await, told("overdue").await);
    assert_eq!(age, 7200);
    // They were due after five minutes, less a jitter.
    assert!((6900..=6930).contains(&overdue), "{overdue}");
}

#[tokio::test]
async fn an_issuer_that_leaves_the_policy_leaves_the_metrics() {
    let gateway = Gateway::new().await;
    let issuer = gateway.provider.issuer.clone();
    let up = |text: &str| text.matches("portcullis_provider_up{").count();
    assert_eq!(up(&gateway.admin("/metrics").await.1), 1);
    let other = Setup::default().resources("https://other.example/oauth2/default");
    std::fs::write(gateway.folder.path().join("portal/all.yaml"), other).expect("written");
    gateway.load().await;
    let told = async {
        loop {
            let text = gateway.admin("/metrics").await.1;
            if text.contains("https://other.example") {
                break text;
            }
        }
    };
    let text = tokio::time::timeout(Duration::from_secs(10), told).await.expect("told");
    assert_eq!(up(&text), 1);
    assert!(!text.contains(&issuer), "{text}");
}

#[tokio::test]
async fn what_is_refused_at_a_reload_is_told_until_it_holds() {
    let gateway = Gateway::new().await;
    let told = async |what: &str| {
        gateway.metric(&format!("portcullis_last_reload_successful{{what=\"{what}\"}}")).await
    };
    assert_eq!((told("policy").await, told("sealing_keys").await), (1, 1));
    let file = |name: &str| gateway.folder.path().join(name);
    let (policy, keys) = (file("portal/all.yaml"), file("session.keys"));
    let good = [&policy, &keys].map(|file| std::fs::read(file).expect("read"));
    std::fs::write(&keys, "short\n").expect("written");
    gateway.load().await;
    assert_eq!((told("policy").await, told("sealing_keys").await), (1, 0));
    std::fs::remove_file(&policy).expect("removed");
    gateway.load().await;
    assert_eq!((told("policy").await, told("sealing_keys").await), (0, 0));
    for (file, text) in [&policy, &keys].into_iter().zip(good) {
        std::fs::write(file, text).expect("written");
    }
    gateway.load().await;
    assert_eq!((told("policy").await, told("sealing_keys").await), (1, 1));
}

/// Failed logins by reason, as far as there are any.
async fn failures(gateway: &Gateway) -> BTreeMap<String, u64> {
    let text = gateway.admin("/metrics").await.1;
    let lines = text.lines().filter(|line| line.starts_with("portcullis_login_failures_total{"));
    let reason = |line: &str| line.split("reason=\"").nth(1)?.split('"').next().map(str::to_owned);
    lines
        .map(|line| {
            assert!(line.contains("portal=\"petstore-portal.default\""), "{line}");
            let count = line.rsplit(' ').next().and_then(|count| count.parse().ok());
            (reason(line).expect("a reason"), count.expect("a count"))
        })
        .filter(|(_, count)| *count > 0)
        .collect()
}

#[tokio::test]
async fn a_failed_login_is_counted_by_its_reason() {
    let home = format!("{PORTAL}/a");
    let gateway = Gateway::new().await;
    let returning = async || {
        let mut browser = Browser::default();
        let callback = browser.callback(&gateway, &home).await;
        (browser, callback)
    };
    let code = |callback: &str, instead: &str| {
        let (page, query) = callback.split_once('?').expect("a query");
        let others = query.split('&').filter(|pair| !pair.starts_with("code="));
        let query: Vec<&str> = others.chain([instead]).collect();
        format!("{page}?{}", query.join("&"))
    };
    let mut want = BTreeMap::new();
    let mut count =
        |reason: LoginFailure| *want.entry(reason.as_str().to_owned()).or_insert(0) += 1;
    for (error, reason) in [
        ("error=access_denied", LoginFailure::AccessDenied),
        ("error=server_error", LoginFailure::ProviderError),
    ] {
        let (mut browser, callback) = returning().await;
        browser.load(&gateway, &code(&callback, error)).await;
        count(reason);
    }
    let (mut browser, callback) = returning().await;
    Browser::default().load(&gateway, &callback).await.refused(400, "bad_callback");
    count(LoginFailure::BadCallback);
    gateway.later(601);
    browser.load(&gateway, &callback).await;
    count(LoginFailure::Expired);
    for (status, reason) in
        [(400, LoginFailure::CodeRefused), (503, LoginFailure::ProviderUnavailable)]
    {
        gateway.provider.turn(|knobs| knobs.token_error = Some((status, "invalid_grant")));
        let (mut browser, callback) = returning().await;
        browser.load(&gateway, &callback).await;
        count(reason);
    }
    gateway.provider.turn(|knobs| {
        knobs.token_error = None;
        knobs.id_token = json!({"aud": "somebody-else"});
    });
    let (mut browser, callback) = returning().await;
    browser.load(&gateway, &callback).await.refused(400, "bad_callback");
    count(LoginFailure::InvalidToken);
    gateway.provider.turn(|knobs| {
        knobs.id_token = json!({});
        knobs.response = json!({"refresh_token": "r".repeat(9000)});
    });
    let (mut browser, callback) = returning().await;
    browser.load(&gateway, &callback).await.refused(400, "bad_callback");
    count(LoginFailure::TooLarge);
    gateway.provider.turn(|knobs| knobs.response = json!({}));
    let mut browser = Browser::default();
    for _login in 0..3 {
        let callback = browser.callback(&gateway, &home).await;
        browser.load(&gateway, &callback).await;
        browser.cookies("portal.petstore.localhost").retain(|name, _| !name.ends_with("-s"));
    }
    count(LoginFailure::LoginLoop);
    gateway.provider.turn(|knobs| {
        knobs.discovery = json!({"code_challenge_methods_supported": null});
    });
    gateway.fetch_keys().await;
    Browser::default().load(&gateway, &home).await.refused(503, "provider_unavailable");
    count(LoginFailure::ProviderUnfit);
    assert_eq!(failures(&gateway).await, want);
    // Our own fault is the one that nobody outside can bring about; what Redis does is in its own tests.
    let known: BTreeSet<&str> = LoginFailure::ALL.map(LoginFailure::as_str).into();
    let seen: BTreeSet<&str> =
        want.keys().map(String::as_str).chain(["internal", "store_unavailable"]).collect();
    assert_eq!(seen, known);
    let failed = "portcullis_logins_total{outcome=\"failed\",portal=\"petstore-portal.default\"}";
    assert_eq!(gateway.metric(failed).await, want.values().sum::<u64>());
}

//! A Portal in shadow: what would be refused is told, and passes.

use crate::commands::{folder, portcullis, text};
use crate::replay::soon;
use crate::support::{API, Ask, Browser, CLIENT, Gateway, Log, NOW, PORTAL, Setup};
use portcullis::clock::Clock;
use portcullis::config::{self, LogFormat};
use portcullis::reload::Loader;
use portcullis::shadow;
use portcullis::time::UnixTime;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const DAY: u64 = 24 * 3600;

fn until(seconds: u64) -> String {
    UnixTime(NOW + seconds).to_rfc3339()
}

fn in_shadow(more: &str) -> Setup {
    let portal = format!("{{shadow_until: '{}'{more}}}", until(DAY));
    Setup::default().setting("portals", &format!("{{petstore-portal.default: {portal}}}"))
}

/// What passes although it would be refused: nobody's word is passed on.
async fn passes(gateway: &Gateway, ask: Ask, reason: &str) -> crate::support::Answer {
    let forged = ask.header("x-user-id", "boss").header("x-portcullis-product", "mine");
    let answer = gateway.ask(forged).await;
    assert!(answer.allowed, "{reason}: {answer:?}");
    assert_eq!(answer.reason(), reason);
    assert_eq!((answer.text("decision"), answer.text("shadow")), ("allow", "deny"));
    assert!(answer.set.is_empty() || answer.set.keys().eq(["cookie"]), "{:?}", answer.set);
    for name in ["x-user-id", "x-user-email", "x-user-groups", "x-portcullis-product"] {
        assert!(answer.removed.contains(name), "{reason}: {name} passes");
    }
    answer
}

#[tokio::test]
async fn what_policy_and_credentials_refuse_passes_without_identity() {
    let gateway = Gateway::with(in_shadow(", require_verified_email: true")).await;
    let pets = || Ask::get(&format!("{API}/pets"));
    let token = |changes: Value| gateway.provider.id_token(&changes);
    passes(&gateway, pets(), "no_credentials").await;
    let navigation = passes(&gateway, pets().navigate(), "no_credentials").await;
    assert!(navigation.set_cookies().is_empty(), "no login begins");
    passes(&gateway, Ask::get(PORTAL).navigate(), "no_credentials").await;
    let preflight = pets().method("OPTIONS").header("origin", "http://other.example");
    let preflight = preflight.header("access-control-request-method", "GET");
    passes(&gateway, preflight, "no_credentials").await;
    passes(&gateway, pets().header("cookie", "portcullis-s=x; own=1"), "no_credentials").await;
    let stale = pets().header("cookie", "__Host-portcullis-s=x; own=1").navigate();
    let stale = passes(&gateway, stale, "invalid_session").await;
    assert_eq!(stale.set["cookie"], "own=1");
    assert!(stale.set_cookie("__Host-portcullis-s").is_some(), "{stale:?}");
    let expired = json!({"exp": NOW - 3600, "iat": NOW - 7200});
    for (token, reason) in [
        (token(json!({"aud": "other"})), "invalid_token"),
        (token(expired), "expired_token"),
        ("nonsense".to_owned(), "invalid_token"),
    ] {
        let answer = passes(&gateway, pets().bearer(&token), reason).await;
        assert!(answer.removed.contains("authorization"), "{reason}: it goes to the upstream");
    }
    for (changes, reason) in [
        (json!({"groups": ["Others"]}), "not_granted"),
        (json!({"email_verified": false}), "email_unverified"),
    ] {
        // A token that holds is the caller's own: it goes on as on every request.
        let ask = pets().bearer(&token(changes));
        let answer = passes(&gateway, ask, reason).await;
        assert!(!answer.removed.contains("authorization"), "{reason}");
        // Another filter of the gateway hears of nobody either; the log does.
        assert_eq!(answer.text("sub"), "");
        let answer = gateway.ask(Ask::get(PORTAL).bearer(&token(json!({"groups": []})))).await;
        assert!(answer.allowed && answer.removed.contains("authorization"), "{answer:?}");
    }
    // Where the gateway does not show it, it might be there.
    assert!(passes(&gateway, pets(), "no_credentials").await.removed.contains("authorization"));
    let basic = pets().header("authorization", "Basic dTpw");
    let basic = passes(&gateway, basic, "no_credentials").await;
    assert!(!basic.removed.contains("authorization"), "it is not ours");
    passes(&gateway, pets().context("product", "other.default"), "no_route").await;
    passes(&gateway, pets().context("access", "strange"), "no_route").await;
}

#[tokio::test]
async fn what_would_pass_anyway_passes_as_ever() {
    let gateway = Gateway::with(in_shadow("")).await;
    let token = gateway.provider.id_token(&json!({}));
    let answer = gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
    answer.granted();
    assert_eq!((answer.set["x-user-id"].as_str(), answer.text("shadow")), ("00u1", ""));
    let public = Ask::get(&format!("{API}/pets")).context("access", "public");
    let answer = gateway.ask(public).await;
    assert_eq!((answer.reason(), answer.text("shadow")), ("public", ""));
    assert_eq!(answer.set["x-portcullis-product"], "petstore-product.default");
}

#[tokio::test]
async fn what_is_no_question_of_policy_is_refused_in_shadow_too() {
    let gateway = Gateway::with(in_shadow("")).await;
    // Nobody is sent to the login, but who asks for it is signed in.
    let mut browser = Browser::default();
    browser.visit(&gateway, &format!("{PORTAL}/.auth/login")).await;
    browser.dress(Ask::get(PORTAL)).has("cookie").then_some(()).expect("a session");
    let api = || Ask::get(&format!("{API}/pets"));
    gateway.ask(Ask::get(&format!("{API}/a/../b"))).await.refused(400, "ambiguous_request");
    let both = api().bearer("a").header("api-key", "b");
    gateway.ask(both).await.refused(400, "ambiguous_request");
    gateway.ask(Ask::get("http://evil.localhost/")).await.refused(403, "no_route");
    let post =
        browser.dress(Ask::post(&format!("{PORTAL}/")).header("origin", "http://evil.example"));
    gateway.ask(post).await.refused(403, "cross_site");
    gateway.ask(Ask::get(&format!("{API}/.auth/nonsense"))).await.refused(403, "no_route");
    for (path, status) in [("/.auth/userinfo", 401), ("/callback", 400)] {
        let answer = gateway.ask(Ask::get(&format!("{PORTAL}{path}"))).await;
        assert_eq!((answer.allowed, answer.status), (false, status), "{path}");
    }
    let login = gateway.ask(Ask::get(&format!("{PORTAL}/.auth/login")).navigate()).await;
    login.sent_to(&gateway.provider.issuer, "no_credentials");
    // A Portal that the gateway names, and that does not publish this, has no say here.
    let named = api().context("portal", "other-portal.default");
    gateway.ask(named).await.refused(403, "no_route");
}

#[tokio::test]
async fn a_shadow_ends_by_itself_and_a_clock_that_is_set_back_makes_none() {
    let gateway = Gateway::with(in_shadow("")).await;
    let pets = || Ask::get(&format!("{API}/pets"));
    gateway.later(DAY - 1);
    passes(&gateway, pets(), "no_credentials").await;
    gateway.later(1);
    gateway.ask(pets()).await.refused(401, "no_credentials");
    let (_, ready) = gateway.admin("/readyz").await;
    let ready: Value = serde_json::from_str(&ready).expect("JSON");
    assert_eq!(ready["shadow"], json!([]));
    let (_, metrics) = gateway.admin("/metrics").await;
    assert!(!metrics.contains("portcullis_shadow_until_timestamp_seconds{"), "{metrics}");
    // Settings that were read long before: their clock was ahead, this one is not.
    let clock = Clock::manual(UnixTime(NOW - 14 * DAY));
    let folder = tempfile::tempdir().expect("a folder");
    in_shadow("").write(folder.path(), "http://127.0.0.1:9/oauth2/default");
    let parsed = config::load_at(&folder.path().join("portcullis.yaml"), UnixTime(NOW));
    let loaded = Loader::new(&parsed.expect("settings")).load().expect("a policy");
    assert_eq!(loaded.snapshot.shadows(clock.now()).count(), 0);
    assert_eq!(loaded.snapshot.shadows(UnixTime(NOW)).count(), 1);
}

#[tokio::test]
async fn where_several_portals_publish_the_one_that_is_named_decides_else_all() {
    let other = "apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: other-portal, namespace: default}
spec:
  domains: [other.petstore.localhost]
  portalUrlPrefix: http://other.petstore.localhost:10000/
  publishedEnvironments: [{name: dev, namespace: default}]
  oidcAuth:
    clientId: 0oaOther
    clientSecret: {name: petstore-secret, namespace: default, key: client_secret}
    groupClaimKey: groups
    issuer: '{ISSUER}'
";
    let gateway = Gateway::with(in_shadow("").add(other)).await;
    let pets = || Ask::get(&format!("{API}/pets"));
    gateway.ask(pets()).await.refused(401, "no_credentials");
    let named = |name: &str| pets().context("portal", name);
    gateway.ask(named("other-portal.default")).await.refused(401, "no_credentials");
    passes(&gateway, named("petstore-portal.default"), "no_credentials").await;
    passes(&gateway, Ask::get(PORTAL), "no_credentials").await;
    let elsewhere = Ask::get("http://other.petstore.localhost:10000/");
    gateway.ask(elsewhere).await.refused(401, "no_credentials");
    // In shadow both, it needs no name.
    let all = format!(
        "{{petstore-portal.default: {{shadow_until: '{0}'}}, other-portal.default: {{shadow_until: '{0}'}}}}",
        until(DAY)
    );
    let both = Setup::default().add(other).setting("portals", &all);
    let gateway = gateway.restarted(both).await;
    passes(&gateway, pets(), "no_credentials").await;
    // One that is left out for a problem has not said that it is: the others do not speak for it.
    let broken = other.replace("petstore-secret", "no-such-secret");
    let gateway = Gateway::with(Setup::default().add(&broken).setting("portals", &all)).await;
    gateway.ask(pets()).await.refused(401, "no_credentials");
    passes(&gateway, named("petstore-portal.default"), "no_credentials").await;
}

#[tokio::test]
async fn an_outage_of_the_provider_refuses_nothing_in_shadow() {
    let gateway = Gateway::with(in_shadow("")).await;
    let answer = gateway.provider.id_token(&json!({}));
    let clock = gateway.clock.clone();
    let provider = Arc::clone(&gateway.provider);
    provider.turn(|knobs| knobs.fetch_status = 500);
    let gateway = Gateway::beside(provider, clock, in_shadow("")).await;
    let pets = || Ask::get(&format!("{API}/pets"));
    let answer = passes(&gateway, pets().bearer(&answer), "keys_unavailable").await;
    assert!(answer.removed.contains("authorization"), "nobody has verified it");
    passes(&gateway, pets().navigate(), "no_credentials").await;
}

#[tokio::test]
async fn it_is_shown_by_readiness_metrics_and_log() {
    let log = Log::start(LogFormat::Json, tracing::Level::INFO);
    let gateway = Gateway::with(in_shadow("")).await;
    let token = gateway.provider.id_token(&json!({"groups": ["Others"], "aud": CLIENT}));
    gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
    let (status, ready) = gateway.admin("/readyz").await;
    let ready: Value = serde_json::from_str(&ready).expect("JSON");
    let shadow = json!([{"portal": "petstore-portal.default", "until": until(DAY)}]);
    assert_eq!((status, &ready["shadow"]), (200, &shadow));
    let labels = "{portal=\"petstore-portal.default\",reason=\"not_granted\"}";
    assert_eq!(gateway.metric(&format!("portcullis_shadow_checks_total{labels}")).await, 1);
    let name = "portcullis_shadow_until_timestamp_seconds{portal=\"petstore-portal.default\"}";
    assert_eq!(gateway.metric(name).await, NOW + DAY);
    let lines = log.text();
    let lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let check = lines.iter().find(|line| line["message"] == "check").expect("a line at info");
    let said = [&check["decision"], &check["shadow"], &check["reason"]];
    assert_eq!(said, ["allow", "deny", "not_granted"]);
    let warned = lines.iter().any(|line| {
        line["level"] == "WARN"
            && line["portal"] == "petstore-portal.default"
            && line["until"] == until(DAY).as_str()
    });
    assert!(warned, "{lines:?}");
}

#[test]
fn lint_and_explain_say_it_too() {
    let portals = format!("{{petstore-portal.default: {{shadow_until: '{}'}}}}", soon());
    let folder = folder(&Setup::default().setting("portals", &portals));
    let config = ["--config", "portcullis.yaml"];
    let run = portcullis(folder.path(), &["lint", config[0], config[1], "--offline"]);
    let said = text(&run.stdout);
    assert!(
        said.contains("warning: portals.petstore-portal.default.shadow_until: until then"),
        "{said}"
    );
    let url = format!("{API}/pets");
    let explain = ["explain", config[0], config[1], "--url", &url, "--groups", "Others"];
    let said = text(&portcullis(folder.path(), &explain).stdout);
    for part in [
        "decision    allow (not_granted)",
        "shadow      would be denied",
        "answer      goes on to the upstream",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_says_it_again_every_hour_with_each_policy_and_when_it_is_over() {
    let log = Log::start(LogFormat::Json, tracing::Level::WARN);
    let folder = tempfile::tempdir().expect("a folder");
    in_shadow("").write(folder.path(), "http://127.0.0.1:9/oauth2/default");
    let parsed = config::load_at(&folder.path().join("portcullis.yaml"), UnixTime(NOW));
    let snapshot = Loader::new(&parsed.expect("settings")).load().expect("a policy").snapshot;
    let clock = Clock::manual(UnixTime(NOW));
    let (publish, policy) = watch::channel(Arc::clone(&snapshot));
    let task = tokio::spawn(shadow::remind(policy, clock.clone()));
    let count = |part: &str| log.text().matches(part).count();
    let pass = async |time: Duration| {
        clock.advance(time);
        tokio::time::sleep(time).await;
    };
    pass(Duration::from_secs(1)).await;
    assert_eq!(count("\"in shadow"), 1);
    pass(Duration::from_secs(3 * 3600)).await;
    assert_eq!(count("\"in shadow"), 4);
    publish.send_replace(snapshot);
    pass(Duration::from_secs(1)).await;
    assert_eq!(count("\"in shadow"), 5);
    pass(Duration::from_secs(DAY)).await;
    assert_eq!(count("\"out of shadow"), 1);
    let said = count("\"in shadow");
    pass(Duration::from_secs(DAY)).await;
    assert_eq!((count("\"in shadow"), count("\"out of shadow")), (said, 1));
    drop(publish);
    task.await.expect("ends with the service");
}

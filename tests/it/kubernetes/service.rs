//! The service beside an API server: what it decides, says and tells.

use crate::commands::{folder, portcullis, text};
use crate::support::cluster::{PACE, group, guide, resource};
use crate::support::gateway::http_get;
use crate::support::{API, Ask, Cluster, Fate, Gateway, Log, NOW, Provider, Setup, eventually};
use portcullis::app::App;
use portcullis::clock::Clock;
use portcullis::config::{self, LogFormat};
use portcullis::time::UnixTime;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A service whose resources are all in the cluster.
async fn beside(cluster: &Cluster, resources: &str) -> Gateway {
    let clock = Clock::manual(UnixTime(NOW));
    let provider = Arc::new(Provider::start(clock.clone()).await);
    guide(&provider.issuer).into_iter().for_each(|object| cluster.apply(object));
    let setup =
        Setup::default().setting("resources", resources).file("kubeconfig", &cluster.kubeconfig());
    Gateway::beside(provider, clock, setup).await
}

const RESOURCES: &str = "{kubernetes: {namespaces: [default], kubeconfig: kubeconfig}}";

async fn status(gateway: &Gateway, groups: &[&str]) -> u16 {
    let token = gateway.provider.id_token(&json!({"groups": groups}));
    let answer = gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token)).await;
    answer.status
}

/// One resource of twenty is broken: the others work, and everybody says which one, and where.
#[tokio::test]
async fn one_broken_resource_of_twenty_is_named_by_lint_log_metric_and_event() {
    let log = Log::start(LogFormat::Json, tracing::Level::INFO);
    let cluster = Cluster::start().await;
    for number in 0..14 {
        cluster.apply(group(&format!("group-{number}"), &json!([format!("Group{number}")])));
    }
    let gateway = beside(&cluster, RESOURCES).await;
    assert_eq!(status(&gateway, &["Group7"]).await, 200);
    cluster.apply(group("group-7", &json!({"not": "a list"})));
    let field = "spec.oidcGroup.groupNames";
    let wanted = "portcullis_resource_problems{severity=\"error\",kind=\"Group\",\
                  resource=\"group-7.default\",field=\"spec.oidcGroup.groupNames\"}";
    while gateway.metric(wanted).await != 1 {
        tokio::task::yield_now().await;
    }
    // The broken one stays as it last held, and the others do what they say.
    for number in 0..14 {
        assert_eq!(status(&gateway, &[&format!("Group{number}")]).await, 200, "{number}");
    }
    assert_eq!(status(&gateway, &["Nobody"]).await, 403);
    let named = format!("kubernetes:default/Group/group-7: {field}: expected a list");
    assert!(log.text().contains(&named), "{}", log.text());
    // One Event, however often it is read.
    eventually(|| cluster.turn(|state| state.events.len()) == 1).await;
    gateway.load().await;
    cluster.apply(group("group-8", &json!(["Group8", "More"])));
    while status(&gateway, &["More"]).await != 200 {}
    let events = cluster.turn(|state| state.events.clone());
    assert_eq!((events.len(), cluster.turn(|state| state.patches.len())), (1, 0));
    let event = &events[0];
    assert_eq!((&event["reason"], &event["type"]), (&json!("Invalid"), &json!("Warning")));
    assert!(
        event["note"].as_str().is_some_and(|note| note.starts_with(&format!("{field}: "))),
        "{event}"
    );
    assert_eq!(event["regarding"]["name"], "group-7");
    assert!(event["regarding"]["uid"].as_str().is_some_and(|uid| uid.starts_with("uid-")));
    assert_eq!(event["metadata"]["namespace"], "default");
    let folder = gateway.folder.path().to_owned();
    let lint = tokio::task::spawn_blocking(move || {
        portcullis(&folder, &["lint", "--offline", "--config", "portcullis.yaml"])
    });
    let run = lint.await.expect("runs");
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stdout).contains(&named), "{}", text(&run.stdout));
    // What was logged is judged by what stands in the cluster now.
    let folder = gateway.folder.path().to_owned();
    std::fs::write(folder.join("decisions.jsonl"), log.text()).expect("written");
    let replay = tokio::task::spawn_blocking(move || {
        portcullis(&folder, &["replay", "--config", "portcullis.yaml", "decisions.jsonl"])
    });
    let replayed = replay.await.expect("runs");
    let said = text(&replayed.stdout);
    assert!(said.contains(" recorded check"), "{said}{}", text(&replayed.stderr));
    assert!(!log.text().contains("hush") && !text(&run.stdout).contains("hush"), "a secret");
    // Mended, nothing is told, and no metric is left.
    cluster.apply(group("group-7", &json!(["Group7"])));
    while gateway.metric(wanted).await != 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(cluster.turn(|state| state.events.len()), 1);
}

#[tokio::test]
async fn the_last_policy_stays_while_the_api_server_is_away_and_that_is_said() {
    let cluster = Cluster::start().await;
    let gateway = beside(&cluster, RESOURCES).await;
    cluster.turn(|state| state.away = true);
    let missing = async {
        loop {
            let (status, body) = gateway.admin("/readyz").await;
            let body: Value = serde_json::from_str(&body).expect("JSON");
            assert_eq!(status, 200, "a replica with a policy stays: {body}");
            let missing = body["missing"].to_string();
            let portal = missing.contains("kubernetes:default/Portal: ");
            if portal && missing.contains("its last list stays in force") {
                return body;
            }
        }
    };
    let body = tokio::time::timeout(Duration::from_secs(10), missing).await.expect("said at last");
    assert!(body["kubernetes"]["contact_age_seconds"].is_u64(), "{body}");
    let (_, metrics) = gateway.admin("/metrics").await;
    for part in [
        "portcullis_kubernetes_contact_age_seconds ",
        "portcullis_kubernetes_followed{kind=\"Portal\"} 0",
    ] {
        assert!(metrics.contains(part), "{part}: {metrics}");
    }
    gateway.load().await;
    assert_eq!(status(&gateway, &["PetstoreUsers"]).await, 200);
    cluster.turn(|state| state.away = false);
    cluster.apply(group("oidc-group", &json!(["Others"])));
    while status(&gateway, &["Others"]).await != 200 {}
    assert_eq!(status(&gateway, &["PetstoreUsers"]).await, 403);
}

/// What was deleted grants nothing, not even where nothing is left: a list from the API server is no slip.
#[tokio::test]
async fn where_everything_is_deleted_nobody_is_let_in() {
    let cluster = Cluster::start().await;
    let gateway = beside(&cluster, RESOURCES).await;
    assert_eq!(status(&gateway, &["PetstoreUsers"]).await, 200);
    cluster.delete_all();
    let refused = async { while status(&gateway, &["PetstoreUsers"]).await != 403 {} };
    tokio::time::timeout(Duration::from_secs(10), refused).await.expect("refused at last");
}

/// A provider and two clusters share the name of a Group: the file has it.
#[tokio::test]
async fn a_resource_in_both_places_is_the_files_and_a_problem_of_the_cluster() {
    let cluster = Cluster::start().await;
    let resources =
        "{paths: [portal], kubernetes: {namespaces: [default], kubeconfig: kubeconfig}}";
    let gateway = beside(&cluster, resources).await;
    assert_eq!(status(&gateway, &["PetstoreUsers"]).await, 200);
    let said: Vec<String> = gateway.problems.iter().map(ToString::to_string).collect();
    let twice = "kubernetes:default/Group/oidc-group: expected Group oidc-group.default once; it is in \
                 portal/all.yaml:";
    assert!(said.iter().any(|one| one.starts_with(twice)), "{said:?}");
    eventually(|| cluster.turn(|state| state.events.len()) >= 5).await;
}

/// Not ready, but alive, and nobody is let in, before there is a policy.
#[tokio::test]
async fn it_waits_for_the_first_policy_and_says_what_is_missing() {
    let log = Log::start(LogFormat::Json, tracing::Level::INFO);
    let cluster = Cluster::start().await;
    cluster.turn(|state| state.refused = [("portals", 403)].into());
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let admin = port.local_addr().expect("an address");
    drop(port);
    let listen = format!("{{grpc: 'unix:authz.sock', admin: '{admin}'}}");
    let folder =
        folder(&Setup::default().setting("resources", RESOURCES).setting("listen", &listen));
    std::fs::write(folder.path().join("kubeconfig"), cluster.kubeconfig()).expect("a file");
    let parsed = config::load(&folder.path().join("portcullis.yaml"));
    let mut parsed = parsed.expect("settings");
    parsed.settings.resources.kubernetes.as_mut().expect("a section").pace = PACE;
    let started =
        tokio::spawn(async move { App::start(&parsed, Clock::manual(UnixTime(NOW))).await });
    eventually(|| log.text().contains("403 Forbidden: portals are not for you")).await;
    assert_eq!(http_get(admin, "/livez").await.0, 200);
    let (status, body) = http_get(admin, "/readyz").await;
    assert_eq!(status, 503, "{body}");
    assert!(
        body.contains("kubernetes:default/Portal: 403") && body.contains("\"ready\":false"),
        "{body}"
    );
    assert!(!folder.path().join("authz.sock").exists(), "nobody is answered");
    cluster.turn(|state| state.refused.clear());
    // Everything may be read, and there is nothing: installed before the resources are.
    eventually(|| log.text().contains("expected resources such as a Portal")).await;
    assert!(!started.is_finished());
    guide("http://127.0.0.1:9/").into_iter().for_each(|object| cluster.apply(object));
    let (app, _problems) = tokio::time::timeout(Duration::from_secs(10), started)
        .await
        .expect("starts at last")
        .expect("no panic")
        .expect("a policy");
    assert!(folder.path().join("authz.sock").exists());
    drop(app);
    cluster.befall(Fate::End);
}

/// No half a service: what does not hold is said before anybody waits for a policy.
#[tokio::test]
async fn settings_that_do_not_hold_are_said_before_there_is_a_policy() {
    let cluster = Cluster::start().await;
    let cases = [
        (
            "listen",
            "{grpc: 'unix:authz.sock', tls: {cert_file: none.pem, key_file: none.pem}}",
            "none.pem",
        ),
        ("provider", "{ca_file: none.pem}", "none.pem"),
    ];
    for (section, value, want) in cases {
        let setup = Setup::default().setting("resources", RESOURCES).setting(section, value);
        let folder = folder(&setup);
        std::fs::write(folder.path().join("kubeconfig"), cluster.kubeconfig()).expect("a file");
        let parsed = config::load(&folder.path().join("portcullis.yaml")).expect("settings");
        let started = App::start(&parsed, Clock::manual(UnixTime(NOW)));
        let started = tokio::time::timeout(Duration::from_secs(10), started).await;
        let error = started.expect("at once").expect_err("it does not hold").to_string();
        assert!(error.contains(want), "{section}: {error}");
    }
}

#[tokio::test]
async fn lint_says_what_may_not_be_read_and_a_replica_that_may_write_no_events_goes_on() {
    let cluster = Cluster::start().await;
    cluster.turn(|state| state.refused = [("events", 403)].into());
    let gateway = beside(&cluster, RESOURCES).await;
    cluster.apply(resource("Group", "broken", &json!({"oidcGroup": 1})));
    eventually(|| cluster.asked("POST /apis/events.k8s.io/v1/namespaces/default/events") == 1)
        .await;
    assert_eq!(status(&gateway, &["PetstoreUsers"]).await, 200);
    cluster.turn(|state| state.refused = [("secrets", 403)].into());
    let folder = gateway.folder.path().to_owned();
    let run = tokio::task::spawn_blocking(move || {
        portcullis(&folder, &["lint", "--offline", "--config", "portcullis.yaml"])
    });
    let run = run.await.expect("runs");
    assert_eq!(run.status.code(), Some(1));
    let want = "kubernetes:default/Secret: expected a list: 403 Forbidden";
    assert!(text(&run.stdout).contains(want), "{}", text(&run.stdout));
}

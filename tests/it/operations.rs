//! Running it: listeners, health, readiness, metrics, reload, drain.

use crate::support::gateway::http_get;
use crate::support::{API, Ask, Browser, Gateway, Log, NOW, PORTAL, Provider, Setup, eventually};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use portcullis::clock::Clock;
use portcullis::config::LogFormat;
use portcullis::time::UnixTime;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

#[tokio::test]
async fn health_says_serving_and_then_not_serving() {
    let mut gateway = Gateway::new().await;
    let mut client = HealthClient::new(gateway.channel.clone());
    let service = "envoy.service.auth.v3.Authorization".to_owned();
    for service in [service.clone(), String::new()] {
        let answer = client.check(HealthCheckRequest { service }).await.expect("an answer");
        assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
    }
    let watch = client.watch(HealthCheckRequest { service }).await.expect("a stream");
    let mut watch = watch.into_inner();
    let first = watch.message().await.expect("a message").expect("a status");
    assert_eq!(first.status(), ServingStatus::Serving);
    gateway.stop();
    let next = watch.message().await.expect("a message").expect("a status");
    assert_eq!(next.status(), ServingStatus::NotServing);
    drop(watch);
    drop(client);
    gateway.ended().await;
}

#[tokio::test]
async fn a_stop_lets_the_check_that_runs_end() {
    let mut gateway = Gateway::new().await;
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &format!("{PORTAL}/a")).await;
    let gate = Arc::new(Semaphore::new(0));
    gateway.provider.turn(|knobs| knobs.gate = Some(Arc::clone(&gate)));
    let message = browser.dress(Ask::get(&callback).navigate()).message();
    let mut client = gateway.client.clone();
    let running = tokio::spawn(async move { client.check(message).await });
    eventually(|| gateway.provider.calls("/token", "authorization_code") == 1).await;
    gateway.stop();
    gate.add_permits(1);
    let answer = running.await.expect("runs").expect("an answer").into_inner();
    assert_eq!(crate::support::Answer::read(answer).location(), "/a");
    gateway.ended().await;
}

#[tokio::test]
async fn the_admin_listener_has_life_readiness_and_metrics_and_no_check() {
    let gateway = Gateway::new().await;
    gateway.ask(Ask::get(&format!("{API}/pets"))).await;
    assert_eq!(gateway.admin("/livez").await.0, 200);
    let (status, body) = gateway.admin("/readyz").await;
    assert_eq!(status, 200);
    let ready: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((&ready["ready"], &ready["missing"]), (&json!(true), &json!([])));
    assert_eq!((&ready["portals"], &ready["environments"]), (&json!(1), &json!(1)));
    let (status, metrics) = gateway.admin("/metrics").await;
    assert_eq!(status, 200);
    for part in
        ["portcullis_checks_total{", "reason=\"no_credentials\"", "portcullis_provider_keys"]
    {
        assert!(metrics.contains(part), "{part}: {metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    let check = "/envoy.service.auth.v3.Authorization/Check";
    assert_eq!(gateway.admin(check).await.0, 404);
    let mut there = AuthorizationClient::new(
        Channel::from_shared(format!("http://{}", gateway.admin))
            .expect("an address")
            .connect_lazy(),
    );
    let answer = there.check(Ask::get(API).message()).await;
    assert!(answer.is_err(), "{answer:?}");
}

#[tokio::test]
async fn o17_the_grpc_listener_has_no_metrics() {
    let gateway = Gateway::new().await;
    let mut stream =
        tokio::net::TcpStream::connect(gateway.grpc.expect("TCP")).await.expect("connects");
    let request = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request).await.expect("sent");
    let mut bytes = Vec::new();
    // However it ends: nothing of ours comes.
    let _ended = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut bytes).await;
    assert!(!String::from_utf8_lossy(&bytes).contains("portcullis_"));
}

#[tokio::test]
async fn metrics_and_readiness_tell_no_secrets() {
    let gateway = Gateway::new().await;
    Browser::signed_in(&gateway, &format!("{PORTAL}/")).await;
    for path in ["/metrics", "/readyz"] {
        let (_, text) = gateway.admin(path).await;
        for secret in ["ann@example.com", "00u1", "hush", "refresh-", "eyJ"] {
            assert!(!text.contains(secret), "{path} has {secret}");
        }
    }
}

#[tokio::test]
async fn a_provider_that_is_down_at_the_start_is_said_so_and_recovers() {
    let log = Log::start(LogFormat::Json, tracing::Level::WARN);
    let clock = Clock::manual(UnixTime(NOW));
    let provider = Arc::new(Provider::start(clock.clone()).await);
    provider.turn(|knobs| knobs.fetch_status = 500);
    let gateway = Gateway::beside(Arc::clone(&provider), clock, Setup::default()).await;
    let said = log.text();
    assert!(said.contains("\"no keys: no login begins") && !said.contains("stay in use"), "{said}");
    let page = || Ask::get(&format!("{PORTAL}/a")).navigate();
    assert!(gateway.ask(page()).await.refused(503, "provider_unavailable").is_page());
    let login = Ask::get(&format!("{PORTAL}/.auth/login")).navigate();
    gateway.ask(login).await.refused(503, "provider_unavailable");
    let (status, body) = gateway.admin("/readyz").await;
    assert_eq!(status, 200, "one provider's outage takes no replica out");
    assert!(body.contains(&format!("keys of {}", provider.issuer)), "{body}");
    provider.turn(|knobs| knobs.fetch_status = 200);
    eventually(|| !gateway.providers.is_down(&gateway.providers.report()[0].issuer)).await;
    Browser::signed_in(&gateway, &format!("{PORTAL}/a")).await;
    let (_, body) = gateway.admin("/readyz").await;
    assert!(body.contains("\"missing\":[]"), "{body}");
    provider.turn(|knobs| knobs.fetch_status = 500);
    let issuer = gateway.providers.report()[0].issuer.clone();
    gateway.providers.refresh_keys(&issuer).await.expect_err("500");
    assert!(log.text().contains("the last good ones stay in use"), "{}", log.text());
}

#[tokio::test]
async fn a_provider_that_calls_itself_otherwise_is_not_believed() {
    for discovery in [
        json!({"issuer": "https://evil.example"}),
        json!({"jwks_uri": "http://evil.example/k"}),
        json!({"token_endpoint": "http://evil.example/token"}),
        json!({"authorization_endpoint": null}),
    ] {
        let clock = Clock::manual(UnixTime(NOW));
        let provider = Provider::start(clock.clone()).await;
        provider.turn(|knobs| knobs.discovery = discovery.clone());
        let gateway = Gateway::beside(Arc::new(provider), clock, Setup::default()).await;
        let answer = gateway.ask(Ask::get(&format!("{PORTAL}/a")).navigate()).await;
        assert_eq!((answer.status, answer.reason()), (503, "provider_unavailable"), "{discovery}");
    }
}

#[tokio::test]
async fn a_provider_on_an_address_that_settings_do_not_allow_is_not_reached() {
    let setup = Setup::default().setting("provider", "{allow_http: true}");
    let gateway = Gateway::with(setup).await;
    let answer = gateway.ask(Ask::get(&format!("{PORTAL}/a")).navigate()).await;
    answer.refused(503, "provider_unavailable");
    assert_eq!(gateway.provider.calls("/.well-known/openid-configuration", ""), 0);
}

#[tokio::test]
async fn a_deadline_that_is_too_short_is_answered_before_it() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &format!("{PORTAL}/a")).await;
    let gate = Arc::new(Semaphore::new(0));
    gateway.provider.turn(|knobs| knobs.gate = Some(Arc::clone(&gate)));
    let ask = || browser.dress(Ask::get(&callback).navigate());
    let answer = gateway.ask_within(ask(), Duration::from_millis(250)).await;
    assert!(answer.refused(503, "deadline_too_short").is_page());
    gate.add_permits(1);
    assert_eq!(gateway.ask(ask()).await.location(), "/a", "the code was not lost");
    assert_eq!(gateway.provider.calls("/token", "authorization_code"), 1);
}

#[tokio::test]
async fn a_changed_file_takes_effect_and_a_broken_one_leaves_the_last_good_in_force() {
    let log = Log::start(LogFormat::Json, tracing::Level::INFO);
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let ask = || gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token));
    ask().await.granted();
    let write = |setup: &Setup| {
        let text = setup.resources(&gateway.provider.issuer);
        std::fs::write(gateway.folder.path().join("portal/all.yaml"), text).expect("written");
        gateway.reload.notify_one();
    };
    write(&Setup::default().edit("groupNames: [PetstoreUsers]", "groupNames: [Others]"));
    let changed = async { while ask().await.allowed {} };
    tokio::time::timeout(Duration::from_secs(10), changed).await.expect("takes effect");
    write(&Setup::default());
    let changed = async { while !ask().await.allowed {} };
    tokio::time::timeout(Duration::from_secs(10), changed).await.expect("takes effect");
    // A Group that does not hold keeps its last version; a new one beside it takes effect.
    let second = "apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: second, namespace: default}
spec:
  accessLevel:
    apis:
    - products: {names: [petstore-product], namespaces: [default]}
      environments: {names: [dev], namespaces: [default]}
    portals: [{name: petstore-portal, namespace: default}]
  oidcGroup: {groupNames: [Others]}
";
    let broken = Setup::default().edit("groupNames: [PetstoreUsers]", "groupNames: {a: b}");
    write(&broken.add(second));
    let other = gateway.provider.id_token(&json!({"groups": ["Others"]}));
    let other = || gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&other));
    let changed = async { while !other().await.allowed {} };
    tokio::time::timeout(Duration::from_secs(10), changed).await.expect("takes effect");
    ask().await.granted();
    let partly = log.text();
    let partly = partly.lines().find(|line| line.contains("stay as they last held"));
    let partly: Value = serde_json::from_str(partly.expect("is said")).expect("JSON");
    assert_eq!((&partly["level"], &partly["errors"]), (&json!("WARN"), &json!(1)));
    // A file that is no YAML, and then a folder that is gone, change nothing at all.
    std::fs::write(gateway.folder.path().join("portal/all.yaml"), "{{{").expect("written");
    gateway.load().await;
    ask().await.granted();
    std::fs::remove_dir_all(gateway.folder.path().join("portal")).expect("removed");
    gateway.load().await;
    ask().await.granted();
    other().await.granted();
    assert!(log.text().contains("reload: the last policy stays in force"), "{}", log.text());
}

#[tokio::test]
async fn files_are_watched() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let ask = || gateway.ask(Ask::get(&format!("{API}/pets")).bearer(&token));
    ask().await.granted();
    let setup = Setup::default().edit("groupNames: [PetstoreUsers]", "groupNames: [Others]");
    let text = setup.resources(&gateway.provider.issuer);
    std::fs::write(gateway.folder.path().join("portal/all.yaml"), text).expect("written");
    let changed = async { while ask().await.allowed {} };
    tokio::time::timeout(Duration::from_secs(10), changed).await.expect("takes effect");
}

#[tokio::test]
async fn a_unix_socket_serves_checks() {
    let setup =
        Setup::default().setting("listen", "{grpc: 'unix:authz.sock', admin: '127.0.0.1:0'}");
    let mut gateway = Gateway::with(setup).await;
    assert!(gateway.grpc.is_none());
    gateway.ask(Ask::get(&format!("{API}/pets"))).await.refused(401, "no_credentials");
    let socket = gateway.folder.path().join("authz.sock");
    assert!(socket.exists());
    gateway.stop();
    gateway.ended().await;
    assert!(!socket.exists(), "nobody has to clean up");
}

/// A CA, and what it signed for a name.
struct Pki {
    ca: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).expect("a certificate").pem();
        Self { ca, issuer: Issuer::new(params, key) }
    }

    /// Certificate and key.
    fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new([name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}

async fn over_tls(gateway: &Gateway, tls: ClientTlsConfig) -> Result<bool, String> {
    let address = format!("https://{}", gateway.grpc.expect("TCP"));
    let endpoint = Channel::from_shared(address).expect("an address").tls_config(tls);
    let channel = endpoint.expect("a configuration").connect().await.map_err(|e| e.to_string())?;
    let answer = AuthorizationClient::new(channel).check(Ask::get(API).message()).await;
    let answer = answer.map_err(|status| status.to_string())?;
    Ok(crate::support::Answer::read(answer.into_inner()).allowed)
}

#[tokio::test]
async fn o16_tls_serves_clients_that_trust_it_and_mutual_tls_those_with_a_certificate() {
    let pki = Pki::new();
    let (cert, key) = pki.sign("localhost");
    let files =
        |setup: Setup| setup.file("cert.pem", &cert).file("key.pem", &key).file("ca.pem", &pki.ca);
    let listen = |tls: &str| format!("{{grpc: '127.0.0.1:0', admin: '127.0.0.1:0', tls: {tls}}}");
    let trusting = || {
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(&pki.ca))
            .domain_name("localhost")
    };
    let one_way = listen("{cert_file: cert.pem, key_file: key.pem}");
    let gateway = Gateway::with(files(Setup::default()).setting("listen", &one_way)).await;
    assert_eq!(over_tls(&gateway, trusting()).await, Ok(false));
    let stranger = Certificate::from_pem(&Pki::new().ca);
    let distrusting = ClientTlsConfig::new().ca_certificate(stranger).domain_name("localhost");
    assert!(over_tls(&gateway, distrusting).await.is_err());
    let plain = gateway.client.clone().check(Ask::get(API).message()).await;
    assert!(plain.is_err(), "plain text");

    let mutual = listen("{cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem}");
    let gateway = Gateway::with(files(Setup::default()).setting("listen", &mutual)).await;
    assert!(over_tls(&gateway, trusting()).await.is_err(), "no certificate");
    let (other_cert, other_key) = Pki::new().sign("envoy");
    let other = trusting().identity(Identity::from_pem(other_cert, other_key));
    assert!(over_tls(&gateway, other).await.is_err(), "a certificate of somebody else");
    // The CA says who the gateway is: no setting asks for a name, such as a SPIFFE id, besides.
    let (own_cert, own_key) = pki.sign("envoy");
    let own = trusting().identity(Identity::from_pem(own_cert, own_key));
    assert_eq!(over_tls(&gateway, own).await, Ok(false));
    assert_eq!(http_get(gateway.admin, "/livez").await.0, 200);
}

//! Traces: one span a check of a sampled trace, joined to it; otherwise nothing; and a collector that is
//! down changes no answer.

use crate::support::collector::{Collector, attribute};
use crate::support::{API, Ask, Browser, Gateway, PORTAL, Setup, eventually};
use futures_util::future::join_all;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::json;
use tonic::Request;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const CHECK: &str = "envoy.service.auth.v3.Authorization/Check";

fn sampled() -> String {
    format!("00-{TRACE}-{PARENT}-01")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn setup(endpoint: &str) -> Setup {
    Setup::default().setting("telemetry", &format!("{{otlp_endpoint: '{endpoint}'}}"))
}

async fn traced(collector: &Collector) -> Gateway {
    Gateway::with(setup(&collector.endpoint)).await
}

/// What the collector has when the service, which sends the rest, has ended.
async fn spans(mut gateway: Gateway, collector: &Collector) -> Vec<Span> {
    gateway.stop();
    gateway.ended().await;
    collector.spans()
}

#[tokio::test]
async fn a_check_of_a_sampled_trace_is_a_span_of_it_that_says_what_was_decided_and_not_of_whom() {
    let collector = Collector::start(200).await;
    let gateway = traced(&collector).await;
    let pets = || Ask::get(&format!("{API}/pets")).header("traceparent", &sampled());
    let token = gateway.provider.id_token(&json!({}));
    gateway.ask(pets().bearer(&token)).await.granted();
    gateway.ask(pets()).await.refused(401, "no_credentials");
    gateway.ask(pets().path("/a/../b")).await.refused(400, "ambiguous_request");
    gateway.ask(pets().host("nowhere.example")).await.refused(403, "no_route");
    let spans = spans(gateway, &collector).await;
    let told: Vec<[String; 5]> = spans
        .iter()
        .map(|span| {
            ["decision", "reason", "portal", "environment", "product"]
                .map(|key| attribute(&span.attributes, &format!("portcullis.{key}")))
        })
        .collect();
    let portal = "petstore-portal.default";
    let (environment, product) = ("dev.default", "petstore-product.default");
    assert_eq!(
        told,
        [
            ["allow", "granted", portal, environment, product],
            ["deny", "no_credentials", portal, environment, product],
            ["deny", "ambiguous_request", "", "", ""],
            ["deny", "no_route", "", "", ""],
        ]
    );
    for span in &spans {
        assert_eq!((hex(&span.trace_id), hex(&span.parent_span_id)), (TRACE.into(), PARENT.into()));
        assert_eq!((span.name.as_str(), span.kind()), (CHECK, SpanKind::Server));
        assert!(span.start_time_unix_nano > 0);
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        assert_eq!(span.status, None);
    }
    let mut ids: Vec<&[u8]> = spans.iter().map(|span| span.span_id.as_slice()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), spans.len(), "an id twice");
    let text = String::from_utf8_lossy(&collector.bytes()).into_owned();
    for secret in ["00u1", "ann@", "PetstoreUsers", "session-1", &token] {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn what_is_not_sampled_or_malformed_has_no_span() {
    let collector = Collector::start(200).await;
    let gateway = traced(&collector).await;
    let unsampled = sampled().replace("-01", "-00");
    let zero = sampled().replace(PARENT, "0000000000000000");
    let (upper, short) = (sampled().to_uppercase(), sampled().replacen('0', "", 1));
    for traceparent in [unsampled.as_str(), &zero, &upper, "", "00", "\u{1}", &short] {
        gateway.ask(Ask::get(&format!("{API}/pets")).header("traceparent", traceparent)).await;
    }
    gateway.ask(Ask::get(&format!("{API}/pets"))).await;
    assert_eq!(spans(gateway, &collector).await, []);
    assert!(collector.bytes().is_empty(), "not even an empty request");
}

#[tokio::test]
async fn the_call_s_own_header_counts_before_the_request_s() {
    let collector = Collector::start(200).await;
    let gateway = traced(&collector).await;
    let other = "11111111111111111111111111111111-2222222222222222";
    for (own, of_request) in [
        (format!("00-{other}-01"), sampled()),
        (format!("00-{other}-00"), sampled()),
        ("nonsense".to_owned(), sampled()),
        (format!("00-{other}-01"), "nonsense".to_owned()),
    ] {
        let ask = Ask::get(&format!("{API}/pets")).header("traceparent", &of_request);
        let mut request = Request::new(ask.message());
        request.metadata_mut().insert("traceparent", own.parse().expect("a value"));
        gateway.client.clone().check(request).await.expect("never an RPC error");
    }
    let spans = spans(gateway, &collector).await;
    let joined: Vec<String> = spans
        .iter()
        .map(|span| format!("{}-{}", hex(&span.trace_id), hex(&span.parent_span_id)))
        .collect();
    assert_eq!(joined, [other, other]);
}

#[tokio::test]
async fn calls_to_the_provider_are_spans_below_the_check() {
    let collector = Collector::start(200).await;
    let gateway = traced(&collector).await;
    // No groups in the ID token: userinfo is asked as well.
    gateway.provider.turn(|knobs| knobs.id_token = json!({"groups": null}));
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &format!("{PORTAL}/a")).await;
    let ask = Ask::get(&callback).navigate().header("traceparent", &sampled());
    browser.send(&gateway, ask).await.sent_to("/a", "endpoint");
    let unknown = crate::support::token::Signer::new("key-9");
    let claims = gateway.provider.bearer_claims(&json!({}));
    let unknown = unknown.sign_as(&json!({"alg": "ES256", "kid": "key-9"}), &claims);
    let ask = Ask::get(&format!("{API}/pets")).header("traceparent", &sampled());
    gateway.ask(ask.bearer(&unknown)).await.refused(401, "invalid_token");
    let issuer = gateway.provider.issuer.clone();
    let spans = spans(gateway, &collector).await;
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["provider token", "provider userinfo", CHECK, "provider keys", CHECK]);
    for (child, check) in [(0, 2), (1, 2), (3, 4)] {
        let (child, check) = (&spans[child], &spans[check]);
        assert_eq!((&child.trace_id, &child.parent_span_id), (&check.trace_id, &check.span_id));
        assert_eq!((child.kind(), child.attributes.len()), (SpanKind::Client, 1));
        assert_eq!(attribute(&child.attributes, "portcullis.issuer"), issuer);
        assert_eq!(child.status, None);
        assert!(child.start_time_unix_nano >= check.start_time_unix_nano);
        assert!(child.end_time_unix_nano <= check.end_time_unix_nano);
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_a_span_that_says_so() {
    let collector = Collector::start(200).await;
    let gateway = traced(&collector).await;
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &format!("{PORTAL}/a")).await;
    gateway.provider.turn(|knobs| knobs.token_error = Some((503, "temporarily_unavailable")));
    let ask = Ask::get(&callback).navigate().header("traceparent", &sampled());
    browser.send(&gateway, ask).await.refused(503, "provider_unavailable");
    let spans = spans(gateway, &collector).await;
    let failed: Vec<(&str, bool)> = spans
        .iter()
        .map(|span| {
            let code = span.status.as_ref().map(Status::code);
            (span.name.as_str(), code == Some(StatusCode::Error))
        })
        .collect();
    assert_eq!(failed, [("provider token", true), (CHECK, true)]);
}

fn outcome(outcome: &str) -> String {
    format!("portcullis_spans_total{{outcome=\"{outcome}\"}}")
}

#[tokio::test]
async fn a_collector_that_is_down_changes_no_answer_and_is_counted() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = format!("http://{}", gone.local_addr().expect("an address"));
    drop(gone);
    let failing = Collector::start(503).await;
    for endpoint in [&nobody, &failing.endpoint] {
        let gateway = Gateway::with(setup(endpoint)).await;
        for _check in 0..20 {
            let ask = Ask::get(&format!("{API}/pets")).header("traceparent", &sampled());
            gateway.ask(ask).await.refused(401, "no_credentials");
        }
        let counted = async { while gateway.metric(&outcome("failed")).await < 20 {} };
        tokio::time::timeout(std::time::Duration::from_secs(20), counted).await.expect("counted");
        assert_eq!(gateway.metric(&outcome("exported")).await, 0);
    }
}

#[tokio::test]
async fn a_collector_that_hangs_fills_a_bounded_queue_and_what_is_more_is_dropped() {
    // Takes connections, and never answers.
    let hung = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", hung.local_addr().expect("an address"));
    let gateway = Gateway::with(setup(&endpoint)).await;
    for _round in 0..50 {
        let ask = || Ask::get("http://nowhere.example/").header("traceparent", &sampled());
        let answers = join_all((0..100).map(|_| gateway.ask(ask()))).await;
        assert!(answers.iter().all(|answer| answer.reason() == "no_route"));
    }
    let dropped = gateway.metric(&outcome("dropped")).await;
    assert!((1..1000).contains(&dropped), "{dropped}");
}

#[tokio::test]
async fn what_was_sent_is_counted_and_without_a_collector_there_is_no_such_metric() {
    let collector = Collector::start(200).await;
    let gateway = traced(&collector).await;
    gateway.ask(Ask::get(&format!("{API}/pets")).header("traceparent", &sampled())).await;
    eventually(|| !collector.spans().is_empty()).await;
    let counted = async { while gateway.metric(&outcome("exported")).await < 1 {} };
    tokio::time::timeout(std::time::Duration::from_secs(10), counted).await.expect("counted");
    let without = Gateway::new().await;
    without.ask(Ask::get(&format!("{API}/pets")).header("traceparent", &sampled())).await;
    assert!(!without.admin("/metrics").await.1.contains("portcullis_spans_total{"));
}

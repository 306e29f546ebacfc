//! An OTLP collector on loopback, that reads what comes with OpenTelemetry's own messages.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

/// A collector; it ends with the value.
pub(crate) struct Collector {
    /// What `telemetry.otlp_endpoint` is to be.
    pub(crate) endpoint: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    status: StatusCode,
    bodies: Mutex<Vec<Bytes>>,
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Collector {
    /// A collector that answers every request with `status`, below a path of its own.
    pub(crate) async fn start(status: u16) -> Self {
        let status = StatusCode::from_u16(status).expect("a status");
        let shared = Arc::new(Shared { status, bodies: Mutex::default() });
        let app =
            Router::new().route("/otel/v1/traces", post(take)).with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let endpoint = format!("http://{}/otel/", listener.local_addr().expect("an address"));
        let task = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        Self { endpoint, shared, task }
    }

    /// Everything that came, undecoded.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.shared.bodies.lock().expect("a lock").concat()
    }

    /// The spans so far; what is said of the service is as it should be.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let bodies = self.shared.bodies.lock().expect("a lock");
        let requests = bodies.iter().map(|body| {
            ExportTraceServiceRequest::decode(body.clone()).expect("an ExportTraceServiceRequest")
        });
        let mut spans = Vec::new();
        for resource in requests.flat_map(|request| request.resource_spans) {
            let service = resource.resource.expect("a resource").attributes;
            assert_eq!(attribute(&service, "service.name"), "portcullis");
            assert_eq!(attribute(&service, "service.version"), env!("CARGO_PKG_VERSION"));
            for scope in resource.scope_spans {
                assert_eq!(scope.scope.expect("a scope").name, "portcullis");
                spans.extend(scope.spans);
            }
        }
        spans
    }
}

/// The text of an attribute; empty where it is not there.
pub(crate) fn attribute(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.clone()?.value) {
        Some(Value::StringValue(text)) => text,
        None => String::new(),
        other => panic!("{key}: {other:?}"),
    }
}

async fn take(State(shared): State<Arc<Shared>>, head: HeaderMap, body: Bytes) -> StatusCode {
    assert_eq!(head["content-type"], "application/x-protobuf");
    shared.bodies.lock().expect("a lock").push(body);
    shared.status
}

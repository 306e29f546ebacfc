//! Spans as an OTLP collector reads them.
//!
//! Pure: no I/O, no clock.

use crate::trace::{Attribute, Kind, Span};
use prost::Message;

#[expect(unreachable_pub, reason = "what is generated does not know where it is included")]
#[expect(clippy::doc_markdown, reason = "nor how we write")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/portcullis.otlp.v1.rs"));
}

use generated::{
    AnyValue, ExportTraceServiceRequest, ExportTraceServiceResponse, InstrumentationScope,
    KeyValue, Resource, ResourceSpans, ScopeSpans, SpanKind, Status, StatusCode, any_value,
};

/// The body of a request with these spans.
pub(super) fn encode(spans: Vec<Span>) -> Vec<u8> {
    let version = env!("CARGO_PKG_VERSION");
    let service = [("service.name", "portcullis"), ("service.version", version)];
    let attributes = service.map(|(key, value)| pair((key, value.to_owned()))).into();
    let scope = InstrumentationScope { name: "portcullis".to_owned(), version: version.to_owned() };
    let spans = spans.into_iter().map(span).collect();
    let resource_spans = ResourceSpans {
        resource: Some(Resource { attributes }),
        scope_spans: vec![ScopeSpans { scope: Some(scope), spans }],
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }.encode_to_vec()
}

/// How many spans of a request that it took a collector left out, by its answer. One that says nothing
/// that can be read took all.
pub(super) fn rejected(answer: &[u8]) -> u64 {
    let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
    let rejected = answer.partial_success.map(|partial| partial.rejected_spans);
    rejected.and_then(|spans| u64::try_from(spans).ok()).unwrap_or_default()
}

fn span(span: Span) -> generated::Span {
    let kind = match span.kind {
        Kind::Server => SpanKind::Server,
        Kind::Client => SpanKind::Client,
    };
    generated::Span {
        trace_id: span.trace_id.into(),
        span_id: span.span_id.into(),
        parent_span_id: span.parent_id.into(),
        name: span.name.to_owned(),
        kind: kind.into(),
        start_time_unix_nano: span.started_at,
        end_time_unix_nano: span.ended_at,
        attributes: span.attributes.into_iter().map(pair).collect(),
        status: span.failed.then(|| Status { code: StatusCode::Error.into() }),
    }
}

fn pair((key, value): Attribute) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value)) };
    KeyValue { key: key.to_owned(), value: Some(value) }
}

#[cfg(test)]
mod tests {
    use super::generated::ExportTracePartialSuccess;
    use super::*;

    #[test]
    fn reads_how_many_spans_were_left_out() {
        let partial = |rejected_spans| ExportTraceServiceResponse {
            partial_success: Some(ExportTracePartialSuccess { rejected_spans }),
        };
        for (answer, want) in [
            (ExportTraceServiceResponse::default().encode_to_vec(), 0),
            (partial(3).encode_to_vec(), 3),
            (partial(-3).encode_to_vec(), 0),
            (b"ok".to_vec(), 0),
        ] {
            assert_eq!(rejected(&answer), want, "{answer:?}");
        }
    }
}

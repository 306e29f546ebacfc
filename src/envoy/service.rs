//! A message in, an answer out: what Envoy's call comes to.

use super::{Ambiguous, Handler, decode, encode};
use crate::attributes::{Headers, Method};
use crate::check::{Checker, RequestId};
use crate::decision::{
    Asked, Checked, ClientKind, Denied, Facts, Hint, Reason, Status as HttpStatus, classify_client,
};
use crate::telemetry::{CHECK_SPAN, CheckMetrics, end_span};
use crate::trace::Tracer;
use bytes::Bytes;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long before the gateway's own deadline we answer, so that it is our answer that counts.
const BEFORE_DEADLINE: Duration = Duration::from_millis(50);

/// Answers checks.
#[derive(Clone, Debug)]
pub struct AuthorizationService {
    checker: Checker,
    metrics: CheckMetrics,
    tracer: Option<Tracer>,
}

impl AuthorizationService {
    /// Answers by `checker`.
    #[must_use]
    pub const fn new(checker: Checker, metrics: CheckMetrics) -> Self {
        Self { checker, metrics, tracer: None }
    }

    /// The same with spans, for checks that belong to a sampled trace.
    #[must_use]
    pub fn traced(self, tracer: Option<Tracer>) -> Self {
        Self { tracer, ..self }
    }

    /// As [`Self::answer_in_trace`], for a call that is a part of none.
    pub async fn answer(&self, message: Option<Bytes>, timeout: Option<&str>) -> Bytes {
        self.answer_in_trace(message, timeout, None).await
    }

    /// Decodes, checks, encodes. `message` is `None` where what came was none; `timeout` is the text of
    /// `grpc-timeout`, `traceparent` that of the call's own header. Without it, the request's counts: a
    /// gateway that does not trace hands the client's on.
    pub async fn answer_in_trace(
        &self,
        message: Option<Bytes>,
        timeout: Option<&str>,
        traceparent: Option<&str>,
    ) -> Bytes {
        let started = Instant::now();
        let deadline = timeout
            .and_then(grpc_timeout)
            .map(|timeout| started + timeout.saturating_sub(BEFORE_DEADLINE));
        let unreadable = || Ambiguous { part: "message", ..Ambiguous::default() };
        let decoded = message.as_deref().ok_or_else(unreadable).and_then(decode);
        let (method, headers, host) = match &decoded {
            Ok(attributes) => {
                (attributes.method, &attributes.headers, attributes.host.name.as_str())
            }
            Err(ambiguous) => (Method::Get, &ambiguous.headers, ""),
        };
        let id = RequestId::of(headers);
        let client = classify_client(method, headers);
        let span = self.tracer.as_ref().and_then(|tracer| {
            tracer.open(traceparent.or_else(|| headers.only("traceparent"))?, CHECK_SPAN)
        });
        // Decides, whatever happens: in time, and even where our own code is at fault.
        let checked = match (&decoded, &span) {
            (Ok(attributes), None) => {
                guarded(self.checker.check(attributes, client, deadline), deadline).await
            }
            (Ok(attributes), Some(span)) => {
                let check = guarded(self.checker.check(attributes, client, deadline), deadline);
                // Apart, so that what is not traced is not larger for it.
                Box::pin(span.within(check)).await
            }
            (Err(ambiguous), _) => refuse_ambiguous(ambiguous.part),
        };
        self.metrics.ended(&checked, id.as_str(), started.elapsed());
        if let Some(span) = span {
            end_span(span, &checked);
        }
        encode(&checked, &Asked { client, host, request_id: id.as_str() })
    }
}

impl Handler for AuthorizationService {
    async fn answer(
        &self,
        message: Option<Bytes>,
        grpc_timeout: Option<&str>,
        traceparent: Option<&str>,
    ) -> Bytes {
        self.answer_in_trace(message, grpc_timeout, traceparent).await
    }

    fn is_traced(&self) -> bool {
        self.tracer.is_some()
    }

    /// Our own fault, of which nothing else is known.
    fn answer_to_panic(&self) -> Bytes {
        refuse_panic()
    }
}

pub(super) fn refuse_panic() -> Bytes {
    let id = RequestId::of(&Headers::default());
    let asked = Asked { client: ClientKind::Other, host: "", request_id: id.as_str() };
    encode(&refuse_internal(), &asked)
}

/// What `check` comes to; a refusal where it panics, or is not over at `deadline`.
async fn guarded(
    check: impl Future<Output = Checked> + Send,
    deadline: Option<Instant>,
) -> Checked {
    // A panic ends this check alone; what it had under way is dropped with it.
    let check = AssertUnwindSafe(check).catch_unwind();
    let ended = match deadline {
        Some(deadline) => timeout_at(deadline, check).await,
        None => Ok(check.await),
    };
    match ended {
        Ok(Ok(checked)) => checked,
        Ok(Err(_panic)) => refuse_internal(),
        Err(_elapsed) => refuse_late(),
    }
}

/// How long the gateway waits (gRPC over HTTP/2, `grpc-timeout`): at most eight digits and a unit.
pub(super) fn grpc_timeout(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let digits = text.strip_suffix(unit).filter(|digits| digits.len() <= 8)?;
    let amount: u64 = digits.parse().ok()?;
    match unit {
        'H' => amount.checked_mul(3600).map(Duration::from_secs),
        'M' => amount.checked_mul(60).map(Duration::from_secs),
        'S' => Some(Duration::from_secs(amount)),
        'm' => Some(Duration::from_millis(amount)),
        'u' => Some(Duration::from_micros(amount)),
        'n' => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

fn refuse_ambiguous(part: &'static str) -> Checked {
    let facts = Facts { hint: Some(Hint::Ambiguous(part)), ..Facts::default() };
    Checked::denied(Denied::ambiguous(), facts)
}

fn refuse_internal() -> Checked {
    let denied = Denied::refuse(
        Reason::Internal,
        HttpStatus::ServiceUnavailable,
        "Something went wrong on our side",
        "The request was not passed on. Please try again.",
    );
    Checked::denied(denied.header("retry-after", "1"), Facts::default())
}

fn refuse_late() -> Checked {
    let denied = Denied::refuse(
        Reason::DeadlineTooShort,
        HttpStatus::ServiceUnavailable,
        "This takes longer than expected",
        "The gateway waits for a shorter time than the answer takes. Please try again.",
    );
    Checked::denied(denied.header("retry-after", "1"), Facts::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn o13_a_panic_in_a_check_is_a_denied_503() {
        let checked = guarded(async { panic!("a bug") }, None).await;
        assert_eq!(checked.reason, Reason::Internal);
        let status = checked.outcome.err().map(|denied| denied.status);
        assert_eq!(status, Some(HttpStatus::ServiceUnavailable));
    }

    #[tokio::test]
    async fn what_is_too_late_is_a_denied_503() {
        let checked = guarded(std::future::pending(), Some(Instant::now())).await;
        assert_eq!(checked.reason, Reason::DeadlineTooShort);
        assert!(checked.outcome.is_err());
    }

    #[test]
    fn reads_the_gateway_s_deadline() {
        let cases = [
            ("200m", Some(Duration::from_millis(200))),
            ("10S", Some(Duration::from_secs(10))),
            ("500000u", Some(Duration::from_millis(500))),
            ("1H", Some(Duration::from_secs(3600))),
            ("99999999S", Some(Duration::from_secs(99_999_999))),
            ("100000000S", None),
            ("18446744073709551615S", None),
            ("", None),
            ("m", None),
            ("-1S", None),
            ("1x", None),
        ];
        for (text, want) in cases {
            assert_eq!(grpc_timeout(text), want, "{text}");
        }
    }
}

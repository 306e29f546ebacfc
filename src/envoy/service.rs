//! A message in, an answer out: what Envoy's call comes to.

use super::{Ambiguous, Answering, Handler, Metadata, decode, encode};
use crate::attributes::{Attributes, Headers, Method};
use crate::check::Checker;
use crate::decision::{
    Asked, Checked, ClientKind, Denied, Facts, Hint, LazyClient, Reason, Status as HttpStatus,
};
use crate::telemetry::{self, CHECK_SPAN, CheckMetrics, LazyRequestId, RequestId, end_span};
use crate::trace::{Open, Tracer};
use bytes::Bytes;
use futures_util::FutureExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
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

    /// Decodes, checks, encodes, for a call that is a part of no trace. `message` is `None` where what came
    /// was none; `timeout` is the text of `grpc-timeout`.
    #[must_use]
    pub fn answer(&self, message: Option<Bytes>, timeout: Option<&str>) -> Answering<'_> {
        self.answer_in_trace(message, || timeout, None)
    }

    /// The same for a call with its own `traceparent`. Without it, the request's counts: a gateway that
    /// does not trace hands the client's on.
    fn answer_in_trace<'t>(
        &self,
        message: Option<Bytes>,
        timeout: impl FnOnce() -> Option<&'t str>,
        traceparent: Option<&str>,
    ) -> Answering<'_> {
        let started = Instant::now();
        let span = match self.answer_at_once(message.as_deref(), traceparent, started) {
            Ok(answer) => return Answering::Ready(answer),
            Err(span) => span,
        };
        let until = |timeout: Duration| started + timeout.saturating_sub(BEFORE_DEADLINE);
        let deadline = timeout().and_then(grpc_timeout).map(until);
        Answering::Waits(self.answer_in_time(message, started, deadline, span).boxed())
    }

    /// The answer, where nobody has to be waited for, and nothing is told of a span. Otherwise the span that
    /// the check belongs to.
    fn answer_at_once(
        &self,
        message: Option<&[u8]>,
        traceparent: Option<&str>,
        started: Instant,
    ) -> Result<Bytes, Option<Open>> {
        let mut headers = Headers::default();
        let read = Request::read(message, &mut headers);
        let request = Request::of(&read);
        if let Some(span) = self.tracer.as_ref().and_then(|tracer| {
            let own = || request.headers().only("traceparent");
            tracer.open(traceparent.or_else(own)?, CHECK_SPAN)
        }) {
            return Err(Some(span));
        }
        let mut checked = None;
        match &read {
            // Decides, whatever happens: even where our own code is at fault.
            Ok(attributes) => {
                let ran = catch_unwind(AssertUnwindSafe(|| {
                    self.checker.check_at_once(attributes, &request.client, &mut checked);
                }));
                if ran.is_err() {
                    checked = Some(refuse_internal());
                }
            }
            Err(ambiguous) => checked = Some(refuse_ambiguous(ambiguous.part)),
        }
        Ok(self.ended(&request, checked.as_ref().ok_or(None)?, started))
    }

    /// The same, from its beginning, where somebody is waited for, but not beyond `deadline`.
    async fn answer_in_time(
        &self,
        message: Option<Bytes>,
        started: Instant,
        deadline: Option<Instant>,
        span: Option<Open>,
    ) -> Bytes {
        let mut headers = Headers::default();
        let read = Request::read(message.as_deref(), &mut headers);
        let request = Request::of(&read);
        let checked = match (&read, &span) {
            (Ok(attributes), None) => {
                guarded(self.checker.check(attributes, &request.client, deadline), deadline).await
            }
            (Ok(attributes), Some(span)) => {
                let check = self.checker.check(attributes, &request.client, deadline);
                span.within(guarded(check, deadline)).await
            }
            (Err(ambiguous), _) => refuse_ambiguous(ambiguous.part),
        };
        let answer = self.ended(&request, &checked, started);
        if let Some(span) = span {
            end_span(span, &checked);
        }
        answer
    }

    /// Counts, logs, encodes.
    fn ended(&self, request: &Request<'_, '_>, checked: &Checked, started: Instant) -> Bytes {
        let Request { read, id, client } = request;
        let told = telemetry::Request { id, attributes: read.as_ref().ok() };
        self.metrics.ended(checked, &told, || self.checker.policy(), started.elapsed());
        // What passes says neither.
        let (client, request_id) = match checked.outcome {
            Ok(_) => (ClientKind::Other, ""),
            Err(_) => (client.kind(), id.as_str()),
        };
        encode(checked, &Asked { client, host: request.host(), request_id })
    }
}

/// A request, as far as it could be read.
struct Request<'r, 'm> {
    read: &'r Read<'m>,
    id: LazyRequestId<'r>,
    client: LazyClient<'r>,
}

/// What became of reading it.
type Read<'m> = Result<Attributes<'m>, Ambiguous<'m>>;

impl<'r, 'm> Request<'r, 'm> {
    fn read<'w: 'm>(message: Option<&'w [u8]>, headers: &'m mut Headers<'w>) -> Read<'m> {
        match message {
            Some(message) => decode(message, headers),
            None => Err(Ambiguous { headers, part: "message" }),
        }
    }

    fn of(read: &'r Read<'m>) -> Self {
        let method = read.as_ref().map_or(Method::Get, |attributes| attributes.method);
        let headers = headers(read);
        let (id, client) = (LazyRequestId::of(headers), LazyClient::of(method, headers));
        Self { read, id, client }
    }

    const fn headers(&self) -> &'m Headers<'m> {
        headers(self.read)
    }

    fn host(&self) -> &'r str {
        self.read.as_ref().map_or("", |attributes| attributes.host.name.as_str())
    }
}

/// The headers, also of a request that could be read in two ways.
const fn headers<'m>(read: &Read<'m>) -> &'m Headers<'m> {
    match read {
        Ok(attributes) => attributes.headers,
        Err(ambiguous) => ambiguous.headers,
    }
}

impl Handler for AuthorizationService {
    fn answer(&self, message: Option<Bytes>, metadata: Metadata<'_>) -> Answering<'_> {
        let traceparent = self.tracer.as_ref().and_then(|_tracer| metadata.traceparent());
        self.answer_in_trace(message, || metadata.grpc_timeout(), traceparent)
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

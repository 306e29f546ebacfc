//! Opens spans and hands ended ones to whoever exports them.

use super::parent::TraceParent;
use super::span::{Attribute, Kind, Span};
use crate::clock::Clock;
use crate::random;
use futures_util::future::Either;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::Instant;

/// Ended spans that may wait; one takes about 400 bytes.
const QUEUE: usize = 4096;

/// What became of spans, for metrics.
#[derive(Debug, Default)]
pub struct SpanCounts {
    /// The collector took them.
    pub exported: AtomicU64,
    /// The queue was full.
    pub dropped: AtomicU64,
    /// The collector did not take them, or could not be reached.
    pub failed: AtomicU64,
}

/// Opens spans. Clones share everything.
#[derive(Clone)]
pub struct Tracer(Arc<Shared>);

struct Shared {
    clock: Clock,
    counts: Arc<SpanCounts>,
    queue: Sender<Span>,
}

impl fmt::Debug for Tracer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tracer").field("counts", &self.0.counts).finish_non_exhaustive()
    }
}

/// Where ended spans come out.
#[derive(Debug)]
pub struct Queue {
    /// The spans.
    pub spans: Receiver<Span>,
    /// Where it is counted what becomes of them.
    pub counts: Arc<SpanCounts>,
}

impl Tracer {
    /// A tracer, and where its spans come out.
    #[must_use]
    pub fn new(clock: Clock) -> (Self, Queue) {
        let (queue, spans) = mpsc::channel(QUEUE);
        let counts = Arc::default();
        (
            Self(Arc::new(Shared { clock, counts: Arc::clone(&counts), queue })),
            Queue { spans, counts },
        )
    }

    /// What became of the spans so far.
    #[must_use]
    pub fn counts(&self) -> &Arc<SpanCounts> {
        &self.0.counts
    }

    /// Opens the span of a check whose `traceparent` this is; `None` where it is malformed, or the trace is
    /// not sampled.
    #[must_use]
    pub fn open(&self, traceparent: &str, name: &'static str) -> Option<Open> {
        let parent = TraceParent::parse(traceparent).filter(|parent| parent.is_sampled)?;
        let context =
            Context { tracer: self.clone(), trace_id: parent.trace_id, span_id: parent.span_id };
        context.open(name, Kind::Server)
    }

    fn send(&self, span: Span) {
        if self.0.queue.try_send(span).is_err() {
            self.0.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A span that other spans belong to.
#[derive(Clone, Debug)]
struct Context {
    tracer: Tracer,
    trace_id: [u8; 16],
    span_id: [u8; 8],
}

impl Context {
    /// Opens a span below this one; `None`: there is no randomness.
    fn open(&self, name: &'static str, kind: Kind) -> Option<Open> {
        let context = Self { span_id: random::bytes().ok()?, ..self.clone() };
        let started_at = self.tracer.0.clock.now_ns();
        let began = Instant::now();
        Some(Open { context, parent_id: self.span_id, name, kind, started_at, began })
    }
}

tokio::task_local! {
    /// The span that this task works for.
    static CURRENT: Context;
}

/// A span that has not ended.
#[derive(Debug)]
pub struct Open {
    context: Context,
    parent_id: [u8; 8],
    name: &'static str,
    kind: Kind,
    started_at: u64,
    began: Instant,
}

impl Open {
    /// Does `work` as a part of this span: calls within it are spans below.
    pub fn within<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.context.clone(), work)
    }

    /// Ends it.
    pub fn end(self, failed: bool, attributes: Vec<Attribute>) {
        let Context { tracer, trace_id, span_id } = self.context;
        let took = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        tracer.send(Span {
            trace_id,
            span_id,
            parent_id: self.parent_id,
            name: self.name,
            kind: self.kind,
            started_at: self.started_at,
            ended_at: self.started_at.saturating_add(took),
            failed,
            attributes,
        });
    }
}

/// `work` for the span that the present task works for, if it does for one: to be spawned.
pub fn inherit<F: Future>(work: F) -> impl Future<Output = F::Output> + use<F> {
    match CURRENT.try_with(Clone::clone) {
        Ok(context) => Either::Left(CURRENT.scope(context, work)),
        Err(_not_traced) => Either::Right(work),
    }
}

/// A call to a provider begins; its span, where the present task has one, ends with the value.
#[must_use]
pub fn call(name: &'static str, issuer: &str) -> Call {
    let open = CURRENT.try_with(|context| context.open(name, Kind::Client)).ok().flatten();
    Call(open.map(|open| (open, vec![("portcullis.issuer", issuer.to_owned())])))
}

/// A call that is under way. One that is dropped before it ended has failed.
#[derive(Debug)]
pub struct Call(Option<(Open, Vec<Attribute>)>);

impl Call {
    /// The call is over, well or not.
    pub fn end(mut self, failed: bool) {
        self.send(failed);
    }

    fn send(&mut self, failed: bool) {
        if let Some((open, attributes)) = self.0.take() {
            open.end(failed, attributes);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.send(true);
    }
}

#[cfg(test)]
mod tests;

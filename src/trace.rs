//! Traces: a span for a check that is part of a sampled trace, and one for each call that it waits for.
//!
//! Without a tracer nothing of this happens; with one, a check that belongs to no sampled trace costs a
//! look at its `traceparent`. Ended spans go into a bounded queue, and whoever finds it full drops its
//! own: no check waits for a collector.

mod parent;
mod span;
mod tracer;

pub use parent::TraceParent;
pub use span::{Attribute, Kind, Span};
pub use tracer::{Call, Open, Queue, SpanCounts, Tracer, call, inherit};

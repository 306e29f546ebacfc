//! A span that has ended.
//!
//! Pure: no I/O, no clock.

/// Name and value. Names come from a closed list; values are names of the policy and words of ours, never
/// what a client sent.
pub type Attribute = (&'static str, String);

/// On which side of a call a span is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// The side that is asked: a check.
    Server,
    /// The side that asks: a call to a provider.
    Client,
}

/// What is told of one piece of work.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Span {
    /// The trace that it belongs to.
    pub trace_id: [u8; 16],
    /// Its own id.
    pub span_id: [u8; 8],
    /// Of the span that asked for it.
    pub parent_id: [u8; 8],
    /// What was done.
    pub name: &'static str,
    /// On which side.
    pub kind: Kind,
    /// Nanoseconds since 1970.
    pub started_at: u64,
    /// Nanoseconds since 1970.
    pub ended_at: u64,
    /// Whether it failed by our own fault, or that of whom we need.
    pub failed: bool,
    /// More of it.
    pub attributes: Vec<Attribute>,
}

//! What is known of a request before any decision: host, path, method, headers.
//!
//! Pure: no I/O, no clock.

mod context;
mod few;
mod headers;
mod host;
mod method;
mod path;
mod short;
mod source;

pub use context::Context;
pub use few::Few;
pub use headers::{Headers, split_at_commas};
pub use host::{Host, HostName};
pub use method::Method;
pub use path::RequestPath;
pub use short::Short;
pub use source::Source;

/// A request that reads the same to everybody.
///
/// Host, method and path are types that cannot hold an ambiguous value; what is ambiguous is
/// refused while decoding, so that nothing below has to think of it. Whatever is text stands in the
/// message itself, for as long as `'m`.
#[derive(Clone, Debug)]
pub struct Attributes<'m> {
    /// The host that the client named.
    pub host: Host,
    /// The method (RFC 9110 §9, RFC 5789).
    pub method: Method,
    /// Path and query.
    pub path: RequestPath<'m>,
    /// Header names in lower case. They are where whoever reads them has made room: they are large to be moved.
    pub headers: &'m Headers<'m>,
    /// What the gateway's route says (`ExtAuthzPerRoute.check_settings.context_extensions`).
    pub context: Context<'m>,
    /// The body, where the gateway sends it (`with_request_body`).
    pub body: &'m [u8],
    /// Where it came from, as the gateway has it.
    pub source: Source<'m>,
}

//! What a call says of itself, beside its message.

use http::header::{HeaderMap, HeaderName};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The headers of a call. Each is looked for when somebody asks: most checks need none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Metadata<'h>(Option<&'h HeaderMap>);

impl<'h> Metadata<'h> {
    pub(super) const fn of(headers: &'h HeaderMap) -> Self {
        Self(Some(headers))
    }

    /// The text of `grpc-timeout` (gRPC over HTTP/2, "Requests").
    #[must_use]
    pub fn grpc_timeout(self) -> Option<&'h str> {
        self.0?.get(GRPC_TIMEOUT)?.to_str().ok()
    }

    /// That of `traceparent` (W3C Trace Context §3.2). One that is no text is malformed, and still the
    /// gateway's word. With several, the first.
    #[must_use]
    pub fn traceparent(self) -> Option<&'h str> {
        Some(self.0?.get(TRACEPARENT)?.to_str().unwrap_or_default())
    }
}

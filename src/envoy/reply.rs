//! The answer to a check, as it goes out of the door.

use super::message::Framed;
use bytes::Bytes;
use h2::server::SendResponse;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};

pub(super) const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const OK: HeaderValue = HeaderValue::from_static("0");

/// Most of an answer that goes into one frame. The HTTP/2 library gathers frames below 1,024 bytes, and
/// writes out what is longer one by one.
const FRAME_BYTES: usize = 1000;

/// So many headers a call has.
const USUAL_HEADERS: usize = 64;

/// What is the same in each answer; a copy of it is cheaper than the making.
#[derive(Debug)]
pub(super) struct Reply {
    /// These say that there is no other message, and no error.
    trailers: HeaderMap,
}

impl Reply {
    pub(super) fn new() -> Self {
        Self { trailers: HeaderMap::from_iter([(GRPC_STATUS, OK)]) }
    }

    /// Sends `message`. What the client has no room for yet is kept by the HTTP/2 library. The call's own
    /// headers are done with, and their map becomes that of the answer's, unless it has grown.
    ///
    /// # Errors
    ///
    /// The client has gone.
    pub(super) fn send(
        &self,
        mut message: Bytes,
        mut headers: HeaderMap,
        respond: &mut SendResponse<Framed>,
    ) -> Result<(), h2::Error> {
        if headers.capacity() > USUAL_HEADERS {
            headers = HeaderMap::new();
        }
        headers.clear();
        headers.insert(CONTENT_TYPE, GRPC);
        let mut head = Response::new(());
        *head.headers_mut() = headers;
        let mut stream = respond.send_response(head, false)?;
        let length = message.len();
        if length <= FRAME_BYTES {
            stream.send_data(Framed::first(length, message), false)?;
            return stream.send_trailers(self.trailers.clone());
        }
        let first = message.split_to(FRAME_BYTES);
        stream.send_data(Framed::first(length, first), false)?;
        while !message.is_empty() {
            let next = message.split_to(message.len().min(FRAME_BYTES));
            stream.send_data(Framed::as_it_is(next), false)?;
        }
        stream.send_trailers(self.trailers.clone())
    }
}

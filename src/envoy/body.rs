//! What goes out of the door.

use super::message::Framed;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::Status;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Most of an answer that goes into one frame. The HTTP/2 library gathers frames below 1,024 bytes, and
/// writes out what is longer one by one.
const FRAME_BYTES: usize = 1000;

/// The body of an answer. Those to checks are not boxed.
#[derive(Debug)]
pub struct Answer(Kind);

#[derive(Debug)]
enum Kind {
    /// One message, and the trailers that say that this is all.
    Check(Part),
    /// What tonic answers.
    Other(tonic::body::Body),
}

/// What is to be sent next.
#[derive(Debug)]
enum Part {
    /// A whole message.
    Message(Bytes),
    /// What is left of one.
    Rest(Bytes),
    Trailers,
    Nothing,
}

impl Part {
    /// What of `bytes` goes into one frame, and what comes after that.
    fn cut(mut bytes: Bytes) -> (Bytes, Self) {
        let first = bytes.split_to(bytes.len().min(FRAME_BYTES));
        (first, if bytes.is_empty() { Self::Trailers } else { Self::Rest(bytes) })
    }
}

impl Answer {
    pub(super) const fn message(message: Bytes) -> Self {
        Self(Kind::Check(Part::Message(message)))
    }

    pub(super) const fn other(body: tonic::body::Body) -> Self {
        Self(Kind::Other(body))
    }
}

impl Body for Answer {
    type Data = Framed;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Framed>, Status>>> {
        let part = match &mut self.0 {
            Kind::Check(part) => part,
            Kind::Other(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                return Poll::Ready(frame.map(|frame| Ok(frame?.map_data(Framed::as_it_is))));
            }
        };
        Poll::Ready(match std::mem::replace(part, Part::Nothing) {
            Part::Message(message) => {
                let length = message.len();
                let (first, next) = Part::cut(message);
                *part = next;
                Some(Ok(Frame::data(Framed::first(length, first))))
            }
            Part::Rest(message) => {
                let (first, next) = Part::cut(message);
                *part = next;
                Some(Ok(Frame::data(Framed::as_it_is(first))))
            }
            Part::Trailers => {
                let mut trailers = HeaderMap::with_capacity(1);
                trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
                Some(Ok(Frame::trailers(trailers)))
            }
            Part::Nothing => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Check(part) => matches!(part, Part::Nothing),
            Kind::Other(body) => body.is_end_stream(),
        }
    }

    /// Unknown, so that no `content-length` is made of it: gRPC has none.
    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

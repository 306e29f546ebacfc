//! The gRPC method `envoy.service.auth.v3.Authorization/Check`, so that each message has an answer.
//!
//! After an RPC error Envoy asks its own `failure_mode_allow` whether the request may pass. So what
//! does not decode is handed on and refused, and a panic, wherever it is, becomes a refusal.
//!
//! Of gRPC this is the little that one unary method needs, straight on HTTP/2; the other methods,
//! health among them, are tonic's.

use super::message::Framed;
use super::metadata::Metadata;
use super::others::{self, unless_reset};
use super::receive::{Begun, Message, begin, finish, give_room};
use super::reply::Reply;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use h2::RecvStream;
use h2::server::SendResponse;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Context;
use tonic::Status;
use tonic::server::NamedService;
use tonic::service::Routes;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");

/// An answer, or what has to be awaited for it.
pub enum Answering<'h> {
    /// It waits for nobody.
    Ready(Bytes),
    /// It does, for a provider say: rare, and so it is on the heap, and every stream is small.
    Waits(BoxFuture<'h, Bytes>),
}

impl Answering<'_> {
    /// The answer, once it is there.
    pub async fn bytes(self) -> Bytes {
        match self {
            Self::Ready(answer) => answer,
            Self::Waits(answer) => answer.await,
        }
    }
}

impl fmt::Debug for Answering<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(answer) => write!(f, "Ready({} bytes)", answer.len()),
            Self::Waits(_) => f.write_str("Waits"),
        }
    }
}

/// What answers checks. Another one than ours shows what the transport costs by itself.
pub trait Handler: Send + Sync + 'static {
    /// The answer to a message; `None` where what came is none.
    fn answer(&self, message: Option<Bytes>, metadata: Metadata<'_>) -> Answering<'_>;

    /// The answer where that panicked.
    fn answer_to_panic(&self) -> Bytes;
}

/// The gRPC service, ready for connections. Clones share everything.
pub struct Server<H>(Arc<Inner<H>>);

struct Inner<H> {
    handler: H,
    max_message_bytes: usize,
    others: Routes,
    reply: Reply,
}

impl<H> Clone for Server<H> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<H> fmt::Debug for Server<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl<H> NamedService for Server<H> {
    const NAME: &'static str = "envoy.service.auth.v3.Authorization";
}

impl<H: Handler> Server<H> {
    /// Answers checks by `handler`, and the rest by `others`; longer messages are not read.
    pub fn new(handler: H, max_message_bytes: usize, others: Routes) -> Self {
        let (others, reply) = (others.prepare(), Reply::new());
        Self(Arc::new(Inner { handler, max_message_bytes, others, reply }))
    }

    /// Answers a call, at once where that waits for nobody. Else what is returned does; it does not panic,
    /// and ends early where the client gives up.
    pub(crate) fn answer(
        &self,
        request: Request<RecvStream>,
        mut respond: SendResponse<Framed>,
        context: &mut Context<'_>,
    ) -> Option<Waits<'_>> {
        let inner = &*self.0;
        if request.uri().path() != CHECK {
            return Some(apart(others::answer(inner.others.clone(), request, respond)));
        }
        let (head, mut body) = request.into_parts();
        let headers = head.headers;
        if is_encoded(&headers) {
            refuse_encoded(&mut respond);
            return None;
        }
        match begin(&mut body, inner.max_message_bytes, context).ok()? {
            Begun::Whole(message) => match inner.decide(message, &headers, &mut respond)? {
                Answering::Ready(answer) => {
                    let _gone = inner.reply.send(answer, headers, &mut respond);
                    None
                }
                Answering::Waits(answer) => {
                    give_room(&mut body);
                    Some(apart(inner.answer_later(answer, respond)))
                }
            },
            Begun::Part(begun) => Some(apart(inner.read_on(begun, body, headers, respond))),
        }
    }
}

/// A call that waits for somebody, beside the others of its connection.
pub(crate) type Waits<'s> = BoxFuture<'s, ()>;

/// A call whose panic, and whose client's going, are no matter of the others.
fn apart<'s>(call: impl Future<Output = Result<(), h2::Error>> + Send + 's) -> Waits<'s> {
    AssertUnwindSafe(call).catch_unwind().map(drop).boxed()
}

impl<H: Handler> Inner<H> {
    /// What the handler says to a message; nothing where that is an error, which is sent.
    fn decide(
        &self,
        message: Message,
        headers: &HeaderMap,
        respond: &mut SendResponse<Framed>,
    ) -> Option<Answering<'_>> {
        let message = match message {
            Ok(message) => message,
            Err(status) => {
                refuse(status.into_http(), respond);
                return None;
            }
        };
        let metadata = Metadata::of(headers);
        let answer = catch_unwind(AssertUnwindSafe(|| self.handler.answer(message, metadata)));
        Some(answer.unwrap_or_else(|_panic| Answering::Ready(self.handler.answer_to_panic())))
    }

    async fn answer_later(
        &self,
        answer: BoxFuture<'_, Bytes>,
        mut respond: SendResponse<Framed>,
    ) -> Result<(), h2::Error> {
        let answer = AssertUnwindSafe(answer).catch_unwind();
        let Some(answer) = unless_reset(&mut respond, answer).await else { return Ok(()) };
        let answer = answer.unwrap_or_else(|_panic| self.handler.answer_to_panic());
        self.reply.send(answer, HeaderMap::new(), &mut respond)
    }

    async fn read_on(
        &self,
        begun: Bytes,
        mut body: RecvStream,
        headers: HeaderMap,
        mut respond: SendResponse<Framed>,
    ) -> Result<(), h2::Error> {
        let most = self.max_message_bytes;
        let timeout = Metadata::of(&headers).grpc_timeout();
        let message = finish(begun, &mut body, most, timeout).await?;
        let Some(answer) = self.decide(message, &headers, &mut respond) else { return Ok(()) };
        // It may wait for long, and they can be large.
        drop(headers);
        self.answer_later(answer.bytes().boxed(), respond).await
    }
}

/// Whether messages may be compressed, which the gateway never does: small ones could say large things.
fn is_encoded(headers: &HeaderMap) -> bool {
    // A call has few headers: to compare them takes less than to look for one.
    headers.keys().any(|name| *name == GRPC_ENCODING)
        && headers.get(GRPC_ENCODING).is_some_and(|encoding| encoding != IDENTITY)
}

fn refuse_encoded(respond: &mut SendResponse<Framed>) {
    let mut response = Status::unimplemented("compressed messages are not read").into_http();
    response.headers_mut().insert(GRPC_ACCEPT_ENCODING, IDENTITY);
    refuse(response, respond);
}

/// Sends an error of the RPC, unless the client has gone.
fn refuse(response: Response<()>, respond: &mut SendResponse<Framed>) {
    let _gone = respond.send_response(response, true);
}

#[cfg(test)]
mod tests;

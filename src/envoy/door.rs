//! The gRPC method `envoy.service.auth.v3.Authorization/Check`, so that each message has an answer.
//!
//! After an RPC error Envoy asks its own `failure_mode_allow` whether the request may pass. So what
//! does not decode is handed on and refused, and a panic, wherever it is, becomes a refusal.
//!
//! Of gRPC this is the little that one unary method needs, straight on HTTP/2; the other methods,
//! health among them, are tonic's.

use super::body::Answer;
use super::receive::receive;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Request, Response};
use std::convert::Infallible;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tonic::Status;
use tonic::codegen::Service;
use tonic::server::NamedService;
use tonic::service::Routes;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const IDENTITY: HeaderValue = HeaderValue::from_static("identity");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

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
    /// The answer to a message; `None` where what came is none. `grpc_timeout` and `traceparent` are the
    /// headers' text.
    fn answer(
        &self,
        message: Option<Bytes>,
        grpc_timeout: Option<&str>,
        traceparent: Option<&str>,
    ) -> Answering<'_>;

    /// Whether anybody reads `traceparent`; it is not looked for otherwise.
    fn is_traced(&self) -> bool {
        false
    }

    /// The answer where that panicked.
    fn answer_to_panic(&self) -> Bytes;
}

/// The gRPC service, ready for connections. Clones share everything.
pub struct Server<H>(Arc<Inner<H>>);

struct Inner<H> {
    handler: H,
    max_message_bytes: usize,
    others: Routes,
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
        let others = others.prepare();
        Self(Arc::new(Inner { handler, max_message_bytes, others }))
    }

    /// Answers a request: a future that is not boxed where it is a check.
    ///
    /// # Errors
    ///
    /// None: what fails is an answer, too.
    pub fn call(
        &self,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Response<Answer>, Infallible>> + Send + use<H> {
        let inner = Arc::clone(&self.0);
        let request = if request.uri().path() != CHECK {
            Err(inner.other(request))
        } else if is_encoded(&request) {
            Err(std::future::ready(refuse_encoded()).boxed())
        } else {
            let timeout = request.headers().get(GRPC_TIMEOUT).cloned();
            let trace = if inner.handler.is_traced() { traceparent(&request) } else { None };
            Ok((request.into_body(), timeout, trace))
        };
        async move {
            Ok(match request {
                Ok((body, timeout, trace)) => inner.check(body, timeout, trace).await,
                Err(other) => other.await,
            })
        }
    }
}

impl<H: Handler> Inner<H> {
    async fn check(
        &self,
        body: Incoming,
        timeout: Option<HeaderValue>,
        trace: Option<HeaderValue>,
    ) -> Response<Answer> {
        let timeout = timeout.as_ref().and_then(|timeout| timeout.to_str().ok());
        // One that is no text is malformed, and still the gateway's word.
        let trace = trace.as_ref().map(|trace| trace.to_str().unwrap_or_default());
        let message = match receive(body, self.max_message_bytes, timeout).await {
            Ok(message) => message,
            Err(status) => return status.into_http().map(Answer::other),
        };
        let answer =
            catch_unwind(AssertUnwindSafe(|| self.handler.answer(message, timeout, trace)));
        let answer = match answer {
            Ok(Answering::Ready(answer)) => Ok(answer),
            Ok(Answering::Waits(answer)) => AssertUnwindSafe(answer).catch_unwind().await,
            Err(panic) => Err(panic),
        };
        let answer = answer.unwrap_or_else(|_panic| self.handler.answer_to_panic());
        let mut response = Response::new(Answer::message(answer));
        response.headers_mut().insert(CONTENT_TYPE, GRPC);
        response
    }

    fn other(&self, request: Request<Incoming>) -> BoxFuture<'static, Response<Answer>> {
        let mut routes = self.others.clone();
        let request = request.map(tonic::body::Body::new);
        async move {
            match routes.call(request).await {
                Ok(response) => response.map(Answer::other),
                Err(never) => match never {},
            }
        }
        .boxed()
    }
}

/// The `traceparent` of the call itself: the gateway's span for it. With several, the first.
fn traceparent(request: &Request<Incoming>) -> Option<HeaderValue> {
    request.headers().get(TRACEPARENT).cloned()
}

/// Whether messages may be compressed, which the gateway never does: small ones could say large things.
fn is_encoded(request: &Request<Incoming>) -> bool {
    request.headers().get(GRPC_ENCODING).is_some_and(|encoding| encoding != IDENTITY)
}

fn refuse_encoded() -> Response<Answer> {
    let mut response = Status::unimplemented("compressed messages are not read").into_http();
    response.headers_mut().insert(GRPC_ACCEPT_ENCODING, IDENTITY);
    response.map(Answer::other)
}

#[cfg(test)]
mod tests;

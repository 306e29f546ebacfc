//! The gRPC method `envoy.service.auth.v3.Authorization/Check`, so that each message has an answer.
//!
//! After an RPC error Envoy asks its own `failure_mode_allow` whether the request may pass. So what
//! does not decode is handed on and refused, and a panic, wherever it is, becomes a refusal.

use super::service::{AuthorizationService, refuse_panic};
use bytes::{Buf, Bytes};
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use prost::Message;
use std::convert::Infallible;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::{Body, Service, StdError, http};
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// The bytes of a message, be they a `CheckRequest` or not.
type Received = Bytes;
type Answering =
    dyn Fn(Received, MetadataMap) -> BoxFuture<'static, CheckResponse> + Send + Sync + 'static;

/// The gRPC service, ready for a server.
#[derive(Clone)]
pub struct Server {
    answer: Arc<Answering>,
    max_message_bytes: usize,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    /// Answers by `service`; longer messages are not read.
    #[must_use]
    pub fn new(service: AuthorizationService, max_message_bytes: usize) -> Self {
        let service = Arc::new(service);
        let answer = move |received: Received, metadata: MetadataMap| {
            let service = Arc::clone(&service);
            async move { service.answer(&received, &metadata).await }.boxed()
        };
        Self { answer: Arc::new(answer), max_message_bytes }
    }
}

impl NamedService for Server {
    const NAME: &'static str = "envoy.service.auth.v3.Authorization";
}

impl<B> Service<http::Request<B>> for Server
where
    B: Body + Send + 'static,
    B::Error: Into<StdError> + Send + 'static,
{
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        if request.uri().path() != CHECK {
            return async { Ok(Status::unimplemented("").into_http()) }.boxed();
        }
        let check = Check(Arc::clone(&self.answer));
        let mut grpc = Grpc::new(CheckCodec).max_decoding_message_size(self.max_message_bytes);
        async move { Ok(grpc.unary(check, request).await) }.boxed()
    }
}

struct Check(Arc<Answering>);

impl UnaryService<Received> for Check {
    type Response = CheckResponse;
    type Future = BoxFuture<'static, Result<Response<CheckResponse>, Status>>;

    fn call(&mut self, request: Request<Received>) -> Self::Future {
        let answer = Arc::clone(&self.0);
        async move {
            let (metadata, _extensions, received) = request.into_parts();
            let answered = async move { answer(received, metadata).await };
            let answered = AssertUnwindSafe(answered).catch_unwind().await;
            Ok(Response::new(answered.unwrap_or_else(|_panic| refuse_panic())))
        }
        .boxed()
    }
}

#[derive(Clone, Copy, Debug)]
struct CheckCodec;

impl Codec for CheckCodec {
    type Encode = CheckResponse;
    type Decode = Received;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for CheckCodec {
    type Item = CheckResponse;
    type Error = Status;

    fn encode(&mut self, item: CheckResponse, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        item.encode(to).map_err(|error| Status::internal(error.to_string()))
    }
}

impl Decoder for CheckCodec {
    type Item = Received;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Received>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
    use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
    use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::net::TcpListener;
    use tonic::transport::server::TcpIncoming;
    use tonic::transport::{Channel, server};

    /// Panics where no check could: before anything is awaited, and after.
    fn panicking() -> Server {
        let calls = AtomicUsize::new(0);
        let answer = move |_received: Received, _metadata: MetadataMap| {
            assert!(calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(2), "a bug");
            async {
                tokio::task::yield_now().await;
                panic!("a bug later on")
            }
            .boxed()
        };
        Server { answer: Arc::new(answer), max_message_bytes: 1024 }
    }

    #[tokio::test]
    async fn o13_a_panic_anywhere_is_a_denied_503_and_the_connection_lives() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = server::Server::builder().add_service(panicking());
        let serving = serving.serve_with_incoming(TcpIncoming::from(listener));
        let serving = tokio::spawn(serving);
        let channel = Channel::from_shared(format!("http://{address}")).expect("an address");
        // One connection: a second one would not be made.
        let channel = channel.connect().await.expect("connects");
        let mut client = AuthorizationClient::new(channel);
        for _time in 0..4 {
            let answer = client.check(CheckRequest::default()).await.expect("no RPC error");
            let answer = answer.into_inner();
            assert_ne!(answer.status.map(|status| status.code), Some(0));
            let Some(HttpResponse::DeniedResponse(denied)) = answer.http_response else {
                panic!("not denied");
            };
            assert_eq!(denied.status.map(|status| status.code), Some(503));
            assert!(denied.body.contains("internal"), "{}", denied.body);
        }
        serving.abort();
    }
}

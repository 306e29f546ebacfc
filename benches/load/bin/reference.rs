//! What Portcullis is measured against: tonic's server and the full decode of `envoy-types`, which
//! answers OK to everything. `reference ADDRESS RUNTIMES`.
//!
//! Runtimes, allocator, profile, stream and window limits are those of Portcullis, so that the
//! difference is what is done with a check.

use envoy_types::pb::envoy::service::auth::v3::authorization_server::{
    Authorization, AuthorizationServer,
};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{CheckRequest, CheckResponse, OkHttpResponse};
use envoy_types::pb::google::rpc;
use portcullis_load::failure::Outcome;
use std::io;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Streams of a connection that may be open: a stall of 10 ms at 20,000 checks a second is 200.
const STREAMS: u32 = 1024;
/// Bytes that may be on their way: the usual 64 KiB are 22 checks.
const WINDOW: u32 = 1 << 20;

struct SaysOk;

#[tonic::async_trait]
impl Authorization for SaysOk {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        // It was decoded for this.
        drop(std::hint::black_box(request));
        let ok = HttpResponse::OkResponse(OkHttpResponse::default());
        Ok(Response::new(CheckResponse {
            status: Some(rpc::Status::default()),
            http_response: Some(ok),
            ..CheckResponse::default()
        }))
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("usage: reference ADDRESS RUNTIMES")?;
    let runtimes = arguments.next().map_or(Ok(1), |text| text.parse::<usize>())?.max(1);
    let acceptor = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match address.strip_prefix("unix:") {
        Some(path) => acceptor.block_on(accept_unix(path, runtimes)),
        None => acceptor.block_on(accept_tcp(&address, runtimes)),
    }
}

async fn accept_tcp(address: &str, runtimes: usize) -> Outcome<()> {
    let listener = TcpListener::bind(address).await?;
    let mut hands = hands::<TcpStream, _>(runtimes, TcpStream::from_std);
    loop {
        let (stream, _from) = listener.accept().await?;
        stream.set_nodelay(true)?;
        deal(&mut hands, stream.into_std()?)?;
    }
}

async fn accept_unix(path: &str, runtimes: usize) -> Outcome<()> {
    let listener = UnixListener::bind(path)?;
    let mut hands = hands::<UnixStream, _>(runtimes, UnixStream::from_std);
    loop {
        let (stream, _from) = listener.accept().await?;
        deal(&mut hands, stream.into_std()?)?;
    }
}

/// Gives a connection to the runtime whose turn it is.
fn deal<S>(hands: &mut [UnboundedSender<S>], stream: S) -> Outcome<()> {
    hands.rotate_left(1);
    let hand = hands.last().ok_or("no runtime")?;
    hand.send(stream).map_err(|_ended| "a runtime ended".into())
}

/// Threads with a runtime each, which serve the connections that they are sent.
fn hands<C, S>(runtimes: usize, adopt: fn(S) -> io::Result<C>) -> Vec<UnboundedSender<S>>
where
    C: Connected + tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    S: Send + 'static,
{
    let start = || {
        let (sender, receiver) = unbounded_channel::<S>();
        std::thread::spawn(move || -> Outcome<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let connections = UnboundedReceiverStream::new(receiver);
            let connections = tokio_stream::StreamExt::map(connections, adopt);
            let serving = Server::builder()
                .max_concurrent_streams(STREAMS)
                .initial_stream_window_size(WINDOW)
                .initial_connection_window_size(WINDOW)
                .add_service(AuthorizationServer::new(SaysOk))
                .serve_with_incoming(connections);
            Ok(runtime.block_on(serving)?)
        });
        sender
    };
    (0..runtimes).map(|_| start()).collect()
}

//! One connection, from its first byte to its last.

use super::io::Gathered;
use super::listener::Accepted;
use super::tls::Tls;
use super::{MAX_RESETS, MAX_STREAMS, WINDOW_BYTES};
use crate::envoy::{Handler, Server};
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;

/// How long a connection may be silent before we ask whether anybody is there, and for the answer.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

type Fault = Box<dyn Error + Send + Sync>;

/// Answers what comes, until the client closes, or `stop` changes or is gone: then the streams that are
/// open may end. To be called in the runtime that is to do it.
pub(super) async fn serve<H: Handler>(
    accepted: Accepted,
    tls: Option<Tls>,
    server: Server<H>,
    stop: watch::Receiver<()>,
) {
    let served = match accepted {
        Accepted::Tcp(stream) => match TcpStream::from_std(stream) {
            Ok(stream) => secured(stream, tls, server, stop).await,
            Err(error) => Err(error.into()),
        },
        Accepted::Unix(stream) => match UnixStream::from_std(stream) {
            Ok(stream) => secured(stream, tls, server, stop).await,
            Err(error) => Err(error.into()),
        },
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection broke");
    }
}

async fn secured<S, H>(
    stream: S,
    tls: Option<Tls>,
    server: Server<H>,
    mut stop: watch::Receiver<()>,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    H: Handler,
{
    let Some(tls) = tls else { return answered(stream, server, stop).await };
    let stream = tokio::select! {
        stream = tls.accept(stream) => stream?,
        _stopped = stop.changed() => return Ok(()),
    };
    answered(stream, server, stop).await
}

async fn answered<S, H>(
    stream: S,
    server: Server<H>,
    mut stop: watch::Receiver<()>,
) -> Result<(), Fault>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    H: Handler,
{
    let service = service_fn(move |request| server.call(request));
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS)
        .keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        // No gRPC client reads it.
        .auto_date_header(false);
    let mut connection = pin!(builder.serve_connection(Gathered::new(stream), service));
    tokio::select! {
        biased;
        ended = connection.as_mut() => return Ok(ended?),
        _stopped = stop.changed() => connection.as_mut().graceful_shutdown(),
    }
    Ok(connection.await?)
}

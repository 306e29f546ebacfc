//! One connection, from its first byte to its last.

use super::io::Gathered;
use super::listener::Accepted;
use super::streams::{Broken, Streams};
use super::tls::Tls;
use super::{MAX_RESETS, MAX_STREAMS, WINDOW_BYTES};
use crate::envoy::{Handler, Server};
use h2::server::Builder;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;

/// Most that the headers of a call may be. Tracers of the gateway copy a client's `tracestate` among them, and
/// a call that is refused for its headers is an RPC error: it must not be in a client's hand. Gateways take 60
/// KiB from it, 8 MiB at most where they are set so.
const MAX_HEADERS_BYTES: u32 = 16 * 1024 * 1024;
/// How long whoever connects may take to begin.
const GREETING: Duration = Duration::from_secs(10);

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
) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let Some(tls) = tls else { return answered(stream, server, stop).await };
    let stream = tokio::select! {
        stream = tls.accept(stream) => stream?,
        _stopped = stop.changed() => return Ok(()),
    };
    answered(stream, server, stop).await
}

/// The same, once bytes come and go as they are.
pub(crate) async fn answered<S, H>(
    stream: S,
    server: Server<H>,
    mut stop: watch::Receiver<()>,
) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Handler,
{
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(MAX_STREAMS)
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(MAX_HEADERS_BYTES)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(Some(MAX_RESETS));
    // Whoever connects and says nothing holds up neither the others nor the end.
    let (stream, outlet) = Gathered::new(stream);
    let greeted = timeout(GREETING, builder.handshake(stream));
    let connection = tokio::select! {
        greeted = greeted => match greeted {
            Ok(connection) => connection?,
            Err(_silent) => return Ok(()),
        },
        _stopped = stop.changed() => return Ok(()),
    };
    let mut streams = pin!(Streams::new(connection, outlet, &server));
    tokio::select! {
        biased;
        ended = streams.as_mut() => return ended,
        _stopped = stop.changed() => streams.end(),
    }
    streams.await
}

#[cfg(test)]
mod tests;

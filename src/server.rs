//! The gRPC listener: TCP or unix socket, TLS, health, limits, drain.

mod connection;
mod io;
mod keep_alive;
mod listener;
mod nudge;
mod streams;
mod tls;
mod workers;

#[cfg(test)]
pub(crate) use connection::answered;
pub use listener::Listener;
pub use tls::{Tls, TlsFault};
pub use workers::Workers;

use crate::envoy::{Handler, Server};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch;
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

/// Largest check that is read. What is larger can only be an error of the RPC, after which a gateway
/// that fails open lets the request pass; so this is above all that Envoy can be set to take for
/// headers (8 MiB), twice over for a body. By default Envoy takes 60 KiB.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;
/// Streams that one Envoy worker may have open; beyond that it queues.
const MAX_STREAMS: u32 = 4096;
/// Envoy hands its clients' resets on, and one client can reset many in one write. With the default
/// of 20 that would close the connection of everybody else.
const MAX_RESETS: usize = 100_000;
const WINDOW_BYTES: u32 = 1024 * 1024;
/// How long checks that run may go on after the end was asked for.
pub const DRAIN: Duration = Duration::from_secs(30);

/// Why the service cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be had.
    #[error("listen.grpc: cannot listen on {address}: {source}")]
    Grpc {
        /// As in the settings.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The admin address cannot be had.
    #[error("listen.admin: cannot listen on {address}: {source}")]
    Admin {
        /// As in the settings.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// A TLS file cannot be read.
    #[error("listen.tls: cannot read {}: {source}", path.display())]
    TlsFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Certificate and key do not hold.
    #[error("listen.tls: {}: {fault}", path.display())]
    Tls {
        /// Which file.
        path: PathBuf,
        /// Why.
        fault: TlsFault,
    },
    /// A thread that answers has ended, which it never should.
    #[error("a thread that answers checks has ended")]
    WorkerGone,
}

/// Answers checks on `listener` by `handler` until `stop` is ready; then health says `NOT_SERVING`, no
/// new connection is taken, and what runs may end, for at most [`DRAIN`].
///
/// # Errors
///
/// [`ListenError::WorkerGone`].
pub async fn serve<H: Handler>(
    listener: Listener,
    tls: Option<Tls>,
    handler: H,
    mut workers: Workers,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ListenError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<Server<H>>().await;
    let server = Server::new(handler, MAX_MESSAGE_BYTES, Routes::new(health));
    // Each connection holds a receiver: there are none when all have ended.
    let (stopping, stopped) = watch::channel(());
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.as_mut() => break,
            accepted = listener.accept() => accepted,
        };
        let (tls, server, stopped) = (tls.clone(), server.clone(), stopped.clone());
        let begin = || Box::pin(connection::serve(accepted, tls, server, stopped)) as _;
        workers.deal(Box::new(begin)).map_err(|workers::WorkerGone| ListenError::WorkerGone)?;
    }
    say_not_serving::<H>(&reporter).await;
    listener.close();
    drop(stopped);
    stopping.send_replace(());
    // What has not ended by then is cut off with its runtime.
    let _ended = tokio::time::timeout(DRAIN, stopping.closed()).await;
    Ok(())
}

async fn say_not_serving<H: Handler>(reporter: &HealthReporter) {
    reporter.set_not_serving::<Server<H>>().await;
    reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
}

#[cfg(test)]
mod tests;

//! The listeners: TCP or unix socket, TLS, gRPC health, limits, drain.

use crate::config::{GrpcAddress, TlsSettings};
use crate::envoy::{AuthorizationService, Server as Authorization};
use futures_util::StreamExt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
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
/// How long nobody is accepted when that failed for want of something.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(250);
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
        source: io::Error,
    },
    /// The admin address cannot be had.
    #[error("listen.admin: cannot listen on {address}: {source}")]
    Admin {
        /// As in the settings.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A TLS file cannot be read.
    #[error("listen.tls: cannot read {}: {source}", path.display())]
    TlsFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Certificate and key do not hold.
    #[error("listen.tls: {0}")]
    Tls(#[source] tonic::transport::Error),
    /// The listener failed.
    #[error("the gRPC listener failed: {0}")]
    Serve(#[source] tonic::transport::Error),
}

/// A listener that is bound: from now on Envoy can connect.
#[derive(Debug)]
pub enum Listener {
    /// TCP
    Tcp(TcpListener),
    /// A unix socket, and its path.
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Binds `address`. A socket file that nobody listens on any more is removed first.
    ///
    /// # Errors
    ///
    /// [`ListenError::Grpc`].
    pub async fn bind(address: &GrpcAddress) -> Result<Self, ListenError> {
        let fault = |address: String| move |source| ListenError::Grpc { address, source };
        match address {
            GrpcAddress::Tcp(address) => {
                let listener = TcpListener::bind(address).await;
                Ok(Self::Tcp(listener.map_err(fault(address.to_string()))?))
            }
            GrpcAddress::Unix(path) => {
                let shown = format!("unix:{}", path.display());
                remove_stale(path).await.map_err(fault(shown.clone()))?;
                let listener = UnixListener::bind(path).map_err(fault(shown))?;
                Ok(Self::Unix(listener, path.clone()))
            }
        }
    }

    /// The address, if it is TCP.
    #[must_use]
    pub fn tcp_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix(..) => None,
        }
    }
}

/// Removes a socket that refuses connections; anything else stays, and binding says so.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if found.file_type().is_socket() && tokio::net::UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

/// Reads certificate, key and client CA.
///
/// # Errors
///
/// [`ListenError::TlsFile`].
pub fn tls_config(settings: &TlsSettings) -> Result<ServerTlsConfig, ListenError> {
    let read = |path: &Path| {
        std::fs::read(path).map_err(|source| ListenError::TlsFile { path: path.to_owned(), source })
    };
    let identity = Identity::from_pem(read(&settings.cert_file)?, read(&settings.key_file)?);
    let config = ServerTlsConfig::new().identity(identity).timeout(Duration::from_secs(10));
    Ok(match &settings.client_ca_file {
        Some(path) => config.client_ca_root(Certificate::from_pem(read(path)?)),
        None => config,
    })
}

/// Answers checks on `listener` until `stop` is ready; then health says `NOT_SERVING`, no new
/// connection is taken, and what runs may end, for at most [`DRAIN`].
///
/// # Errors
///
/// [`ListenError::Tls`], [`ListenError::Serve`].
pub async fn serve(
    listener: Listener,
    tls: Option<ServerTlsConfig>,
    service: AuthorizationService,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), ListenError> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<Authorization>().await;
    let mut server = Server::builder()
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .http2_max_pending_accept_reset_streams(Some(MAX_RESETS))
        .http2_max_local_error_reset_streams(Some(MAX_RESETS))
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .tcp_nodelay(true);
    if let Some(tls) = tls {
        server = server.tls_config(tls).map_err(ListenError::Tls)?;
    }
    let checks = Authorization::new(service, MAX_MESSAGE_BYTES);
    let router = server.add_service(health).add_service(checks);
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let stop = async {
        stop.await;
        say_not_serving(&reporter).await;
        // Gone already only if the listener failed.
        let _told = stopping.send(());
    };
    let running = async {
        match listener {
            Listener::Tcp(listener) => {
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                let incoming = incoming.then(without_haste);
                router.serve_with_incoming_shutdown(incoming, stop).await
            }
            Listener::Unix(listener, path) => {
                let incoming = UnixListenerStream::new(listener).then(without_haste);
                let ended = router.serve_with_incoming_shutdown(incoming, stop).await;
                // The next start removes what this one could not.
                let _removed = std::fs::remove_file(path);
                ended
            }
        }
    };
    let too_long = async {
        if stopped.await.is_ok() {
            tokio::time::sleep(DRAIN).await;
        } else {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        ended = running => ended.map_err(ListenError::Serve),
        () = too_long => Ok(()),
    }
}

/// What was accepted; later, if it is an error. Where file descriptors are used up, the connection that
/// waits makes the next call fail at once as well, and tonic calls again at once.
async fn without_haste<Io>(accepted: io::Result<Io>) -> io::Result<Io> {
    let of_one_client = |error: &io::Error| {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
    };
    if let Some(error) = accepted.as_ref().err().filter(|error| !of_one_client(error)) {
        tracing::warn!(%error, "a connection could not be accepted");
        tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
    }
    accepted
}

async fn say_not_serving(reporter: &HealthReporter) {
    reporter.set_not_serving::<Authorization>().await;
    reporter.set_service_status("", tonic_health::ServingStatus::NotServing).await;
}

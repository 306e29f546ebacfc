//! Where connections come in: TCP or a unix socket.

use super::ListenError;
use crate::config::GrpcAddress;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpListener, UnixListener};

/// How long nobody is accepted when that failed for want of something.
const AFTER_ACCEPT_ERROR: Duration = Duration::from_millis(250);

/// A listener that is bound: from now on Envoy can connect.
#[derive(Debug)]
pub enum Listener {
    /// TCP
    Tcp(TcpListener),
    /// A unix socket, and its path.
    Unix(UnixListener, PathBuf),
}

/// A connection, of no runtime yet.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
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

    /// The next connection. Where that fails for want of something, such as file descriptors, the one
    /// that waits makes the next call fail at once as well: then there is a pause.
    pub(super) async fn accept(&self) -> Accepted {
        loop {
            match self.accept_once().await {
                Ok(accepted) => return accepted,
                Err(error) if of_one_client(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(AFTER_ACCEPT_ERROR).await;
                }
            }
        }
    }

    async fn accept_once(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                stream.into_std().map(Accepted::Tcp)
            }
            Self::Unix(listener, _path) => {
                let (stream, _peer) = listener.accept().await?;
                stream.into_std().map(Accepted::Unix)
            }
        }
    }

    /// Takes no connection any more, and takes its file away; before it closes, so that the file is not a
    /// successor's.
    pub(super) fn close(self) {
        if let Self::Unix(_listener, path) = &self {
            // The next start removes what this one could not.
            let _removed = std::fs::remove_file(path);
        }
    }
}

fn of_one_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Removes a socket that refuses connections; anything else stays, and binding says so.
async fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(found) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if found.file_type().is_socket() && tokio::net::UnixStream::connect(path).await.is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

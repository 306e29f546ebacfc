//! The line to a provider, and the troubles that it may have.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// What is the matter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Trouble {
    /// Nothing.
    None,
    /// Nobody listens.
    Refused,
    /// Connections are taken, and nothing comes.
    Hung,
    /// Connections are reset once the request came.
    Reset,
    /// A TLS alert instead of an answer.
    Alert,
    /// An answer that comes byte by byte.
    Drip,
    /// The request arrives; its answer is lost on the way back.
    Deaf,
}

/// A line; it ends with its value.
pub(crate) struct Line {
    pub(crate) port: u16,
    trouble: watch::Sender<Trouble>,
    task: JoinHandle<()>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    /// A line to `provider` that is well.
    pub(crate) fn to(provider: SocketAddr) -> Self {
        let socket = bound(0);
        let port = socket.local_addr().expect("an address").port();
        let (trouble, seen) = watch::channel(Trouble::None);
        Self { port, trouble, task: tokio::spawn(run(socket, port, provider, seen)) }
    }

    /// Has this trouble from now on; connections end.
    pub(crate) async fn trouble(&self, trouble: Trouble) {
        self.trouble.send_replace(trouble);
        // Until a new connection shows it.
        loop {
            let refused = TcpStream::connect(("127.0.0.1", self.port)).await.is_err();
            if refused == (trouble == Trouble::Refused) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// A socket that holds the port: while it does not listen, connections are refused.
fn bound(port: u16) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("a port in use again");
    socket.bind(([127, 0, 0, 1], port).into()).expect("a port");
    socket
}

async fn run(
    mut socket: TcpSocket,
    port: u16,
    provider: SocketAddr,
    mut seen: watch::Receiver<Trouble>,
) {
    loop {
        let trouble = *seen.borrow_and_update();
        if trouble == Trouble::Refused {
            seen.changed().await.expect("a line");
            continue;
        }
        let listener = socket.listen(1024).expect("listens");
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                changed = seen.changed() => { changed.expect("a line"); break }
                accepted = listener.accept() => {
                    let (stream, _) = accepted.expect("a connection");
                    connections.spawn(carry(stream, provider, trouble));
                }
            }
        }
        connections.shutdown().await;
        drop(listener);
        socket = bound(port);
    }
}

async fn carry(mut client: TcpStream, provider: SocketAddr, trouble: Trouble) {
    let mut bytes = [0; 16 * 1024];
    match trouble {
        Trouble::None => {
            let mut server = TcpStream::connect(provider).await.expect("the provider listens");
            let _ended = copy_bidirectional(&mut client, &mut server).await;
        }
        Trouble::Refused => {}
        Trouble::Hung => std::future::pending().await,
        Trouble::Reset => {
            let _request = client.read(&mut bytes).await;
            client.set_zero_linger().expect("a reset");
        }
        Trouble::Alert => {
            let _request = client.read(&mut bytes).await;
            let _sent = client.write_all(&[21, 3, 3, 0, 2, 2, 40]).await;
        }
        Trouble::Drip => {
            let _request = client.read(&mut bytes).await;
            let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{";
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            for byte in head.iter().chain(std::iter::repeat(&b' ')) {
                if client.write_all(&[*byte]).await.is_err() {
                    return;
                }
                pace.tick().await;
            }
        }
        Trouble::Deaf => {
            let mut server = TcpStream::connect(provider).await.expect("the provider listens");
            let count = client.read(&mut bytes).await.unwrap_or_default();
            if server.write_all(&bytes[..count]).await.is_ok() {
                let _answer = server.read(&mut bytes).await;
            }
            client.set_zero_linger().expect("a reset");
        }
    }
}

//! The upstream: it answers at once with what it saw of path and caller.

use crate::http::{echo, text};
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use portcullis_load::failure::Outcome;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};

/// Tokens of its connections begin here.
const FIRST: usize = 1 << 20;
/// The token of its listener.
pub const LISTENER: Token = Token(FIRST - 1);

/// The listener and all connections that Envoy keeps open.
#[derive(Debug)]
pub struct Upstream {
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    head: Vec<u8>,
}

impl Upstream {
    /// Listens on a port of loopback.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn listen(registry: &Registry) -> Outcome<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        registry.register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self { listener, connections: Vec::new(), buffer: vec![0; 1 << 16] })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn address(&self) -> Outcome<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// Whether this is one of its own.
    #[must_use]
    pub fn owns(token: Token) -> bool {
        token.0 >= LISTENER.0
    }

    /// Something happened to one of its own.
    ///
    /// # Errors
    ///
    /// The system's, and where Envoy sends what is no request.
    pub fn ready(&mut self, registry: &Registry, token: Token) -> Outcome<()> {
        if token == LISTENER {
            return self.accept(registry);
        }
        let at = token.0 - FIRST;
        let slot = self.connections.get_mut(at);
        let Some(connection) = slot.and_then(Option::as_mut) else { return Ok(()) };
        if !connection.serve(&mut self.buffer)? {
            self.connections[at] = None;
        }
        Ok(())
    }

    fn accept(&mut self, registry: &Registry) -> Outcome<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _from)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nodelay(true)?;
            let free = self.connections.iter().position(Option::is_none);
            let at = free.unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            registry.register(&mut stream, Token(FIRST + at), Interest::READABLE)?;
            self.connections[at] = Some(Connection { stream, head: Vec::new() });
        }
    }
}

impl Connection {
    /// Answers what is there. Whether it goes on.
    fn serve(&mut self, buffer: &mut [u8]) -> Outcome<bool> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(count) => self.head.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
                Err(error) => return Err(error.into()),
            }
            // Requests without a body, one at a time: Envoy does not pipeline.
            if self.head.ends_with(b"\r\n\r\n") {
                let answer = echo(&self.head);
                // Smaller than any socket's buffer, which is empty between two requests.
                if self.stream.write(&answer)? != answer.len() {
                    return Err(format!("cannot answer {}", text(&self.head)).into());
                }
                self.head.clear();
            }
        }
    }
}

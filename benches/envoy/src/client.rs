//! A client's connection: one request under way, and its answer judged.

use crate::callers::Ask;
use crate::http::{answer, text};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use portcullis_load::failure::Outcome;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

/// A keep-alive connection to the gateway.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    /// What comes back.
    received: Vec<u8>,
    /// What is under way, how much of it was written, and since when it counts.
    under_way: Option<(Ask, usize, Instant)>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn connect(address: SocketAddr, registry: &Registry, token: Token) -> Outcome<Self> {
        let stream = std::net::TcpStream::connect(address)?;
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, received: Vec::new(), under_way: None })
    }

    /// Whether nothing is under way.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    /// Sends. Its time counts from `since`.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn send(&mut self, ask: Ask, since: Instant) -> Outcome<()> {
        self.under_way = Some((ask, 0, since));
        self.write()
    }

    /// Something happened: since when the request counted that was answered now, if one was.
    ///
    /// # Errors
    ///
    /// The system's, and where an answer is wrong. `identifies`: the upstream has to see who called.
    pub fn ready(&mut self, buffer: &mut [u8], identifies: bool) -> Outcome<Option<Instant>> {
        self.write()?;
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err("the gateway hung up".into()),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        if self.received.is_empty() {
            return Ok(None);
        }
        let wrong = || format!("wrong answer: {}", text(&self.received));
        let Some((found, length)) = answer(&self.received)? else { return Ok(None) };
        let (ask, _, since) = self.under_way.take().ok_or_else(wrong)?;
        let user = if identifies { ask.user.as_str() } else { "" };
        let held = (found.status, found.path, found.user) == (200, ask.path.as_str(), user);
        if !held || length != self.received.len() {
            let Ask { path, .. } = &ask;
            return Err(format!("wanted 200, {path} and caller '{user}'; {}", wrong()).into());
        }
        self.received.clear();
        Ok(Some(since))
    }

    fn write(&mut self) -> Outcome<()> {
        let Some((ask, written, _)) = &mut self.under_way else { return Ok(()) };
        while *written < ask.bytes.len() {
            match self.stream.write(&ask.bytes[*written..]) {
                Ok(count) => *written += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

//! Whether anybody is there.

use bytes::Buf;
use h2::server::Connection;
use h2::{Ping, PingPong};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep};

/// How long a connection may be silent before we ask whether anybody is there, and for the answer.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Asks a silent client whether it is there.
#[derive(Debug)]
pub(super) struct KeepAlive {
    heard: Instant,
    timer: Pin<Box<Sleep>>,
    /// There is one from the first question on: a connection that is never silent does not look for answers.
    pings: Option<PingPong>,
    is_asked: bool,
}

impl KeepAlive {
    pub(super) fn new() -> Self {
        let timer = Box::pin(sleep(KEEP_ALIVE));
        Self { heard: Instant::now(), timer, pings: None, is_asked: false }
    }

    /// The client has said something.
    pub(super) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Ready when the client has not answered in time. To be called before `connection` is polled.
    pub(super) fn poll_gone<S, B>(
        &mut self,
        connection: &mut Connection<S, B>,
        context: &mut Context<'_>,
    ) -> Poll<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
        B: Buf,
    {
        loop {
            if self.is_asked && self.has_answered(context) {
                self.is_asked = false;
                self.heard();
                self.timer.as_mut().reset(self.heard + KEEP_ALIVE);
            }
            ready!(self.timer.as_mut().poll(context));
            if self.is_asked {
                return Poll::Ready(());
            }
            let (now, due) = (Instant::now(), self.heard + KEEP_ALIVE);
            if now < due {
                self.timer.as_mut().reset(due);
            } else {
                self.is_asked = self.ask(connection);
                self.timer.as_mut().reset(now + KEEP_ALIVE_TIMEOUT);
            }
        }
    }

    fn ask<S, B>(&mut self, connection: &mut Connection<S, B>) -> bool
    where
        S: AsyncRead + AsyncWrite + Unpin,
        B: Buf,
    {
        if self.pings.is_none() {
            self.pings = connection.ping_pong();
        }
        // It fails where the connection ends, which says so itself.
        self.pings.as_mut().is_some_and(|pings| pings.send_ping(Ping::opaque()).is_ok())
    }

    fn has_answered(&mut self, context: &mut Context<'_>) -> bool {
        let Some(pings) = &mut self.pings else { return false };
        matches!(pings.poll_pong(context), Poll::Ready(Ok(_pong)))
    }
}

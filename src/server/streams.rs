//! The calls of one connection.

use super::io::{Gathered, Outlet};
use super::keep_alive::KeepAlive;
use super::nudge::Nudge;
use crate::envoy::{Framed, Handler, Server, Waits};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use h2::RecvStream;
use h2::server::{Connection, SendResponse};
use http::Request;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};

/// Why a connection ended before its time.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error(transparent)]
    Protocol(#[from] h2::Error),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the client does not answer any more")]
    Silent,
}

/// Answers the calls of a connection, until that has ended.
///
/// The HTTP/2 library writes whenever it is asked for the next call. What it writes is kept back, so that the
/// answers to all that have come go out in one piece. The first call is answered at once, as mostly there is no
/// other; the library is then asked for the rest, and they are answered together.
pub(super) struct Streams<'s, S, H> {
    connection: Connection<Gathered<S>, Framed>,
    outlet: Outlet<S>,
    server: &'s Server<H>,
    /// Calls that have come; empty between the polls.
    come: Vec<(Request<RecvStream>, SendResponse<Framed>)>,
    /// Calls that wait for somebody.
    waiting: FuturesUnordered<Waits<'s>>,
    keep_alive: KeepAlive,
    nudge: Nudge,
}

impl<'s, S, H: Handler> Streams<'s, S, H>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) fn new(
        connection: Connection<Gathered<S>, Framed>,
        outlet: Outlet<S>,
        server: &'s Server<H>,
    ) -> Self {
        outlet.keep_back();
        let (waiting, keep_alive) = (FuturesUnordered::new(), KeepAlive::new());
        let (come, nudge) = (Vec::new(), Nudge::default());
        Self { connection, outlet, server, come, waiting, keep_alive, nudge }
    }

    /// Takes no new call. Those that have come may end.
    pub(super) fn end(&mut self) {
        self.connection.graceful_shutdown();
    }
}

impl<S, H: Handler> Future for Streams<'_, S, H>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    type Output = Result<(), Broken>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { connection, outlet, server, come, waiting, keep_alive, nudge } = &mut *self;
        if keep_alive.poll_gone(connection, context).is_ready() {
            return Poll::Ready(Err(Broken::Silent));
        }
        let waker = nudge.begin(context);
        let within = &mut Context::from_waker(&waker);
        let (mut has_heard, mut is_first) = (false, true);
        loop {
            // Whoever was answered until here is written now.
            nudge.seen();
            while let Poll::Ready(next) = connection.poll_accept(within) {
                match next {
                    Some(Ok(call)) if has_heard => come.push(call),
                    Some(Ok((request, respond))) => {
                        has_heard = true;
                        waiting.extend(server.answer(request, respond, context));
                        nudge.seen();
                    }
                    ended => {
                        // What is kept back was written, to the library. Nobody is left to wait for the rest.
                        let _sent = outlet.poll_send(context);
                        return Poll::Ready(
                            ended.map_or(Ok(()), |call| call.map(drop)).map_err(Broken::from),
                        );
                    }
                }
            }
            if come.is_empty() {
                break;
            }
            // Who was answered does not wait for those who come ever after.
            if !is_first && let Poll::Ready(Err(error)) = outlet.poll_send(context) {
                return Poll::Ready(Err(error.into()));
            }
            is_first = false;
            for (request, respond) in come.drain(..) {
                waiting.extend(server.answer(request, respond, context));
            }
        }
        // Where the client has no room for it yet, this task is woken again.
        if let Poll::Ready(Err(error)) = outlet.poll_send(context) {
            return Poll::Ready(Err(error.into()));
        }
        if has_heard {
            keep_alive.heard();
        }
        while let Poll::Ready(Some(())) = waiting.poll_next_unpin(context) {}
        nudge.end(context);
        Poll::Pending
    }
}

//! The calls of one connection.

use super::io::{Gathered, Outlet};
use super::keep_alive::KeepAlive;
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
/// The HTTP/2 library writes whenever it is asked for the next call: so all that have come are taken first,
/// and then answered together. The first answer wakes this task, so that they go out, in one piece.
pub(super) struct Streams<'s, S, H> {
    connection: Connection<Gathered<S>, Framed>,
    outlet: Outlet<S>,
    server: &'s Server<H>,
    /// Calls that have come; empty between the polls.
    come: Vec<(Request<RecvStream>, SendResponse<Framed>)>,
    /// Calls that wait for somebody.
    waiting: FuturesUnordered<Waits<'s>>,
    keep_alive: KeepAlive,
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
        let (come, waiting) = (Vec::new(), FuturesUnordered::new());
        Self { connection, outlet, server, come, waiting, keep_alive: KeepAlive::new() }
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
        let Self { connection, outlet, server, come, waiting, keep_alive } = &mut *self;
        if keep_alive.poll_gone(connection, context).is_ready() {
            return Poll::Ready(Err(Broken::Silent));
        }
        while let Poll::Ready(next) = connection.poll_accept(context) {
            match next {
                Some(Ok(call)) => come.push(call),
                ended => {
                    // What is kept back was written, to the library. Nobody is left to wait for the rest.
                    let _sent = outlet.poll_send(context);
                    return Poll::Ready(
                        ended.map_or(Ok(()), |call| call.map(drop)).map_err(Broken::from),
                    );
                }
            }
        }
        // What was answered before goes out, before anything else is answered. Where the client has no room for
        // it yet, this task is woken again.
        if let Poll::Ready(Err(error)) = outlet.poll_send(context) {
            return Poll::Ready(Err(error.into()));
        }
        if !come.is_empty() {
            keep_alive.heard();
        }
        for (request, respond) in come.drain(..) {
            waiting.extend(server.answer(request, respond, context));
        }
        while let Poll::Ready(Some(())) = waiting.poll_next_unpin(context) {}
        Poll::Pending
    }
}

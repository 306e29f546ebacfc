//! A connection as the HTTP/2 library should see it: few reads and few writes.
//!
//! Of itself it reads some kilobytes at a time, which are two checks of one Envoy worker that may send
//! a hundred at once; it writes whenever 16 KiB of answers are there; and where the stream claims vectored
//! writes, each answer above 256 bytes is a write of its own.

use bytes::{Buf, BytesMut};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one read may bring.
const READ_BYTES: usize = 128 * 1024;
/// Most that is kept back for one write: answers to as many checks as one read brings, and more.
const WRITE_BYTES: usize = 128 * 1024;
/// Room that a connection keeps for what is kept back.
const ROOM_BYTES: usize = 64 * 1024;
/// What is copied at once.
const PIECE_BYTES: usize = 4096;

/// A connection for the HTTP/2 library.
#[derive(Debug)]
pub(super) struct Gathered<S> {
    shared: Arc<Mutex<Shared<S>>>,
    buffer: Box<[u8]>,
    /// What is in the buffer and was not handed on.
    unread: Range<usize>,
}

/// Where what is kept back goes out.
#[derive(Debug)]
pub(super) struct Outlet<S>(Arc<Mutex<Shared<S>>>);

#[derive(Debug)]
struct Shared<S> {
    stream: S,
    /// What was written and is not out.
    kept: BytesMut,
    /// The most that was, since its room was given back.
    most: usize,
    /// Whether it waits for the outlet.
    keeps: bool,
}

fn lock<S>(shared: &Mutex<Shared<S>>) -> MutexGuard<'_, Shared<S>> {
    // Both sides are of one task: it never waits.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S> Shared<S> {
    /// Takes pieces that the C library copies by vectors. It copies longer ones by `rep movsb`, which is as
    /// fast, but which callgrind counts byte by byte.
    fn keep(&mut self, bytes: &[u8]) {
        self.kept.reserve(bytes.len());
        bytes.chunks(PIECE_BYTES).for_each(|piece| self.kept.extend_from_slice(piece));
    }
}

impl<S: AsyncWrite + Unpin> Shared<S> {
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.most = self.most.max(self.kept.len());
        let mut stream = Pin::new(&mut self.stream);
        while !self.kept.is_empty() {
            let written = ready!(stream.as_mut().poll_write(context, &self.kept))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.kept.advance(written);
        }
        if self.most > ROOM_BYTES {
            (self.kept, self.most) = (BytesMut::new(), 0);
        }
        stream.poll_flush(context)
    }
}

impl<S> Gathered<S> {
    /// The library writes whenever it is asked for the next call, or its buffer is full, and each write may wake
    /// the gateway. From [`Outlet::keep_back`] on, what it writes is kept until [`Outlet::poll_send`], or there is
    /// too much.
    pub(super) fn new(stream: S) -> (Self, Outlet<S>) {
        let shared = Shared { stream, kept: BytesMut::new(), most: 0, keeps: false };
        let shared = Arc::new(Mutex::new(shared));
        let buffer = vec![0; READ_BYTES].into_boxed_slice();
        (Self { shared: Arc::clone(&shared), buffer, unread: 0..0 }, Outlet(shared))
    }
}

impl<S: AsyncWrite + Unpin> Outlet<S> {
    /// Whoever calls this calls [`Self::poll_send`] as well.
    pub(super) fn keep_back(&self) {
        lock(&self.0).keeps = true;
    }

    /// Writes what was kept back.
    pub(super) fn poll_send(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        lock(&self.0).poll_send(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.unread.is_empty() {
            let mut buffer = ReadBuf::new(&mut this.buffer);
            let mut shared = lock(&this.shared);
            ready!(Pin::new(&mut shared.stream).poll_read(context, &mut buffer))?;
            this.unread = 0..buffer.filled().len();
        }
        let Range { start, end } = this.unread;
        let end = end.min(start.saturating_add(to.remaining()));
        to.put_slice(this.buffer.get(start..end).unwrap_or_default());
        this.unread.start = end;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut shared = lock(&self.shared);
        if shared.keeps && bytes.len() <= WRITE_BYTES {
            if shared.kept.len().saturating_add(bytes.len()) > WRITE_BYTES {
                ready!(shared.poll_send(context))?;
            }
            shared.keep(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(shared.poll_send(context))?;
        Pin::new(&mut shared.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.shared);
        let waits = shared.keeps && !shared.kept.is_empty();
        if waits { Poll::Ready(Ok(())) } else { shared.poll_send(context) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = lock(&self.shared);
        ready!(shared.poll_send(context))?;
        Pin::new(&mut shared.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// What one call reads into this much room.
    async fn read<S: AsyncRead + Unpin>(stream: &mut Gathered<S>, room: usize) -> Vec<u8> {
        let mut room = vec![0; room];
        let mut buffer = ReadBuf::new(&mut room);
        let read = poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer));
        read.await.expect("reads");
        buffer.filled().to_vec()
    }

    async fn write<S: AsyncWrite + Unpin>(stream: &mut Gathered<S>, bytes: &[u8]) {
        stream.write_all(bytes).await.expect("writes");
        stream.flush().await.expect("flushes");
    }

    async fn send<S: AsyncWrite + Unpin>(outlet: &Outlet<S>) {
        poll_fn(|context| outlet.poll_send(context)).await.expect("sends");
    }

    /// Writes what it is given, a piece for each call.
    #[derive(Debug, Default)]
    struct Pieces(Vec<usize>);

    impl AsyncWrite for Pieces {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.0.push(bytes.len());
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn one_read_of_the_stream_serves_many_small_ones() {
        let (mut near, far) = duplex(1024);
        let (mut stream, _outlet) = Gathered::new(far);
        near.write_all(b"abcdefg").await.expect("written");
        drop(near);
        for want in ["abc", "def", "g", ""] {
            assert_eq!(read(&mut stream, 3).await, want.as_bytes());
        }
    }

    #[tokio::test]
    async fn what_is_written_goes_through_until_it_is_kept_back() {
        let (mut near, far) = duplex(64 * 1024);
        let (mut stream, outlet) = Gathered::new(far);
        assert!(!stream.is_write_vectored());
        write(&mut stream, b"abc").await;
        let mut came = [0; 3];
        near.read_exact(&mut came).await.expect("reads");
        outlet.keep_back();
        let long = [b'd'; 15_000];
        write(&mut stream, &long).await;
        write(&mut stream, b"efg").await;
        let mut nothing = [0; 1];
        let early = poll_fn(|context| {
            let mut buffer = ReadBuf::new(&mut nothing);
            Poll::Ready(Pin::new(&mut near).poll_read(context, &mut buffer).is_ready())
        });
        assert!(!early.await, "it is kept back");
        send(&outlet).await;
        write(&mut stream, &long).await;
        stream.shutdown().await.expect("shuts down");
        let mut rest = Vec::new();
        near.read_to_end(&mut rest).await.expect("reads");
        assert_eq!(rest, [&long[..], b"efg", &long].concat());
    }

    #[tokio::test]
    async fn many_writes_become_one_unless_there_is_too_much() {
        let (mut stream, outlet) = Gathered::new(Pieces::default());
        outlet.keep_back();
        let block = [b'x'; 16 * 1024];
        for _write in 0..8 {
            write(&mut stream, &block).await;
        }
        assert_eq!(lock(&outlet.0).stream.0, [0; 0]);
        write(&mut stream, b"one more").await;
        assert_eq!(lock(&outlet.0).stream.0, [WRITE_BYTES]);
        send(&outlet).await;
        send(&outlet).await;
        write(&mut stream, &[b'x'; WRITE_BYTES + 1]).await;
        assert_eq!(lock(&outlet.0).stream.0, [WRITE_BYTES, 8, WRITE_BYTES + 1]);
        write(&mut stream, &[b'x'; ROOM_BYTES]).await;
        send(&outlet).await;
        write(&mut stream, b"y").await;
        assert!(lock(&outlet.0).kept.capacity() >= ROOM_BYTES / 2, "the room is used again");
        write(&mut stream, &[b'x'; ROOM_BYTES]).await;
        send(&outlet).await;
        assert_eq!(lock(&outlet.0).kept.capacity(), 0, "the room is given back");
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_holds_up_what_is_written() {
        let (mut near, far) = duplex(1024);
        let (mut stream, outlet) = Gathered::new(far);
        outlet.keep_back();
        stream.write_all(&[b'x'; WRITE_BYTES]).await.expect("kept");
        let full = poll_fn(|context| Poll::Ready(Pin::new(&mut stream).poll_write(context, b"y")));
        assert!(full.await.is_pending());
        let reads = async {
            let mut came = vec![0; WRITE_BYTES + 1];
            near.read_exact(&mut came).await.map(|_read| came.ends_with(b"xy"))
        };
        let writes = async {
            stream.write_all(b"y").await.expect("writes");
            send(&outlet).await;
        };
        let (ends, ()) = tokio::join!(reads, writes);
        assert!(ends.expect("reads"));
    }

    #[tokio::test]
    async fn whoever_is_gone_is_an_error() {
        let (near, far) = duplex(1024);
        let (mut stream, outlet) = Gathered::new(far);
        outlet.keep_back();
        drop(near);
        write(&mut stream, b"x").await;
        let sent = poll_fn(|context| outlet.poll_send(context)).await;
        assert_eq!(sent.map_err(|error| error.kind()), Err(io::ErrorKind::BrokenPipe));
    }
}

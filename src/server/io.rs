//! A connection as the HTTP/2 library should see it: few reads and few writes.
//!
//! Of itself it reads some kilobytes at a time, which are two checks of one Envoy worker that may send
//! a hundred at once; and where the stream claims vectored writes, each answer above 256 bytes is a write of its own.

use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one read may bring.
const BUFFER_BYTES: usize = 128 * 1024;

#[derive(Debug)]
pub(super) struct Gathered<S> {
    stream: S,
    buffer: Box<[u8]>,
    /// What is in the buffer and was not handed on.
    unread: Range<usize>,
}

impl<S> Gathered<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: vec![0; BUFFER_BYTES].into_boxed_slice(), unread: 0..0 }
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
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer))?;
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
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
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

    #[tokio::test]
    async fn one_read_of_the_stream_serves_many_small_ones() {
        let (mut near, far) = duplex(1024);
        let mut stream = Gathered::new(far);
        near.write_all(b"abcdefg").await.expect("written");
        drop(near);
        for want in ["abc", "def", "g", ""] {
            assert_eq!(read(&mut stream, 3).await, want.as_bytes());
        }
    }

    #[tokio::test]
    async fn what_is_written_goes_through_and_never_in_pieces() {
        let (mut near, far) = duplex(1024);
        let mut stream = Gathered::new(far);
        assert!(!stream.is_write_vectored());
        let write = poll_fn(|context| Pin::new(&mut stream).poll_write(context, b"abc"));
        assert_eq!(write.await.expect("writes"), 3);
        let flush = poll_fn(|context| Pin::new(&mut stream).poll_flush(context));
        flush.await.expect("flushes");
        let shutdown = poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context));
        shutdown.await.expect("shuts down");
        let mut came = Vec::new();
        near.read_to_end(&mut came).await.expect("reads");
        assert_eq!(came, b"abc");
    }
}

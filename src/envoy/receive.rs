//! Reads the message of a check.

use super::message::{TooLong, is_hopeless, only};
use super::service::grpc_timeout;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, Incoming};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use tonic::Status;

type Next = Option<Result<Frame<Bytes>, hyper::Error>>;

/// The message of at most `most` bytes that `body` is; `None` where it is none.
///
/// # Errors
///
/// The message is too long, the client has gone, or the time that it gave is over.
pub(super) async fn receive(
    mut body: Incoming,
    most: usize,
    timeout: Option<&str>,
) -> Result<Option<Bytes>, Status> {
    // In nearly all cases it is one frame, that has come with the head.
    let first = poll_fn(|context| Poll::Ready(poll_next(&mut body, context))).await;
    let begun = match first {
        Poll::Pending => BytesMut::new(),
        Poll::Ready(None) => return Ok(None),
        Poll::Ready(Some(frame)) => {
            let data = data(frame)?;
            if body.is_end_stream() {
                return only(data, most).map_err(|TooLong| too_long(most));
            }
            BytesMut::from(data)
        }
    };
    Box::pin(in_time(join(begun, body, most), timeout)).await
}

/// Reads what is left of a message that comes in several frames.
async fn join(
    mut begun: BytesMut,
    mut body: Incoming,
    most: usize,
) -> Result<Option<Bytes>, Status> {
    while !is_hopeless(&begun, most) {
        let next = poll_fn(|context| poll_next(&mut body, context)).await;
        let Some(frame) = next else { break };
        begun.extend_from_slice(&data(frame)?);
    }
    only(begun.freeze(), most).map_err(|TooLong| too_long(most))
}

/// What `reading` comes to, where the client does not say that it waits no longer.
async fn in_time(
    reading: impl Future<Output = Result<Option<Bytes>, Status>>,
    timeout: Option<&str>,
) -> Result<Option<Bytes>, Status> {
    let Some(timeout) = timeout.and_then(grpc_timeout) else { return reading.await };
    let read = tokio::time::timeout(timeout, reading).await;
    read.unwrap_or_else(|_elapsed| Err(Status::deadline_exceeded("Timeout expired")))
}

fn poll_next(body: &mut Incoming, context: &mut Context<'_>) -> Poll<Next> {
    Pin::new(body).poll_frame(context)
}

/// The bytes of a frame; trailers have none.
fn data(frame: Result<Frame<Bytes>, hyper::Error>) -> Result<Bytes, Status> {
    let frame = frame.map_err(|error| Status::cancelled(error.to_string()))?;
    Ok(frame.into_data().unwrap_or_default())
}

fn too_long(most: usize) -> Status {
    Status::out_of_range(format!("the message is longer than {most} bytes"))
}

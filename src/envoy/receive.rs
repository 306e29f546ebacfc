//! Reads the message of a check.

use super::message::{TooLong, is_hopeless, only};
use super::service::grpc_timeout;
use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use std::future::poll_fn;
use std::task::{Context, Poll};
use tonic::Status;

/// A message of at most so many bytes; `None` where what came is none.
pub(super) type Message = Result<Option<Bytes>, Status>;

/// How far a message has come.
#[derive(Debug)]
pub(super) enum Begun {
    /// In nearly all cases it is one frame, that has come with the head.
    Whole(Message),
    /// More is to come, or at least the end.
    Part(Bytes),
}

/// What has come of the message of at most `most` bytes that `body` is, without waiting for more.
///
/// # Errors
///
/// The client has gone.
pub(super) fn begin(
    body: &mut RecvStream,
    most: usize,
    context: &mut Context<'_>,
) -> Result<Begun, h2::Error> {
    Ok(match body.poll_data(context) {
        Poll::Pending => Begun::Part(Bytes::new()),
        Poll::Ready(None) => Begun::Whole(Ok(None)),
        Poll::Ready(Some(data)) => {
            let data = data?;
            if body.is_end_stream() { Begun::Whole(whole(data, most)) } else { Begun::Part(data) }
        }
    })
}

/// Gives back what room a message takes of the connection's, before its stream ends.
pub(super) fn give_room(body: &mut RecvStream) {
    let room = body.flow_control();
    // It cannot be more than was taken.
    let _given = room.release_capacity(room.used_capacity());
}

/// Reads what is left of a message, for as long as the client waits.
///
/// # Errors
///
/// The client has gone.
pub(super) async fn finish(
    begun: Bytes,
    body: &mut RecvStream,
    most: usize,
    timeout: Option<&str>,
) -> Result<Message, h2::Error> {
    let reading = join(begun, body, most);
    let Some(timeout) = timeout.and_then(grpc_timeout) else { return reading.await };
    let read = tokio::time::timeout(timeout, reading).await;
    read.unwrap_or_else(|_elapsed| Ok(Err(Status::deadline_exceeded("Timeout expired"))))
}

async fn join(begun: Bytes, body: &mut RecvStream, most: usize) -> Result<Message, h2::Error> {
    give_room(body);
    let mut begun = BytesMut::from(begun);
    while !is_hopeless(&begun, most) {
        let Some(data) = poll_fn(|context| body.poll_data(context)).await else { break };
        begun.extend_from_slice(&data?);
        give_room(body);
    }
    Ok(whole(begun.freeze(), most))
}

fn whole(body: Bytes, most: usize) -> Message {
    let too_long =
        |TooLong| Status::out_of_range(format!("the message is longer than {most} bytes"));
    only(body, most).map_err(too_long)
}

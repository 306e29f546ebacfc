//! The other methods, health among them: tonic's, on our streams.

use super::message::Framed;
use bytes::Bytes;
use futures_util::future::{Either, select};
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use http_body::{Body, Frame};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tonic::codegen::Service;
use tonic::service::Routes;

/// Answers by `routes`, for as long as the client waits.
///
/// # Errors
///
/// The client has gone.
pub(super) async fn answer(
    mut routes: Routes,
    request: Request<RecvStream>,
    mut respond: SendResponse<Framed>,
) -> Result<(), h2::Error> {
    let request = request.map(|stream| tonic::body::Body::new(Incoming(stream)));
    let response = unless_reset(&mut respond, routes.call(request)).await;
    let Some(response) = response else { return Ok(()) };
    let (head, mut body) = match response {
        Ok(response) => response.into_parts(),
        Err(never) => match never {},
    };
    let head = Response::from_parts(head, ());
    let mut stream = respond.send_response(head, body.is_end_stream())?;
    while !body.is_end_stream() {
        let next = poll_fn(|context| match stream.poll_reset(context) {
            Poll::Ready(reset) => Poll::Ready(Err(reset)),
            Poll::Pending => Pin::new(&mut body).poll_frame(context).map(Ok),
        });
        let frame = match next.await {
            Err(reset) => return reset.map(drop),
            Ok(None) => return stream.send_data(Framed::as_it_is(Bytes::new()), true),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_status))) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Ok(());
            }
        };
        match frame.into_data() {
            Ok(data) => {
                room(&mut stream, data.len()).await?;
                stream.send_data(Framed::as_it_is(data), body.is_end_stream())?;
            }
            Err(frame) => {
                return stream.send_trailers(frame.into_trailers().unwrap_or_default());
            }
        }
    }
    Ok(())
}

/// Waits until the client takes some of so many bytes. The rest is kept by the HTTP/2 library: that is one
/// frame of a stream at most.
async fn room(stream: &mut SendStream<Framed>, bytes: usize) -> Result<(), h2::Error> {
    stream.reserve_capacity(bytes);
    while bytes > 0 && stream.capacity() == 0 {
        match poll_fn(|context| stream.poll_capacity(context)).await {
            Some(capacity) => drop(capacity?),
            // Sending says why.
            None => break,
        }
    }
    Ok(())
}

/// What `work` comes to; `None` where the client gives up before.
pub(super) async fn unless_reset<T>(
    respond: &mut SendResponse<Framed>,
    work: impl Future<Output = T> + Unpin,
) -> Option<T> {
    match select(work, poll_fn(|context| respond.poll_reset(context))).await {
        Either::Left((done, _reset)) => Some(done),
        Either::Right(_reset) => None,
    }
}

/// What comes in, as tonic reads it.
#[derive(Debug)]
struct Incoming(RecvStream);

impl Body for Incoming {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if let Some(data) = ready!(self.0.poll_data(context)) {
            let data = data?;
            self.0.flow_control().release_capacity(data.len())?;
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        let trailers = ready!(self.0.poll_trailers(context))?;
        Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

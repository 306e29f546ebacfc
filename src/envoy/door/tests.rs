use super::*;
use crate::envoy::reply::GRPC;
use crate::envoy::service::refuse_panic;
use crate::server::answered;
use bytes::Buf;
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use http::header::CONTENT_TYPE;
use http_body::{Body, Frame};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::sync::watch;

/// Longest message that these servers read.
const MOST: usize = 64;

/// A body in the frames that a test wants; without an end, where it has none.
#[derive(Debug)]
struct Frames(VecDeque<Frame<Bytes>>, End);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Comes,
    Never,
}

impl Frames {
    fn of(frames: &[&[u8]]) -> Self {
        let data = |bytes: &&[u8]| Frame::data(Bytes::copy_from_slice(bytes));
        Self(frames.iter().map(data).collect(), End::Comes)
    }

    fn and_trailers(mut self) -> Self {
        self.0.push_back(Frame::trailers(HeaderMap::new()));
        self
    }

    const fn and_no_end(mut self) -> Self {
        self.1 = End::Never;
        self
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match (self.0.pop_front(), self.1) {
            (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
            (None, End::Comes) => Poll::Ready(None),
            (None, End::Never) => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty() && self.1 == End::Comes
    }
}

/// A connection to a server of its own.
async fn connect<H: Handler>(handler: H) -> SendRequest<Frames> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let server = Server::new(handler, MOST, Routes::default());
    // Both end with the test.
    tokio::spawn(async {
        let (_never, stop) = watch::channel(());
        answered(far, server, stop).await
    });
    let (client, connection) =
        handshake(TokioExecutor::new(), TokioIo::new(near)).await.expect("shakes hands");
    tokio::spawn(connection);
    client
}

/// What came: the head, the data, the trailers.
struct Got {
    head: HeaderMap,
    data: Bytes,
    trailers: Option<HeaderMap>,
}

impl Got {
    /// The code of an RPC error.
    fn error(&self) -> Option<&str> {
        self.head.get("grpc-status").and_then(|code| code.to_str().ok())
    }

    /// The message of an answer, which is all that came.
    #[track_caller]
    fn message(mut self) -> Bytes {
        assert_eq!(self.error(), None);
        assert_eq!(self.data.get_u8(), 0, "compressed");
        assert_eq!(usize::try_from(self.data.get_u32()), Ok(self.data.len()));
        let trailers = self.trailers.expect("trailers");
        assert_eq!(trailers.len(), 1);
        assert_eq!(trailers.get("grpc-status").map(HeaderValue::as_bytes), Some(&b"0"[..]));
        self.data
    }
}

async fn send(client: &mut SendRequest<Frames>, request: Request<Frames>) -> Got {
    let response = client.send_request(request).await.expect("the connection lives");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers().get(CONTENT_TYPE), Some(&GRPC));
    let (head, mut body) = response.into_parts();
    let mut got = Got { head: head.headers, data: Bytes::new(), trailers: None };
    let mut data = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        match frame.expect("a frame").into_data() {
            Ok(bytes) => data.extend_from_slice(&bytes),
            Err(trailers) => got.trailers = trailers.into_trailers().ok(),
        }
    }
    got.data = data.into();
    got
}

async fn check(client: &mut SendRequest<Frames>, body: Frames) -> Got {
    let request = Request::post(format!("http://portcullis{CHECK}")).body(body);
    send(client, request.expect("a request")).await
}

/// Shows what it was handed.
struct Mirror;

impl Handler for Mirror {
    fn answer(&self, message: Option<Bytes>, metadata: Metadata<'_>) -> Answering<'_> {
        let answer = match (message, metadata.grpc_timeout()) {
            (Some(message), None) => message,
            (message, timeout) => format!("{message:?} {timeout:?}").into(),
        };
        let waits = async move {
            tokio::task::yield_now().await;
            answer
        };
        Answering::Waits(waits.boxed())
    }

    fn answer_to_panic(&self) -> Bytes {
        Bytes::new()
    }
}

#[tokio::test]
async fn a_message_is_handed_on_in_however_many_frames_it_comes() {
    let mut client = connect(Mirror).await;
    let whole = b"\0\0\0\0\x05hello";
    let bodies = [
        Frames::of(&[whole]),
        Frames::of(&[whole, b""]),
        Frames::of(&[whole]).and_trailers(),
        Frames::of(&[b"\0\0", b"\0\0\x05", b"", b"hel", b"lo"]),
    ];
    for body in bodies {
        let shown = format!("{body:?}");
        assert_eq!(check(&mut client, body).await.message(), "hello", "{shown}");
    }
    let got = check(&mut client, Frames::of(&[b"\0\0\0\0\0"])).await;
    assert_eq!(got.head.get("content-length"), None, "gRPC has none");
    assert_eq!(got.message(), "");
}

/// Answers with that many bytes.
struct Long(usize);

impl Handler for Long {
    fn answer(&self, _message: Option<Bytes>, _metadata: Metadata<'_>) -> Answering<'_> {
        Answering::Ready((0..self.0).map(|at| at.to_le_bytes()[0]).collect())
    }

    fn answer_to_panic(&self) -> Bytes {
        Bytes::new()
    }
}

#[tokio::test]
async fn an_answer_of_any_length_goes_out_whole() {
    for length in [0, 1, 999, 1000, 1001, 1500, 2000, 70_000] {
        let mut client = connect(Long(length)).await;
        let got = check(&mut client, Frames::of(&[b"\0\0\0\0\0"])).await;
        assert_eq!(
            got.message(),
            Long(length).answer(None, Metadata::default()).bytes().await,
            "{length}"
        );
    }
}

#[tokio::test]
async fn nothing_of_a_call_comes_back_in_the_head_of_its_answer() {
    for count in [0, 10, 70] {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let server = Server::new(Long(1), MOST, Routes::default());
        tokio::spawn(async {
            let (_never, stop) = watch::channel(());
            answered(far, server, stop).await
        });
        let (mut client, connection) = h2::client::handshake(near).await.expect("shakes hands");
        let request = Request::post(format!("http://portcullis{CHECK}"));
        let request = (0..count).fold(request, |request, at| {
            request.header(format!("x-{at}"), "secret").header("te", "trailers")
        });
        let request = request.body(()).expect("a request");
        let (answer, mut message) = client.send_request(request, false).expect("a call");
        message.send_data(Bytes::from_static(b"\0\0\0\0\0"), true).expect("a message");
        // From here on bytes go out: the whole call at once.
        tokio::spawn(connection);
        let head = answer.await.expect("an answer").into_parts().0.headers;
        assert_eq!((head.len(), head.get(CONTENT_TYPE)), (1, Some(&GRPC)), "{count}");
    }
}

#[tokio::test]
async fn o04_what_is_no_message_is_handed_on_as_none_and_is_no_error() {
    let mut client = connect(Mirror).await;
    let none: [&[&[u8]]; 8] = [
        &[],
        &[b""],
        &[b"\0\0\0"],
        &[b"\0\0\0\0\x05hell"],
        &[b"\0\0\0\0\x05hello!"],
        &[b"\0\0\0\0\x05hello", b"\0\0\0\0\x01!"],
        &[b"\x01\0\0\0\x05hello"],
        &[b"\xff\0\0\0\x05hello"],
    ];
    for body in none {
        let got = check(&mut client, Frames::of(body)).await;
        assert_eq!(got.message(), "None None", "{body:?}");
    }
    // What cannot become one is not waited for.
    let got = check(&mut client, Frames::of(&[b"\0\0\0\0\x01ab"]).and_no_end()).await;
    assert_eq!(got.message(), "None None");
    let got = check(&mut client, Frames::of(&[]).and_trailers()).await;
    assert_eq!(got.message(), "None None");
}

#[tokio::test]
async fn o04_a_message_above_the_limit_is_an_error_of_its_stream_alone() {
    const OUT_OF_RANGE: Option<&str> = Some("11");
    let mut client = connect(Mirror).await;
    let longest = [&[0, 0, 0, 0, 64][..], &[b'a'; 64]].concat();
    assert_eq!(check(&mut client, Frames::of(&[&longest])).await.message().len(), MOST);
    let longer = [&[0, 0, 0, 0, 65][..], &[b'a'; 65]].concat();
    assert_eq!(check(&mut client, Frames::of(&[&longer])).await.error(), OUT_OF_RANGE);
    // By the prefix: nobody waits for, or keeps room for, what is not read.
    let said = Frames::of(&[b"\0\xff\xff\xff\xff"]).and_no_end();
    assert_eq!(check(&mut client, said).await.error(), OUT_OF_RANGE);
    assert_eq!(check(&mut client, Frames::of(&[&longest])).await.message().len(), MOST);
}

#[tokio::test]
async fn the_gateway_s_timeout_is_handed_on_and_ends_the_wait_for_a_message() {
    const DEADLINE_EXCEEDED: Option<&str> = Some("4");
    let mut client = connect(Mirror).await;
    let within = |timeout: &str, body| {
        let request = Request::post(format!("http://portcullis{CHECK}"));
        request.header("grpc-timeout", timeout).body(body).expect("a request")
    };
    let got = send(&mut client, within("5S", Frames::of(&[b"\0\0\0\0\x01a"]))).await;
    assert_eq!(got.message(), "Some(b\"a\") Some(\"5S\")");
    for begun in [&[][..], &[&b"\0\0\0\0\x01"[..]]] {
        let got = send(&mut client, within("20m", Frames::of(begun).and_no_end())).await;
        assert_eq!(got.error(), DEADLINE_EXCEEDED);
    }
}

#[tokio::test]
async fn o06_other_methods_and_compressed_messages_are_unimplemented() {
    const UNIMPLEMENTED: Option<&str> = Some("12");
    let mut client = connect(Mirror).await;
    for (encoding, want) in [("identity", None), ("gzip", UNIMPLEMENTED), ("", UNIMPLEMENTED)] {
        let request = Request::post(format!("http://portcullis{CHECK}"));
        let request = request.header(GRPC_ENCODING, encoding).body(Frames::of(&[b"\0\0\0\0\0"]));
        let got = send(&mut client, request.expect("a request")).await;
        assert_eq!(got.error(), want, "{encoding:?}");
    }
    for path in ["/envoy.service.auth.v3.Authorization/Other", "/a.B/Check", "/", "/a/b/c"] {
        let request = Request::post(format!("http://portcullis{path}"));
        let request = request.body(Frames::of(&[b"\0\0\0\0\0"])).expect("a request");
        assert_eq!(send(&mut client, request).await.error(), UNIMPLEMENTED, "{path}");
    }
}

/// Panics where no check could: before anything is awaited, and after.
#[derive(Default)]
struct Panicking(AtomicUsize);

impl Handler for Panicking {
    fn answer(&self, _message: Option<Bytes>, _metadata: Metadata<'_>) -> Answering<'_> {
        assert!(self.0.fetch_add(1, Ordering::SeqCst).is_multiple_of(2), "a bug");
        let waits = async {
            tokio::task::yield_now().await;
            panic!("a bug later on")
        };
        Answering::Waits(waits.boxed())
    }

    fn answer_to_panic(&self) -> Bytes {
        refuse_panic()
    }
}

#[tokio::test]
async fn o13_a_panic_anywhere_is_a_denied_503_and_the_connection_lives() {
    let mut client = connect(Panicking::default()).await;
    for _time in 0..4 {
        let answer = check(&mut client, Frames::of(&[b"\0\0\0\0\0"])).await.message();
        let answer = CheckResponse::decode(answer).expect("an answer");
        assert_ne!(answer.status.map(|status| status.code), Some(0));
        let Some(HttpResponse::DeniedResponse(denied)) = answer.http_response else {
            panic!("not denied");
        };
        assert_eq!(denied.status.map(|status| status.code), Some(503));
        assert!(denied.body.contains("internal"), "{}", denied.body);
    }
}

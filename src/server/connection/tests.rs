use super::*;
use crate::envoy::{Answering, Metadata};
use axum::body::Body;
use axum::routing::post;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt, stream};
use h2::client::{self, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::Request;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tonic::service::Routes;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
const MOST: usize = 1024 * 1024;

/// Answers a message by itself; one that begins with `wait` only when told to.
struct Echo {
    told: Arc<Notify>,
    seen: UnboundedSender<Seen>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Seen {
    Waits,
    Ended,
}

/// Says when it is dropped.
struct Ends(UnboundedSender<Seen>);

impl Drop for Ends {
    fn drop(&mut self) {
        let _nobody_asks = self.0.send(Seen::Ended);
    }
}

impl Ends {
    fn of(seen: &UnboundedSender<Seen>) -> Self {
        seen.send(Seen::Waits).expect("somebody looks");
        Self(seen.clone())
    }
}

impl Handler for Echo {
    fn answer(&self, message: Option<Bytes>, _metadata: Metadata<'_>) -> Answering<'_> {
        let message = message.unwrap_or_default();
        if !message.starts_with(b"wait") {
            return Answering::Ready(message);
        }
        let (told, ends) = (Arc::clone(&self.told), Ends::of(&self.seen));
        let waits = async move {
            let _ends = ends;
            told.notified().await;
            message
        };
        Answering::Waits(waits.boxed())
    }

    fn answer_to_panic(&self) -> Bytes {
        Bytes::new()
    }
}

/// A server of one connection, and what it is steered by.
struct Serving {
    task: JoinHandle<Result<(), Broken>>,
    stop: watch::Sender<()>,
    told: Arc<Notify>,
    seen: UnboundedReceiver<Seen>,
}

impl Serving {
    fn start() -> (DuplexStream, Self) {
        let (near, far) = duplex(64 * 1024);
        let (stop, stopped) = watch::channel(());
        let (seer, seen) = unbounded_channel();
        let told = Arc::new(Notify::new());
        let routes = Routes::from(others(&seer));
        let echo = Echo { told: Arc::clone(&told), seen: seer };
        let task = tokio::spawn(answered(far, Server::new(echo, MOST, routes), stopped));
        (near, Self { task, stop, told, seen })
    }
}

/// Methods that are not ours: one answers much, one never ends, one panics.
fn others(seen: &UnboundedSender<Seen>) -> axum::Router {
    let seen = seen.clone();
    let never = async move || {
        let ends = Ends::of(&seen);
        let chunks = stream::iter([Ok::<_, Broken>(Bytes::from_static(b"begun"))]);
        Body::from_stream(chunks.chain(stream::pending().map(move |never| (never, &ends).0)))
    };
    let much = async |body: Bytes| body.repeat(1000);
    let panics = async || -> Bytes { panic!("a bug") };
    let router = axum::Router::new().route("/test/Much", post(much));
    router.route("/test/Never", post(never)).route("/test/Panics", post(panics))
}

/// A client, and what carries its calls.
async fn shake(
    builder: &client::Builder,
    stream: DuplexStream,
) -> (SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>) {
    let (client, connection) = builder.handshake(stream).await.expect("shakes hands");
    (client, tokio::spawn(connection))
}

async fn call(
    client: &SendRequest<Bytes>,
    path: &str,
    body: Bytes,
) -> Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
    let request = Request::post(format!("http://portcullis{path}")).body(()).expect("a request");
    let mut client = client.clone().ready().await?;
    let (response, mut stream) = client.send_request(request, false)?;
    stream.send_data(body, true)?;
    Ok((response, stream))
}

async fn read(response: ResponseFuture) -> Result<Bytes, h2::Error> {
    let mut body = soon(response).await?.into_body();
    let mut bytes = BytesMut::new();
    while let Some(data) = soon(body.data()).await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        bytes.put(data);
    }
    soon(body.trailers()).await?;
    Ok(bytes.freeze())
}

/// What comes without any time to pass: that passes only where nobody has anything left to do.
async fn soon<T>(coming: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(1), coming).await.expect("it comes")
}

/// A message behind its prefix.
fn framed(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.len().try_into().expect("short"));
    framed.put(message);
    framed.freeze()
}

/// What a check of `message` is answered by.
async fn check(client: &SendRequest<Bytes>, message: &[u8]) -> Result<Bytes, h2::Error> {
    read(call(client, CHECK, framed(message)).await?.0).await
}

#[tokio::test(start_paused = true)]
async fn calls_by_the_hundred_do_not_wait_for_one_that_waits() {
    let (stream, mut serving) = Serving::start();
    // With less room, this client takes so many small answers for an attack.
    let (client, _connection) =
        shake(client::Builder::new().initial_connection_window_size(1 << 20), stream).await;
    let (waits, _stream) = call(&client, CHECK, framed(b"wait")).await.expect("sent");
    assert_eq!(soon(serving.seen.recv()).await, Some(Seen::Waits));
    let many: Vec<_> = (0..500).map(|at| format!("message {at}")).collect();
    let answers = join_all(many.iter().map(|message| check(&client, message.as_bytes()))).await;
    for (message, answer) in many.iter().zip(answers) {
        assert_eq!(answer.expect("an answer"), framed(message.as_bytes()));
    }
    serving.told.notify_one();
    assert_eq!(read(waits).await.expect("an answer"), framed(b"wait"));
}

/// Such as a `tracestate` that the gateway's tracer copies from a client: it must not end in an RPC error.
#[tokio::test(start_paused = true)]
async fn a_call_with_long_headers_is_answered() {
    for length in [20_000, 100_000] {
        let (stream, _serving) = Serving::start();
        let (mut client, _connection) = shake(&client::Builder::new(), stream).await;
        let request = Request::post(format!("http://portcullis{CHECK}"));
        let request = request.header("tracestate", "a".repeat(length)).body(()).expect("a request");
        let (response, mut stream) = client.send_request(request, false).expect("sent");
        stream.send_data(framed(b"message"), true).expect("sent");
        assert_eq!(read(response).await.expect("an answer"), framed(b"message"), "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_connects_and_says_nothing_holds_up_no_end() {
    let (_stream, serving) = Serving::start();
    tokio::task::yield_now().await;
    serving.stop.send(()).expect("it listens");
    let ended = timeout(GREETING / 2, serving.task).await;
    ended.expect("at once").expect("no panic").expect("well");
    let (_stream, serving) = Serving::start();
    let ended = timeout(GREETING * 2, serving.task).await;
    ended.expect("after a while").expect("no panic").expect("well");
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_take_no_room_from_others() {
    let (stream, mut serving) = Serving::start();
    let (client, _connection) = shake(&client::Builder::new(), stream).await;
    let long = [&b"wait"[..], &[b'a'; 3000]].concat();
    let calls = 1 + WINDOW_BYTES as usize / long.len();
    let waits = (0..calls).map(|_call| check(&client, &long));
    let mut waits = pin!(join_all(waits));
    for _call in 0..calls {
        tokio::select! {
            biased;
            seen = soon(serving.seen.recv()) => assert_eq!(seen, Some(Seen::Waits)),
            _answers = waits.as_mut() => panic!("nobody was told to"),
        }
    }
    serving.told.notify_waiters();
    for answer in waits.await {
        assert_eq!(answer.expect("an answer"), framed(&long));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_gives_up_ends_its_own_call_alone() {
    let (stream, mut serving) = Serving::start();
    let (client, _connection) = shake(&client::Builder::new(), stream).await;
    for (path, body) in [(CHECK, framed(b"wait")), ("/test/Never", Bytes::new())] {
        let (response, mut stream) = call(&client, path, body).await.expect("sent");
        assert_eq!(soon(serving.seen.recv()).await, Some(Seen::Waits), "{path}");
        stream.send_reset(Reason::CANCEL);
        assert_eq!(soon(serving.seen.recv()).await, Some(Seen::Ended), "{path}");
        drop(response);
        assert_eq!(check(&client, b"next").await.expect("an answer"), framed(b"next"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_ends_its_calls() {
    let (stream, mut serving) = Serving::start();
    let (client, connection) = shake(&client::Builder::new(), stream).await;
    let _call = call(&client, CHECK, framed(b"wait")).await.expect("sent");
    assert_eq!(soon(serving.seen.recv()).await, Some(Seen::Waits));
    connection.abort();
    assert_eq!(soon(serving.seen.recv()).await, Some(Seen::Ended));
    soon(serving.task).await.expect("no panic").expect("nobody is wronged");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_another_method_ends_its_own_call_alone() {
    let (stream, _serving) = Serving::start();
    let (client, _connection) = shake(&client::Builder::new(), stream).await;
    let panics = call(&client, "/test/Panics", Bytes::new()).await.expect("sent").0;
    let error = read(panics).await.expect_err("no answer");
    assert!(error.is_reset(), "{error}");
    assert_eq!(check(&client, b"next").await.expect("an answer"), framed(b"next"));
}

#[tokio::test(start_paused = true)]
async fn what_has_no_room_waits_for_it_and_keeps_no_other_call_up() {
    let (stream, _serving) = Serving::start();
    let (client, _connection) =
        shake(client::Builder::new().initial_window_size(100), stream).await;
    let long = [b'a'; 300_000];
    let long_check = call(&client, CHECK, framed(&long)).await.expect("sent").0;
    let much = call(&client, "/test/Much", Bytes::from_static(&[b'b'; 300])).await.expect("sent").0;
    assert_eq!(check(&client, b"short").await.expect("an answer"), framed(b"short"));
    assert_eq!(read(long_check).await.expect("an answer"), framed(&long));
    assert_eq!(read(much).await.expect("an answer"), [b'b'; 300_000][..]);
}

#[tokio::test(start_paused = true)]
async fn what_runs_may_end_when_the_service_stops() {
    let (stream, mut serving) = Serving::start();
    let (client, _connection) = shake(&client::Builder::new(), stream).await;
    let (waits, _stream) = call(&client, CHECK, framed(b"wait")).await.expect("sent");
    assert_eq!(soon(serving.seen.recv()).await, Some(Seen::Waits));
    serving.stop.send_replace(());
    // The client knows after a while, and then it cannot ask.
    let mut late = 0;
    while check(&client, b"late").await.is_ok() {
        late += 1;
        assert!(late < 100);
    }
    assert!(!serving.task.is_finished());
    serving.told.notify_one();
    assert_eq!(read(waits).await.expect("an answer"), framed(b"wait"));
    serving.task.await.expect("no panic").expect("ends well");
}

const PING: u8 = 6;
const ACK: u8 = 1;

/// A frame of the stream 0, or of 1 where it says so.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    frame.put_uint(payload.len().try_into().expect("short"), 3);
    frame.put_slice(&[kind, flags]);
    frame.put_u32(stream);
    frame.put_slice(payload);
    frame
}

/// The next question whether we are there; `None` when the connection ends.
async fn ping(stream: &mut DuplexStream) -> Option<[u8; 8]> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload).await.ok()?;
        if kind == PING && flags & ACK == 0 {
            return payload.try_into().ok();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_asked_whether_it_is_there() {
    const SECONDS: fn(u64) -> Duration = Duration::from_secs;
    let (mut stream, serving) = Serving::start();
    let began = Instant::now();
    let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, b"")].concat();
    stream.write_all(&hello).await.expect("written");
    for asked in [30, 60] {
        let question = ping(&mut stream).await.expect("a question");
        assert_eq!(began.elapsed().as_secs(), asked);
        stream.write_all(&frame(PING, ACK, 0, &question)).await.expect("written");
    }
    // Whoever asks something needs no question.
    sleep(SECONDS(20)).await;
    let path = b"/a.B/C";
    let head = [&[0x83, 0x86, 0x04, path.len().try_into().expect("short")][..], path].concat();
    stream.write_all(&frame(1, 5, 1, &head)).await.expect("written");
    ping(&mut stream).await.expect("a question");
    assert_eq!(began.elapsed().as_secs(), 60 + 20 + 30);
    // Nobody answers.
    assert_eq!(ping(&mut stream).await, None);
    assert_eq!(began.elapsed().as_secs(), 60 + 20 + 30 + 10);
    let ended = serving.task.await.expect("no panic");
    assert!(matches!(ended, Err(Broken::Silent)), "{ended:?}");
}

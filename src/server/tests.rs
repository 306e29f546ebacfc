use super::*;
use crate::config::GrpcAddress;
use crate::envoy::{Answering, Metadata};
use bytes::Bytes;
use hyper::Request;
use hyper::body::Body;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::num::NonZero;
use std::pin::Pin;
use std::thread;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// Says which thread answers.
struct Thread;

impl Handler for Thread {
    fn answer(&self, _message: Option<Bytes>, _metadata: Metadata<'_>) -> Answering<'_> {
        Answering::Ready(thread::current().name().unwrap_or_default().to_owned().into())
    }

    fn answer_to_panic(&self) -> Bytes {
        Bytes::new()
    }
}

async fn listener() -> (Listener, SocketAddr) {
    let any = GrpcAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], 0)));
    let listener = Listener::bind(&any).await.expect("a port");
    let address = listener.tcp_address().expect("TCP");
    (listener, address)
}

/// A connection, which ends with what is returned first, and the thread that answers on it.
async fn ask(address: SocketAddr) -> (SendRequest<String>, String) {
    let stream = TcpStream::connect(address).await.expect("connects");
    let shaken = handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut client, connection) = shaken.expect("shakes hands");
    tokio::spawn(connection);
    let url = "http://portcullis/envoy.service.auth.v3.Authorization/Check";
    let request = Request::post(url).body("\0\0\0\0\0".to_owned()).expect("a request");
    let mut body = client.send_request(request).await.expect("an answer").into_body();
    let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
    let data = frame.expect("a frame").expect("a frame").into_data().expect("data");
    (client, String::from_utf8_lossy(data.get(5..).unwrap_or_default()).into_owned())
}

#[tokio::test]
async fn connections_are_dealt_round_and_end_with_the_service() {
    let (listener, address) = listener().await;
    let (stop, stopped) = oneshot::channel::<()>();
    let workers = Workers::start(NonZero::new(2).expect("two")).expect("threads");
    let stopped = async {
        let _told = stopped.await;
    };
    let serving = tokio::spawn(serve(listener, None, Thread, workers, stopped));
    let mut threads = BTreeMap::<String, usize>::new();
    let mut open = Vec::new();
    for _connection in 0..4 {
        let (client, name) = ask(address).await;
        open.push(client);
        *threads.entry(name).or_default() += 1;
    }
    let two = [("checks-0".to_owned(), 2), ("checks-1".to_owned(), 2)];
    assert_eq!(threads, BTreeMap::from(two));
    stop.send(()).expect("it runs");
    // Connections on which nothing runs do not keep it.
    serving.await.expect("no panic").expect("ends well");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn without_workers_all_is_answered_where_it_is_accepted() {
    let (listener, address) = listener().await;
    let never = std::future::pending();
    let serving = tokio::spawn(serve(listener, None, Thread, Workers::none(), never));
    let here = thread::current().name().unwrap_or_default().to_owned();
    assert_eq!(ask(address).await.1, here);
    serving.abort();
}

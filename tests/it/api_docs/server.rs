//! A web server on loopback that has one document, with an `ETag`.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;

pub(super) struct Server {
    pub(super) url: String,
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Shared {
    answer: Mutex<(u16, String)>,
    asked: AtomicUsize,
    redirected: AtomicUsize,
}

impl Server {
    /// One that answers with this.
    pub(super) async fn start(status: u16, body: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/swagger.json", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared::default());
        let (to, own) = (url.replace("swagger.json", "elsewhere"), Arc::clone(&shared));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&own), to.clone()));
            }
        });
        let server = Self { url, shared, _task: AbortOnDropHandle::new(task) };
        server.answer(status, body);
        server
    }

    /// Answers with this from now on.
    pub(super) fn answer(&self, status: u16, body: &str) {
        *self.shared.answer.lock().expect("whole") = (status, body.to_owned());
    }

    pub(super) fn asked(&self) -> usize {
        self.shared.asked.load(Ordering::Relaxed)
    }

    /// How often somebody came where redirects lead.
    pub(super) fn redirected(&self) -> usize {
        self.shared.redirected.load(Ordering::Relaxed)
    }
}

async fn answer(mut stream: TcpStream, shared: Arc<Shared>, elsewhere: String) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut bytes = [0; 1024];
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(read) => request.extend_from_slice(&bytes[..read]),
        }
    }
    shared.asked.fetch_add(1, Ordering::Relaxed);
    let request = String::from_utf8_lossy(&request).to_ascii_lowercase();
    if request.starts_with("get /elsewhere") {
        shared.redirected.fetch_add(1, Ordering::Relaxed);
    }
    let (status, body) = shared.answer.lock().expect("whole").clone();
    let etag = format!("\"{}\"", body.len());
    let known = status == 200 && request.contains(&format!("if-none-match: {etag}\r\n"));
    let (status, body) = if known { (304, String::new()) } else { (status, body) };
    let head = format!(
        "HTTP/1.1 {status} x\r\netag: {etag}\r\nlocation: {elsewhere}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    // Whoever has read enough goes.
    let _sent = stream.write_all(head.as_bytes()).await;
    let _sent = stream.write_all(body.as_bytes()).await;
}

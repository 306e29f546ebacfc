//! A provider on loopback: it publishes its metadata and its keys, and knows nothing else.

use crate::failure::Outcome;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Nobody who asks us is slower than that.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running provider; it ends with the value.
#[derive(Debug)]
pub struct Provider {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The issuer of a provider on this port: the demo's name.
#[must_use]
pub fn issuer(port: u16) -> String {
    format!("http://okta.localhost:{port}/oauth2/default")
}

impl Provider {
    /// Answers on `listener` until the value is dropped.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn serve(listener: TcpListener, jwks: &Value) -> Outcome<Self> {
        let address = listener.local_addr()?;
        let discovery = discovery(&issuer(address.port())).to_string();
        let (jwks, over) = (jwks.to_string(), Arc::new(AtomicBool::new(false)));
        let ended = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Acquire) {
                    return;
                }
                // Whoever hangs up too early asks again.
                let _answered = stream.map(|stream| answer(&stream, &discovery, &jwks));
            }
        });
        Ok(Self { address, over, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        // Wakes it up.
        let woken = TcpStream::connect(self.address);
        if let (Ok(_stream), Some(thread)) = (woken, self.thread.take()) {
            // It never panics, and nothing depends on how it ended.
            let _ended = thread.join();
        }
    }
}

/// A free port, where `wanted` is taken or 0.
///
/// # Errors
///
/// The system's.
pub fn listen(wanted: u16) -> Outcome<TcpListener> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    Ok(bind(wanted).or_else(|_taken| bind(0))?)
}

/// RFC 8414 and OpenID Connect Discovery, as far as Portcullis asks.
fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/v1/authorize"),
        "token_endpoint": format!("{issuer}/v1/token"),
        "jwks_uri": format!("{issuer}/v1/keys"),
        "end_session_endpoint": format!("{issuer}/v1/logout"),
        "userinfo_endpoint": format!("{issuer}/v1/userinfo"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "code_challenge_methods_supported": ["S256"],
    })
}

fn answer(stream: &TcpStream, discovery: &str, jwks: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while !lines.next().transpose()?.unwrap_or_default().is_empty() {}
    let path = first.split(' ').nth(1).unwrap_or_default();
    let (status, body) = if path.ends_with("/.well-known/openid-configuration")
        || path.starts_with("/.well-known/oauth-authorization-server")
    {
        ("200 OK", discovery)
    } else if path.ends_with("/v1/keys") {
        ("200 OK", jwks)
    } else {
        ("404 Not Found", "{}")
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         cache-control: max-age=86400\r\nconnection: close\r\n\r\n{body}",
        body.len(),
    )
}

//! gRPC by hand: bytes that no client would send.

use super::Gateway;
use bytes::{Buf, BufMut};
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use prost::Message;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;

const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// Sends these bytes as a `CheckRequest`.
pub(crate) async fn check(gateway: &Gateway, bytes: Vec<u8>) -> Result<CheckResponse, Status> {
    let mut client = tonic::client::Grpc::new(gateway.channel.clone());
    client.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let path = PathAndQuery::from_static(CHECK);
    let answer = client.unary(tonic::Request::new(bytes), path, Raw).await?;
    Ok(CheckResponse::decode(answer.into_inner().as_slice()).expect("a CheckResponse"))
}

/// Bytes as they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; from.remaining()];
        from.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}

/// An HTTP/2 connection (RFC 9113), frame by frame.
pub(crate) struct Connection(TcpStream);

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const CANCEL: u32 = 8;

impl Connection {
    /// Connects and says hello.
    pub(crate) async fn open(to: SocketAddr) -> Self {
        let mut connection = Self(TcpStream::connect(to).await.expect("connects"));
        let hello = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(SETTINGS, 0, 0, &[])];
        connection.write(&hello.concat()).await;
        connection
    }

    /// In one write.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.expect("written");
    }

    /// The answer on a stream; the test fails where the connection ends first.
    pub(crate) async fn response(&mut self, stream: u32) -> CheckResponse {
        let mut body = Vec::new();
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.expect("the connection goes on");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; usize::try_from(length).expect("a length")];
            self.0.read_exact(&mut payload).await.expect("a frame");
            assert_ne!(head[3], GOAWAY, "the connection was closed: {payload:?}");
            let mine = u32::from_be_bytes([head[5], head[6], head[7], head[8]]) == stream;
            if !mine {
                continue;
            }
            assert_ne!(head[3], RST_STREAM, "the check was reset");
            if head[3] == DATA {
                body.extend(payload);
            }
            if head[4] & END_STREAM != 0 && (head[3] == HEADERS || head[3] == DATA) {
                return CheckResponse::decode(body.get(5..).unwrap_or_default())
                    .expect("an answer");
            }
        }
    }
}

/// The head of a check on a stream.
pub(crate) fn begin(stream: u32) -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", CHECK),
        (":authority", "portcullis"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let mut block = Vec::new();
    for (name, value) in fields {
        // Literal, not indexed, new name, no Huffman (RFC 7541 §6.2.2).
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("short"));
            block.extend_from_slice(text.as_bytes());
        }
    }
    frame(HEADERS, END_HEADERS, stream, &block)
}

/// The message of a check, and its end.
pub(crate) fn data(stream: u32, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("short");
    frame_of(stream, &[&[0], length.to_be_bytes().as_slice(), message].concat())
}

/// The end of a stream without a message.
pub(crate) fn end(stream: u32) -> Vec<u8> {
    frame_of(stream, &[])
}

/// These bytes in the place of a message, and their end.
pub(crate) fn frame_of(stream: u32, bytes: &[u8]) -> Vec<u8> {
    frame(DATA, END_STREAM, stream, bytes)
}

/// The client does not want the answer any more.
pub(crate) fn reset(stream: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

//! One HTTP/2 connection of a gRPC client (RFC 9113), as cheap as it can be, so that the server is
//! what is measured. It never waits: whoever drives it looks again.

use crate::failure::Outcome;
use crate::hpack::{Answers, Requests, Status};
use crate::place::Address;
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's head.
const HEAD: usize = 9;
/// The window and the frame that everybody grants until they say otherwise.
const USUAL_WINDOW: i64 = 65_535;
const FRAME: usize = 16_384;
/// What we grant: nothing waits for us.
const OUR_WINDOW: u32 = 1 << 30;
const READ: usize = 128 * 1024;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const PRIORITY: u8 = 0x20;

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(to),
            Self::Unix(stream) => stream.read(to),
        }
    }

    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(from),
            Self::Unix(stream) => stream.write(from),
        }
    }
}

/// A check that was sent, by the number that it was sent with.
#[derive(Debug, Default)]
struct Call {
    tag: u64,
    body: Vec<u8>,
    status: Status,
    over: bool,
}

/// Where the bytes of an answer are, or why there is none.
pub type Answer<'a> = Result<&'a [u8], String>;

/// The connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    requests: Requests,
    answers: Answers,
    outgoing: Vec<u8>,
    written: usize,
    incoming: Vec<u8>,
    filled: usize,
    /// Calls by the order of their streams; those that are over leave from the front.
    calls: VecDeque<Call>,
    /// The stream of the first of `calls`.
    first_stream: u32,
    next_stream: u32,
    open: usize,
    window: i64,
    received: u32,
    /// Bodies to use again.
    spare: Vec<Vec<u8>>,
}

impl Connection {
    /// Connects, and says what we grant.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn open(address: &Address) -> Outcome<Self> {
        let stream = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                Stream::Tcp(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Stream::Unix(stream)
            }
        };
        let mut outgoing = PREFACE.to_vec();
        // SETTINGS_ENABLE_PUSH: 0, SETTINGS_INITIAL_WINDOW_SIZE.
        let mut settings = vec![0, 2, 0, 0, 0, 0, 0, 4];
        settings.extend(OUR_WINDOW.to_be_bytes());
        frame(&mut outgoing, SETTINGS, 0, 0, &settings);
        frame(&mut outgoing, WINDOW_UPDATE, 0, 0, &OUR_WINDOW.to_be_bytes());
        Ok(Self {
            stream,
            requests: Requests::default(),
            answers: Answers::default(),
            outgoing,
            written: 0,
            incoming: vec![0; READ],
            filled: 0,
            calls: VecDeque::new(),
            first_stream: 1,
            next_stream: 1,
            open: 0,
            window: USUAL_WINDOW,
            received: 0,
            spare: Vec::new(),
        })
    }

    /// Checks that are not answered yet.
    #[must_use]
    pub const fn open_calls(&self) -> usize {
        self.open
    }

    /// Whether the server takes another check, however large.
    #[must_use]
    pub const fn takes_one(&self) -> bool {
        self.window >= FRAME as i64
    }

    /// Puts a check in line; [`Self::turn`] sends it. Its answer comes with `tag`.
    pub fn send(&mut self, message: &[u8], tag: u64) {
        let id = self.next_stream;
        self.next_stream += 2;
        let (flags, is_first) = (END_HEADERS, id == 1);
        frame(&mut self.outgoing, HEADERS, flags, id, self.requests.block(is_first));
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        debug_assert!(message.len() + 5 <= FRAME, "a check fits into a frame");
        head(&mut self.outgoing, message.len() + 5, DATA, END_STREAM, id);
        self.outgoing.push(0);
        self.outgoing.extend(length.to_be_bytes());
        self.outgoing.extend(message);
        self.window -= i64::from(length) + 5;
        let body = self.spare.pop().unwrap_or_default();
        self.calls.push_back(Call { tag, body, ..Call::default() });
        self.open += 1;
    }

    /// Sends and receives what can be without waiting, and hands over the answers that are complete.
    /// Whether anything moved.
    ///
    /// # Errors
    ///
    /// Where the connection is over; its checks have no answer then.
    pub fn turn(&mut self, mut hand: impl FnMut(u64, Answer<'_>)) -> Outcome<bool> {
        let sent = self.flush()?;
        let read = match self.stream.read(&mut self.incoming[self.filled..]) {
            Ok(0) => return Err("the server closed the connection".into()),
            Ok(count) => count,
            Err(error) if is_nothing(&error) => return Ok(sent),
            Err(error) => return Err(error.into()),
        };
        self.filled += read;
        let mut at = 0;
        while let Some(head) = self.incoming[at..self.filled].first_chunk::<HEAD>() {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            if length > FRAME {
                return Err("a frame is too large".into());
            }
            let (kind, flags) = (head[3], head[4]);
            let id = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
            let (start, end) = (at + HEAD, at + HEAD + length);
            if end > self.filled {
                break;
            }
            self.take(kind, flags, id, start, end, &mut hand)?;
            at = end;
        }
        self.incoming.copy_within(at..self.filled, 0);
        self.filled -= at;
        self.grant();
        self.flush()?;
        Ok(true)
    }

    fn flush(&mut self) -> Outcome<bool> {
        let before = self.written;
        while self.written < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if is_nothing(&error) => return Ok(self.written > before),
                Err(error) => return Err(error.into()),
            }
        }
        self.outgoing.clear();
        self.written = 0;
        Ok(before < self.written)
    }

    /// Takes one frame.
    fn take(
        &mut self,
        kind: u8,
        flags: u8,
        id: u32,
        start: usize,
        end: usize,
        hand: &mut impl FnMut(u64, Answer<'_>),
    ) -> Outcome<()> {
        let payload = &self.incoming[start..end];
        match kind {
            DATA => {
                self.received += u32::try_from(payload.len())?;
                let payload = unpadded(payload, flags)?;
                if let Some(call) = call(&mut self.calls, self.first_stream, id) {
                    call.body.extend_from_slice(payload);
                }
            }
            HEADERS => {
                let mut block = unpadded(payload, flags)?;
                if flags & PRIORITY != 0 {
                    block = block.get(5..).ok_or("a frame is cut off")?;
                }
                if flags & END_HEADERS == 0 {
                    return Err("a header block in parts is not expected".into());
                }
                // Each block has to be read, even that of nobody: the table changes.
                let status = self.answers.read(block).ok_or("a header block does not hold")?;
                if let Some(call) = call(&mut self.calls, self.first_stream, id) {
                    call.status.http = call.status.http.or(status.http);
                    call.status.grpc = call.status.grpc.or(status.grpc);
                }
            }
            RST_STREAM => {
                let code = number(payload).ok_or("a frame is cut off")?;
                self.end(id, hand, Some(format!("RST_STREAM {code}")));
                return Ok(());
            }
            SETTINGS if flags & ACK == 0 => frame(&mut self.outgoing, SETTINGS, ACK, 0, &[]),
            PING if flags & ACK == 0 => frame(&mut self.outgoing, PING, ACK, 0, payload),
            GOAWAY => {
                let code = payload.get(4..).and_then(number).ok_or("a frame is cut off")?;
                return Err(format!("GOAWAY {code}").into());
            }
            WINDOW_UPDATE if id == 0 => {
                self.window += i64::from(number(payload).ok_or("a frame is cut off")?);
            }
            _ => {}
        }
        if flags & END_STREAM != 0 && matches!(kind, DATA | HEADERS) {
            self.end(id, hand, None);
        }
        Ok(())
    }

    /// Hands a call's answer over.
    fn end(&mut self, id: u32, hand: &mut impl FnMut(u64, Answer<'_>), fault: Option<String>) {
        let Some(call) = call(&mut self.calls, self.first_stream, id) else { return };
        call.over = true;
        let fault = fault.map_or_else(|| message(call), Err);
        hand(call.tag, fault);
        self.open -= 1;
        let mut body = std::mem::take(&mut call.body);
        body.clear();
        self.spare.push(body);
        while self.calls.front().is_some_and(|call| call.over) {
            self.calls.pop_front();
            self.first_stream += 2;
        }
    }

    /// Grants again what was used.
    fn grant(&mut self) {
        if self.received >= OUR_WINDOW / 2 {
            frame(&mut self.outgoing, WINDOW_UPDATE, 0, 0, &self.received.to_be_bytes());
            self.received = 0;
        }
    }
}

/// The message of an answer, without the gRPC frame.
fn message(call: &Call) -> Answer<'_> {
    let Status { http, grpc } = call.status;
    if (http, grpc) != (Some(200), Some(0)) {
        return Err(format!("status {http:?}, grpc-status {grpc:?}"));
    }
    let framed = call.body.split_first_chunk::<5>().filter(|(frame, rest)| {
        let length = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]);
        frame[0] == 0 && length as usize == rest.len()
    });
    framed.map(|(_, message)| message).ok_or_else(|| "the gRPC frame does not hold".to_owned())
}

fn call(calls: &mut VecDeque<Call>, first_stream: u32, id: u32) -> Option<&mut Call> {
    let place = id.checked_sub(first_stream)? / 2;
    calls.get_mut(place as usize).filter(|call| !call.over)
}

fn number(payload: &[u8]) -> Option<u32> {
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes) & 0x7fff_ffff)
}

fn unpadded(payload: &[u8], flags: u8) -> Result<&[u8], &'static str> {
    if flags & PADDED == 0 {
        return Ok(payload);
    }
    let (pad, rest) = payload.split_first().ok_or("a frame is cut off")?;
    let length = rest.len().checked_sub(usize::from(*pad)).ok_or("more padding than payload")?;
    Ok(&rest[..length])
}

fn head(to: &mut Vec<u8>, length: usize, kind: u8, flags: u8, id: u32) {
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    to.extend([length[1], length[2], length[3], kind, flags]);
    to.extend(id.to_be_bytes());
}

fn frame(to: &mut Vec<u8>, kind: u8, flags: u8, id: u32, payload: &[u8]) {
    head(to, payload.len(), kind, flags, id);
    to.extend(payload);
}

fn is_nothing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

//! Header blocks as far as a gRPC client needs them (RFC 7541).
//!
//! The request's are those of Envoy's codec: `:path` is a literal without indexing each time, all
//! else is one byte from the second request on.

use crate::huffman::Huffman;
use std::collections::VecDeque;

/// The call.
pub const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";
/// The size of the table that both sides have unless they say otherwise (§4.2).
const TABLE_BYTES: usize = 4096;
/// What an entry takes besides name and value (§4.1).
const ENTRY_BYTES: usize = 32;
/// Names of the static table (appendix A): how long each is counts for the other one.
#[rustfmt::skip]
const STATIC_NAMES: [&str; STATIC] = [
    ":authority", ":method", ":method", ":path", ":path", ":scheme", ":scheme", ":status", ":status",
    ":status", ":status", ":status", ":status", ":status", "accept-charset", "accept-encoding",
    "accept-language", "accept-ranges", "accept", "access-control-allow-origin", "age", "allow",
    "authorization", "cache-control", "content-disposition", "content-encoding", "content-language",
    "content-length", "content-location", "content-range", "content-type", "cookie", "date", "etag",
    "expect", "expires", "from", "host", "if-match", "if-modified-since", "if-none-match", "if-range",
    "if-unmodified-since", "last-modified", "link", "location", "max-forwards", "proxy-authenticate",
    "proxy-authorization", "range", "referer", "refresh", "retry-after", "server", "set-cookie",
    "strict-transport-security", "transfer-encoding", "user-agent", "vary", "via", "www-authenticate",
];
/// Entries of the static table.
const STATIC: usize = 61;

/// What a request has besides method, scheme and path, in this order. A name that the static table
/// has is its index there.
const FIELDS: [(Result<u8, &str>, &str); 6] = [
    (Ok(1), "portcullis"),
    (Err("te"), "trailers"),
    (Ok(31), "application/grpc"),
    (Err("grpc-timeout"), "500m"),
    (Err("x-envoy-internal"), "true"),
    (Err("x-forwarded-for"), "198.51.100.10"),
];

/// The header blocks of a connection's requests.
#[derive(Clone, Debug)]
pub struct Requests {
    first: Vec<u8>,
    later: Vec<u8>,
}

impl Default for Requests {
    fn default() -> Self {
        let huffman = Huffman::default();
        let text = |block: &mut Vec<u8>, text: &str| {
            let bytes = huffman.encode(text.as_bytes());
            // None is as long as 127 bytes, where a length takes a second byte.
            block.push(0x80 | bytes.len() as u8);
            block.extend(bytes);
        };
        // `:method: POST`, `:scheme: http`, and `:path` as a literal without indexing.
        let mut start = vec![0x83, 0x86, 0x04];
        text(&mut start, PATH);
        let (mut first, mut later) = (start.clone(), start);
        for (name, value) in FIELDS {
            match name {
                Ok(index) => first.push(0x40 | index),
                Err(name) => {
                    first.push(0x40);
                    text(&mut first, name);
                }
            }
            text(&mut first, value);
        }
        // The newest entry is the first after the static ones.
        later.extend((0..FIELDS.len()).rev().map(|age| 0x80 | (STATIC + 1 + age) as u8));
        Self { first, later }
    }
}

impl Requests {
    /// The next request's block.
    #[must_use]
    pub fn block(&self, is_first: bool) -> &[u8] {
        if is_first { &self.first } else { &self.later }
    }
}

/// What the answers say of themselves.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Status {
    /// `:status`
    pub http: Option<u16>,
    /// `grpc-status`
    pub grpc: Option<u16>,
}

/// The decoder of a connection's answers.
#[derive(Debug, Default)]
pub struct Answers {
    huffman: Huffman,
    /// Newest first.
    table: VecDeque<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl Answers {
    /// Reads a block. `None`: it does not hold, and neither does anything after it.
    pub fn read(&mut self, block: &[u8]) -> Option<Status> {
        let mut rest = block;
        let mut status = Status::default();
        while let Some(first) = rest.first().copied() {
            let (name, value) = if first & 0x80 != 0 {
                let index = integer(&mut rest, 7)?;
                self.entry(index)?
            } else if first & 0xe0 == 0x20 {
                // A new size: we never allow more than the one that holds anyway.
                let size = integer(&mut rest, 5)?;
                self.shrink(size.min(TABLE_BYTES));
                continue;
            } else {
                let keep = first & 0x40 != 0;
                let index = integer(&mut rest, if keep { 6 } else { 4 })?;
                let name = match index {
                    0 => self.text(&mut rest)?,
                    index => self.entry(index)?.0,
                };
                let value = self.text(&mut rest)?;
                if keep {
                    self.shrink(TABLE_BYTES.saturating_sub(name.len() + value.len() + ENTRY_BYTES));
                    self.bytes += name.len() + value.len() + ENTRY_BYTES;
                    self.table.push_front((name.clone(), value.clone()));
                }
                (name, value)
            };
            let number = || std::str::from_utf8(&value).ok()?.parse().ok();
            match name.as_slice() {
                b":status" => status.http = number(),
                b"grpc-status" => status.grpc = number(),
                _ => {}
            }
        }
        Some(status)
    }

    /// A field of either table. Of the static one, only `:status` has its values here.
    fn entry(&self, index: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        const STATUSES: [&str; 7] = ["200", "204", "206", "304", "400", "404", "500"];
        match index {
            0 => None,
            1..=STATIC => {
                let value = index.checked_sub(8).and_then(|place| STATUSES.get(place));
                Some((STATIC_NAMES[index - 1].into(), value.copied().unwrap_or_default().into()))
            }
            _ => self.table.get(index - STATIC - 1).cloned(),
        }
    }

    fn text(&self, rest: &mut &[u8]) -> Option<Vec<u8>> {
        let is_huffman = rest.first()? & 0x80 != 0;
        let length = integer(rest, 7)?;
        let (text, after) = rest.split_at_checked(length)?;
        *rest = after;
        if is_huffman { self.huffman.decode(text) } else { Some(text.to_vec()) }
    }

    /// Forgets the oldest until at most so many bytes are left.
    fn shrink(&mut self, most: usize) {
        while self.bytes > most {
            let Some((name, value)) = self.table.pop_back() else { return };
            self.bytes -= name.len() + value.len() + ENTRY_BYTES;
        }
    }
}

/// An integer with a prefix of so many bits (§5.1).
fn integer(rest: &mut &[u8], prefix: u32) -> Option<usize> {
    let (first, mut after) = rest.split_first()?;
    let most = (1_usize << prefix) - 1;
    let mut value = usize::from(*first) & most;
    if value == most {
        for shift in (0..28).step_by(7) {
            let (next, behind) = after.split_first()?;
            after = behind;
            value += usize::from(next & 0x7f) << shift;
            if next & 0x80 == 0 {
                *rest = after;
                return Some(value);
            }
        }
        return None;
    }
    *rest = after;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<_> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pairs = digits.chunks(2).map(|pair| std::str::from_utf8(pair).expect("text"));
        pairs.map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal")).collect()
    }

    /// Our own decoder does not know static names, but it knows what is in the dynamic table.
    #[test]
    fn a_later_request_says_the_same_in_one_byte_each() {
        let (requests, mut peer) = (Requests::default(), Answers::default());
        peer.read(requests.block(true)).expect("holds");
        let names: Vec<_> = peer.table.iter().rev().map(|(_, value)| value.clone()).collect();
        assert_eq!(names, FIELDS.map(|(_, value)| value.as_bytes().to_vec()));
        let later = requests.block(false);
        let indices: Vec<u8> = later[later.len() - 6..].iter().map(|byte| byte & 0x7f).collect();
        let told: Vec<_> = indices.iter().map(|index| peer.entry(usize::from(*index))).collect();
        for (told, (_, value)) in told.into_iter().zip(FIELDS) {
            assert_eq!(told.expect("an entry").1, value.as_bytes());
        }
        // The path is a literal without indexing in both.
        assert_eq!(later[..3], [0x83, 0x86, 0x04]);
        assert_eq!(Huffman::default().decode(&later[4..later.len() - 6]), Some(PATH.into()));
    }

    #[test]
    fn reads_the_answers_of_the_rfc() {
        // RFC 7541 C.6: a table of 256 bytes, from which the third answer drops entries; ours is
        // larger, and the indices of the first two are the same.
        let mut answers = Answers::default();
        let first = "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff\
            6e919d29ad171863c78f0b97c8e9ae82ae43d3";
        assert_eq!(answers.read(&bytes(first)).and_then(|status| status.http), Some(302));
        assert_eq!(answers.bytes, 222);
        let second = answers.read(&bytes("4883640effc1c0bf"));
        assert_eq!(second.and_then(|status| status.http), Some(307));
    }

    #[test]
    fn reads_trailers_and_refuses_what_does_not_hold() {
        let huffman = Huffman::default();
        let name = huffman.encode(b"grpc-status");
        let block = [&[0x40, 0x80 | name.len() as u8], name.as_slice(), &[1, b'7']].concat();
        let mut answers = Answers::default();
        assert_eq!(answers.read(&block), Some(Status { http: None, grpc: Some(7) }));
        assert_eq!(answers.read(&[0xbe]), Some(Status { http: None, grpc: Some(7) }));
        assert_eq!(answers.read(&[0xbf]), None, "no such entry");
        assert_eq!(answers.read(&[0x80]), None, "index 0");
        assert_eq!(answers.read(&block[..5]), None, "cut off");
        assert_eq!(answers.read(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None, "too long a number");
    }

    #[test]
    fn integers_of_the_rfc() {
        // C.1.1 to C.1.3.
        assert_eq!(integer(&mut [0x0a].as_slice(), 5), Some(10));
        assert_eq!(integer(&mut [0x1f, 0x9a, 0x0a].as_slice(), 5), Some(1337));
        assert_eq!(integer(&mut [0x2a].as_slice(), 8), Some(42));
    }
}

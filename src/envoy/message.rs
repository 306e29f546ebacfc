//! gRPC's framing of one message (gRPC over HTTP/2, "Length-Prefixed-Message").
//!
//! Pure: no I/O, no clock.

use bytes::{Buf, Bytes};

/// A flag, and the length in four bytes.
pub(super) const PREFIX: usize = 5;

/// A message that is longer than what is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooLong;

/// The only message of a body; `None` where the body is anything else: nothing, a part of one, more
/// than one, or one that is compressed although nobody named an encoding.
pub(super) fn only(mut body: Bytes, most: usize) -> Result<Option<Bytes>, TooLong> {
    let Some(announced) = announced(&body) else { return Ok(None) };
    if announced > most {
        return Err(TooLong);
    }
    if body.first() != Some(&0) || body.len() - PREFIX != announced {
        return Ok(None);
    }
    body.advance(PREFIX);
    Ok(Some(body))
}

/// Whether nothing that may follow makes `body` a message that is read.
pub(super) fn is_hopeless(body: &[u8], most: usize) -> bool {
    announced(body).is_some_and(|length| length > most || body.len() - PREFIX > length)
}

/// The length that the prefix says, once it is there.
fn announced(body: &[u8]) -> Option<usize> {
    let (prefix, _message) = body.split_first_chunk::<PREFIX>()?;
    let [_flag, length @ ..] = *prefix;
    usize::try_from(u32::from_be_bytes(length)).ok()
}

/// A message behind its prefix, as it goes out: neither is copied into the other.
#[derive(Debug)]
pub(crate) struct Framed {
    prefix: [u8; PREFIX],
    /// How much of the prefix is out.
    sent: usize,
    message: Bytes,
}

impl Framed {
    /// The first part of a message of this length, or all of it.
    pub(super) fn first(length: usize, message: Bytes) -> Self {
        // What is longer than four bytes can say cannot be made here.
        let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        Self { prefix: [0, a, b, c, d], sent: 0, message }
    }

    /// What needs no prefix.
    pub(super) const fn as_it_is(bytes: Bytes) -> Self {
        Self { prefix: [0; PREFIX], sent: PREFIX, message: bytes }
    }
}

impl Buf for Framed {
    fn remaining(&self) -> usize {
        PREFIX - self.sent + self.message.len()
    }

    fn chunk(&self) -> &[u8] {
        match self.prefix.get(self.sent..) {
            None | Some([]) => &self.message,
            Some(prefix) => prefix,
        }
    }

    fn advance(&mut self, count: usize) {
        let of_prefix = count.min(PREFIX - self.sent);
        self.sent += of_prefix;
        self.message.advance(count - of_prefix);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::BufMut;

    fn bytes(bytes: &[u8]) -> Bytes {
        Bytes::copy_from_slice(bytes)
    }

    #[test]
    fn one_whole_message_is_read_and_nothing_else() {
        let cases: [(&[u8], Option<&[u8]>); 9] = [
            (b"\0\0\0\0\x02ab", Some(b"ab")),
            (b"\0\0\0\0\0", Some(b"")),
            (b"", None),
            (b"\0\0\0\0", None),
            (b"\0\0\0\0\x02a", None),
            (b"\0\0\0\0\x02abc", None),
            (b"\0\0\0\0\x01a\0\0\0\0\x01b", None),
            (b"\x01\0\0\0\x02ab", None),
            (b"\x02\0\0\0\x02ab", None),
        ];
        for (body, want) in cases {
            assert_eq!(
                only(bytes(body), 2).map(|got| got.map(|got| got.to_vec())),
                Ok(want.map(<[u8]>::to_vec)),
                "{body:?}"
            );
        }
    }

    #[test]
    fn a_message_above_the_limit_is_known_by_its_prefix() {
        assert_eq!(only(bytes(b"\0\0\0\0\x03abc"), 2), Err(TooLong));
        assert_eq!(only(bytes(b"\0\xff\xff\xff\xff"), 2), Err(TooLong));
        assert!(is_hopeless(b"\0\0\0\0\x03", 2));
        assert!(is_hopeless(b"\0\0\0\0\x01ab", 2), "more than it says");
        for hopeful in [&b""[..], b"\0\0\0\0", b"\0\0\0\0\x02", b"\0\0\0\0\x02a", b"\0\0\0\0\x02ab"]
        {
            assert!(!is_hopeless(hopeful, 2), "{hopeful:?}");
        }
    }

    #[test]
    fn goes_out_behind_its_prefix_in_steps_of_any_length() {
        let whole = b"\0\0\0\0\x03abc";
        for step in 1..=whole.len() {
            let mut framed = Framed::first(3, bytes(b"abc"));
            let mut out = Vec::new();
            while framed.has_remaining() {
                let count = step.min(framed.remaining());
                out.put(framed.copy_to_bytes(count));
            }
            assert_eq!(out, whole, "{step}");
        }
        assert_eq!(Framed::as_it_is(bytes(b"abc")).copy_to_bytes(3), "abc");
        assert_eq!(Framed::first(0, Bytes::new()).copy_to_bytes(5), &b"\0\0\0\0\0"[..]);
    }
}

//! Protobuf's wire format, read where it stands (protobuf.dev, "Encoding").
//!
//! It takes and refuses what prost does, whose full decode the tests hold it against. Pure: no I/O,
//! no clock.

use bstr::ByteSlice;

/// The bytes are no message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Malformed;

/// How deep groups that we do not know may stand in each other and in messages, as with prost.
const MAX_DEPTH: u32 = 100;

/// How the value of a field is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Varint,
    Fixed64,
    /// Text, bytes or a message, with its length in front.
    Delimited,
    StartGroup,
    EndGroup,
    Fixed32,
}

impl Kind {
    /// A field that we know is written in one way alone.
    #[inline]
    pub(super) fn must_be(self, kind: Self) -> Result<(), Malformed> {
        if self == kind { Ok(()) } else { Err(Malformed) }
    }
}

/// A place in a message, and where the message ends that stands there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire<'m> {
    whole: &'m [u8],
    at: usize,
    end: usize,
    /// How many messages it stands in.
    depth: u32,
    /// What is known to be UTF-8, from `run_at` on. It goes over the ends of fields: numbers and short
    /// lengths are ASCII, so a few runs hold all the text of a message, each looked through at once.
    run: &'m str,
    run_at: usize,
}

/// A text above this is looked at by itself: mostly a body.
const LONG_TEXT: usize = 8 * 1024;
/// How far a run goes at most.
const LONGEST_RUN: usize = 64 * 1024;

/// The end of the message that another one stands in.
pub(super) struct Outer(usize);

impl<'m> Wire<'m> {
    /// The beginning of a whole message.
    pub(super) const fn new(whole: &'m [u8]) -> Self {
        Self { whole, at: 0, end: whole.len(), depth: 0, run: "", run_at: 0 }
    }

    /// Number and kind of the next field; `None` at the end.
    #[inline]
    pub(super) fn field(&mut self) -> Result<Option<(u32, Kind)>, Malformed> {
        if self.at >= self.end { Ok(None) } else { self.key().map(Some) }
    }

    #[inline]
    fn key(&mut self) -> Result<(u32, Kind), Malformed> {
        let key = u32::try_from(self.varint()?).map_err(|_too_large| Malformed)?;
        let kind = match key & 7 {
            0 => Kind::Varint,
            1 => Kind::Fixed64,
            2 => Kind::Delimited,
            3 => Kind::StartGroup,
            4 => Kind::EndGroup,
            5 => Kind::Fixed32,
            _ => return Err(Malformed),
        };
        let number = key >> 3;
        if number == 0 { Err(Malformed) } else { Ok((number, kind)) }
    }

    /// Whether a delimited field with this number, which is below 16, comes next; if so, its key is
    /// passed over. A short way for what usually comes next.
    #[inline]
    pub(super) fn next_is(&mut self, number: u32) -> bool {
        let key = number << 3 | 2;
        let next = self.whole.get(self.at).filter(|_byte| self.at < self.end);
        let is = next.is_some_and(|byte| u32::from(*byte) == key);
        self.at = self.at.wrapping_add(usize::from(is));
        is
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Malformed> {
        if self.at >= self.end {
            return Err(Malformed);
        }
        let byte = self.whole.get(self.at).copied().ok_or(Malformed)?;
        self.at = self.at.wrapping_add(1);
        Ok(byte)
    }

    /// A number: seven bits a byte, the lowest first.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        let byte = self.byte()?;
        if byte < 0x80 { Ok(u64::from(byte)) } else { self.long_varint(byte) }
    }

    #[inline(never)]
    fn long_varint(&mut self, first: u8) -> Result<u64, Malformed> {
        let mut value = u64::from(first & 0x7f);
        for shift in (7_u32..64).step_by(7) {
            let byte = self.byte()?;
            // The tenth byte has room for one bit, and none may follow.
            if shift == 63 && byte > 1 {
                return Err(Malformed);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    /// Where a value begins and ends that has its length in front.
    #[inline]
    fn delimited(&mut self) -> Result<(usize, usize), Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_too_large| Malformed)?;
        self.pass(length)
    }

    #[inline]
    fn pass(&mut self, length: usize) -> Result<(usize, usize), Malformed> {
        let start = self.at;
        if length > self.end.saturating_sub(start) {
            return Err(Malformed);
        }
        self.at = start.wrapping_add(length);
        Ok((start, self.at))
    }

    /// Bytes with their length in front.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'m [u8], Malformed> {
        let (start, end) = self.delimited()?;
        self.whole.get(start..end).ok_or(Malformed)
    }

    /// As many entries as come next of the map of text with this number, which is below 16, and are as
    /// everybody writes them: key and value, all of it shorter than 128 bytes, of text that is known to
    /// be UTF-8. It ends before anything else, or when `take` says that this was enough.
    #[inline]
    pub(super) fn short_entries(
        &mut self,
        number: u32,
        mut take: impl FnMut(&'m str, &'m str) -> bool,
    ) {
        let Some(mut known) = self.known() else { return };
        while let Some((key, value, rest)) = short_entry(known, number << 3 | 2) {
            self.at = self.at.wrapping_add(known.len().wrapping_sub(rest.len()));
            known = rest;
            if !take(key, value) {
                break;
            }
        }
    }

    /// What comes next, as far as it is known to be UTF-8 already.
    #[inline]
    fn known(&self) -> Option<&'m str> {
        let known = self.run.get(self.at.wrapping_sub(self.run_at)..)?;
        let left = self.end.saturating_sub(self.at);
        if known.len() <= left { Some(known) } else { known.get(..left) }
    }

    /// Text, which is UTF-8.
    #[inline]
    pub(super) fn text(&mut self) -> Result<&'m str, Malformed> {
        let (start, end) = self.delimited()?;
        let (from, to) = (start.wrapping_sub(self.run_at), end.wrapping_sub(self.run_at));
        // What is a part of UTF-8 and begins and ends with whole characters is UTF-8.
        self.run.get(from..to).map_or_else(|| self.next_run(start, end), Ok)
    }

    /// The same, where it is likely to be short, and what is behind it not to be text.
    #[inline]
    pub(super) fn short_text(&mut self) -> Result<&'m str, Malformed> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|_invalid| Malformed)
    }

    /// Looks for the run that begins at `start`. Where it does not reach to `end`, no other would, and the
    /// message is refused. What is long is no part of a run, so that a byte is looked at twice at most, and what is
    /// behind a text no farther than a usual message reaches.
    #[inline(never)]
    fn next_run(&mut self, start: usize, end: usize) -> Result<&'m str, Malformed> {
        let rest = self.whole.get(start..).ok_or(Malformed)?;
        let wanted = end.saturating_sub(start);
        if wanted > LONG_TEXT {
            // It does not say how far it came, and is as fast beyond ASCII.
            let text = simdutf8::basic::from_utf8(rest.get(..wanted).ok_or(Malformed)?);
            return text.map_err(|_invalid| Malformed);
        }
        let near = rest.get(..LONGEST_RUN).unwrap_or(rest);
        // The standard library has this by the same name, and looks at ASCII byte by byte.
        self.run = ByteSlice::utf8_chunks(near).next().map_or("", |chunk| chunk.valid());
        self.run_at = start;
        self.run.get(..wanted).ok_or(Malformed)
    }

    /// Enters a message inside.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<Outer, Malformed> {
        let (start, end) = self.delimited()?;
        let outer = Outer(self.end);
        (self.at, self.end) = (start, end);
        self.depth = self.depth.wrapping_add(1);
        Ok(outer)
    }

    /// Leaves it at its end.
    #[inline]
    pub(super) const fn leave(&mut self, outer: &Outer) {
        self.end = outer.0;
        self.depth = self.depth.wrapping_sub(1);
    }

    /// Passes over the value of a field that we do not know.
    #[inline(never)]
    pub(super) fn skip(&mut self, number: u32, kind: Kind) -> Result<(), Malformed> {
        self.skip_at(number, kind, self.depth)
    }

    fn skip_at(&mut self, number: u32, kind: Kind, depth: u32) -> Result<(), Malformed> {
        if depth >= MAX_DEPTH {
            return Err(Malformed);
        }
        match kind {
            Kind::Varint => self.varint().map(|_value| ()),
            Kind::Fixed64 => self.pass(8).map(|_value| ()),
            Kind::Fixed32 => self.pass(4).map(|_value| ()),
            Kind::Delimited => self.delimited().map(|_value| ()),
            Kind::EndGroup => Err(Malformed),
            Kind::StartGroup => loop {
                match self.key()? {
                    (end, Kind::EndGroup) if end == number => return Ok(()),
                    (_, Kind::EndGroup) => return Err(Malformed),
                    (inner, kind) => self.skip_at(inner, kind, depth.saturating_add(1))?,
                }
            },
        }
    }
}

/// Key and value of an entry with this tag at the beginning of `known`, and what is behind it.
#[inline]
fn short_entry(known: &str, tag: u32) -> Option<(&str, &str, &str)> {
    const KEY: u8 = 1 << 3 | 2;
    const VALUE: u8 = 2 << 3 | 2;
    let [first, length @ ..0x80, KEY, key_length, ..] = known.as_bytes() else { return None };
    if u32::from(*first) != tag {
        return None;
    }
    let (length, key_length) = (usize::from(*length), usize::from(*key_length));
    let (key, rest) = known.get(4..)?.split_at_checked(key_length)?;
    let [VALUE, value_length, ..] = rest.as_bytes() else { return None };
    let value_length = usize::from(*value_length);
    let (value, rest) = rest.get(2..)?.split_at_checked(value_length)?;
    (key_length + value_length + 4 == length).then_some((key, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a text is long, or ends where what is looked at together does, and whatever is behind it.
    #[test]
    fn takes_for_text_what_is_utf_8_however_long() {
        let edges = [0, 1, LONG_TEXT, LONGEST_RUN];
        let lengths = edges.iter().flat_map(|edge| edge.saturating_sub(3)..edge + 3);
        for length in lengths {
            for end in ["", "e", "\u{e9}", "\u{20ac}", "\u{1f512}"].map(str::as_bytes) {
                for spoilt in [false, true] {
                    let mut text = vec![b'a'; length];
                    text.extend_from_slice(end);
                    if spoilt {
                        text.pop();
                    }
                    for behind in [&[][..], &[0x80], &[0xc3], "\u{e9}".as_bytes()] {
                        let mut bytes = Vec::new();
                        for _time in 0..2 {
                            prost::encoding::encode_varint(text.len() as u64, &mut bytes);
                            bytes.extend_from_slice(&text);
                        }
                        bytes.extend_from_slice(behind);
                        let mut wire = Wire::new(&bytes);
                        let want = std::str::from_utf8(&text).ok();
                        assert_eq!(wire.text().ok(), want, "{length} {end:?} {spoilt}");
                        if want.is_some() {
                            assert_eq!(wire.text().ok(), want, "{length} {end:?} {spoilt}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn reads_numbers_of_every_length_as_prost_does() {
        let mut cases: Vec<Vec<u8>> = vec![Vec::new(), vec![0x80], vec![0xff; 9], vec![0xff; 11]];
        for shift in 0..64 {
            for value in [1_u64 << shift, (1_u64 << shift).wrapping_sub(1), u64::MAX >> shift] {
                let mut bytes = Vec::new();
                prost::encoding::encode_varint(value, &mut bytes);
                cases.push(bytes);
            }
        }
        // The same number in more bytes than it needs, and one bit too many.
        cases.push(vec![0x80, 0x80, 0x00]);
        cases.push([vec![0x80; 9], vec![0x01]].concat());
        cases.push([vec![0x80; 9], vec![0x02]].concat());
        cases.push([vec![0x80; 9], vec![0x81, 0x00]].concat());
        for mut bytes in cases {
            for behind in [0, 12] {
                bytes.resize(bytes.len() + behind, 0);
                let mut theirs = bytes.as_slice();
                let mut wire = Wire::new(&bytes);
                let want = prost::encoding::decode_varint(&mut theirs).ok();
                assert_eq!(wire.varint().ok(), want, "{bytes:x?}");
                if want.is_some() {
                    assert_eq!(&bytes[wire.at..], theirs, "{bytes:x?}");
                }
            }
        }
    }
}

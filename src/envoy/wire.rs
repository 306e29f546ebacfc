//! Protobuf's wire format, read where it stands (protobuf.dev, "Encoding").
//!
//! It takes and refuses what prost does, whose full decode the tests hold it against. Pure: no I/O,
//! no clock.

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

    /// An entry of a map of text, as everybody writes it: key and value, all of it shorter than 128
    /// bytes, of text that is known to be UTF-8. Nothing is read where it is anything else.
    #[inline]
    pub(super) fn short_entry(&mut self) -> Option<(&'m str, &'m str)> {
        let (key, value, end) = self.short_entry_at(self.at)?;
        self.at = end;
        Some((key, value))
    }

    /// As many entries of the map with this number, which is below 16, as come next and are such as
    /// [`Self::short_entry`] takes, until `take` says that this was enough.
    #[inline]
    pub(super) fn short_entries(
        &mut self,
        number: u32,
        mut take: impl FnMut(&'m str, &'m str) -> bool,
    ) {
        let tag = number << 3 | 2;
        let mut at = self.at;
        while self.whole.get(at).is_some_and(|byte| u32::from(*byte) == tag)
            && let Some((key, value, end)) = self.short_entry_at(at.wrapping_add(1))
        {
            at = end;
            if !take(key, value) {
                break;
            }
        }
        self.at = at;
    }

    /// Key and value of such an entry, from its length on, and where it ends.
    #[inline]
    fn short_entry_at(&self, at: usize) -> Option<(&'m str, &'m str, usize)> {
        const KEY: u8 = 1 << 3 | 2;
        const VALUE: u8 = 2 << 3 | 2;
        let rest = self.whole.get(at..self.end)?;
        let [length, KEY, key_length, inside @ ..] = rest else { return None };
        let (length, key_length) = (usize::from(*length), usize::from(*key_length));
        let [VALUE, value_length, behind @ ..] = inside.get(key_length..)? else { return None };
        let value_length = usize::from(*value_length);
        if length >= 0x80 || key_length + value_length + 4 != length || behind.len() < value_length
        {
            return None;
        }
        let key = at.wrapping_add(3);
        let value = key.wrapping_add(key_length).wrapping_add(2);
        let end = value.wrapping_add(value_length);
        Some((self.part(key, value.wrapping_sub(2))?, self.part(value, end)?, end))
    }

    /// What is known to be UTF-8 already.
    #[inline]
    fn part(&self, start: usize, end: usize) -> Option<&'m str> {
        self.run.get(start.wrapping_sub(self.run_at)..end.wrapping_sub(self.run_at))
    }

    /// Text, which is UTF-8.
    #[inline]
    pub(super) fn text(&mut self) -> Result<&'m str, Malformed> {
        let (start, end) = self.delimited()?;
        let (from, to) = (start.wrapping_sub(self.run_at), end.wrapping_sub(self.run_at));
        // What is a part of UTF-8 and begins and ends with whole characters is UTF-8.
        self.run.get(from..to).map_or_else(|| self.next_run(start, end), Ok)
    }

    /// Looks for the run that begins at `start`. Where it does not reach to `end`, neither would any
    /// other, and the message is refused: so no byte is looked at in more than one run that holds.
    #[inline(never)]
    fn next_run(&mut self, start: usize, end: usize) -> Result<&'m str, Malformed> {
        let rest = self.whole.get(start..).ok_or(Malformed)?;
        let run = simdutf8::compat::from_utf8(rest).or_else(|invalid| {
            let valid = rest.get(..invalid.valid_up_to()).unwrap_or_default();
            simdutf8::compat::from_utf8(valid)
        });
        self.run = run.map_err(|_invalid| Malformed)?;
        self.run_at = start;
        self.run.get(..end.saturating_sub(start)).ok_or(Malformed)
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

#[cfg(test)]
mod tests {
    use super::*;

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

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

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire<'m> {
    rest: &'m [u8],
    /// How many messages it stands in.
    depth: u32,
}

impl<'m> Wire<'m> {
    /// A whole message.
    pub(super) const fn new(message: &'m [u8]) -> Self {
        Self { rest: message, depth: 0 }
    }

    /// Number and kind of the next field; `None` at the end.
    #[inline]
    pub(super) fn field(&mut self) -> Result<Option<(u32, Kind)>, Malformed> {
        if self.rest.is_empty() { Ok(None) } else { self.key().map(Some) }
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

    /// A number: seven bits a byte, the lowest first.
    #[inline]
    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            [low, high, rest @ ..] if *high < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        let mut shift = 0_u32;
        while let [byte, rest @ ..] = self.rest {
            self.rest = rest;
            // The tenth byte has room for one bit, and none may follow.
            if shift == 63 && *byte > 1 {
                return Err(Malformed);
            }
            value |= u64::from(*byte & 0x7f) << shift;
            if *byte < 0x80 {
                return Ok(value);
            }
            shift = shift.saturating_add(7);
        }
        Err(Malformed)
    }

    /// Bytes with their length in front.
    #[inline]
    pub(super) fn bytes(&mut self) -> Result<&'m [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_too_large| Malformed)?;
        self.take(length)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'m [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Text, which is UTF-8.
    #[inline]
    pub(super) fn text(&mut self) -> Result<&'m str, Malformed> {
        std::str::from_utf8(self.bytes()?).map_err(|_invalid| Malformed)
    }

    /// A message inside.
    #[inline]
    pub(super) fn message(&mut self) -> Result<Self, Malformed> {
        let depth = self.depth.saturating_add(1);
        self.bytes().map(|rest| Self { rest, depth })
    }

    /// Passes over the value of a field that we do not know.
    pub(super) fn skip(&mut self, number: u32, kind: Kind) -> Result<(), Malformed> {
        self.skip_at(number, kind, self.depth)
    }

    fn skip_at(&mut self, number: u32, kind: Kind, depth: u32) -> Result<(), Malformed> {
        if depth >= MAX_DEPTH {
            return Err(Malformed);
        }
        match kind {
            Kind::Varint => self.varint().map(|_value| ()),
            Kind::Fixed64 => self.take(8).map(|_value| ()),
            Kind::Fixed32 => self.take(4).map(|_value| ()),
            Kind::Delimited => self.bytes().map(|_value| ()),
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
                    assert_eq!(wire.rest, theirs, "{bytes:x?}");
                }
            }
        }
    }
}

//! JSON as issuers write it in tokens: in one piece, without blanks, escapes and fractions.
//!
//! What is not written so, or is no JSON at all, is for the reader that knows all of it: this one says
//! nothing then. So it may be simple, and takes a third of what the other one does.

use super::members::{Node, Nodes};
use super::{MAX_DEPTH, Names};

/// So many digits fit into 64 bits, whatever they are.
const MAX_DIGITS: usize = 19;

/// Reads the one object that `text` is, to what [`super::read`] comes to. `None`: ask that.
pub(super) fn read(text: &str) -> Option<Nodes> {
    let mut reader = Reader { bytes: text.as_bytes(), at: 0, nodes: Nodes::of(text) };
    reader.expect(b'{')?;
    reader.object(MAX_DEPTH)?;
    (reader.at == text.len()).then_some(reader.nodes)
}

struct Reader<'t> {
    bytes: &'t [u8],
    /// What stands before it is read.
    at: usize,
    nodes: Nodes,
}

impl<'t> Reader<'t> {
    /// The next byte, which is read with that.
    #[inline]
    fn next(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied()?;
        self.at = self.at.wrapping_add(1);
        Some(byte)
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// Reads over `byte`, if that is what comes.
    #[inline]
    fn skip(&mut self, byte: u8) -> bool {
        let found = self.bytes.get(self.at) == Some(&byte);
        self.at = self.at.wrapping_add(usize::from(found));
        found
    }

    /// A value, with `depth` levels left.
    #[inline]
    fn value(&mut self, depth: u8) -> Option<()> {
        match self.next()? {
            b'"' => {
                self.part()?;
            }
            b'{' => self.object(depth)?,
            b'[' => self.array(depth)?,
            b't' => self.literal(b"rue", Node::Bool(true))?,
            b'f' => self.literal(b"alse", Node::Bool(false))?,
            b'n' => self.literal(b"ull", Node::Null)?,
            digit @ b'0'..=b'9' => self.number(digit)?,
            _ => return None,
        }
        Some(())
    }

    /// The rest of an object, behind its brace.
    fn object(&mut self, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let at = self.nodes.add(Node::Object { inside: 0 });
        let mut names = Names::default();
        if !self.skip(b'}') {
            loop {
                self.expect(b'"')?;
                names.add(Some(self.part()?));
                self.expect(b':')?;
                self.value(depth)?;
                match self.next()? {
                    b',' => {}
                    b'}' => break,
                    _ => return None,
                }
            }
        }
        let inside = self.nodes.behind(at);
        self.nodes.replace(at, Node::Object { inside });
        // Where a name comes again, or that is not known, the other reader says so.
        names.are_distinct()?.then_some(())
    }

    /// The rest of an array, behind its bracket.
    fn array(&mut self, depth: u8) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let at = self.nodes.add(Node::Array { inside: 0 });
        if !self.skip(b']') {
            loop {
                self.value(depth)?;
                match self.next()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
        }
        let inside = self.nodes.behind(at);
        self.nodes.replace(at, Node::Array { inside });
        Some(())
    }

    /// The rest of a text, behind its quote: a part of the whole, since it has no escapes.
    #[inline]
    fn part(&mut self) -> Option<&'t [u8]> {
        let start = self.at;
        let rest = self.bytes.get(start..)?;
        let len = plain_length(rest);
        let part = rest.get(..len)?;
        self.nodes.add(Node::Part { start, len });
        self.at = start.wrapping_add(len);
        self.expect(b'"')?;
        Some(part)
    }

    #[inline]
    fn literal(&mut self, rest: &[u8], node: Node) -> Option<()> {
        let found = self.bytes.get(self.at..)?.starts_with(rest);
        self.at = self.at.wrapping_add(rest.len());
        self.nodes.add(node);
        found.then_some(())
    }

    /// The rest of a number without sign, fraction and exponent: whatever follows is what follows a value,
    /// or nothing that is read here.
    #[inline]
    fn number(&mut self, first: u8) -> Option<()> {
        let mut number = u64::from(first.wrapping_sub(b'0'));
        let start = self.at;
        while let Some(digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            // What does not fit is too long, and refused for that.
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit.wrapping_sub(b'0')));
            self.at = self.at.wrapping_add(1);
        }
        let behind = self.at.wrapping_sub(start);
        self.nodes.add(Node::Number(number.into()));
        (behind < MAX_DIGITS && (first != b'0' || behind == 0)).then_some(())
    }
}

/// How many bytes stand before a quote, a backslash or a control character, or before the end: eight are
/// looked at together, one of each in its own byte of a word.
#[inline]
fn plain_length(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    /// The high bit of the first byte that is zero, and perhaps of some behind it.
    const fn first_zero(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word & HIGH
    }
    const QUOTES: u64 = u64::from_ne_bytes([b'"'; 8]);
    const BACKSLASHES: u64 = u64::from_ne_bytes([b'\\'; 8]);
    const BLANKS: u64 = u64::from_ne_bytes([b' '; 8]);
    let (words, rest) = bytes.as_chunks::<8>();
    let mut len = 0_usize;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let control = word.wrapping_sub(BLANKS) & !word & HIGH;
        let found = control | first_zero(word ^ QUOTES) | first_zero(word ^ BACKSLASHES);
        if found != 0 {
            let place = found.trailing_zeros() >> 3;
            return len.wrapping_add(usize::try_from(place).unwrap_or_default());
        }
        len = len.wrapping_add(8);
    }
    let plain = |byte: &&u8| !matches!(byte, 0..=0x1f | b'"' | b'\\');
    len.wrapping_add(rest.iter().take_while(plain).count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn length_is_that_of_the_plain_way(
            bytes in prop::collection::vec(
                prop_oneof![9 => Just(b'a'), 1 => any::<u8>(), 1 => prop::sample::select(vec![0x1f, 0x20, 0x21, b'"', b'#', b'\\', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0x9f])],
                0..40,
            ),
        ) {
            let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
            let want = bytes.iter().position(is_special).unwrap_or(bytes.len());
            prop_assert_eq!(plain_length(&bytes), want);
        }
    }
}

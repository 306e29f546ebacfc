//! The Huffman code of HPACK (RFC 7541 appendix B). It is canonical, so the lengths say all of it.

/// Bits of each byte's code; the last one is the end of the string.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
/// Bits of the longest code.
const LONGEST: usize = 30;

/// The code, made ready for both ways.
#[derive(Clone, Debug)]
pub struct Huffman {
    codes: Vec<u32>,
    /// Of each length: the first code, and where its symbol stands in `symbols`.
    firsts: [(u32, usize); LONGEST + 2],
    symbols: Vec<u16>,
}

impl Default for Huffman {
    fn default() -> Self {
        let mut symbols: Vec<u16> = (0..257).collect();
        symbols.sort_by_key(|symbol| (LENGTHS[usize::from(*symbol)], *symbol));
        let mut codes = vec![0; LENGTHS.len()];
        let mut firsts = [(0, 0); LONGEST + 2];
        let (mut code, mut place) = (0_u32, 0);
        for (length, first) in firsts.iter_mut().enumerate().skip(1) {
            *first = (code, place);
            while let Some(symbol) = symbols.get(place).map(|symbol| usize::from(*symbol)) {
                if usize::from(LENGTHS[symbol]) != length {
                    break;
                }
                codes[symbol] = code;
                (code, place) = (code + 1, place + 1);
            }
            code = code.wrapping_shl(1);
        }
        Self { codes, firsts, symbols }
    }
}

impl Huffman {
    /// The shortest bytes for `text`, filled up with ones.
    #[must_use]
    pub fn encode(&self, text: &[u8]) -> Vec<u8> {
        let (mut bits, mut count) = (0_u64, 0_u32);
        let mut bytes = Vec::with_capacity(text.len());
        for byte in text {
            let length = u32::from(LENGTHS[usize::from(*byte)]);
            bits = bits << length | u64::from(self.codes[usize::from(*byte)]);
            count += length;
            while count >= 8 {
                count -= 8;
                bytes.push((bits >> count) as u8);
            }
        }
        if count > 0 {
            bytes.push((bits << (8 - count)) as u8 | (0xff >> count));
        }
        bytes
    }

    /// The text again. `None`: no code has these bits.
    #[must_use]
    pub fn decode(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let (mut text, mut code, mut length) = (Vec::new(), 0_u32, 0);
        for bit in bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)) {
            (code, length) = (code << 1 | u32::from(bit), length + 1);
            if length > LONGEST {
                return None;
            }
            let (first, place) = self.firsts[length];
            let (_, next) = self.firsts[length + 1];
            let symbol = code.checked_sub(first).map(|above| place + above as usize);
            if let Some(symbol) = symbol.filter(|symbol| *symbol < next) {
                text.push(u8::try_from(self.symbols[symbol]).ok()?);
                (code, length) = (0, 0);
            }
        }
        // What is left fills the last byte: fewer than eight ones (§5.2).
        (length < 8 && code == (1 << length) - 1).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_as_the_rfc_shows() {
        // RFC 7541 C.4.1 and C.6.1.
        let cases = [
            ("www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"),
            ("no-cache", "a8eb10649cbf"),
            ("302", "6402"),
            ("Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"),
        ];
        let huffman = Huffman::default();
        for (text, want) in cases {
            let bytes = huffman.encode(text.as_bytes());
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(hex, want, "{text}");
            assert_eq!(huffman.decode(&bytes).as_deref(), Some(text.as_bytes()));
        }
    }

    #[test]
    fn every_byte_comes_back_and_bad_filling_does_not() {
        let huffman = Huffman::default();
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(huffman.decode(&huffman.encode(&all)).as_deref(), Some(all.as_slice()));
        assert_eq!(huffman.decode(&[0xff]), None, "eight ones are no filling");
        assert_eq!(huffman.decode(&[0b0000_0000]), None, "zeros are no filling");
        assert_eq!(huffman.decode(&[0xff; 4]), None, "the end of the string is no byte");
    }
}

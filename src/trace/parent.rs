//! The header `traceparent` (W3C Trace Context §3.2): which trace a request belongs to.
//!
//! Pure: no I/O, no clock.

/// The trace, the span that asks, and whether anybody keeps it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TraceParent {
    /// Never all zero.
    pub trace_id: [u8; 16],
    /// Of the span that asks; never all zero.
    pub span_id: [u8; 8],
    /// Whether the caller keeps the trace.
    pub is_sampled: bool,
}

/// `00-` trace id `-` span id `-` flags, of 32, 16 and 2 digits.
const LENGTH: usize = 55;
const SAMPLED: u8 = 1;

impl TraceParent {
    /// Reads a header; `None` where it is malformed, which is as none at all (§4.3). A version that is
    /// not known yet may have more behind the flags.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let [version] = hex(bytes.get(..2)?)?;
        let whole = match version {
            0 => bytes.len() == LENGTH,
            u8::MAX => false,
            _ => bytes.len() == LENGTH || bytes.get(LENGTH) == Some(&b'-'),
        };
        let dashes = [2, 35, 52].into_iter().all(|at| bytes.get(at) == Some(&b'-'));
        if !whole || !dashes {
            return None;
        }
        let trace_id = hex(bytes.get(3..35)?)?;
        let span_id = hex(bytes.get(36..52)?)?;
        let [flags] = hex(bytes.get(53..LENGTH)?)?;
        let named = trace_id != [0; 16] && span_id != [0; 8];
        named.then_some(Self { trace_id, span_id, is_sampled: flags & SAMPLED != 0 })
    }
}

/// `N` bytes in hex, lower case alone.
fn hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

const fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn reads_trace_span_and_flag() {
        let parent = TraceParent::parse(GOOD).expect("holds");
        assert_eq!(u128::from_be_bytes(parent.trace_id), 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(u64::from_be_bytes(parent.span_id), 0x00f0_67aa_0ba9_02b7);
        assert!(parent.is_sampled);
        for (flags, sampled) in [("00", false), ("02", false), ("03", true), ("ff", true)] {
            let text = GOOD.replace("-01", &format!("-{flags}"));
            assert_eq!(TraceParent::parse(&text).map(|parent| parent.is_sampled), Some(sampled));
        }
    }

    #[test]
    fn a_later_version_may_say_more() {
        for text in
            [GOOD.replacen("00", "01", 1), format!("{}-what-comes", GOOD.replacen("00", "cc", 1))]
        {
            assert_eq!(TraceParent::parse(&text), TraceParent::parse(GOOD), "{text}");
        }
    }

    #[test]
    fn what_is_malformed_is_none() {
        let zero_trace = GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let zero_span = GOOD.replace("00f067aa0ba902b7", &"0".repeat(16));
        let cases = [
            String::new(),
            "00".to_owned(),
            GOOD.trim_end_matches('1').to_owned(),
            format!("{GOOD}-more"),
            format!("{GOOD}0"),
            format!("{}x", GOOD.replacen("00", "01", 1)),
            GOOD.replacen("00", "ff", 1),
            GOOD.replacen("00", "0x", 1),
            GOOD.to_uppercase(),
            GOOD.replace('-', "_"),
            GOOD.replace("4bf9", "4bg9"),
            GOOD.replace("4bf9", "\u{e9}f9"),
            GOOD.replacen('0', " ", 1),
            zero_trace,
            zero_span,
        ];
        for text in cases {
            assert_eq!(TraceParent::parse(&text), None, "{text}");
        }
    }
}

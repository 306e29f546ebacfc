//! Protocol buffers by hand: what an answer needs of the encoding.
//!
//! Lengths are as short as they can be, as every encoder writes them.
//!
//! Pure: no I/O, no clock.

/// Wire types.
pub(super) const LEN: u8 = 2;
const VARINT: u8 = 0;
const FIXED64: u8 = 1;

pub(super) const fn tag(field: u8, wire_type: u8) -> u8 {
    field << 3 | wire_type
}

/// Bytes of `value` as a varint.
pub(super) const fn varint_len(value: usize) -> usize {
    let mut rest = value >> 7;
    let mut len = 1;
    while rest > 0 {
        rest >>= 7;
        len += 1;
    }
    len
}

fn varint(to: &mut Vec<u8>, value: usize) {
    let mut rest = value;
    while rest >= 0x80 {
        to.push(low_bits(rest) | 0x80);
        rest >>= 7;
    }
    to.push(low_bits(rest));
}

#[expect(clippy::cast_possible_truncation, reason = "seven bits are left")]
pub(super) const fn low_bits(value: usize) -> u8 {
    (value & 0x7f) as u8
}

/// The beginning of a field with so many bytes. Fields below 16 have a tag of one byte.
pub(super) fn start(to: &mut Vec<u8>, field: u8, len: usize) {
    if len < 0x80 {
        to.extend_from_slice(&[tag(field, LEN), low_bits(len)]);
    } else {
        to.push(tag(field, LEN));
        varint(to, len);
    }
}

/// The beginnings of fields of which each is the first thing in the one before it.
pub(super) fn starts<const N: usize>(to: &mut Vec<u8>, fields: [(u8, usize); N]) {
    if fields.iter().all(|(_field, len)| *len < 0x80) {
        let starts = fields.map(|(field, len)| [tag(field, LEN), low_bits(len)]);
        to.extend_from_slice(starts.as_flattened());
    } else {
        fields.iter().for_each(|(field, len)| start(to, *field, *len));
    }
}

/// Bytes of a field with so many bytes.
pub(super) const fn field_len(len: usize) -> usize {
    1 + varint_len(len) + len
}

/// A text.
pub(super) fn text(to: &mut Vec<u8>, field: u8, text: &str) {
    start(to, field, text.len());
    to.extend_from_slice(text.as_bytes());
}

/// A number below 2^32.
pub(super) fn number(to: &mut Vec<u8>, field: u8, value: u32) {
    to.push(tag(field, VARINT));
    varint(to, usize::try_from(value).unwrap_or(usize::MAX));
}

/// A `double`.
pub(super) fn double(to: &mut Vec<u8>, field: u8, value: f64) {
    to.push(tag(field, FIXED64));
    to.extend_from_slice(&value.to_le_bytes());
}

/// A message, or a text, whose length is known once it is written. Where it is not the length of
/// most (`expected` is one that has as many digits), the bytes are moved.
pub(super) fn nested(
    to: &mut Vec<u8>,
    field: u8,
    expected: usize,
    write: impl FnOnce(&mut Vec<u8>),
) {
    let before = to.len();
    start(to, field, expected);
    let begin = to.len();
    write(to);
    let len = to.len() - begin;
    let places = varint_len(expected);
    if places != varint_len(len) {
        // Longer or shorter than expected: the content moves by the difference.
        let mut head = Vec::with_capacity(8);
        start(&mut head, field, len);
        to.splice(before..begin, head).for_each(drop);
    } else if let Some(digits) = to.get_mut(begin - places..begin) {
        let mut rest = len;
        let last = digits.len().saturating_sub(1);
        for (place, digit) in digits.iter_mut().enumerate() {
            *digit = low_bits(rest) | if place < last { 0x80 } else { 0 };
            rest >>= 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lengths_are_right_and_short_whatever_was_expected(
            len in prop_oneof![0..300_usize, 16_300..16_500_usize],
            expected in prop::sample::select(vec![0_usize, 127, 128, 16_383, 16_384]),
            field in 1..16_u8,
        ) {
            let content = vec![b'x'; len];
            let mut nested_bytes = b"before".to_vec();
            nested(&mut nested_bytes, field, expected, |to| to.extend_from_slice(&content));
            let mut want = b"before".to_vec();
            prost::encoding::bytes::encode(u32::from(field), &content, &mut want);
            prop_assert_eq!(nested_bytes, want);
            let mut whole = Vec::new();
            start(&mut whole, field, len);
            whole.extend_from_slice(&content);
            prop_assert_eq!(whole.len(), field_len(len));
            let (mut one_by_one, mut at_once) = (Vec::new(), Vec::new());
            start(&mut one_by_one, field, field_len(len));
            start(&mut one_by_one, 1, len);
            starts(&mut at_once, [(field, field_len(len)), (1, len)]);
            prop_assert_eq!(at_once, one_by_one);
        }
    }
}

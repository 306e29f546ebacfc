//! Entries of an answer whose beginning is ready: what goes before a value is copied as a whole, and
//! the value's length added where a length grows with it.
//!
//! Pure: no I/O, no clock.

use super::writer::low_bits;
use crate::decision::{HEAD, Head};

/// The longest length that takes one byte.
const LONGEST: usize = 0x7f;

/// A beginning of these bytes, with the lengths at these places as they are without a value, the
/// longest of them first; `None`: it is too long.
pub(super) const fn head(bytes: &[u8], lengths: [usize; 3]) -> Option<Head> {
    let mut head = Head { bytes: [0; HEAD], len: bytes.len(), lengths, longest: 0 };
    if bytes.len() > HEAD {
        return None;
    }
    let (begin, _rest) = head.bytes.split_at_mut(bytes.len());
    begin.copy_from_slice(bytes);
    // What counts the most stands behind the first length, and that is within a byte.
    let Some(room) = (LONGEST + 2).checked_sub(bytes.len()) else { return None };
    head.longest = room;
    Some(head)
}

/// Appends an entry; `false`: the value is too long, and nothing is written.
#[inline]
pub(super) fn entry(to: &mut Vec<u8>, head: &Head, value: &str) -> bool {
    let fits = value.len() <= head.longest;
    if fits {
        begin(to, head, value.len());
        to.extend_from_slice(value.as_bytes());
    }
    fits
}

/// The same for a value that is written, and whose length is known then. The answer is that length, and
/// whether it is written; if not, nothing is.
#[inline]
pub(super) fn entry_of(
    to: &mut Vec<u8>,
    head: &Head,
    write: impl FnOnce(&mut Vec<u8>),
) -> (usize, bool) {
    let before = to.len();
    begin(to, head, 0);
    let value = to.len();
    write(to);
    let len = to.len().saturating_sub(value);
    if len > head.longest || len == 0 {
        to.truncate(before);
        return (len, false);
    }
    if let Some(written) = to.get_mut(before..) {
        grow(written, head, len);
    }
    (len, true)
}

#[inline]
fn begin(to: &mut Vec<u8>, head: &Head, len: usize) {
    let mut bytes = head.bytes;
    grow(&mut bytes, head, len);
    let end = to.len().saturating_add(head.len);
    to.extend_from_slice(&bytes);
    to.truncate(end);
}

#[inline]
fn grow(bytes: &mut [u8], head: &Head, len: usize) {
    for place in head.lengths {
        if let Some(length) = bytes.get_mut(place) {
            *length = length.wrapping_add(low_bits(len));
        }
    }
}

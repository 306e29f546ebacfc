//! The value of a header field, kept as what it is made of until it is written.
//!
//! Pure: no I/O, no clock.

use crate::policy::CallerGroups;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but visible ASCII, and `%` itself, so that two values never look alike.
const VALUE: &AsciiSet = &CONTROLS.add(b' ').add(b'%');
/// All but what RFC 3986 §2.3 calls unreserved.
const GROUP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value that is written straight into the answer: no text of it is made before.
#[derive(Clone, Copy, Debug)]
pub enum FieldValue<'v> {
    /// As it is.
    Text(&'v str),
    /// Percent-encoded where it is not visible ASCII.
    Encoded(&'v str),
    /// A list with commas, its items percent-encoded where they are not unreserved.
    List(&'v CallerGroups),
    /// A `Bearer` challenge (RFC 6750 §3).
    Challenge {
        /// For what: the host.
        realm: &'v str,
        /// What is wrong with the token that came.
        error: Option<&'static str>,
    },
}

impl FieldValue<'_> {
    /// The value as it is, where nothing of it has to be written in another way.
    #[must_use]
    #[inline]
    pub fn as_plain(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Encoded(text) if is_plain(text) => Some(text),
            Self::Encoded(_) | Self::List(_) | Self::Challenge { .. } => None,
        }
    }

    /// Bytes that [`Self::write_to`] writes.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Encoded(text) if is_plain(text) => text.len(),
            Self::Encoded(text) => text.len() + 2 * encoded_bytes(text),
            Self::List(items) => {
                let of_items: usize = items.iter().map(list_item_len).sum();
                of_items + items.len().saturating_sub(1)
            }
            Self::Challenge { realm, error } => {
                let error = error.map_or(0, |error| error.len() + CHALLENGE_ERROR.len() + 1);
                CHALLENGE.len() + realm.len() + 1 + error
            }
        }
    }

    /// Whether nothing is written.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Appends the value.
    pub fn write_to(self, to: &mut Vec<u8>) {
        match self {
            Self::Text(text) => to.extend_from_slice(text.as_bytes()),
            Self::Encoded(text) if is_plain(text) => to.extend_from_slice(text.as_bytes()),
            Self::Encoded(text) => encode(text, VALUE, to),
            Self::List(items) => {
                for (place, item) in items.iter().enumerate() {
                    if place > 0 {
                        to.push(b',');
                    }
                    if is_unreserved(item) {
                        to.extend_from_slice(item.as_bytes());
                    } else {
                        encode(item, GROUP, to);
                    }
                }
            }
            Self::Challenge { realm, error } => {
                to.extend_from_slice(CHALLENGE.as_bytes());
                // A host name has no quotes.
                to.extend_from_slice(realm.as_bytes());
                to.push(b'"');
                if let Some(error) = error {
                    to.extend_from_slice(CHALLENGE_ERROR.as_bytes());
                    to.extend_from_slice(error.as_bytes());
                    to.push(b'"');
                }
            }
        }
    }

    /// The same without what begins at a control character, which would become a line of its own on
    /// the wire. A tab may stand in a field (RFC 9110 §5.5), and in a cookie of the upstream's.
    #[must_use]
    pub fn one_line(self) -> Self {
        match self {
            Self::Text(text) => Self::Text(cut(text)),
            Self::Challenge { realm, error } => Self::Challenge { realm: cut(realm), error },
            // Encoding leaves none.
            Self::Encoded(_) | Self::List(_) => self,
        }
    }

    /// As text, for those who show it.
    #[must_use]
    pub fn to_text(self) -> String {
        let mut bytes = Vec::new();
        self.write_to(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

const CHALLENGE: &str = "Bearer realm=\"";
const CHALLENGE_ERROR: &str = ", error=\"";

fn cut(text: &str) -> &str {
    let breaks = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    // Looks at everything at once: nearly always there is none.
    if text.bytes().fold(false, |found, byte| found | breaks(byte)) {
        text.split(|c: char| c.is_ascii_control() && c != '\t').next().unwrap_or_default()
    } else {
        text
    }
}

fn encode(text: &str, set: &'static AsciiSet, to: &mut Vec<u8>) {
    utf8_percent_encode(text, set).for_each(|piece| to.extend_from_slice(piece.as_bytes()));
}

/// Bytes of a text that become three.
fn encoded_bytes(text: &str) -> usize {
    text.bytes().filter(|byte| !byte.is_ascii_graphic() || *byte == b'%').count()
}

/// Whether no byte of a text becomes three. It looks at eight of them at once, as nearly none has any.
#[inline]
fn is_plain(text: &str) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const TOP: u64 = EACH * 0x80;
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    // A top bit is set where a byte has it, is 0x7f, is below 0x21, or is `%`. A carry into another byte
    // comes only from one that is found itself.
    let found = |word: u64| {
        let percent = word ^ (EACH * u64::from(b'%'));
        let below = word.wrapping_sub(EACH * 0x21);
        word | word.wrapping_add(EACH) | below | (percent.wrapping_sub(EACH) & !percent)
    };
    let found_in_words =
        words.iter().fold(0, |all, word| all | found(u64::from_le_bytes(*word))) & TOP;
    match text.as_bytes().last_chunk::<8>() {
        Some(last) => (found_in_words | (found(u64::from_le_bytes(*last)) & TOP)) == 0,
        None => rest.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'%'),
    }
}

fn list_item_len(item: &str) -> usize {
    if is_unreserved(item) {
        return item.len();
    }
    item.len() + 2 * item.bytes().filter(|byte| !stands_in_a_list(*byte)).count()
}

/// The same for an item of a list.
fn is_unreserved(item: &str) -> bool {
    /// Of all bytes: looking one up takes fewer steps than comparing it.
    const STANDS: [bool; 256] = {
        let mut stands = [false; 256];
        let mut rest: &mut [bool] = &mut stands;
        let mut byte = 0_u8;
        while let Some((own, behind)) = rest.split_first_mut() {
            *own = stands_in_a_list(byte);
            byte = byte.wrapping_add(1);
            rest = behind;
        }
        stands
    };
    let stands = |byte: u8| STANDS.get(usize::from(byte)).is_some_and(|stands| *stands);
    item.bytes().fold(true, |plain, byte| plain & stands(byte))
}

/// What RFC 3986 §2.3 calls unreserved.
const fn stands_in_a_list(byte: u8) -> bool {
    let is_mark = (byte == b'-') | (byte == b'.') | (byte == b'_') | (byte == b'~');
    byte.is_ascii_alphanumeric() | is_mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_as_long_as_it_says(text in "\\PC*|[ -~\t\r\n]*", items in prop::collection::vec("\\PC{0,9}|[ -~]{0,9}", 0..5)) {
            let groups: CallerGroups = items.iter().collect();
            let challenge = FieldValue::Challenge { realm: &text, error: Some("invalid_token") };
            let bare = FieldValue::Challenge { realm: &text, error: None };
            for value in [FieldValue::Text(&text), FieldValue::Encoded(&text), FieldValue::List(&groups), challenge, bare] {
                prop_assert_eq!(value.to_text().len(), value.len());
                let line = value.one_line().to_text();
                prop_assert!(!line.contains(|c: char| c.is_ascii_control() && c != '\t'), "{line:?}");
            }
            let line = FieldValue::Text(&text).one_line().to_text();
            prop_assert!(text.starts_with(&line));
            let encoded = FieldValue::Encoded(&text).to_text();
            prop_assert!(encoded.bytes().all(|byte| byte.is_ascii_graphic()));
            let list = FieldValue::List(&groups).to_text();
            prop_assert_eq!(list.split(',').count(), items.len().max(1));
        }
    }

    #[test]
    fn finds_what_is_encoded_at_every_place() {
        for length in 1..20 {
            for at in 0..length {
                for byte in 0..=0x7f_u8 {
                    let mut text = "~".repeat(length);
                    text.replace_range(at..=at, &char::from(byte).to_string());
                    let plain = byte.is_ascii_graphic() && byte != b'%';
                    assert_eq!(is_plain(&text), plain, "{byte:x} at {at} of {length}");
                }
                let mut text = "!".repeat(length);
                text.replace_range(at..=at, "\u{e9}");
                assert!(!is_plain(&text), "{at} of {length}");
            }
        }
        assert!(is_plain(""));
    }

    #[test]
    fn challenges_as_rfc_6750_says() {
        let challenge = |error| FieldValue::Challenge { realm: "api.example", error }.to_text();
        assert_eq!(challenge(None), "Bearer realm=\"api.example\"");
        let with_error = "Bearer realm=\"api.example\", error=\"invalid_token\"";
        assert_eq!(challenge(Some("invalid_token")), with_error);
    }
}

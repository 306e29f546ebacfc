//! Base64url without padding (RFC 4648 §5), in the one way that there is to write each value.
//!
//! Pure: no I/O, no clock. The only door to base64-simd, which decodes 32 characters at a time.

use base64_simd::URL_SAFE_NO_PAD;

/// A text that is not the one base64url text of any bytes: padding, another alphabet, white space, a
/// single last character, or last bits that are not zero (RFC 4648 §3.5).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not canonical base64url without padding")]
pub struct NotBase64Url;

/// The text of `bytes`.
#[must_use]
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

/// Writes the text of `bytes` behind what is there.
pub fn encode_to(bytes: impl AsRef<[u8]>, text: &mut String) {
    URL_SAFE_NO_PAD.encode_append(bytes, text);
}

/// The bytes of `text`. The empty text is that of no bytes.
///
/// # Errors
///
/// [`NotBase64Url`] for every text that [`encode`] does not write.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, NotBase64Url> {
    URL_SAFE_NO_PAD.decode_to_vec(text).map_err(|_undecoded| NotBase64Url)
}

/// Writes the bytes of `text` behind what is there; on an error nothing is added.
///
/// # Errors
///
/// [`NotBase64Url`] for every text that [`encode`] does not write.
pub fn decode_to(text: impl AsRef<[u8]>, bytes: &mut Vec<u8>) -> Result<(), NotBase64Url> {
    URL_SAFE_NO_PAD.decode_append(text, bytes).map_err(|_undecoded| NotBase64Url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD as ORACLE;
    use proptest::prelude::*;

    /// Decodes as the oracle does, and to the same bytes, or not at all.
    fn is_decoded_alike(text: &[u8]) -> Result<(), TestCaseError> {
        let want = ORACLE.decode(text).ok();
        prop_assert_eq!(&decode(text).ok(), &want);
        let mut bytes = vec![7];
        let added = decode_to(text, &mut bytes).is_ok();
        prop_assert_eq!(added, want.is_some());
        prop_assert_eq!(bytes, [vec![7], want.unwrap_or_default()].concat());
        Ok(())
    }

    #[test]
    fn takes_one_text_for_each_value() {
        assert_eq!(decode(""), Ok(Vec::new()));
        assert_eq!(decode("-_8"), Ok(vec![0xfb, 0xff]));
        for other in ["+/8", "-_8=", "-_9", "-_8\n", " -_8", "-", "-_8-_", "-_\u{fc}", "AA=", "AB"]
        {
            assert_eq!(decode(other), Err(NotBase64Url), "{other:?}");
        }
    }

    #[test]
    fn looks_at_every_byte_at_every_place() {
        // As long as one step of each kind, and some more: each place is read by some code or other.
        for length in 1..=80 {
            let good = ORACLE.encode(vec![0; length]).into_bytes();
            for place in 0..good.len() {
                for byte in 0..=u8::MAX {
                    let mut text = good.clone();
                    text[place] = byte;
                    assert_eq!(decode(&text).ok(), ORACLE.decode(&text).ok(), "{text:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn writes_and_reads_what_the_oracle_does(bytes in any::<Vec<u8>>()) {
            let text = ORACLE.encode(&bytes);
            prop_assert_eq!(&encode(&bytes), &text);
            let mut behind = ".".to_owned();
            encode_to(&bytes, &mut behind);
            prop_assert_eq!(behind, format!(".{text}"));
            prop_assert_eq!(decode(text), Ok(bytes));
        }

        #[test]
        fn refuses_what_the_oracle_does(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            place in any::<prop::sample::Index>(),
            change in prop_oneof![Just(Vec::new()), any::<u8>().prop_map(|byte| vec![byte]), "[A-Za-z0-9_=+/ \n-]{1,3}".prop_map(String::into_bytes)],
            cut in 0_usize..3,
        ) {
            let mut text = ORACLE.encode(&bytes).into_bytes();
            let from = place.index(text.len() + 1);
            let to = (from + cut).min(text.len());
            text.splice(from..to, change);
            is_decoded_alike(&text)?;
        }

        #[test]
        fn refuses_any_text_that_the_oracle_does(text in "[A-Za-z0-9_=-]{0,100}") {
            is_decoded_alike(text.as_bytes())?;
        }
    }
}

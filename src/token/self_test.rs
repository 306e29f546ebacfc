//! Whether the cryptography is the one that is meant, and works.
//!
//! Pure: no I/O, no clock.

use super::verify::verify_signature;
use super::{Jws, KeySet, TokenError};

/// A P-256 key and an RSA key of 2048 bits, made for this test and used for nothing else.
const KEYS: &str = include_str!("self_test/keys.json");
/// Tokens that these keys signed: header, payload `{"iss":"self-test"}`, signature.
const TOKENS: &str = include_str!("self_test/tokens.txt");

/// What a start-up test found.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SelfTestError {
    /// The test's own keys or tokens are not read.
    #[error("the test's own keys and tokens are not read")]
    Unreadable,
    /// A good signature is refused.
    #[error("a good signature is refused")]
    RefusesGood,
    /// A bad signature is accepted.
    #[error("a bad signature is accepted")]
    AcceptsBad,
}

/// Installs aws-lc-rs as the library's cryptography and tries it on signatures that are known.
///
/// To be called before the first token; more calls do no harm.
///
/// # Errors
///
/// [`SelfTestError`]: then no token may be judged.
pub fn self_test() -> Result<(), SelfTestError> {
    // An error means that one is installed already: then it is put to the same test.
    let _installed = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let (keys, _alarms) =
        KeySet::parse(KEYS.as_bytes()).map_err(|_unread| SelfTestError::Unreadable)?;
    let mut tried = 0_usize;
    for text in TOKENS.lines() {
        let jws = Jws::parse(text, text.len()).map_err(|_unread| SelfTestError::Unreadable)?;
        let key = keys.find(jws.kid()).ok_or(SelfTestError::Unreadable)?;
        verify_signature(&jws, key).map_err(|_refused| SelfTestError::RefusesGood)?;
        let mut forged = jws.clone();
        let other = format!("{}A", jws.signed);
        forged.signed = &other;
        if verify_signature(&forged, key) != Err(TokenError::BadSignature) {
            return Err(SelfTestError::AcceptsBad);
        }
        tried = tried.saturating_add(1);
    }
    if tried == keys.len() { Ok(()) } else { Err(SelfTestError::Unreadable) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn passes() {
        assert_eq!(super::self_test(), Ok(()));
        assert_eq!(super::self_test(), Ok(()));
    }

    /// Left to itself, the library panics at the first signature when it was built with both of its
    /// back-ends or none. Nothing is left to it: the start installs one, and the first signatures
    /// are the test's own.
    #[test]
    fn p20_installs_the_cryptography_before_the_first_signature() {
        assert_eq!(super::self_test(), Ok(()));
        let another = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        assert!(another.is_err(), "none was installed");
    }
}

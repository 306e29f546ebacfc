//! Seals records with the newest key, opens them with any.
//!
//! Pure: no I/O, no clock; the nonce is an argument.

use crate::base64url;
use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use std::fmt;

/// Bytes of a nonce (RFC 8452 §4).
pub const SEAL_NONCE_BYTES: usize = 12;
/// A nonce, random for each seal. AES-GCM-SIV survives a repeated one (RFC 8452 §9).
pub type SealNonce = [u8; SEAL_NONCE_BYTES];

const KEY_BYTES: usize = 32;
const KEY_ID_BYTES: usize = 4;
const VERSION: u8 = 1;
/// Version, key id and nonce.
const HEAD_BYTES: usize = 1 + KEY_ID_BYTES + SEAL_NONCE_BYTES;
/// Keys that stand in the documentation, for everybody to read.
const PRINTED_KEYS: [&str; 1] = ["cG9ydGN1bGxpcy1leGFtcGxlLWtleS1ub3QtdXNlISE="];

/// What a sealed text is for. A text that was sealed for one purpose and host does not open for
/// another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// [`super::Session`]
    Session,
    /// [`super::SessionReference`]
    Reference,
    /// [`super::LastUse`]
    LastUse,
    /// [`super::Flow`]
    Flow,
    /// [`super::State`]
    State,
    /// [`super::CompletedLogins`]
    Logins,
    /// Where a sign-out goes on to, in a [`super::Flow`].
    Logout,
    /// [`super::Session`], kept in Redis.
    Stored,
    /// [`super::Ending`]
    Ending,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Reference => "reference",
            Self::LastUse => "last-use",
            Self::Flow => "flow",
            Self::State => "state",
            Self::Logins => "logins",
            Self::Logout => "logout",
            Self::Stored => "stored",
            Self::Ending => "ending",
        }
    }
}

/// Why a sealed text does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// Not our format.
    #[error("not a sealed text")]
    Malformed,
    /// Sealed under a key that is not in the ring: an old key, or another deployment.
    #[error("sealed under a key that is not here")]
    UnknownKey,
    /// The key is here, and the text was changed, or sealed for another host or purpose.
    #[error("the seal does not verify")]
    Forged,
}

/// Why a key file does not hold. Lines count from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyRingError {
    /// No line has a key.
    #[error("expected at least one key; `portcullis keygen` prints one")]
    Empty,
    /// Not base64.
    #[error("line {0}: expected base64")]
    NotBase64(usize),
    /// Not 32 bytes.
    #[error("line {0}: expected 32 bytes, got {1}")]
    WrongLength(usize, usize),
    /// All bytes are equal: nobody drew that at random.
    #[error("line {0}: expected a random key; `portcullis keygen` prints one")]
    NotRandom(usize),
    /// A key of the documentation.
    #[error("line {0}: this key is printed in the documentation, everybody has it")]
    Printed(usize),
    /// The same key twice.
    #[error("line {0}: the same key stands there twice")]
    Repeated(usize),
}

struct Key {
    id: [u8; KEY_ID_BYTES],
    aead: LessSafeKey,
}

/// Sealing keys, newest first.
pub struct KeyRing {
    keys: Vec<Key>,
}

impl fmt::Debug for KeyRing {
    /// Shows how many keys there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys)", self.keys.len())
    }
}

impl KeyRing {
    /// Reads a key file: base64 of 32 bytes a line, newest first; empty lines and lines that begin
    /// with `#` are skipped.
    ///
    /// # Errors
    ///
    /// [`KeyRingError`] names the line, never the key.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let mut ring = Self { keys: Vec::new() };
        for (index, line) in text.lines().enumerate() {
            let (number, line) = (index.saturating_add(1), line.trim());
            if !line.is_empty() && !line.starts_with('#') {
                ring.add(number, line)?;
            }
        }
        if ring.keys.is_empty() { Err(KeyRingError::Empty) } else { Ok(ring) }
    }

    /// A ring of one key.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`].
    pub fn of(key: &[u8; KEY_BYTES]) -> Result<Self, KeyRingError> {
        Self::parse(&STANDARD.encode(key))
    }

    fn add(&mut self, number: usize, line: &str) -> Result<(), KeyRingError> {
        let engines = [&STANDARD, &STANDARD_NO_PAD, &URL_SAFE, &URL_SAFE_NO_PAD];
        let bytes = engines.iter().find_map(|engine| engine.decode(line).ok());
        let bytes = bytes.ok_or(KeyRingError::NotBase64(number))?;
        let wrong_length = KeyRingError::WrongLength(number, bytes.len());
        if bytes.len() != KEY_BYTES {
            return Err(wrong_length);
        }
        // By its bytes: without padding, or in the other alphabet, it is the same key.
        if PRINTED_KEYS.iter().any(|key| STANDARD.decode(key).is_ok_and(|key| key == bytes)) {
            return Err(KeyRingError::Printed(number));
        }
        if bytes.windows(2).all(|pair| pair.first() == pair.last()) {
            return Err(KeyRingError::NotRandom(number));
        }
        let unbound =
            UnboundKey::new(&AES_256_GCM_SIV, &bytes).map_err(|_unspecified| wrong_length)?;
        let id = key_id(&bytes);
        if self.keys.iter().any(|key| key.id == id) {
            return Err(KeyRingError::Repeated(number));
        }
        self.keys.push(Key { id, aead: LessSafeKey::new(unbound) });
        Ok(())
    }

    /// Seals `plain` for `purpose` on `host` with the newest key: version, key id, nonce,
    /// ciphertext and tag, as base64url.
    ///
    /// `None` only where the cipher refuses the length, beyond 64 GiB.
    #[must_use]
    pub fn seal(
        &self,
        purpose: Purpose,
        host: &str,
        plain: &[u8],
        nonce: SealNonce,
    ) -> Option<String> {
        let key = self.keys.first()?;
        // The one buffer: its head stays as it is, what follows is sealed where it stands.
        let mut text = Vec::with_capacity(HEAD_BYTES + plain.len() + AES_256_GCM_SIV.tag_len());
        text.push(VERSION);
        text.extend_from_slice(&key.id);
        text.extend_from_slice(&nonce);
        text.extend_from_slice(plain);
        let sealed = text.get_mut(HEAD_BYTES..)?;
        let aad = Aad::from(associated_data(purpose, host, &key.id));
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = key.aead.seal_in_place_separate_tag(nonce, aad, sealed).ok()?;
        text.extend_from_slice(tag.as_ref());
        Some(base64url::encode(text))
    }

    /// Opens what [`Self::seal`] made for the same purpose and host.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(&self, purpose: Purpose, host: &str, text: &str) -> Result<Vec<u8>, OpenError> {
        let mut bytes = base64url::decode(text).map_err(|_not_base64| OpenError::Malformed)?;
        let rest = bytes.strip_prefix(&[VERSION]).ok_or(OpenError::Malformed)?;
        let (id, rest) = rest.split_first_chunk::<KEY_ID_BYTES>().ok_or(OpenError::Malformed)?;
        let (nonce, sealed) =
            rest.split_first_chunk::<SEAL_NONCE_BYTES>().ok_or(OpenError::Malformed)?;
        if sealed.len() < AES_256_GCM_SIV.tag_len() {
            return Err(OpenError::Malformed);
        }
        let key = self.keys.iter().find(|key| key.id == *id).ok_or(OpenError::UnknownKey)?;
        let aad = Aad::from(associated_data(purpose, host, id));
        let nonce = Nonce::assume_unique_for_key(*nonce);
        // What is opened moves to the front of the buffer that it was sealed in.
        let opened = key.aead.open_within(nonce, aad, &mut bytes, HEAD_BYTES..);
        let length = opened.map_err(|_unspecified| OpenError::Forged)?.len();
        bytes.truncate(length);
        Ok(bytes)
    }
}

/// Names a key without telling anything of it.
fn key_id(key: &[u8]) -> [u8; KEY_ID_BYTES] {
    let named = [b"portcullis sealing key id".as_slice(), key].concat();
    let hash = digest(&SHA256, &named);
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

/// Length before each field, so that no two sets of fields give the same bytes.
fn associated_data(purpose: Purpose, host: &str, key_id: &[u8]) -> Vec<u8> {
    let label = purpose.label();
    let lengths = 3 * size_of::<u64>();
    let mut data = Vec::with_capacity(1 + lengths + label.len() + host.len() + key_id.len());
    data.push(VERSION);
    for field in [label.as_bytes(), host.as_bytes(), key_id] {
        data.extend_from_slice(&(field.len() as u64).to_be_bytes());
        data.extend_from_slice(field);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONCE: SealNonce = [7; SEAL_NONCE_BYTES];

    fn key(first: u8) -> [u8; 32] {
        let mut key = [9; 32];
        key[0] = first;
        key
    }

    fn line(first: u8) -> String {
        STANDARD.encode(key(first))
    }

    fn ring(firsts: &[u8]) -> KeyRing {
        let lines: Vec<String> = firsts.iter().copied().map(line).collect();
        KeyRing::parse(&lines.join("\n")).expect("keys hold")
    }

    #[test]
    fn opens_for_the_same_purpose_host_and_key_only() {
        let sealed =
            ring(&[1]).seal(Purpose::Session, "a.example", b"hello", NONCE).expect("seals");
        let open = |ring: KeyRing, purpose, host| ring.open(purpose, host, &sealed);
        let session = Purpose::Session;
        assert_eq!(open(ring(&[1]), session, "a.example"), Ok(b"hello".to_vec()));
        assert_eq!(open(ring(&[2, 1]), session, "a.example"), Ok(b"hello".to_vec()));
        assert_eq!(open(ring(&[2]), session, "a.example"), Err(OpenError::UnknownKey));
        assert_eq!(open(ring(&[1]), session, "b.example"), Err(OpenError::Forged));
        assert_eq!(open(ring(&[1]), Purpose::Flow, "a.example"), Err(OpenError::Forged));
        assert_eq!(open(ring(&[1]), Purpose::Reference, "a.example"), Err(OpenError::Forged));
    }

    #[test]
    fn seals_with_the_newest_key() {
        let sealed = ring(&[2, 1]).seal(Purpose::Flow, "h", b"x", NONCE).expect("seals");
        assert_eq!(ring(&[1]).open(Purpose::Flow, "h", &sealed), Err(OpenError::UnknownKey));
        assert!(ring(&[2]).open(Purpose::Flow, "h", &sealed).is_ok());
    }

    #[test]
    fn refuses_keys_that_protect_nothing() {
        let short = STANDARD.encode([1; 31]);
        let cases = [
            (String::new(), KeyRingError::Empty),
            ("# none yet".to_owned(), KeyRingError::Empty),
            ("?".to_owned(), KeyRingError::NotBase64(1)),
            (format!("{}\n{short}", line(1)), KeyRingError::WrongLength(2, 31)),
            (STANDARD.encode([0; 32]), KeyRingError::NotRandom(1)),
            (STANDARD.encode([5; 32]), KeyRingError::NotRandom(1)),
            (PRINTED_KEYS[0].to_owned(), KeyRingError::Printed(1)),
            (format!("{}\n{}", line(1), line(1)), KeyRingError::Repeated(2)),
        ];
        for (text, want) in cases {
            assert_eq!(KeyRing::parse(&text).err(), Some(want), "{text}");
        }
        assert_eq!(STANDARD.decode(PRINTED_KEYS[0]).map(|key| key.len()), Ok(32));
    }

    proptest! {
        #[test]
        fn opens_what_it_sealed(plain: Vec<u8>, host in "[a-z.]{0,20}", nonce: SealNonce) {
            let ring = ring(&[1]);
            let sealed = ring.seal(Purpose::Session, &host, &plain, nonce).expect("seals");
            prop_assert_eq!(ring.open(Purpose::Session, &host, &sealed), Ok(plain));
        }

        #[test]
        fn opens_nothing_else(text in "[A-Za-z0-9_-]{0,200}", at: prop::sample::Index) {
            let ring = ring(&[1]);
            prop_assert!(ring.open(Purpose::Session, "h", &text).is_err());
            let sealed = ring.seal(Purpose::Session, "h", b"hello", NONCE).expect("seals");
            let mut changed = URL_SAFE_NO_PAD.decode(&sealed).expect("base64");
            let at = at.index(changed.len());
            changed[at] ^= 1;
            prop_assert!(ring.open(Purpose::Session, "h", &URL_SAFE_NO_PAD.encode(changed)).is_err());
        }
    }
}

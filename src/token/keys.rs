//! An issuer's keys.
//!
//! Pure: no I/O, no clock.

mod key;

pub use key::{KeyFault, VerificationKey};

use super::strict_json::parse_object;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Most keys that a set may hold; issuers have two or three.
const MAX_KEYS: usize = 64;

/// The keys of one issuer (RFC 7517 §5) that can be trusted for signatures; at least one.
///
/// Two sets are equal when they hold the same keys under the same names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeySet(BTreeMap<String, Arc<VerificationKey>>);

/// A key that was left out of a set, and should not have been in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyAlarm {
    /// Its `kid`, escaped, at most 64 characters; empty where it has none.
    pub kid: String,
    /// What is wrong with it.
    pub fault: KeyFault,
}

impl fmt::Display for KeyAlarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key {:?}: {}", self.kid, self.fault)
    }
}

/// Why a set of keys is not taken at all.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeySetError {
    /// No JSON object, or members named twice.
    #[error("the key set is no JSON object with distinct members")]
    NotAnObject,
    /// `keys` is missing or no array.
    #[error("the key set has no array of keys")]
    NoArray,
    /// More keys than anybody needs.
    #[error("the key set holds more than {MAX_KEYS} keys")]
    TooMany,
    /// Not one key that can be used, perhaps by a fault of the first that was left out.
    #[error("the key set holds no usable key{}", because(.0.as_ref()))]
    Empty(Option<KeyAlarm>),
}

fn because(alarm: Option<&KeyAlarm>) -> String {
    alarm.map(|alarm| format!("; {alarm}")).unwrap_or_default()
}

impl KeySet {
    /// Reads a JWK Set key by key: a key that cannot be used is left out, the others stay. What a
    /// provider should not publish is reported; encryption keys and unknown kinds are not.
    ///
    /// # Errors
    ///
    /// [`KeySetError`]: then the set is to be ignored, not taken for "all keys withdrawn".
    pub fn parse(bytes: &[u8]) -> Result<(Self, Vec<KeyAlarm>), KeySetError> {
        let set = parse_object(bytes).ok_or(KeySetError::NotAnObject)?;
        let Some(Value::Array(items)) = set.get("keys") else {
            return Err(KeySetError::NoArray);
        };
        if items.len() > MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let objects: Vec<&Map<String, Value>> = items
            .iter()
            .filter_map(Value::as_object)
            .filter(|jwk| !is_for_encryption(jwk))
            .collect();
        let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
        for kid in objects.iter().filter_map(|jwk| kid_of(jwk)) {
            *uses.entry(kid).or_default() += 1;
        }
        let mut keys = BTreeMap::new();
        let mut alarms = Vec::new();
        for jwk in objects {
            let kid = kid_of(jwk).unwrap_or_default();
            let parsed = match uses.get(kid) {
                Some(2..) => Err(KeyFault::Ambiguous),
                _ => VerificationKey::parse(jwk),
            };
            match parsed {
                Ok(key) => {
                    keys.insert(kid.to_owned(), Arc::new(key));
                }
                Err(fault) if fault.is_alarming() => {
                    alarms.push(KeyAlarm { kid: printable(kid), fault });
                }
                Err(_harmless) => {}
            }
        }
        if keys.is_empty() {
            return Err(KeySetError::Empty(alarms.into_iter().next()));
        }
        Ok((Self(keys), alarms))
    }

    /// The key of this name; names are compared byte for byte.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&Arc<VerificationKey>> {
        self.0.get(kid)
    }

    /// How many keys there are; never none.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a set that is empty is not made")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The names of the keys, in order.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn kid_of(jwk: &Map<String, Value>) -> Option<&str> {
    jwk.get("kid").and_then(Value::as_str)
}

/// Whether the key is published for encryption: it neither signs nor makes a name ambiguous.
fn is_for_encryption(jwk: &Map<String, Value>) -> bool {
    jwk.get("use").and_then(Value::as_str) == Some("enc")
}

fn printable(kid: &str) -> String {
    kid.chars().flat_map(char::escape_default).take(64).collect()
}

#[cfg(test)]
mod tests;

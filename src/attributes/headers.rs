//! Request headers.
//!
//! Pure: no I/O, no clock.

use std::collections::BTreeMap;

/// Header fields by name in lower case; a name that came several times has several values, unless
/// Envoy joined them with commas already.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Headers(BTreeMap<String, Vec<String>>);

impl Headers {
    /// Adds a field. The name is lower-cased, the value taken as it is.
    pub fn add(&mut self, name: &str, value: impl Into<String>) {
        self.0.entry(name.to_ascii_lowercase()).or_default().push(value.into());
    }

    /// The values of a field, none where it is absent.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.get(name).into_iter().flatten().map(String::as_str)
    }

    /// The only value of a field; `None` where there is none, or more than one.
    #[must_use]
    pub fn only(&self, name: &str) -> Option<&str> {
        match self.0.get(name).map(Vec::as_slice) {
            Some([value]) => Some(value),
            _ => None,
        }
    }

    /// Whether the field is there at all.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names, each once, in lower case.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

//! Names of resources.
//!
//! Pure: no I/O, no clock.

use std::fmt;

/// Name and namespace, written `<name>.<namespace>` as Gloo Portal writes references.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResourceName {
    /// `metadata.name`
    pub name: String,
    /// `metadata.namespace`; `default` where a document says none.
    pub namespace: String,
}

impl ResourceName {
    /// Puts the two together.
    pub fn new(name: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self { name: name.into(), namespace: namespace.into() }
    }

    /// Reads `<name>.<namespace>`; a name may hold dots, a namespace may not (RFC 1123 labels).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (name, namespace) = text.rsplit_once('.')?;
        let empty = name.is_empty() || namespace.is_empty();
        (!empty).then(|| Self::new(name, namespace))
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.namespace)
    }
}

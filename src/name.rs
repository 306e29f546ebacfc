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

/// Kinds of resources that are understood.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A login and its pages.
    Portal,
    /// Names in a claim, and what they grant.
    Group,
    /// A bundle of APIs.
    ApiProduct,
    /// Hosts, and the products on them.
    Environment,
    /// A description of one API.
    ApiDoc,
    /// A user with a password; never enforced here.
    User,
    /// Backends of a product; the gateway's business.
    Route,
    /// Where Gloo Portal keeps API keys; its own business.
    Storage,
    /// `v1/Secret`
    Secret,
    /// `v1/ConfigMap`
    ConfigMap,
}

impl Kind {
    /// As in a document's `kind`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Portal => "Portal",
            Self::Group => "Group",
            Self::ApiProduct => "APIProduct",
            Self::Environment => "Environment",
            Self::ApiDoc => "APIDoc",
            Self::User => "User",
            Self::Route => "Route",
            Self::Storage => "Storage",
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which resource: its kind and its name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ResourceId {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: ResourceName,
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

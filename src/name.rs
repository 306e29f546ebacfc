//! Names of resources.
//!
//! Pure: no I/O, no clock.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// Name and namespace, written `<name>.<namespace>` as Gloo Portal writes references.
///
/// Answers and logs name resources on every check, so a clone shares the text. A control character, which
/// no name of Kubernetes has, is left out: a name is one line, wherever it is written.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ResourceName {
    text: Arc<str>,
    name_len: usize,
}

impl ResourceName {
    /// Puts the two together.
    #[must_use]
    pub fn new(name: &str, namespace: &str) -> Self {
        let (name, namespace) = (one_line(name), one_line(namespace));
        Self { text: format!("{name}.{namespace}").into(), name_len: name.len() }
    }

    /// Reads `<name>.<namespace>`; a name may hold dots, a namespace may not (RFC 1123 labels).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = one_line(text);
        let (name, namespace) = text.rsplit_once('.')?;
        let empty = name.is_empty() || namespace.is_empty();
        (!empty).then(|| Self { text: text.as_ref().into(), name_len: name.len() })
    }

    /// `<name>.<namespace>`
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `metadata.name`
    #[must_use]
    pub fn name(&self) -> &str {
        self.parts().0
    }

    /// `metadata.namespace`; `default` where a document says none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.parts().1
    }

    fn parts(&self) -> (&str, &str) {
        let (name, rest) = self.text.split_at_checked(self.name_len).unwrap_or_default();
        (name, rest.strip_prefix('.').unwrap_or_default())
    }
}

fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        return text.chars().filter(|character| !character.is_control()).collect();
    }
    text.into()
}

impl Ord for ResourceName {
    /// By name, then by namespace.
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl PartialOrd for ResourceName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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

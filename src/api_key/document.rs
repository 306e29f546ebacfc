//! The Secret of a new key, for people to apply.
//!
//! Pure: no I/O, no clock.

use super::KeyDigest;
use crate::name::ResourceName;
use serde_json::Value;
use std::fmt;

/// `metadata.labels` of Gloo Portal, by what they repeat of the data.
pub const LABELS: [(&str, &str); 3] = [
    ("product", "apiproducts.portal.gloo.solo.io"),
    ("environment", "environments.portal.gloo.solo.io"),
    ("plan", "usageplans.portal.gloo.solo.io"),
];

/// A key that is to be known; the key itself is not in it.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The Secret that holds it.
    pub name: ResourceName,
    /// Where it counts.
    pub environment: ResourceName,
    /// For what.
    pub product: ResourceName,
    /// By which usage plan.
    pub plan: String,
    /// Whose it is.
    pub username: Option<String>,
    /// RFC 3339: until when it counts.
    pub expires: Option<String>,
    /// What stands for it.
    pub digest: KeyDigest,
}

/// The YAML of its Secret, as Gloo Portal lays it out.
impl fmt::Display for NewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, namespace) = (quoted(self.name.name()), quoted(self.name.namespace()));
        writeln!(f, "apiVersion: v1\nkind: Secret\ntype: {SECRET_TYPE}")?;
        writeln!(f, "metadata:\n  name: {name}\n  namespace: {namespace}\n  labels:")?;
        let data = [
            ("environment", Some(self.environment.as_str())),
            ("product", Some(self.product.as_str())),
            ("plan", Some(self.plan.as_str())),
            ("username", self.username.as_deref()),
            ("expires", self.expires.as_deref()),
        ];
        for (key, label) in LABELS {
            let value = data.iter().find_map(|(own, value)| value.filter(|_| *own == key));
            if let Some(value) = value.filter(|value| is_label(value)) {
                writeln!(f, "    {label}: {}", quoted(value))?;
            }
        }
        writeln!(f, "stringData:\n  {DIGEST}: {}", quoted(&self.digest.to_hex()))?;
        for (key, value) in data {
            if let Some(value) = value {
                writeln!(f, "  {key}: {}", quoted(value))?;
            }
        }
        Ok(())
    }
}

/// `type` of a Secret that is an API key (Gloo).
pub const SECRET_TYPE: &str = "extauth.solo.io/apikey";
/// The value with the key itself.
pub const PLAIN: &str = "api-key";
/// The value with its digest: ours, since Gloo has no name for it.
pub const DIGEST: &str = "api-key-digest";

/// JSON is YAML.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Whether Kubernetes takes it for the value of a label.
fn is_label(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let bytes = text.as_bytes();
    text.len() <= 63 && ends(bytes.first()) && ends(bytes.last()) && text.bytes().all(fits)
}

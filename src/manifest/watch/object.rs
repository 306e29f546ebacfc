//! One object of the API server, without what decides nothing here.
//!
//! Pure: no I/O, no clock.

use super::super::config_map;
use super::target::Target;
use crate::api_key::{DIGEST, KeyDigest, PLAIN, SECRET_TYPE};
use crate::name::Kind;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;

/// One object. It may be a Secret, so that its body is never printed.
pub struct Watched {
    /// Its name in messages, such as `kubernetes:portal/Group/friends`.
    pub name: Arc<str>,
    /// What a manifest of it would say: its version, kind, name, labels and fields.
    pub body: Value,
    /// Namespace and name.
    pub(super) key: (String, String),
    /// `metadata.uid`
    pub(super) uid: String,
    /// `metadata.resourceVersion`
    pub(super) resource_version: String,
    /// `metadata.creationTimestamp`: whoever was first keeps a host that two name.
    pub(super) created: String,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Watched {
    /// Takes over an object of a list or an event; `None` where it is none of `target`.
    pub(super) fn read(target: &Target, object: Value) -> Option<Self> {
        let Value::Object(mut members) = object else { return None };
        let Some(Value::Object(metadata)) = members.remove("metadata") else { return None };
        let text = |key: &str| metadata.get(key).and_then(Value::as_str).unwrap_or_default();
        let (namespace, name) = (text("namespace"), text("name"));
        let elsewhere = target.namespace.as_deref().is_some_and(|wanted| wanted != namespace);
        if name.is_empty() || namespace.is_empty() || elsewhere {
            return None;
        }
        Some(Self {
            name: target.name_of(namespace, name).into(),
            key: (namespace.to_owned(), name.to_owned()),
            uid: text("uid").to_owned(),
            resource_version: text("resourceVersion").to_owned(),
            created: text("creationTimestamp").to_owned(),
            body: body(target, members, &metadata),
        })
    }

    /// `apiVersion` or `kind`.
    pub(super) fn text(&self, key: &str) -> &str {
        self.body.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The version of an object that it was changed to.
pub(super) fn version_of(object: &Value) -> Option<String> {
    object.get("metadata")?.get("resourceVersion")?.as_str().map(ToOwned::to_owned)
}

/// Has the digest of an API key stand for the key, which is kept nowhere. A key that cannot be one stays,
/// for whoever reads it to say so.
fn conceal(members: &mut Map<String, Value>) {
    if members.get("type").and_then(Value::as_str) != Some(SECRET_TYPE) {
        return;
    }
    let Some(Value::Object(data)) = members.get_mut("data") else { return };
    let plain = data.get(PLAIN).and_then(Value::as_str).filter(|_| !data.contains_key(DIGEST));
    let plain = plain.and_then(|text| STANDARD.decode(text).ok());
    let plain = plain.and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(digest) = plain.and_then(|plain| KeyDigest::of(plain.trim_end()).ok()) else { return };
    data.remove(PLAIN);
    data.insert(DIGEST.to_owned(), json!(STANDARD.encode(digest.to_hex())));
}

/// Whatever else is in an object changes without any change of the policy: times, managers, its
/// status, which belongs to another controller.
fn body(target: &Target, mut members: Map<String, Value>, metadata: &Map<String, Value>) -> Value {
    members.remove("status");
    if target.kind == Kind::Secret {
        conceal(&mut members);
    }
    if target.kind == Kind::ConfigMap {
        // Only of what may be an API document anything is made, and the rest may be large.
        members.retain(|key, _| matches!(key.as_str(), "data" | "binaryData"));
        if let Some(Value::Object(values)) = members.get_mut("data") {
            for (_, value) in values.iter_mut() {
                if !value.as_str().is_some_and(config_map::may_be_document) {
                    *value = Value::Null;
                }
            }
        }
        if let Some(Value::Object(values)) = members.get_mut("binaryData") {
            for (_, value) in values.iter_mut() {
                *value = Value::Null;
            }
        }
    }
    // Items of a list of Secrets have neither.
    members.insert("apiVersion".to_owned(), json!(target.api.version()));
    members.insert("kind".to_owned(), json!(target.kind.as_str()));
    let kept = ["name", "namespace", "labels"];
    let kept =
        kept.into_iter().filter_map(|key| Some((key.to_owned(), metadata.get(key)?.clone())));
    members.insert("metadata".to_owned(), Value::Object(kept.collect()));
    Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n11_of_an_api_key_only_the_digest_is_kept() {
        let secret = |kind: &str, data: Value| {
            let Value::Object(mut members) = json!({"type": kind, "data": data}) else {
                panic!("an object")
            };
            conceal(&mut members);
            members.remove("data").unwrap_or_default()
        };
        // FIPS 180-2, B.1: the SHA-256 of "abc".
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let digest = STANDARD.encode(digest);
        for plain in ["abc", "abc\n"] {
            let data = json!({"api-key": STANDARD.encode(plain), "plan": "YQ=="});
            let want = json!({"api-key-digest": digest, "plan": "YQ=="});
            assert_eq!(secret(SECRET_TYPE, data.clone()), want);
            assert_eq!(secret("Opaque", data.clone()), data);
        }
        // What is wrong is left for whoever says so.
        let both = json!({"api-key": "YWJj", "api-key-digest": "YWJj"});
        for odd in [both, json!({"api-key": "?"}), json!({"api-key": ""}), json!({"plan": "YQ=="})]
        {
            assert_eq!(secret(SECRET_TYPE, odd.clone()), odd);
        }
    }
}

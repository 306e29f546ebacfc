//! One object of the API server, without what decides nothing here.
//!
//! Pure: no I/O, no clock.

use super::super::config_map;
use super::target::Target;
use crate::name::Kind;
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

/// Whatever else is in an object changes without any change of the policy: times, managers, its
/// status, which belongs to another controller.
fn body(target: &Target, mut members: Map<String, Value>, metadata: &Map<String, Value>) -> Value {
    members.remove("status");
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

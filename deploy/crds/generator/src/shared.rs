//! What several kinds have: references, contents, status.

use crate::rule::{HOST, URL, rule};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A reference to another resource.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9.-]+$"))]
    pub name: String,
    /// Its namespace; none is that of the resource with the reference.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9-]+$"))]
    pub namespace: Option<String>,
}

/// A key of a Secret or ConfigMap.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyRef {
    /// The name of the Secret or ConfigMap.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9.-]+$"))]
    pub name: String,
    /// Its namespace; none is that of the resource with the reference.
    #[schemars(length(max = 63), regex(pattern = r"^[a-z0-9-]+$"))]
    pub namespace: Option<String>,
    /// The key in it.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// A text or picture, from one place.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DataSource {
    /// The text itself.
    pub inline_string: Option<String>,
    /// Its bytes, in base64.
    pub inline_bytes: Option<String>,
    /// Where it is fetched from.
    pub fetch_url: Option<String>,
    /// A key of a ConfigMap.
    pub config_map: Option<KeyRef>,
}

/// What Gloo's controller says of a resource; Portcullis neither reads nor writes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Status(BTreeMap<String, serde_json::Value>);

impl JsonSchema for Status {
    fn schema_name() -> Cow<'static, str> {
        "Status".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "What Gloo's controller says of the resource; Portcullis neither reads nor writes it.",
            "x-kubernetes-preserve-unknown-fields": true,
        })
    }
}

/// An object whose shape is left open: it is of pages or routes, and decides nothing here.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Open(BTreeMap<String, serde_json::Value>);

impl JsonSchema for Open {
    fn schema_name() -> Cow<'static, str> {
        "Open".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
    }
}

/// A host name, with or without port.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Host(String);

impl JsonSchema for Host {
    fn schema_name() -> Cow<'static, str> {
        "Host".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": 260,
            "x-kubernetes-validations": rule(
                HOST,
                "expected a host name such as api.example.com, *.example.com or localhost:8080, without scheme or path",
            ),
        })
    }
}

/// A URL without user, query or fragment.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Url(String);

impl JsonSchema for Url {
    fn schema_name() -> Cow<'static, str> {
        "Url".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": 2048,
            "x-kubernetes-validations": rule(
                URL,
                "expected an https or http URL without user, query or fragment, such as https://portal.example.com/",
            ),
        })
    }
}

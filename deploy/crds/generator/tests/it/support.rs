//! Documents as values, and what an API server with our definitions would say of them.

use crate::structure;
use kube_cel::Validator;
use portcullis_crds::Rendered;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

pub(crate) fn text_of(file: &str) -> String {
    let path = repository().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All documents of a text.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    let all = Yaml::load_from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    all.iter().map(value).collect()
}

fn value(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::from(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => Value::from(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => Value::from(value.as_ref()),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => {
            let field = |(key, inner): (&Yaml<'_>, &Yaml<'_>)| {
                (key.as_str().expect("a key").to_owned(), value(inner))
            };
            Value::Object(entries.iter().map(field).collect::<Map<_, _>>())
        }
        other => panic!("the test does not know {other:?}"),
    }
}

/// The schema of a kind, if it is one of ours.
pub(crate) fn schema_of(document: &Value) -> Option<Value> {
    if document["apiVersion"] != "portal.gloo.solo.io/v1beta1" {
        return None;
    }
    static ALL: LazyLock<Vec<Rendered>> = LazyLock::new(portcullis_crds::all);
    let known = ALL.iter().find(|one| one.definition["spec"]["names"]["kind"] == document["kind"]);
    known.map(|one| schema(&one.definition).clone())
}

pub(crate) fn schema(definition: &Value) -> &Value {
    definition.pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap()
}

/// What is said of a document: by its shape first and, where that holds, by the rules.
pub(crate) fn faults(document: &Value) -> Vec<String> {
    let Some(schema) = schema_of(document) else { return Vec::new() };
    let faults = structure::faults(&schema, document);
    if !faults.is_empty() {
        return faults;
    }
    match Validator::new().validate(&schema, document, None) {
        Ok(()) => Vec::new(),
        Err(errors) => {
            errors.iter().map(|error| format!("{}: {}", error.field_path, error.message)).collect()
        }
    }
}

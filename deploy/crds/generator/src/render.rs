//! From types to files.

use crate::api_doc::APIDoc;
use crate::api_product::APIProduct;
use crate::environment::Environment;
use crate::group::Group;
use crate::portal::Portal;
use crate::user::User;
use crate::yaml;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

/// One definition.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The name of its file.
    pub file: String,
    /// The text of its file.
    pub text: String,
    /// The definition itself.
    pub definition: Value,
}

const HEAD: &str =
    "# Written by `make crds` from deploy/crds/generator; `make crds-check` compares.\n";

/// All of them.
#[must_use]
pub fn all() -> Vec<Rendered> {
    let definitions = [
        APIDoc::crd(),
        APIProduct::crd(),
        Environment::crd(),
        Group::crd(),
        Portal::crd(),
        User::crd(),
    ];
    definitions.iter().map(rendered).collect()
}

fn rendered(definition: &CustomResourceDefinition) -> Rendered {
    let mut definition = json!(definition);
    let names = definition.pointer("/spec/names/plural").and_then(Value::as_str);
    let file = format!("portal.gloo.solo.io_{}.yaml", names.unwrap_or_default());
    if let Some(schema) = definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        plain(schema);
        // The outermost object has no fields but those of every resource.
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("x-kubernetes-preserve-unknown-fields");
        }
    }
    let text = format!("{HEAD}{}", yaml::write(&definition));
    Rendered { file, text, definition }
}

/// Keeps fields that are not described, takes no null for a value, and leaves out what says nothing.
fn plain(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    // An optional field is left out, and so there is none in a rule that has to be compared with null.
    fields.remove("nullable");
    fields.remove("title");
    if fields.get("properties").is_some_and(Value::is_object) {
        fields.insert("x-kubernetes-preserve-unknown-fields".to_owned(), json!(true));
    }
    if let Some(Value::String(text)) = fields.get_mut("description") {
        *text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(key) {
            plain(inner);
        }
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(plain);
    }
}

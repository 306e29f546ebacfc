//! References to other resources: `{name, namespace}`.
//!
//! Pure: no I/O, no clock.

use super::metadata;
use crate::document::{Field, Fields, Located};
use crate::name::ResourceName;
use crate::policy::resource::{ConfigMapReference, SecretReference};
use crate::problem::Severity;

/// `name` and `namespace` of a mapping; `own` is the namespace where it says none.
pub(super) fn name_of(fields: &mut Fields<'_>, own: &str) -> Option<ResourceName> {
    let name = fields.require("name").and_then(|field| metadata::name(&field));
    let namespace = match fields.take("namespace") {
        Some(field) => metadata::namespace(&field),
        None => Some(own.to_owned()),
    };
    Some(ResourceName::new(&name?, &namespace?))
}

/// One reference.
pub(super) fn read(field: &Field<'_>, own: &str) -> Option<Located<ResourceName>> {
    let mut fields = field.fields()?;
    let name = name_of(&mut fields, own);
    fields.finish(Severity::Notice);
    name.map(|name| field.locate(name))
}

/// A list of references.
pub(super) fn list(field: Option<&Field<'_>>, own: &str) -> Vec<Located<ResourceName>> {
    let items = field.map(Field::list).unwrap_or_default();
    items.iter().filter_map(|item| read(item, own)).collect()
}

/// A reference to a key of a Secret.
pub(super) fn secret(field: &Field<'_>, own: &str) -> Option<Located<SecretReference>> {
    let (name, key) = keyed(field, own)?;
    Some(field.locate(SecretReference { name, key }))
}

/// A reference to a key of a ConfigMap.
pub(super) fn config_map(field: &Field<'_>, own: &str) -> Option<Located<ConfigMapReference>> {
    let (name, key) = keyed(field, own)?;
    Some(field.locate(ConfigMapReference { name, key }))
}

fn keyed(field: &Field<'_>, own: &str) -> Option<(ResourceName, String)> {
    let mut fields = field.fields()?;
    let name = name_of(&mut fields, own);
    let key = fields.require("key").and_then(|field| field.string());
    fields.finish(Severity::Notice);
    Some((name?, key?))
}

//! `APIProduct`.
//!
//! Pure: no I/O, no clock.

use super::metadata::Metadata;
use super::{reference, selector};
use crate::document::{Field, Located, Value};
use crate::policy::resource::{Api, ApiProduct, Origin, Version};
use crate::problem::Severity;
use std::collections::BTreeSet;

pub(super) fn read(origin: Origin, root: &Field<'_>, metadata: &Metadata) -> Option<ApiProduct> {
    let own = origin.name().namespace().to_owned();
    let mut fields = root.fields()?;
    fields.ignore(&["apiVersion", "kind", "metadata", "status"]);
    let spec = fields.require("spec");
    fields.finish(Severity::Notice);
    let mut spec = spec?.fields()?;
    spec.ignore(&["displayInfo"]);
    let plans = spec.take("usagePlans").map(|field| field.strings()).unwrap_or_default();
    let versions = spec.take("versions");
    let versions = versions.as_ref().map(Field::list).unwrap_or_default();
    let versions: Vec<Version> = versions.iter().filter_map(|item| version(item, &own)).collect();
    spec.finish(Severity::Notice);
    let labels = metadata.labels.clone();
    Some(ApiProduct { origin, labels, usage_plans: plans, versions })
}

fn version(field: &Field<'_>, own: &str) -> Option<Version> {
    let mut fields = field.fields()?;
    let name = fields.require("name").and_then(|field| field.string());
    let tags = fields.take("tags").map(|field| tags(&field)).unwrap_or_default();
    let apis = fields.take("apis");
    let apis = apis.as_ref().map(Field::list).unwrap_or_default();
    let apis = apis.iter().filter_map(|item| api(item, own)).collect();
    fields.ignore(&["displayInfo", "gatewayConfig", "defaultRoute"]);
    fields.finish(Severity::Notice);
    Some(Version { name: name?, tags, apis })
}

fn api(field: &Field<'_>, own: &str) -> Option<Api> {
    let mut fields = field.fields()?;
    let doc = fields.take("apiDoc").and_then(|field| reference::read(&field, own));
    let operations = fields.take("openApi").map(|field| operations(&field)).unwrap_or_default();
    let unlisted = fields.take("includeUnlistedOperations").and_then(|field| field.boolean());
    fields.ignore(&["grpc", "gatewayConfig"]);
    fields.finish(Severity::Notice);
    Some(Api { doc, operations, include_unlisted: unlisted.unwrap_or(false) })
}

/// `operations[].id`
fn operations(field: &Field<'_>) -> Vec<Located<String>> {
    let Some(mut fields) = field.fields() else { return Vec::new() };
    let listed = fields.take("operations");
    let listed = listed.as_ref().map(Field::list).unwrap_or_default();
    fields.ignore(&["gatewayConfig"]);
    fields.finish(Severity::Notice);
    let mut ids = Vec::new();
    for operation in &listed {
        let Some(mut fields) = operation.fields() else { continue };
        ids.extend(fields.require("id").and_then(|field| field.located()));
        fields.ignore(&["gatewayConfig"]);
        fields.finish(Severity::Notice);
    }
    ids
}

/// `{stable: {}}`, or a list.
fn tags(field: &Field<'_>) -> BTreeSet<String> {
    match field.node().value {
        Value::List(_) => selector::strings(Some(field)),
        Value::Map(_) | Value::Scalar(_) => {
            field.entries().into_iter().map(|(tag, _)| tag.to_owned()).collect()
        }
    }
}

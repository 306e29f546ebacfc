//! `APIProduct`.
//!
//! Pure: no I/O, no clock.

use super::metadata::Metadata;
use super::{reference, selector};
use crate::document::{Field, Value};
use crate::policy::resource::{ApiProduct, Origin, Version};
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
    let mut docs = Vec::new();
    for api in &apis {
        let Some(mut fields) = api.fields() else { continue };
        let doc = fields.take("apiDoc");
        docs.extend(doc.and_then(|field| reference::read(&field, own)));
        fields.ignore(&["openApi", "grpc", "gatewayConfig", "includeUnlistedOperations"]);
        fields.finish(Severity::Notice);
    }
    fields.ignore(&["displayInfo", "gatewayConfig", "defaultRoute"]);
    fields.finish(Severity::Notice);
    Some(Version { name: name?, tags, docs })
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

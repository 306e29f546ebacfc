//! APIDocs whose operations are not known, and operations that two products list.
//!
//! Pure: no I/O, no clock.

use super::{Policy, field, warning};
use crate::config::{Routing, UnknownDocuments};
use crate::documents::DocumentStatus;
use crate::name::ResourceName;
use crate::policy::{Environment, HeldEnvironment};
use crate::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// So many operations of two products are named.
const NAMED: usize = 3;

/// Judges what fetching the documents came to.
#[must_use]
pub fn lint_documents(policy: &Policy<'_>, documents: &[DocumentStatus]) -> Vec<Problem> {
    let mut found = Vec::new();
    for status in documents {
        let Some(why) = &status.last_error else { continue };
        let Some(held) = policy.held.docs.get(&status.doc) else { continue };
        let Some(url) = &held.url else { continue };
        let message = format!("the document cannot be had from here: {why}; {}", outcome(policy));
        found.push(warning(&held.origin, &url.at, message));
    }
    found
}

/// What an APIDoc without operations comes to.
fn outcome(policy: &Policy<'_>) -> &'static str {
    match policy.settings.documents.unknown {
        UnknownDocuments::BasePath => {
            "until its operations are known, its products have all that is below their base path"
        }
        UnknownDocuments::Refuse => {
            "until its operations are known, its products have none of them (documents.unknown)"
        }
    }
}

/// APIDocs that say nothing that could ever be known.
pub(super) fn unknown(policy: &Policy<'_>, found: &mut Vec<Problem>) {
    let products = policy.held.products.values();
    let apis = products.flat_map(|product| &product.versions).flat_map(|version| &version.apis);
    let named: BTreeSet<&ResourceName> =
        apis.filter_map(|api| api.doc.as_ref()).map(|doc| &doc.value).collect();
    for (name, held) in &policy.held.docs {
        if held.url.is_none() && held.description.is_none() && named.contains(name) {
            let message =
                format!("it names no OpenAPI document that is read here; {}", outcome(policy));
            found.push(warning(&held.origin, &held.origin.at(), message));
        }
    }
}

/// Operations that two products list.
pub(super) fn overlaps(
    environment: &Environment,
    held: &HeldEnvironment,
    found: &mut Vec<Problem>,
) {
    if environment.routing != Routing::Auto {
        return;
    }
    let mut pairs: BTreeMap<(&ResourceName, &ResourceName), Vec<String>> = BTreeMap::new();
    for (first, second, operation) in environment.products.overlaps() {
        let operations = pairs.entry((&first.name, &second.name)).or_default();
        operations.push(operation.to_string());
    }
    for ((first, second), mut operations) in pairs {
        let more = operations.len().saturating_sub(NAMED);
        operations.truncate(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let message = format!(
            "{first} and {second} both list {}{more}: requests for it are refused unless the gateway \
             names the product (context extension `product`)",
            operations.join(", ")
        );
        found.push(warning(&held.origin, &field(&held.origin, "spec.apiProducts"), message));
    }
}

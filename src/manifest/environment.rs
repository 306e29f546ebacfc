//! `Environment`, in both API versions.
//!
//! Pure: no I/O, no clock.

use super::metadata::{Dialect, Metadata};
use super::{plan, reference, selector};
use crate::document::{Field, Fields, Located};
use crate::policy::Selector;
use crate::policy::resource::{Environment, Origin, ProductSelector, UsagePlan};
use crate::problem::Severity;
use std::collections::{BTreeMap, BTreeSet};

type Plans = BTreeMap<String, UsagePlan>;

pub(super) fn read(origin: Origin, root: &Field<'_>, metadata: &Metadata) -> Option<Environment> {
    let own = origin.name().namespace().to_owned();
    let mut fields = root.fields()?;
    fields.ignore(&["apiVersion", "kind", "metadata", "status"]);
    let spec = fields.require("spec");
    fields.finish(Severity::Notice);
    let mut spec = spec?.fields()?;
    spec.ignore(&["displayInfo", "gatewayConfig", "disableRoutes", "tls"]);
    let domains = spec.take("domains").map(|field| field.strings()).unwrap_or_default();
    let base_path = spec.take("basePath").and_then(|field| path(&field));
    let mut plans = spec.take("parameters").map(|field| parameters(&field)).unwrap_or_default();
    let listed = spec.take("apiProducts");
    let listed = listed.as_ref().map(Field::list).unwrap_or_default();
    let mut products = Vec::new();
    for item in &listed {
        products.extend(product(item, &own, metadata.dialect, &mut plans));
    }
    spec.finish(Severity::Notice);
    let labels = metadata.labels.clone();
    Some(Environment { origin, labels, domains, base_path, products, plans })
}

/// A base path; an empty one is none.
fn path(field: &Field<'_>) -> Option<Located<String>> {
    let text = field.text().filter(|text| !text.is_empty());
    text.map(|text| field.locate(text))
}

fn parameters(field: &Field<'_>) -> Plans {
    let Some(mut fields) = field.fields() else { return Plans::new() };
    let plans = fields.take("usagePlans");
    let plans = plans.as_ref().map(Field::entries).unwrap_or_default();
    fields.ignore(&["routes"]);
    fields.finish(Severity::Notice);
    let plan = |(name, field): (&str, Field<'_>)| Some((name.to_owned(), plan::read(&field)?));
    plans.into_iter().filter_map(plan).collect()
}

fn product(
    field: &Field<'_>,
    own: &str,
    dialect: Dialect,
    plans: &mut Plans,
) -> Option<ProductSelector> {
    let mut fields = field.fields()?;
    let by_name = dialect == Dialect::Old && field.node().get("name").is_some();
    let (products, version_names, version_tags, usage_plans) = if by_name {
        let name = reference::name_of(&mut fields, own);
        let versions = published_versions(&mut fields);
        let named = old_plans(&mut fields, plans);
        (name.map(|name| Selector::of(&name)), versions, BTreeSet::new(), named)
    } else {
        let products = selector::from(&mut fields);
        let (names, tags) = versions(&mut fields);
        let named = fields.take("usagePlans").map(|field| field.strings()).unwrap_or_default();
        (Some(products), names, tags, named)
    };
    let base_path = fields.take("basePath").and_then(|field| path(&field));
    fields.finish(Severity::Notice);
    let at = field.at().clone();
    let products = products?;
    Some(ProductSelector { at, products, version_names, version_tags, base_path, usage_plans })
}

fn versions(fields: &mut Fields<'_>) -> (BTreeSet<String>, BTreeSet<String>) {
    let versions = fields.take("versions").and_then(|field| field.fields());
    let Some(mut versions) = versions else { return Default::default() };
    let names = selector::strings(versions.take("names").as_ref());
    let tags = selector::strings(versions.take("tags").as_ref());
    versions.finish(Severity::Notice);
    (names, tags)
}

/// `publishedVersions[].name` of v1alpha1.
fn published_versions(fields: &mut Fields<'_>) -> BTreeSet<String> {
    let versions = fields.take("publishedVersions");
    let versions = versions.as_ref().map(Field::list).unwrap_or_default();
    let mut names = BTreeSet::new();
    for version in &versions {
        let Some(mut fields) = version.fields() else { continue };
        names.extend(fields.require("name").and_then(|field| field.string()));
        fields.ignore(&["externalName"]);
        fields.finish(Severity::Notice);
    }
    names
}

/// `plans[]` of v1alpha1, which defines and names them in one place.
fn old_plans(fields: &mut Fields<'_>, plans: &mut Plans) -> Vec<Located<String>> {
    let listed = fields.take("plans");
    let listed = listed.as_ref().map(Field::list).unwrap_or_default();
    let mut named = Vec::new();
    for item in &listed {
        if let Some((name, plan)) = plan::read_named(item) {
            plans.insert(name.value.clone(), plan);
            named.push(name);
        }
    }
    named
}

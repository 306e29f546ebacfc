//! Judges products, and finds those of an Environment.
//!
//! Pure: no I/O, no clock.

use super::base_path::{Values, expand};
use super::docs::HeldDoc;
use super::held::{Held, HeldEnvironment};
use super::portal::references;
use super::{Findings, Input, Judged};
use crate::config::UnknownDocuments;
use crate::name::{Kind, ResourceName};
use crate::openapi::Operation;
use crate::policy::resource::{Api, ApiProduct, ProductSelector, Version};
use crate::policy::{Catalogue, Product, Products, Rest, Selector};
use crate::problem::{Problem, Severity};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Longest base path below which operations are listed.
const MAX_BASE: usize = 64;

pub(super) fn judge(product: &ApiProduct, input: &Input<'_>) -> Judged<ApiProduct> {
    let mut found = Findings::new(&product.origin);
    let apis = product.versions.iter().flat_map(|version| &version.apis);
    for doc in apis.filter_map(|api| api.doc.as_ref()) {
        references(doc, Kind::ApiDoc, input, &mut found);
    }
    (Some(product.clone()), found.problems)
}

/// Operations that a product picks and its APIDoc does not have.
pub(super) fn unlisted(held: &Held, problems: &mut Vec<Problem>) {
    for product in held.products.values() {
        for api in product.versions.iter().flat_map(|version| &version.apis) {
            unlisted_of(product, api, held, problems);
        }
    }
}

fn unlisted_of(product: &ApiProduct, api: &Api, held: &Held, problems: &mut Vec<Problem>) {
    let Some(name) = api.doc.as_ref().filter(|_| !api.operations.is_empty()) else { return };
    let doc = held.docs.get(&name.value);
    let Some(description) = doc.and_then(|doc| doc.description.as_ref()) else { return };
    let ids = description.operations.iter().filter_map(|operation| operation.id.as_deref());
    let ids: HashSet<&str> = ids.collect();
    for id in api.operations.iter().filter(|id| !ids.contains(id.value.as_str())) {
        let message =
            format!("expected an operationId of APIDoc {}; it has no {}", name.value, id.value);
        problems.push(product.origin.problem(Severity::Warning, &id.at, message));
    }
}

/// Products that hold, found by what selectors say of them.
pub(super) struct Shelf<'h> {
    products: Vec<&'h ApiProduct>,
    catalogue: Catalogue<'h>,
    docs: &'h BTreeMap<ResourceName, Arc<HeldDoc>>,
    unknown: UnknownDocuments,
}

impl<'h> Shelf<'h> {
    pub(super) fn new(held: &'h Held, unknown: UnknownDocuments) -> Self {
        let products: Vec<&ApiProduct> = held.products.values().map(|held| &**held).collect();
        let catalogue = products.iter().map(|product| (product.origin.name(), &product.labels));
        Self { catalogue: Catalogue::new(catalogue), products, docs: &held.docs, unknown }
    }

    /// What these versions of a product list, each operation once, and whose the rest is.
    fn listing(
        &self,
        versions: &BTreeSet<usize>,
        product: &ApiProduct,
    ) -> (Vec<Arc<Operation>>, Rest) {
        let (mut listed, mut seen) = (Vec::new(), HashSet::new());
        let (mut unknown, mut included) = (versions.is_empty(), false);
        for version in versions.iter().filter_map(|place| product.versions.get(*place)) {
            // One that names no APIDoc never had operations that could be known.
            unknown |= version.apis.iter().all(|api| api.doc.is_none());
            for api in &version.apis {
                included |= api.include_unlisted;
                let Some(name) = &api.doc else { continue };
                let doc = self.docs.get(&name.value);
                let Some(description) = doc.and_then(|doc| doc.description.as_ref()) else {
                    unknown |= self.unknown == UnknownDocuments::BasePath;
                    continue;
                };
                let wanted: HashSet<&str> =
                    api.operations.iter().map(|id| id.value.as_str()).collect();
                for operation in &description.operations {
                    let own = operation.id.as_deref().is_some_and(|id| wanted.contains(id));
                    if (wanted.is_empty() || own) && seen.insert(Arc::as_ptr(operation)) {
                        listed.push(Arc::clone(operation));
                    }
                }
            }
        }
        let rest = match (included, unknown) {
            (true, _) => Rest::Included,
            (false, true) => Rest::Unknown,
            (false, false) => Rest::Refused,
        };
        (listed, rest)
    }

    /// What a resource in namespace `own` selects.
    pub(super) fn select(
        &self,
        selector: &Selector,
        own: &str,
    ) -> impl Iterator<Item = &'h ApiProduct> {
        let places = self.catalogue.select(selector, own);
        places.into_iter().filter_map(|place| self.products.get(place).copied())
    }
}

/// The products of an Environment, each once for every base path that it has there; and the base
/// paths of those that it cannot hold.
pub(super) fn of_environment(
    environment: &HeldEnvironment,
    shelf: &Shelf<'_>,
    problems: &mut Vec<Problem>,
) -> Products {
    let mut products: BTreeMap<_, (BTreeSet<String>, BTreeSet<usize>, &ApiProduct)> =
        BTreeMap::new();
    let mut left_out: BTreeSet<(ResourceName, Vec<String>)> = BTreeSet::new();
    let own = environment.origin.name().namespace();
    for selector in &environment.products {
        for product in shelf.select(&selector.products, own) {
            let plans = plans(environment, selector, product, problems);
            let base_paths = base_paths(environment, selector, product, problems);
            let Some(plans) = plans else {
                let name = product.origin.name();
                left_out.extend(base_paths.into_keys().map(|path| (name.clone(), path)));
                continue;
            };
            for (base_path, versions) in base_paths {
                let key = (product.origin.name().clone(), base_path);
                let place = products.entry(key);
                let place = place.or_insert_with(|| (BTreeSet::new(), BTreeSet::new(), product));
                place.0.extend(plans.iter().cloned());
                place.1.extend(versions);
            }
        }
    }
    // By another selector it may be held there all the same.
    left_out.retain(|of| !products.contains_key(of));
    let mut listings: HashMap<(&ResourceName, BTreeSet<usize>), _> = HashMap::new();
    let mut list = Vec::with_capacity(products.len());
    for ((name, base_path), (plans, versions, product)) in products {
        let key = (product.origin.name(), versions);
        let listing = listings.remove(&key).unwrap_or_else(|| shelf.listing(&key.1, product));
        if base_path.len() > MAX_BASE && !listing.0.is_empty() {
            let message = format!(
                "expected a base path of at most {MAX_BASE} segments, since operations of {} are known; \
                 it is left out of this Environment",
                product.origin.id
            );
            let at = environment.origin.at();
            problems.push(environment.origin.problem(Severity::Error, &at, message));
            left_out.insert((name, base_path));
            continue;
        }
        let plans = plans.into_iter().collect();
        let (listed, rest) = listing.clone();
        list.push(Product::new(name, base_path, plans).listing(listed, rest));
        listings.insert(key, listing);
    }
    let products = list;
    Products::new(products, left_out.into_iter().map(|(_name, base_path)| base_path))
}

/// The plans of a product here; `None` where one of its own is not defined by the Environment,
/// which then does not hold the product.
fn plans<'a>(
    environment: &HeldEnvironment,
    selector: &'a ProductSelector,
    product: &'a ApiProduct,
    problems: &mut Vec<Problem>,
) -> Option<Vec<String>> {
    if !selector.usage_plans.is_empty() {
        return Some(selector.usage_plans.iter().map(|plan| plan.value.clone()).collect());
    }
    let unknown =
        product.usage_plans.iter().find(|plan| !environment.plans.contains_key(&plan.value));
    if let Some(plan) = unknown {
        let message = format!(
            "expected a plan that {} defines; it has no {}, and so does not hold this product",
            environment.origin.id, plan.value
        );
        problems.push(product.origin.problem(Severity::Error, &plan.at, message));
        return None;
    }
    Some(product.usage_plans.iter().map(|plan| plan.value.clone()).collect())
}

/// Where the product's selected versions are, each by its place; those whose path cannot be made are left out.
fn base_paths(
    environment: &HeldEnvironment,
    selector: &ProductSelector,
    product: &ApiProduct,
    problems: &mut Vec<Problem>,
) -> BTreeMap<Vec<String>, BTreeSet<usize>> {
    let template = selector.base_path.as_ref().or(environment.base_path.as_ref());
    let text = template.map_or("", |template| template.value.as_str());
    let any = selector.version_names.is_empty() && selector.version_tags.is_empty();
    let named = product.versions.iter().enumerate();
    let named = named.filter(|(_, version)| selector.takes(version));
    let mut versions: Vec<Option<(usize, &Version)>> = named.map(Some).collect();
    if any && product.versions.is_empty() {
        versions.push(None);
    }
    let mut paths: BTreeMap<Vec<String>, BTreeSet<usize>> = BTreeMap::new();
    for version in versions {
        let (place, version) = version.unzip();
        let version = version.map(|version| version.name.as_str());
        match expand(text, &Values { version, labels: &product.labels }) {
            Ok(path) => paths.entry(path).or_default().extend(place),
            Err(message) => {
                let at = template.map_or_else(|| selector.at.clone(), |found| found.at.clone());
                let message =
                    format!("{message}; {} is left out of this Environment", product.origin.id);
                problems.push(environment.origin.problem(Severity::Error, &at, message));
            }
        }
    }
    paths
}

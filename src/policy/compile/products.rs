//! Judges products, and finds those of an Environment.
//!
//! Pure: no I/O, no clock.

use super::base_path::{Values, expand};
use super::held::{Held, HeldEnvironment};
use super::portal::references;
use super::{Findings, Input, Judged};
use crate::name::{Kind, ResourceName};
use crate::policy::resource::{ApiProduct, ProductSelector};
use crate::policy::{Catalogue, Product, Products, Selector};
use crate::problem::{Problem, Severity};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn judge(product: &ApiProduct, input: &Input<'_>) -> Judged<ApiProduct> {
    let mut found = Findings::new(&product.origin);
    for doc in product.versions.iter().flat_map(|version| &version.docs) {
        references(doc, Kind::ApiDoc, input, &mut found);
    }
    (Some(product.clone()), found.problems)
}

/// Products that hold, found by what selectors say of them.
pub(super) struct Shelf<'h> {
    products: Vec<&'h ApiProduct>,
    catalogue: Catalogue<'h>,
}

impl<'h> Shelf<'h> {
    pub(super) fn new(held: &'h Held) -> Self {
        let products: Vec<&ApiProduct> = held.products.values().map(|held| &**held).collect();
        let catalogue = products.iter().map(|product| (product.origin.name(), &product.labels));
        Self { catalogue: Catalogue::new(catalogue), products }
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
    let mut products: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    let mut left_out: BTreeSet<(ResourceName, Vec<String>)> = BTreeSet::new();
    let own = environment.origin.name().namespace();
    for selector in &environment.products {
        for product in shelf.select(&selector.products, own) {
            let plans = plans(environment, selector, product, problems);
            let base_paths = base_paths(environment, selector, product, problems);
            let Some(plans) = plans else {
                let name = product.origin.name();
                left_out.extend(base_paths.into_iter().map(|path| (name.clone(), path)));
                continue;
            };
            for base_path in base_paths {
                let key = (product.origin.name().clone(), base_path);
                products.entry(key).or_default().extend(plans.iter().cloned());
            }
        }
    }
    // By another selector it may be held there all the same.
    left_out.retain(|of| !products.contains_key(of));
    let product = |((name, base_path), plans): (_, BTreeSet<String>)| {
        Product::new(name, base_path, plans.into_iter().collect())
    };
    let products = products.into_iter().map(product).collect();
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

/// Where the product's selected versions are; those whose path cannot be made are left out.
fn base_paths(
    environment: &HeldEnvironment,
    selector: &ProductSelector,
    product: &ApiProduct,
    problems: &mut Vec<Problem>,
) -> BTreeSet<Vec<String>> {
    let template = selector.base_path.as_ref().or(environment.base_path.as_ref());
    let text = template.map_or("", |template| template.value.as_str());
    let any = selector.version_names.is_empty() && selector.version_tags.is_empty();
    let named = product.versions.iter().filter(|version| selector.takes(version));
    let mut versions: Vec<Option<&str>> =
        named.map(|version| Some(version.name.as_str())).collect();
    if any && product.versions.is_empty() {
        versions.push(None);
    }
    let mut paths = BTreeSet::new();
    for version in versions {
        match expand(text, &Values { version, labels: &product.labels }) {
            Ok(path) => {
                paths.insert(path);
            }
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

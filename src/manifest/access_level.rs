//! `accessLevel`, in both API versions.
//!
//! Pure: no I/O, no clock.

use super::metadata::Dialect;
use super::{reference, selector};
use crate::document::{Field, Located};
use crate::name::ResourceName;
use crate::policy::Selector;
use crate::policy::resource::ApiSelector;
use crate::problem::Severity;

/// What a Group grants.
#[derive(Debug, Default)]
pub(super) struct AccessLevel {
    /// `portals`
    pub(super) portals: Vec<Located<ResourceName>>,
    /// `apis`, or `apiProducts` of v1alpha1.
    pub(super) apis: Vec<ApiSelector>,
}

pub(super) fn read(field: &Field<'_>, own: &str, dialect: Dialect) -> Option<AccessLevel> {
    let mut fields = field.fields()?;
    let portals = reference::list(fields.take("portals").as_ref(), own);
    let listed = fields.take("apis");
    let listed = listed.as_ref().map(Field::list).unwrap_or_default();
    let mut apis: Vec<ApiSelector> = listed.iter().filter_map(api).collect();
    if dialect == Dialect::Old {
        let products = fields.take("apiProducts");
        let products = products.as_ref().map(Field::list).unwrap_or_default();
        apis.extend(products.iter().flat_map(|product| api_product(product, own)));
    }
    fields.finish(Severity::Notice);
    Some(AccessLevel { portals, apis })
}

/// These products in these Environments; both have to be there, since an empty one is everything.
fn api(field: &Field<'_>) -> Option<ApiSelector> {
    let mut fields = field.fields()?;
    let products = fields.require("products").and_then(|field| selector::read(&field));
    let environments = fields.require("environments").and_then(|field| selector::read(&field));
    let usage_plans = selector::strings(fields.take("usagePlans").as_ref()).into_iter().collect();
    fields.finish(Severity::Notice);
    let at = field.at().clone();
    Some(ApiSelector { at, products: products?, environments: environments?, usage_plans })
}

/// One product by name, in the Environments that it lists; without any, in none.
fn api_product(field: &Field<'_>, own: &str) -> Vec<ApiSelector> {
    let Some(mut fields) = field.fields() else { return Vec::new() };
    let product = reference::name_of(&mut fields, own);
    let environments = fields.take("environments");
    if environments.is_none() {
        field.notice("no environments: grants this product nowhere");
    }
    fields.ignore(&["plans"]);
    fields.finish(Severity::Notice);
    let environments = environments.as_ref().map(Field::list).unwrap_or_default();
    let mut apis = Vec::new();
    for environment in environments {
        let Some(mut fields) = environment.fields() else { continue };
        let name = reference::name_of(&mut fields, own);
        let plans = selector::strings(fields.take("plans").as_ref());
        fields.finish(Severity::Notice);
        if let (Some(product), Some(name)) = (&product, name) {
            apis.push(ApiSelector {
                at: environment.at().clone(),
                products: Selector::of(product),
                environments: Selector::of(&name),
                usage_plans: plans.into_iter().collect(),
            });
        }
    }
    apis
}

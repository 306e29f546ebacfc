//! Environments that nobody reaches, products that nothing tells apart or nobody is granted.
//!
//! Pure: no I/O, no clock.

use super::reach::Reach;
use super::{Catalogues, Policy, documents, field, notice, warning};
use crate::config::Routing;
use crate::document::At;
use crate::name::ResourceName;
use crate::policy::{Environment, EnvironmentId, HeldEnvironment, PlanAuth, Product, Rest};
use crate::problem::{Problem, Severity};
use std::collections::{BTreeMap, BTreeSet, HashSet};

pub(super) fn lint(policy: &Policy<'_>, catalogues: &Catalogues<'_>, found: &mut Vec<Problem>) {
    let reach = Reach::of(policy.snapshot);
    let by_key: HashSet<_> = policy.snapshot.api_keys.grants().collect();
    for (id, environment) in policy.snapshot.environments() {
        let Some(held) = policy.held.environments.get(&environment.name) else { continue };
        if environment.portals.is_empty() {
            let message = "no Portal publishes it: nobody is granted anything here";
            found.push(warning(&held.origin, &held.origin.at(), message));
        }
        ambiguous(environment, held, found);
        documents::overlaps(environment, held, found);
        selectors(catalogues, held, found);
        granted(policy, (&reach, &by_key), (id, environment), found);
        issuers(policy, environment, held, found);
        plans(policy, environment, held, found);
        for wildcard in &held.domains.wildcards {
            let message = "a wildcard domain takes bearer tokens and API keys, and no logins";
            found.push(notice(&held.origin, &wildcard.at, message));
        }
    }
}

fn ambiguous(environment: &Environment, held: &HeldEnvironment, found: &mut Vec<Problem>) {
    let mut by_path: BTreeMap<&[String], BTreeSet<String>> = BTreeMap::new();
    // Products that all have what they list and nothing else, or all but one that says it has the rest,
    // are told apart.
    let mut unclear: BTreeSet<&[String]> = BTreeSet::new();
    let mut included: BTreeSet<&[String]> = BTreeSet::new();
    for product in &environment.products {
        by_path.entry(&product.base_path).or_default().insert(product.name.to_string());
        let path: &[String] = &product.base_path;
        let unknown = product.rest == Rest::Unknown;
        if unknown || (product.rest == Rest::Included && !included.insert(path)) {
            unclear.insert(path);
        }
    }
    for (path, names) in by_path {
        if names.len() > 1 && unclear.contains(path) && environment.routing == Routing::Auto {
            let names: Vec<String> = names.into_iter().collect();
            let message = format!(
                "requests below /{} could be for {}: expected base paths that differ, or products \
                 named by the gateway (context extension `product`)",
                path.join("/"),
                names.join(" or ")
            );
            found.push(warning(&held.origin, &field(&held.origin, "spec.apiProducts"), message));
        }
    }
}

/// Selectors that select nothing.
fn selectors(catalogues: &Catalogues<'_>, held: &HeldEnvironment, found: &mut Vec<Problem>) {
    let own = held.origin.name().namespace();
    for selector in &held.products {
        let taken = |place: usize| {
            let product = catalogues.in_order.get(place);
            product.is_some_and(|product| {
                product.versions.is_empty()
                    || product.versions.iter().any(|version| selector.takes(version))
            })
        };
        let selects = catalogues.products.selects_any(&selector.products, own, taken);
        if !selects {
            found.push(warning(&held.origin, &selector.at, "selects no version of any product"));
        }
    }
}

fn granted(
    policy: &Policy<'_>,
    (reach, by_key): (&Reach<'_>, &HashSet<(EnvironmentId, &ResourceName)>),
    (id, environment): (EnvironmentId, &Environment),
    found: &mut Vec<Problem>,
) {
    let names: BTreeSet<&ResourceName> =
        environment.products.iter().map(|product| &product.name).collect();
    for name in names {
        let grants = reach.is_granted(name, id, environment) || by_key.contains(&(id, name));
        if let Some(product) = policy.held.products.get(name).filter(|_| !grants) {
            let message =
                format!("nobody is granted this product in Environment {}", environment.name);
            found.push(warning(&product.origin, &product.origin.at(), message));
        }
    }
}

/// Plans without limit, and products that only programs with a key can use.
fn plans(
    policy: &Policy<'_>,
    environment: &Environment,
    held: &HeldEnvironment,
    found: &mut Vec<Problem>,
) {
    for (name, plan) in held.plans.iter().filter(|(_, plan)| plan.rate_limit.is_none()) {
        let message = format!("plan {name} has no rateLimit: its requests are without limit");
        found.push(notice(&held.origin, &plan.at, message));
    }
    let keys_alone = |product: &&Product| {
        let mut plans = product.plans.iter();
        !product.plans.is_empty() && plans.all(|plan| plan.auth == PlanAuth::ApiKey)
    };
    let products = environment.products.iter().filter(keys_alone);
    let names: BTreeSet<&ResourceName> = products.map(|product| &product.name).collect();
    for product in names.into_iter().filter_map(|name| policy.held.products.get(name)) {
        let message = format!(
            "its plans in Environment {} take API keys alone: sessions and bearers are refused there",
            environment.name
        );
        let at = field(&product.origin, "spec.usagePlans");
        found.push(notice(&product.origin, &at, message));
    }
}

fn issuers(
    policy: &Policy<'_>,
    environment: &Environment,
    held: &HeldEnvironment,
    found: &mut Vec<Problem>,
) {
    for plan in &environment.plan_issuers {
        let at =
            held.plans.get(&*plan.plan).map_or_else(|| held.origin.at(), |plan| plan.at.clone());
        if plan.issuer.as_str().starts_with("http:") || plan.jwks_url.scheme() == "http" {
            let message = "expected https: over http anybody on the way can sign for this issuer";
            found.push(warning(&held.origin, &at, message));
        }
        let path = format!("environments.{}.portal", environment.name);
        match plan.portal {
            None => {
                let message = format!(
                    "no Portal vouches for the groups of its issuer: the settings lack {path}"
                );
                found.push(warning(&held.origin, &at, message));
            }
            Some(portal) if !environment.portals.contains(&portal) => {
                let At { line, path } = policy.places.at(path);
                let message = "expected a Portal that publishes this Environment";
                let problem = Problem::of_file(&policy.places.file, line, message);
                found.push(Problem { path, severity: Severity::Warning, ..problem });
            }
            Some(_) => {}
        }
    }
}

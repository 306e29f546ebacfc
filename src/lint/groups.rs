//! Groups that nobody reaches, or that grant nothing.
//!
//! Pure: no I/O, no clock.

use super::{Policy, field, warning};
use crate::policy::{Group, HeldGroup};
use crate::problem::Problem;
use std::collections::BTreeSet;

pub(super) fn lint(policy: &Policy<'_>, found: &mut Vec<Problem>) {
    for group in &policy.snapshot.groups {
        let Some(held) = policy.held.groups.get(&group.name) else { continue };
        if group.claim_values.is_empty() {
            continue;
        }
        reach(group, held, found);
        grants(policy, group, held, found);
    }
}

fn reach(group: &Group, held: &HeldGroup, found: &mut Vec<Problem>) {
    if group.applies_to.is_empty() {
        let message = "nobody can be in it: no Portal that it is for is in force with a login";
        found.push(warning(&held.origin, &held.origin.at(), message));
    } else if group.portals.is_empty() {
        let at = field(&held.origin, "spec.accessLevel.portals");
        found.push(warning(&held.origin, &at, "names no Portal: its members may enter none"));
    }
}

fn grants(policy: &Policy<'_>, group: &Group, held: &HeldGroup, found: &mut Vec<Problem>) {
    if group.portals.is_empty() && group.products.values().all(BTreeSet::is_empty) {
        found.push(warning(&held.origin, &held.origin.at(), "it grants nothing"));
    }
    let own = group.name.namespace();
    for api in &held.apis {
        let selects = |name: &_, labels: &_| api.products.selects(own, name, labels);
        let mut products = policy.held.products.values();
        let mut environments = policy.held.environments.values();
        if !products.any(|product| selects(product.origin.name(), &product.labels)) {
            found.push(warning(&held.origin, &api.at, "selects no product"));
        }
        let selects = |name: &_, labels: &_| api.environments.selects(own, name, labels);
        if !environments.any(|found| selects(found.origin.name(), &found.labels)) {
            found.push(warning(&held.origin, &api.at, "selects no Environment"));
        }
    }
    for (id, products) in &group.products {
        let Some(environment) = policy.snapshot.environment(*id) else { continue };
        if !products.is_empty() && environment.portals.is_disjoint(&group.applies_to) {
            let message = format!(
                "no Portal that it is for publishes Environment {}: its grants there count for \
                 nothing",
                environment.name
            );
            let at = field(&held.origin, "spec.accessLevel.apis");
            found.push(warning(&held.origin, &at, message));
        }
    }
}

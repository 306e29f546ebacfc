//! Groups that nobody reaches, or that grant nothing.
//!
//! Pure: no I/O, no clock.

use super::{Catalogues, Policy, field, warning};
use crate::policy::{EnvironmentId, Granted, Group, HeldGroup, PortalId, SharedSet};
use crate::problem::Problem;
use std::collections::{BTreeSet, HashMap};

pub(super) fn lint(policy: &Policy<'_>, catalogues: &Catalogues<'_>, found: &mut Vec<Problem>) {
    let mut vain = Vain::new();
    for group in &policy.snapshot.groups {
        let Some(held) = policy.held.groups.get(&group.name) else { continue };
        if group.claim_values.is_empty() {
            continue;
        }
        reach(group, held, found);
        grants(policy, catalogues, (group, held), &mut vain, found);
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

/// Usage plans that nothing has of what the Group grants: a slip of the pen takes rights away.
fn plans(policy: &Policy<'_>, (group, held): (&Group, &HeldGroup), found: &mut Vec<Problem>) {
    for (api, granted) in held.apis.iter().zip(&group.grants) {
        for plan in granted.plans.iter().flat_map(SharedSet::iter) {
            let has = |id: &EnvironmentId| {
                let environment = policy.snapshot.environment(*id);
                environment.is_some_and(|environment| environment.plans.contains_key(&**plan))
            };
            if !granted.environments.iter().any(has) {
                let message = format!(
                    "expected plans of the Environments that it selects; none of them has {plan}"
                );
                found.push(warning(&held.origin, &api.at, message));
            }
        }
    }
}

/// Environments of a set in which a Group for these Portals grants in vain: Groups share both.
type Vain<'p> = HashMap<(usize, &'p SharedSet<PortalId>), Vec<EnvironmentId>>;

fn grants<'p>(
    policy: &Policy<'p>,
    catalogues: &Catalogues<'_>,
    (group, held): (&'p Group, &HeldGroup),
    vain: &mut Vain<'p>,
    found: &mut Vec<Problem>,
) {
    let something =
        |granted: &&Granted| !granted.products.is_empty() && !granted.environments.is_empty();
    if group.portals.is_empty() && !group.grants.iter().any(|granted| something(&granted)) {
        found.push(warning(&held.origin, &held.origin.at(), "it grants nothing"));
    }
    let own = group.name.namespace();
    for api in &held.apis {
        if !catalogues.products.selects_any(&api.products, own, |_| true) {
            found.push(warning(&held.origin, &api.at, "selects no product"));
        }
        if !catalogues.environments.selects_any(&api.environments, own, |_| true) {
            found.push(warning(&held.origin, &api.at, "selects no Environment"));
        }
    }
    plans(policy, (group, held), found);
    let mut in_vain = BTreeSet::new();
    for granted in group.grants.iter().filter(something) {
        let environments = &granted.environments;
        let of_set = vain.entry((environments.address(), &group.applies_to)).or_insert_with(|| {
            let environments = environments.iter().copied();
            let unpublished = |id: &EnvironmentId| {
                let environment = policy.snapshot.environment(*id);
                environment.is_some_and(|found| found.portals.is_disjoint(&group.applies_to))
            };
            environments.filter(unpublished).collect()
        });
        in_vain.extend(of_set.iter().copied());
    }
    for environment in in_vain.into_iter().filter_map(|id| policy.snapshot.environment(id)) {
        let message = format!(
            "no Portal that it is for publishes Environment {}: its grants there count for nothing",
            environment.name
        );
        let at = field(&held.origin, "spec.accessLevel.apis");
        found.push(warning(&held.origin, &at, message));
    }
}

//! Puts what holds together into one snapshot.
//!
//! Pure: no I/O, no clock.

use super::held::{Held, HeldEnvironment, HeldGroup, HeldPortal};
use super::{environment, products};
use crate::attributes::HostName;
use crate::document::Located;
use crate::name::ResourceName;
use crate::policy::snapshot::{
    Environment, EnvironmentId, Group, PlanIssuer, Portal, PortalId, Site, Snapshot,
};
use crate::problem::Problem;
use std::collections::{BTreeMap, BTreeSet};

/// Ids of what holds, by name.
struct Ids {
    portals: BTreeMap<ResourceName, PortalId>,
    environments: BTreeMap<ResourceName, EnvironmentId>,
}

pub(super) fn assemble(held: &Held, problems: &mut Vec<Problem>) -> Snapshot {
    let portals = held.portals.keys().cloned().zip((0..).map(PortalId)).collect();
    let environments = held.environments.keys().cloned().zip((0..).map(EnvironmentId)).collect();
    let ids = Ids { portals, environments };
    let mut snapshot = Snapshot::default();
    for (held, id) in held.portals.values().zip((0..).map(PortalId)) {
        snapshot.add_site(&held.domains, Site::Portal(id));
        snapshot.portals.push(portal(held, &ids));
    }
    for (found, id) in held.environments.values().zip((0..).map(EnvironmentId)) {
        snapshot.add_site(&found.domains, Site::Environment(id));
        let publish = |portal: &Portal| portal.environments.contains(&id);
        let portals = snapshot.portals().filter(|(_, portal)| publish(portal));
        let portals = portals.map(|(id, _)| id).collect();
        let environment = environment(found, &ids, portals, held, problems);
        snapshot.environments.push(environment);
    }
    snapshot.close(&held.left_out);
    for (group, index) in held.groups.values().zip(0..) {
        let group = self::group(group, &snapshot, held, &ids);
        for value in &group.claim_values {
            snapshot.groups_by_claim.entry(value.clone()).or_default().push(index);
        }
        snapshot.groups.push(group);
    }
    snapshot
}

impl Snapshot {
    fn add_site(&mut self, domains: &super::domains::Domains, site: Site) {
        let text = |name: &Located<HostName>| (name.value.as_str().to_owned(), Some(site));
        self.hosts.extend(domains.exact.iter().map(text));
        self.wildcards.extend(domains.wildcards.iter().map(text));
        for (name, port) in &domains.ports {
            self.ports.entry(name.as_str().to_owned()).or_default().insert(*port);
        }
    }

    /// Keeps names that nobody else has from whoever has a wildcard above them: what the gateway has
    /// there was meant for others.
    fn close(&mut self, domains: &super::domains::Domains) {
        let text = |name: &Located<HostName>| name.value.as_str().to_owned();
        for name in &domains.exact {
            self.hosts.entry(text(name)).or_default();
        }
        for name in &domains.wildcards {
            self.wildcards.entry(text(name)).or_default();
        }
    }
}

fn exact(domains: &super::domains::Domains) -> BTreeSet<HostName> {
    domains.exact.iter().map(|domain| domain.value.clone()).collect()
}

fn portal(held: &HeldPortal, ids: &Ids) -> Portal {
    let published = held.published.iter();
    Portal {
        name: held.origin.name().clone(),
        hosts: exact(&held.domains),
        url: held.url.clone(),
        redirect_uri: held.redirect_uri.clone(),
        login: held.login.clone(),
        access: held.access,
        require_verified_email: held.require_verified_email,
        session: held.session,
        secure_cookies: held.secure_cookies,
        environments: published
            .filter_map(|name| ids.environments.get(&name.value).copied())
            .collect(),
    }
}

fn environment(
    found: &HeldEnvironment,
    ids: &Ids,
    portals: BTreeSet<PortalId>,
    held: &Held,
    problems: &mut Vec<Problem>,
) -> Environment {
    let vouching = found.portal.as_ref().and_then(|name| ids.portals.get(name).copied());
    let plans = found.plans.iter();
    let issuers = found.plan_issuers.iter();
    let (products, left_out) = products::of_environment(found, held, problems);
    Environment {
        name: found.origin.name().clone(),
        hosts: exact(&found.domains),
        products,
        left_out,
        portals,
        routing: found.routing,
        audiences: found.audiences.clone(),
        plans: plans.map(|(name, plan)| (name.clone(), environment::plan(plan))).collect(),
        plan_issuers: issuers
            .map(|(plan, issuer, jwks_url)| PlanIssuer {
                plan: plan.clone(),
                issuer: issuer.clone(),
                jwks_url: jwks_url.clone(),
                portal: vouching,
            })
            .collect(),
        group_claim: found.group_claim.clone(),
    }
}

fn group(group: &HeldGroup, snapshot: &Snapshot, held: &Held, ids: &Ids) -> Group {
    let named: BTreeSet<PortalId> =
        group.portals.iter().filter_map(|name| ids.portals.get(&name.value).copied()).collect();
    // Portals that are named and left out leave nobody, never everybody.
    let with_login = snapshot.portals().filter(|(_, portal)| portal.login.is_some());
    let applies_to = if group.portals.is_empty() {
        with_login.map(|(id, _)| id).collect()
    } else {
        named.clone()
    };
    Group {
        name: group.origin.name().clone(),
        claim_values: group.claim_values.iter().map(|name| name.value.clone()).collect(),
        applies_to,
        portals: named,
        products: granted(group, held, ids),
    }
}

/// What the selectors of a Group come to: a union over products and Environments that hold.
fn granted(
    group: &HeldGroup,
    held: &Held,
    ids: &Ids,
) -> BTreeMap<EnvironmentId, BTreeSet<ResourceName>> {
    let own = group.origin.name().namespace();
    let mut granted: BTreeMap<_, BTreeSet<ResourceName>> = BTreeMap::new();
    for api in &group.apis {
        let products: Vec<&ResourceName> = held
            .products
            .values()
            .filter(|found| api.products.selects(own, found.origin.name(), &found.labels))
            .map(|found| found.origin.name())
            .collect();
        for (name, environment) in &held.environments {
            if api.environments.selects(own, name, &environment.labels)
                && let Some(id) = ids.environments.get(name)
            {
                granted.entry(*id).or_default().extend(products.iter().copied().cloned());
            }
        }
    }
    granted
}

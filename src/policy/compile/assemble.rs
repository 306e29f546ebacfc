//! Puts what holds together into one snapshot.
//!
//! Pure: no I/O, no clock.

use super::held::{Held, HeldEnvironment, HeldGroup, HeldPortal};
use super::products::Shelf;
use super::{environment, products};
use crate::attributes::HostName;
use crate::config::UnknownDocuments;
use crate::name::ResourceName;
use crate::policy::resource::ApiSelector;
use crate::policy::snapshot::{
    Environment, EnvironmentId, Granted, Group, Parts, PlanIssuer, Portal, PortalId, Site, Snapshot,
};
use crate::policy::{Catalogue, Hosts, Selector, SharedSet};
use crate::problem::Problem;
use std::collections::{BTreeSet, HashMap};

/// Ids of what holds, by name.
struct Ids<'h> {
    portals: HashMap<&'h ResourceName, PortalId>,
    environments: HashMap<&'h ResourceName, EnvironmentId>,
}

pub(super) fn assemble(
    held: &Held,
    unknown: UnknownDocuments,
    problems: &mut Vec<Problem>,
) -> Snapshot {
    let ids = Ids {
        portals: held.portals.keys().zip((0..).map(PortalId)).collect(),
        environments: held.environments.keys().zip((0..).map(EnvironmentId)).collect(),
    };
    let mut parts = Parts::default();
    let mut publishing: HashMap<EnvironmentId, Vec<PortalId>> = HashMap::new();
    for (held, id) in held.portals.values().zip((0..).map(PortalId)) {
        parts.hosts.take(&held.domains, Site::Portal(id));
        let portal = portal(held, &ids);
        for environment in &portal.environments {
            publishing.entry(*environment).or_default().push(id);
        }
        parts.portals.push(portal);
    }
    let shelf = Shelf::new(held, unknown);
    for (found, id) in held.environments.values().zip((0..).map(EnvironmentId)) {
        parts.hosts.take(&found.domains, Site::Environment(id));
        let portals = publishing.remove(&id).into_iter().flatten().collect();
        let mut environment = environment(found, &ids, portals, &shelf, problems);
        environment.is_published_by_left_out =
            held.has_unread_portal || held.published_by_left_out.contains(&environment.name);
        parts.environments.push(environment);
    }
    parts.hosts.leave_out(&held.left_out);
    let with_login = parts.portals.iter().zip((0..).map(PortalId));
    let with_login = with_login.filter(|(portal, _)| portal.login.is_some()).map(|(_, id)| id);
    let mut selections = Selections::new(held, &shelf, with_login.collect());
    parts.groups.extend(held.groups.values().map(|group| selections.group(group, &ids)));
    parts.into()
}

impl Hosts {
    fn take(&mut self, domains: &super::domains::Domains, site: Site) {
        domains.exact.iter().for_each(|name| self.add(name.value.as_str(), site));
        domains.wildcards.iter().for_each(|name| self.add_wildcard(name.value.as_str(), site));
        domains.ports.iter().for_each(|(name, port)| self.add_port(name.as_str(), *port));
    }

    fn leave_out(&mut self, domains: &super::domains::Domains) {
        domains.exact.iter().for_each(|name| self.close(name.value.as_str()));
        domains.wildcards.iter().for_each(|name| self.close_wildcard(name.value.as_str()));
    }
}

fn exact(domains: &super::domains::Domains) -> BTreeSet<HostName> {
    domains.exact.iter().map(|domain| domain.value.clone()).collect()
}

fn portal(held: &HeldPortal, ids: &Ids<'_>) -> Portal {
    let published = held.published.iter();
    Portal {
        name: held.origin.name().clone(),
        hosts: exact(&held.domains),
        url: held.url.clone(),
        redirect_uri: held.redirect_uri.clone(),
        login: held.login.clone(),
        access: held.access,
        require_verified_email: held.require_verified_email,
        shadow_until: held.shadow_until,
        session: held.session,
        secure_cookies: held.secure_cookies,
        environments: published
            .filter_map(|name| ids.environments.get(&name.value).copied())
            .collect(),
    }
}

fn environment(
    found: &HeldEnvironment,
    ids: &Ids<'_>,
    portals: SharedSet<PortalId>,
    shelf: &Shelf<'_>,
    problems: &mut Vec<Problem>,
) -> Environment {
    let vouching = found.portal.as_ref().and_then(|name| ids.portals.get(name).copied());
    let plans = found.plans.iter();
    let issuers = found.plan_issuers.iter();
    Environment {
        name: found.origin.name().clone(),
        hosts: exact(&found.domains),
        products: products::of_environment(found, shelf, problems),
        portals,
        routing: found.routing,
        audiences: found.audiences.clone(),
        plans: plans.map(|(name, plan)| (name.clone(), environment::plan(plan))).collect(),
        plan_issuers: issuers
            .map(|(plan, issuer, jwks_url)| PlanIssuer {
                plan: plan.as_str().into(),
                issuer: issuer.clone(),
                jwks_url: jwks_url.clone(),
                portal: vouching,
            })
            .collect(),
        group_claim: found.group_claim.clone(),
        is_published_by_left_out: false,
    }
}

/// What the selectors of Groups come to; those that say the same come to the same set.
struct Selections<'h> {
    shelf: &'h Shelf<'h>,
    environments: Catalogue<'h>,
    /// Portals with a login.
    with_login: SharedSet<PortalId>,
    product_sets: HashMap<(&'h Selector, &'h str), SharedSet<ResourceName>>,
    environment_sets: HashMap<(&'h Selector, &'h str), SharedSet<EnvironmentId>>,
    /// Sets of usage plans.
    plan_sets: HashMap<&'h [String], SharedSet<Box<str>>>,
}

impl<'h> Selections<'h> {
    fn new(held: &'h Held, shelf: &'h Shelf<'h>, with_login: SharedSet<PortalId>) -> Self {
        let environments = held.environments.iter();
        Self {
            shelf,
            environments: Catalogue::new(environments.map(|(name, found)| (name, &found.labels))),
            with_login,
            product_sets: HashMap::new(),
            environment_sets: HashMap::new(),
            plan_sets: HashMap::new(),
        }
    }

    fn group(&mut self, group: &'h HeldGroup, ids: &Ids<'_>) -> Group {
        let named = group.portals.iter();
        let named: SharedSet<PortalId> =
            named.filter_map(|name| ids.portals.get(&name.value).copied()).collect();
        // Portals that are named and left out leave nobody, never everybody.
        let applies_to =
            if group.portals.is_empty() { self.with_login.clone() } else { named.clone() };
        let own = group.origin.name().namespace();
        let granted = |api| self.granted(api, own);
        Group {
            name: group.origin.name().clone(),
            claim_values: group.claim_values.iter().map(|name| name.value.clone()).collect(),
            applies_to,
            portals: named,
            grants: group.apis.iter().map(granted).collect(),
        }
    }

    fn granted(&mut self, api: &'h ApiSelector, own: &'h str) -> Granted {
        let Self { shelf, environments, product_sets, environment_sets, plan_sets, .. } = self;
        let products = product_sets.entry((&api.products, own)).or_insert_with(|| {
            let products = shelf.select(&api.products, own);
            products.map(|product| product.origin.name().clone()).collect()
        });
        let environments = environment_sets.entry((&api.environments, own)).or_insert_with(|| {
            environments.select(&api.environments, own).into_iter().map(EnvironmentId).collect()
        });
        let all = api.usage_plans.is_empty() || api.usage_plans.iter().any(|plan| plan == "*");
        let plans = (!all).then(|| {
            let names = || api.usage_plans.iter().map(|plan| plan.as_str().into()).collect();
            plan_sets.entry(&api.usage_plans).or_insert_with(names).clone()
        });
        Granted { products: products.clone(), environments: environments.clone(), plans }
    }
}

//! Who may pass: what the caller's Groups grant, by a Portal that vouches for the caller.
//!
//! Pure: no I/O, no clock.

use super::{
    Environment, EnvironmentId, Grant, Group, Membership, PortalId, ResourceName, Route, Snapshot,
};
use crate::token::Issuer;
use std::collections::BTreeSet;
use url::Url;

/// Why a known caller may not pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotGranted {
    /// No Portal vouches for the caller.
    #[error("no Portal vouches for the caller")]
    NoPortal,
    /// The claim holds no groups at all.
    #[error("the caller's token names no groups")]
    NoGroups,
    /// No Group names any of the caller's groups.
    #[error("no Group names any of the caller's groups")]
    UnknownGroups,
    /// Groups that name the caller's groups grant other things, or through other Portals.
    #[error("none of the caller's Groups grants this through a Portal that vouches for the caller")]
    OtherGrants,
}

/// Where the keys of an issuer are found.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum KeySource<'s> {
    /// By the issuer's metadata: a Portal's login.
    Discovery(&'s Issuer),
    /// At this address: a usage plan's `remoteJwks`.
    Jwks(&'s Issuer, &'s Url),
}

impl Snapshot {
    /// Allows what any one Group of the caller grants. Everything else is denied.
    ///
    /// # Errors
    ///
    /// [`NotGranted`], for the log; the client hears `not_granted` alone.
    pub fn authorize(&self, caller: &Membership, route: &Route<'_>) -> Result<Grant, NotGranted> {
        if caller.portals.is_empty() {
            return Err(NotGranted::NoPortal);
        }
        if caller.groups.is_empty() {
            return Err(NotGranted::NoGroups);
        }
        let mut grant = Grant::default();
        let mut known = false;
        for value in &caller.groups {
            for group in self.groups_of(value) {
                known = true;
                if let Some(portal) = through(group, caller, route)
                    && !grant.groups.contains(value)
                {
                    grant.portal = grant.portal.or(Some(portal));
                    grant.groups.push(value.clone());
                }
            }
        }
        match (grant.portal, known) {
            (Some(_), _) => Ok(grant),
            (None, true) => Err(NotGranted::OtherGrants),
            (None, false) => Err(NotGranted::UnknownGroups),
        }
    }

    /// Those of `values` that some Group names, each once, in their order.
    #[must_use]
    pub fn known_groups(&self, values: &[String]) -> Vec<String> {
        let known = values.iter().filter(|value| self.groups_by_claim.contains_key(*value));
        let mut seen = BTreeSet::new();
        known.filter(|value| seen.insert(value.as_str())).cloned().collect()
    }

    /// Every product, and the Environment in which the caller may call it.
    #[must_use]
    pub fn products_for(&self, caller: &Membership) -> Vec<(ResourceName, ResourceName)> {
        let mut found = BTreeSet::new();
        for (id, environment) in self.environments() {
            for product in &environment.products {
                let route = Route::Product { id, environment, product, portal: None };
                if self.authorize(caller, &route).is_ok() {
                    found.insert((product.name.clone(), environment.name.clone()));
                }
            }
        }
        found.into_iter().collect()
    }

    /// Portals whose login is this client of this issuer.
    #[must_use]
    pub fn portals_of(&self, issuer: &Issuer, client_id: &str) -> BTreeSet<PortalId> {
        self.portals_where(|login| login.issuer == *issuer && login.client_id == client_id)
    }

    /// Those of `portals` that read groups from `claim`: a value of that claim means nothing to the
    /// others.
    #[must_use]
    pub fn reading(&self, portals: &BTreeSet<PortalId>, claim: &str) -> BTreeSet<PortalId> {
        let reads = |id: &PortalId| {
            let login = self.portal(*id).and_then(|portal| portal.login.as_ref());
            login.is_some_and(|login| login.group_claim == claim)
        };
        portals.iter().copied().filter(reads).collect()
    }

    /// Portals whose login is at this issuer.
    #[must_use]
    pub fn portals_with_issuer(&self, issuer: &Issuer) -> BTreeSet<PortalId> {
        self.portals_where(|login| login.issuer == *issuer)
    }

    /// Every issuer whose keys are needed, each place once.
    #[must_use]
    pub fn issuers(&self) -> BTreeSet<KeySource<'_>> {
        let logins = self.portals.iter().filter_map(|portal| portal.login.as_ref());
        let logins = logins.map(|login| KeySource::Discovery(&login.issuer));
        let plans = self.environments.iter().flat_map(|environment| &environment.plan_issuers);
        let plans = plans.map(|plan| KeySource::Jwks(&plan.issuer, &plan.jwks_url));
        logins.chain(plans).collect()
    }

    /// Client ids of all logins.
    #[must_use]
    pub fn client_ids(&self) -> BTreeSet<&str> {
        let logins = self.portals.iter().filter_map(|portal| portal.login.as_ref());
        logins.map(|login| login.client_id.as_str()).collect()
    }

    fn portals_where(&self, fits: impl Fn(&super::Login) -> bool) -> BTreeSet<PortalId> {
        let portals = self.portals().filter(|(_, portal)| portal.login.as_ref().is_some_and(&fits));
        portals.map(|(id, _)| id).collect()
    }

    /// The Groups that `value` in a claim puts the caller into: equal byte for byte.
    fn groups_of(&self, value: &str) -> impl Iterator<Item = &Group> {
        let indices = self.groups_by_claim.get(value).into_iter().flatten();
        indices.filter_map(|index| self.groups.get(*index))
    }
}

/// The Portal through which `group` grants `route` to the caller.
fn through(group: &Group, caller: &Membership, route: &Route<'_>) -> Option<PortalId> {
    let mut applicable = caller.portals.intersection(&group.applies_to).copied();
    match route {
        Route::Portal(id, _) => {
            // Named by the Group, and vouching: another Portal's callers do not come in here.
            applicable.find(|portal| portal == id && group.portals.contains(id))
        }
        Route::Product { id, environment, product, portal } => {
            let granted = grants(group, *id, &product.name);
            let publishes = |found: &PortalId| publishes(environment, *portal, *found);
            if granted { applicable.find(publishes) } else { None }
        }
    }
}

fn grants(group: &Group, environment: EnvironmentId, product: &ResourceName) -> bool {
    group.products.get(&environment).is_some_and(|products| products.contains(product))
}

/// Whether `found` publishes the Environment, and is the Portal that the route is for, if any.
fn publishes(environment: &Environment, route: Option<PortalId>, found: PortalId) -> bool {
    environment.portals.contains(&found) && route.is_none_or(|portal| portal == found)
}

#[cfg(test)]
mod tests;

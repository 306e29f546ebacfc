//! Who may pass: what the caller's Groups grant, by a Portal that vouches for the caller.
//!
//! Pure: no I/O, no clock.

use super::{Grant, Membership, PortalId, ResourceName, Route, SharedSet, Snapshot};
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
        for (place, number) in caller.groups.numbers_in(self).enumerate() {
            let Some(value) = number else { continue };
            known = true;
            if let Some(portal) = self.through(value, caller, route) {
                grant.portal = grant.portal.or(Some(portal));
                grant.places.insert(place);
            }
        }
        match (grant.portal, known) {
            (Some(_), _) => Ok(grant),
            (None, true) => Err(NotGranted::OtherGrants),
            (None, false) => Err(NotGranted::UnknownGroups),
        }
    }

    /// The Portal through which a value in the caller's claim grants `route`.
    fn through(&self, value: usize, caller: &Membership, route: &Route<'_>) -> Option<PortalId> {
        match route {
            Route::Portal(id, _) => {
                // Named by the Group, and vouching: another Portal's callers do not come in here.
                let enters = caller.portals.contains(id) && self.grants.enters(value, *id);
                enters.then_some(*id)
            }
            Route::Product { id, environment, product, portal, .. } => {
                // One that vouches, that the Group applies to, and that publishes the Environment; the
                // one that the route is for, if any.
                let through = |applies_to: &SharedSet<PortalId>| {
                    let sets = [applies_to, &environment.portals];
                    let is_meant = |found: &PortalId| portal.is_none_or(|portal| portal == *found);
                    caller.portals.first_shared(&sets, is_meant).copied()
                };
                self.grants.portal(value, product.number, *id, through)
            }
        }
    }

    /// Every product, and the Environment in which the caller may call it.
    #[must_use]
    pub fn products_for(&self, caller: &Membership) -> Vec<(ResourceName, ResourceName)> {
        let mut found = BTreeSet::new();
        for (id, environment) in self.environments() {
            for product in &environment.products {
                let (portal, operation) = (None, None);
                let route = Route::Product { id, environment, product, portal, operation };
                if self.authorize(caller, &route).is_ok() {
                    found.insert((product.name.clone(), environment.name.clone()));
                }
            }
        }
        found.into_iter().collect()
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
}

#[cfg(test)]
mod tests;

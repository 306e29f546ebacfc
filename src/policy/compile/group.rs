//! Judges a Group: whom it is for, and whether it may apply.
//!
//! Pure: no I/O, no clock.

use super::held::{Held, HeldGroup};
use super::portal::references;
use super::{Findings, Input, Judged};
use crate::name::Kind;
use crate::policy::resource::{Group, Portal, Slot};
use std::collections::BTreeSet;

pub(super) fn judge(group: &Group, input: &Input<'_>, one_issuer: bool) -> Judged<HeldGroup> {
    let mut found = Findings::new(&group.origin);
    for portal in &group.portals {
        references(portal, Kind::Portal, input, &mut found);
    }
    let version = HeldGroup {
        origin: group.origin.clone(),
        claim_values: group.claim_values.clone(),
        portals: group.portals.clone(),
        apis: group.apis.clone(),
        users: group.users.clone(),
    };
    if group.claim_values.is_empty() && group.users.is_none() {
        found.notice(&group.origin.at(), "no spec.oidcGroup.groupNames: it grants nobody anything");
    } else if !applies(&version, one_issuer) {
        let at = super::missing(&group.origin.at(), "spec.accessLevel.portals");
        found.error(
            &at,
            "expected the Portals whose callers it is for: the Portals do not share one issuer, \
             and the same name in two providers' claims is not the same group",
        );
    }
    (Some(version), found.problems)
}

/// Whether all logins are at one issuer, or there are none. A Portal that is left out for a problem counts
/// as well, and as another issuer where it does not say which: a Group must not reach further because of it.
pub(super) fn share_one_issuer(held: &Held, declared: &[Slot<Portal>]) -> bool {
    let logins = held.portals.values().filter_map(|portal| portal.login.as_ref());
    let mut issuers: BTreeSet<Option<&str>> =
        logins.map(|login| Some(login.issuer.as_str())).collect();
    for slot in declared.iter().filter(|slot| !held.portals.contains_key(&slot.name)) {
        match &slot.current {
            Some(Portal { oidc: None, .. }) => {}
            Some(Portal { oidc: Some(oidc), .. }) => {
                issuers.insert(oidc.issuer.as_ref().map(|issuer| issuer.value.as_str()));
            }
            None => {
                issuers.insert(None);
            }
        }
    }
    issuers.len() < 2
}

/// Whether it names Portals, or may do without because all share one issuer.
pub(super) const fn applies(group: &HeldGroup, one_issuer: bool) -> bool {
    group.claim_values.is_empty() || !group.portals.is_empty() || one_issuer
}

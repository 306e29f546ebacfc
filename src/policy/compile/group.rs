//! Judges a Group: whom it is for, and whether it may apply.
//!
//! Pure: no I/O, no clock.

use super::held::{Held, HeldGroup};
use super::portal::references;
use super::{Findings, Input, Judged};
use crate::name::Kind;
use crate::policy::resource::Group;
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
    };
    if group.claim_values.is_empty() {
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

/// Whether all logins are at one issuer, or there are none.
pub(super) fn share_one_issuer(held: &Held) -> bool {
    let logins = held.portals.values().filter_map(|portal| portal.login.as_ref());
    let issuers: BTreeSet<_> = logins.map(|login| &login.issuer).collect();
    issuers.len() < 2
}

/// Whether it names Portals, or may do without because all share one issuer.
pub(super) const fn applies(group: &HeldGroup, one_issuer: bool) -> bool {
    group.claim_values.is_empty() || !group.portals.is_empty() || one_issuer
}

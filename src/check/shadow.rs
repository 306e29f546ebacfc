//! A Portal in shadow (`portals.*.shadow_until`): what would be refused is judged and told, and passes.

use super::call::Call;
use super::endpoints;
use crate::decision::{Allowed, Checked, Denied, Facts, Reason, RouteNames};

/// Whether the Portal that a request is for stands in shadow: the host's own, or the one that the
/// gateway names; where several publish an Environment and none is named, all of them have to, those that
/// are left out for a problem among them, of which nothing is known.
pub(super) fn is_on(call: &Call<'_>) -> bool {
    if call.is_recorded() {
        return false;
    }
    let mut portals = call.portals().filter_map(|id| call.policy.portal(id)).peekable();
    match call.attributes.context.get("portal") {
        Some(name) => {
            portals.any(|portal| portal.name.as_str() == name && portal.is_shadowed(call.now))
        }
        None => {
            let known = call.environment().is_none_or(|place| !place.is_published_by_left_out);
            known && portals.peek().is_some() && portals.all(|portal| portal.is_shadowed(call.now))
        }
    }
}

/// The end of a check that is refused while its Portal stands in shadow.
pub(super) fn conclude(call: &Call<'_>, denied: Denied, facts: Facts) -> Checked {
    if !may_pass(denied.reason) || endpoints::find(call).is_some() {
        return Checked::denied(denied, facts);
    }
    let headers = &call.attributes.headers;
    // No identity, no names, no claim of ours: nothing that reads like somebody who was let in.
    let mut upstream = call.inner.headers.apply(headers, RouteNames::default(), None);
    if call.cookies.concern_us() {
        upstream.replace_cookie(call.cookies.for_upstream());
    }
    let forwards = call.settings().forward_authorization;
    if !is_verified(denied.reason) {
        upstream.remove_unverified_credential(headers);
    } else if !forwards.unwrap_or_else(|| call.environment().is_some()) {
        upstream.remove_credential(headers);
    }
    // A refreshed record is the browser's, and so is the end of a stale one.
    let allowed = Allowed { upstream, cookies: denied.cookies, quota: None };
    Checked::allowed(denied.reason, allowed, Facts { shadow: true, ..facts })
}

/// What policy and credentials refuse passes, and what cannot be said while something is out of reach.
/// Never what could be read in two ways or was sent by a page of others, and never our own fault.
const fn may_pass(reason: Reason) -> bool {
    match reason {
        Reason::NoCredentials
        | Reason::InvalidSession
        | Reason::InvalidToken
        | Reason::ExpiredToken
        | Reason::NotGranted
        | Reason::EmailUnverified
        | Reason::NoRoute
        | Reason::KeysUnavailable
        | Reason::StoreUnavailable
        | Reason::ProviderUnavailable => true,
        Reason::Granted
        | Reason::Public
        | Reason::Endpoint
        | Reason::AmbiguousRequest
        | Reason::CrossSite
        | Reason::BadCallback
        | Reason::LoginLoop
        | Reason::Limit
        | Reason::Internal
        | Reason::DeadlineTooShort => false,
    }
}

/// Whether the credential held, and its caller is refused all the same.
const fn is_verified(reason: Reason) -> bool {
    matches!(reason, Reason::NotGranted | Reason::EmailUnverified)
}

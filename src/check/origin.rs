//! Which origins are ours, and whether one of our own pages sent a request.
//!
//! Pure: no I/O, no clock.

use super::call::Call;
use crate::attributes::{Host, HostName};
use crate::oidc::TrustedOrigin;
use crate::policy::{Portal, Snapshot};
use url::Url;

/// The URL of `host`, without path. The scheme is the Portal's. A port that the gateway cut off is
/// the Portal's as well: one gateway serves both.
pub(super) fn base_url(host: &Host, portal: &Portal) -> Option<Url> {
    with_host(portal, &host.name, host.port.or_else(|| portal.url.port()))
}

fn with_host(portal: &Portal, name: &HostName, port: Option<u16>) -> Option<Url> {
    let mut url = portal.url.clone();
    url.set_host(Some(name.as_str())).ok()?;
    url.set_port(port).ok()?;
    url.set_path("/");
    Some(url)
}

/// Origins that may send a browser's cookie here: this host itself, and on an Environment's hosts
/// the Portals that publish it.
pub(super) fn requesting_origins(call: &Call<'_>) -> Vec<TrustedOrigin> {
    let portals = call.portals().filter_map(|id| call.policy.portal(id));
    let mut origins = Vec::new();
    for portal in portals {
        origins.extend(call.base_url(portal).iter().map(TrustedOrigin::of));
        origins.extend(portal_origins(portal));
    }
    origins
}

/// Origins that a login may end at: this host's, its Portal's, and those of the Environments that
/// the Portal publishes.
pub(super) fn return_origins(call: &Call<'_>, portal: &Portal) -> Vec<TrustedOrigin> {
    let here = call.base_url(portal);
    let environments = environment_hosts(call.policy, portal);
    let environments = environments.filter_map(|name| with_host(portal, name, portal.url.port()));
    let here = here.iter().map(TrustedOrigin::of);
    here.chain(portal_origins(portal))
        .chain(environments.map(|url| TrustedOrigin::of(&url)))
        .collect()
}

fn portal_origins(portal: &Portal) -> impl Iterator<Item = TrustedOrigin> {
    let further = portal.hosts.iter().filter_map(|name| with_host(portal, name, portal.url.port()));
    std::iter::once(portal.url.clone()).chain(further).map(|url| TrustedOrigin::of(&url))
}

fn environment_hosts<'s>(
    policy: &'s Snapshot,
    portal: &'s Portal,
) -> impl Iterator<Item = &'s HostName> {
    let environments = portal.environments.iter().filter_map(|id| policy.environment(*id));
    environments.flat_map(|environment| environment.hosts.iter())
}

/// Whether a login of `portal` may have begun on `host`: exact names of the Portal and of the
/// Environments that it publishes, no wildcard.
pub(super) fn may_begin_on(policy: &Snapshot, portal: &Portal, host: &Host) -> bool {
    let known_port = host.port.is_none() || host.port == portal.url.port_or_known_default();
    let environments = environment_hosts(policy, portal);
    known_port && portal.hosts.iter().chain(environments).any(|name| *name == host.name)
}

/// Evidence that one of our own pages, or the person at the browser, sent the request (Fetch
/// Metadata; RFC 6454 §7). Without it a cookie proves nothing about an unsafe request.
pub(super) fn has_same_origin_evidence(call: &Call<'_>) -> bool {
    let headers = &call.attributes.headers;
    if matches!(headers.only("sec-fetch-site"), Some("same-origin" | "none")) {
        return true;
    }
    let Some(origin) = headers.only("origin") else { return false };
    requesting_origins(call).iter().any(|trusted| trusted.is(origin))
}

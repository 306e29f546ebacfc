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

/// Whether [`base_url`] makes a URL of `host` without a look: lower-case letters, digits, `-`, `_` and
/// dots, the last label none that could be a number (URL Standard §3.5), and none in Punycode.
pub(super) fn has_plain_name(host: &Host) -> bool {
    let name = host.name.as_str().as_bytes();
    let plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    last.first().is_some_and(u8::is_ascii_lowercase)
        && name.iter().all(plain)
        && name.windows(4).all(|part| part != b"xn--")
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
        if call.environment().is_some() {
            let names = portal.hosts.iter();
            origins.extend(names.flat_map(|name| origins_of(call.policy, portal, name)));
        }
    }
    origins
}

/// Origins that a login may end at: this host's, its Portal's, and those of the Environments that
/// the Portal publishes.
pub(super) fn return_origins(call: &Call<'_>, portal: &Portal) -> Vec<TrustedOrigin> {
    let here = call.base_url(portal);
    let named = hosts_of(call.policy, portal);
    let named = named.flat_map(|name| origins_of(call.policy, portal, name));
    here.iter().map(TrustedOrigin::of).chain(named).collect()
}

/// Exact host names of the Portal and of the Environments that it publishes, no wildcard.
fn hosts_of<'s>(policy: &'s Snapshot, portal: &'s Portal) -> impl Iterator<Item = &'s HostName> {
    let environments = portal.environments.iter().filter_map(|id| policy.environment(*id));
    portal.hosts.iter().chain(environments.flat_map(|environment| environment.hosts.iter()))
}

/// The origins of a host: with the port of the Portal's URL, and with those that `spec.domains`
/// names for it.
fn origins_of(policy: &Snapshot, portal: &Portal, name: &HostName) -> Vec<TrustedOrigin> {
    let ports = std::iter::once(portal.url.port()).chain(policy.ports(name.as_str()).map(Some));
    ports
        .filter_map(|port| with_host(portal, name, port))
        .map(|url| TrustedOrigin::of(&url))
        .collect()
}

/// Whether a login of `portal` may have begun on `host`. A port that neither the Portal's URL nor
/// `spec.domains` names is somebody else's.
pub(super) fn may_begin_on(policy: &Snapshot, portal: &Portal, host: &Host) -> bool {
    let known_port = host.port.is_none_or(|port| {
        Some(port) == portal.url.port_or_known_default()
            || policy.ports(host.name.as_str()).any(|named| named == port)
    });
    known_port && hosts_of(policy, portal).any(|name| *name == host.name)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn looks_at_names_that_a_url_could_refuse_or_change() {
        for (text, plain) in [
            ("api.example.com", true),
            ("localhost:8443", true),
            ("a_b.example-1.com1", true),
            ("127.0.0.1", false),
            ("1.2.3.999", false),
            ("a.0x1", false),
            ("[::1]", false),
            ("xn--0.example", false),
        ] {
            let host = Host::parse(text).expect("a host");
            assert_eq!(has_plain_name(&host), plain, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_name_is_one_of_a_url(text in "([a-z0-9_-]{1,9}\\.|xn--[a-z0-9]{0,3}\\.){0,4}(\\PC{1,5}|[a-z0-9_-]{1,9})(:[0-9]{1,5})?") {
            let Some(host) = Host::parse(&text) else { return Ok(()) };
            for base in ["https://portal.example/a", "http://portal.example:8080"] {
                let mut url = Url::parse(base).expect("a URL");
                let taken = url.set_host(Some(host.name.as_str())).is_ok() && url.set_port(host.port).is_ok();
                prop_assert!(taken || !has_plain_name(&host), "{text}");
                if has_plain_name(&host) {
                    prop_assert_eq!(url.host_str(), Some(host.name.as_str()));
                }
            }
        }
    }
}

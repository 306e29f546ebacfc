//! Section `provider`.
//!
//! Pure: no I/O, no clock.

use super::read::{Base, finish, optional, path, value};
use super::{ProviderSettings, RequireAtHash, bounds};
use crate::attributes::Host;
use crate::document::{Field, Fields};
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;
use url::Url;

pub(super) fn read(mut section: Option<Fields<'_>>, base: &Base) -> ProviderSettings {
    let exchange = |field: &Field<'_>| field.duration(bounds::EXCHANGE);
    let lifetime = |field: &Field<'_>| field.duration(bounds::LIFETIME);
    let at_hash = [
        ("auto", RequireAtHash::Auto),
        ("true", RequireAtHash::Always),
        ("false", RequireAtHash::Never),
    ];
    let at_hash = |field: &Field<'_>| field.one_of(&at_hash);
    let seconds = Duration::from_secs;
    let provider = ProviderSettings {
        connect_timeout: value(&mut section, "connect_timeout", exchange, seconds(2)),
        timeout: value(&mut section, "timeout", exchange, seconds(5)),
        allow_http: value(&mut section, "allow_http", Field::boolean, false),
        allow_addresses: value(&mut section, "allow_addresses", addresses, Vec::new()),
        extra_hosts: value(&mut section, "extra_hosts", hosts, Vec::new()),
        proxy: optional(&mut section, "proxy", proxy),
        ca_file: optional(&mut section, "ca_file", |field| path(field, base)),
        max_id_token_lifetime: value(
            &mut section,
            "max_id_token_lifetime",
            lifetime,
            seconds(24 * 60 * 60),
        ),
        require_at_hash: value(&mut section, "require_at_hash", at_hash, RequireAtHash::Auto),
    };
    finish(section);
    provider
}

pub(super) fn addresses(field: &Field<'_>) -> Option<Vec<IpNet>> {
    let mut networks = Vec::new();
    for item in field.list() {
        let Some(text) = item.string() else { continue };
        let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        match network {
            Ok(network) => networks.push(network),
            Err(_) => item.error("expected a network such as 10.0.0.0/8, or an address"),
        }
    }
    Some(networks)
}

fn hosts(field: &Field<'_>) -> Option<Vec<String>> {
    let mut hosts = Vec::new();
    for item in field.list() {
        match item.string().map(|text| Host::parse(&text)) {
            Some(Some(host)) => hosts.push(host.to_string()),
            Some(None) => item.error("expected a host name such as keys.example.com, or name:port"),
            None => {}
        }
    }
    Some(hosts)
}

/// The address of a proxy. It may hold a password, so no message shows it.
fn proxy(field: &Field<'_>) -> Option<Url> {
    let url = Url::parse(&field.string()?).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if url.is_none() {
        field.error("expected a URL such as http://proxy.example.com:3128");
    }
    url
}

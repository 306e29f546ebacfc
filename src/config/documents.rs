//! Section `documents`.
//!
//! Pure: no I/O, no clock.

use super::provider::addresses;
use super::read::{Base, finish, optional, path, value};
use super::{DocumentSettings, UnknownDocuments, bounds};
use crate::document::{Field, Fields};
use ipnet::IpNet;
use std::time::Duration;

const MIB: u64 = 1 << 20;
/// Where Services and Pods of nearly every cluster are. Loopback and link-local addresses are not among
/// them: there listen this process's own neighbours, and the metadata of clouds.
const OF_CLUSTERS: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

pub(super) fn read(mut section: Option<Fields<'_>>, base: &Base) -> DocumentSettings {
    let exchange = |field: &Field<'_>| field.duration(bounds::EXCHANGE);
    let refresh = |field: &Field<'_>| {
        let found = field.duration(bounds::LIFETIME)?;
        if found < Duration::from_secs(1) {
            field.error("expected at least 1s");
        }
        Some(found)
    };
    let bytes = |field: &Field<'_>| {
        let found = field.integer(1024..=64 * MIB)?;
        usize::try_from(found).ok()
    };
    let unknown = [("base_path", UnknownDocuments::BasePath), ("refuse", UnknownDocuments::Refuse)];
    let of_clusters: Vec<IpNet> =
        OF_CLUSTERS.iter().filter_map(|network| network.parse().ok()).collect();
    let documents = DocumentSettings {
        allow_http: value(&mut section, "allow_http", Field::boolean, true),
        allow_addresses: value(&mut section, "allow_addresses", addresses, of_clusters),
        ca_file: optional(&mut section, "ca_file", |field| path(field, base)),
        timeout: value(&mut section, "timeout", exchange, Duration::from_secs(5)),
        refresh: value(&mut section, "refresh", refresh, Duration::from_secs(5 * 60)),
        max_bytes: value(&mut section, "max_bytes", bytes, 4 << 20),
        unknown: value(
            &mut section,
            "unknown",
            |field| field.one_of(&unknown),
            UnknownDocuments::BasePath,
        ),
    };
    finish(section);
    documents
}

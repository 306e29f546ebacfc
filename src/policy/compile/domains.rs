//! `spec.domains`: host names, whatever their port, letter case or final dot.
//!
//! Pure: no I/O, no clock.

use super::{Findings, missing};
use crate::attributes::{Host, HostName};
use crate::document::{At, Located};
use std::collections::HashSet;

/// The host names of one resource.
#[derive(Clone, Debug, Default)]
pub struct Domains {
    /// Names in full.
    pub exact: Vec<Located<HostName>>,
    /// `*.example.com`, kept as `example.com`.
    pub wildcards: Vec<Located<HostName>>,
    /// Ports that stand beside names in full.
    pub ports: Vec<(HostName, u16)>,
}

impl Domains {
    /// Adds those of another resource.
    pub(super) fn extend(&mut self, other: Self) {
        self.exact.extend(other.exact);
        self.wildcards.extend(other.wildcards);
        self.ports.extend(other.ports);
    }

    /// Whether `host` is among the names in full.
    #[must_use]
    pub fn names(&self, host: &HostName) -> bool {
        self.exact.iter().any(|domain| domain.value == *host)
    }
}

/// Reads `spec.domains`; at least one has to be there.
pub(super) fn judge(domains: &[Located<String>], found: &mut Findings<'_>) -> Domains {
    let mut judged = Domains::default();
    let mut seen = HashSet::new();
    for domain in domains {
        let (text, wild) = match domain.value.strip_prefix("*.") {
            Some(text) => (text, true),
            None => (domain.value.as_str(), false),
        };
        // A star above an address would match nothing that is an address.
        let host = Host::parse(text).filter(|host| !(wild && host.name.as_str().contains(':')));
        if let Some(Host { name, port: Some(port) }) = host.as_ref().filter(|_| !wild) {
            judged.ports.push((name.clone(), *port));
        }
        let names = if wild { &mut judged.wildcards } else { &mut judged.exact };
        match host {
            // With and without port, or written twice: the same name.
            Some(host) if !seen.insert((wild, host.name.clone())) => {}
            Some(host) => names.push(Located { value: host.name, at: domain.at.clone() }),
            None => found.error(
                &domain.at,
                "expected a host name such as api.example.com, *.example.com or localhost:8080",
            ),
        }
    }
    if domains.is_empty() {
        let at: At = missing(&found.origin.at(), "spec.domains");
        found.error(&at, "expected at least one host name");
    }
    judged
}

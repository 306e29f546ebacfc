//! What host names stand for.
//!
//! Pure: no I/O, no clock.

use super::Texts;
use super::snapshot::Site;
use std::collections::BTreeSet;

/// Host names of the policy.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// Exact host names. `None`: of a resource that is left out, and so of no other one either.
    exact: Texts<Option<Site>>,
    /// `*.example.com`, kept as `example.com`; the longest that matches wins.
    wildcards: Texts<Option<Site>>,
    /// Dots of the longest wildcard, by labels.
    most_dots: usize,
    /// Ports that `spec.domains` names, by host name. Hosts match whatever their port; these say
    /// where a browser may be sent.
    ports: Texts<BTreeSet<u16>>,
}

impl Hosts {
    /// Gives `name` to `site`.
    pub fn add(&mut self, name: &str, site: Site) {
        self.exact.insert(name.into(), Some(site));
    }

    /// Gives every name below `name` to `site` that nobody has in full.
    pub fn add_wildcard(&mut self, name: &str, site: Site) {
        self.widen(name);
        self.wildcards.insert(name.into(), Some(site));
    }

    /// Says that `port` is one of `name`'s.
    pub fn add_port(&mut self, name: &str, port: u16) {
        self.ports.entry(name.into()).or_default().insert(port);
    }

    /// Keeps `name` from whoever has a wildcard above it, where nobody has it: what the gateway has
    /// there was meant for others.
    pub fn close(&mut self, name: &str) {
        self.exact.entry(name.into()).or_default();
    }

    /// The same for every name below `name`.
    pub fn close_wildcard(&mut self, name: &str) {
        self.widen(name);
        self.wildcards.entry(name.into()).or_default();
    }

    fn widen(&mut self, name: &str) {
        self.most_dots = self.most_dots.max(dots(name));
    }

    /// What `host` stands for: by its own name, else by the longest wildcard above it. A star stands
    /// for names that the policy could have: for none with letters outside ASCII.
    pub(super) fn site(&self, host: &str) -> Option<Site> {
        if let Some(site) = self.exact.get(host) {
            return *site;
        }
        // Names in full are ASCII anyway.
        if self.wildcards.is_empty() || !host.is_ascii() {
            return None;
        }
        let mut left = dots(host);
        let mut rest = host;
        while let Some((_, above)) = rest.split_once('.') {
            left = left.saturating_sub(1);
            // No wildcard is longer: labels that a client puts in front cost no lookup.
            if left <= self.most_dots
                && let Some(site) = self.wildcards.get(above)
            {
                return *site;
            }
            rest = above;
        }
        None
    }

    /// Whether `host` is named in full.
    pub(super) fn is_exact(&self, host: &str) -> bool {
        self.exact.get(host).is_some_and(Option::is_some)
    }

    pub(super) fn ports(&self, host: &str) -> impl Iterator<Item = u16> {
        self.ports.get(host).into_iter().flatten().copied()
    }
}

fn dots(name: &str) -> usize {
    name.bytes().filter(|byte| *byte == b'.').count()
}

#[cfg(test)]
mod tests {
    use super::super::snapshot::EnvironmentId;
    use super::*;

    /// As it says: every suffix is tried, the longest first.
    fn plainly(hosts: &Hosts, host: &str) -> Option<Site> {
        let own = hosts.exact.get(host).copied();
        let above = || {
            let dots = host.match_indices('.');
            let above = dots.filter_map(|(dot, _)| host.get(dot + 1..));
            above.filter_map(|name| hosts.wildcards.get(name).copied()).next()
        };
        own.or_else(above).flatten()
    }

    proptest::proptest! {
        #[test]
        fn finds_the_longest_wildcard_whatever_stands_in_front(
            exact in proptest::collection::vec("[ab](\\.[ab]){0,3}", 0..4),
            wildcards in proptest::collection::vec("[ab](\\.[ab]){0,3}", 0..5),
            closed in proptest::collection::vec("[ab](\\.[ab]){0,2}", 0..2),
            asked in proptest::collection::vec("[ab](\\.[ab]){0,6}", 8),
        ) {
            let mut hosts = Hosts::default();
            let site = |index| Site::Environment(EnvironmentId(index));
            exact.iter().enumerate().for_each(|(index, name)| hosts.add(name, site(index)));
            for (index, name) in wildcards.iter().enumerate() {
                hosts.add_wildcard(name, site(100 + index));
            }
            for name in &closed {
                hosts.close(name);
                hosts.close_wildcard(&format!("b.{name}"));
            }
            for host in asked.iter().chain(&exact).chain(&wildcards) {
                proptest::prop_assert_eq!(hosts.site(host), plainly(&hosts, host), "{}", host);
                let named = exact.contains(host);
                proptest::prop_assert_eq!(hosts.is_exact(host), named, "{}", host);
            }
        }
    }
}

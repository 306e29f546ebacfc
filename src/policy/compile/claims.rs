//! Which resource has which host name: the first in the order of reading.
//!
//! Pure: no I/O, no clock.

use super::Judged;
use super::domains::Domains;
use crate::attributes::HostName;
use crate::document::Located;
use crate::policy::resource::Origin;
use crate::problem::Severity;
use std::collections::HashMap;

/// Host names that are taken.
#[derive(Debug, Default)]
pub(super) struct Claims {
    exact: HashMap<HostName, Origin>,
    wildcards: HashMap<HostName, Origin>,
}

impl Claims {
    /// Adds a problem for every name that another resource has.
    pub(super) fn judge<T>(
        &self,
        (version, mut problems): Judged<T>,
        domains: impl Fn(&T) -> (&Origin, &Domains),
    ) -> Judged<T> {
        if let Some(held) = &version {
            let (origin, domains) = domains(held);
            for (domain, other) in self.taken(domains) {
                let message = format!(
                    "expected a host name that no other resource has; {} is a domain of {} ({}:{})",
                    domain.value, other.id, other.file, other.line
                );
                problems.push(origin.problem(Severity::Error, &domain.at, message));
            }
        }
        (version, problems)
    }

    /// Whether no other resource has any of the names.
    pub(super) fn are_free(&self, domains: &Domains) -> bool {
        self.taken(domains).next().is_none()
    }

    /// Takes the names for a version that is in force.
    pub(super) fn take(&mut self, origin: &Origin, domains: &Domains) {
        let exact = domains.exact.iter().map(|name| (name.value.clone(), origin.clone()));
        self.exact.extend(exact);
        let wildcards = domains.wildcards.iter().map(|name| (name.value.clone(), origin.clone()));
        self.wildcards.extend(wildcards);
    }

    fn taken<'a>(
        &'a self,
        domains: &'a Domains,
    ) -> impl Iterator<Item = (&'a Located<HostName>, &'a Origin)> {
        let exact = domains.exact.iter();
        let exact = exact.filter_map(|name| Some((name, self.exact.get(&name.value)?)));
        let wildcards = domains.wildcards.iter();
        exact.chain(wildcards.filter_map(|name| Some((name, self.wildcards.get(&name.value)?))))
    }
}

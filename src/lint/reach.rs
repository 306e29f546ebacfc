//! Whether somebody is granted a product, without going through all Groups for each.
//!
//! Pure: no I/O, no clock.

use crate::name::ResourceName;
use crate::policy::{Environment, EnvironmentId, Granted, PortalId, SharedSet, Snapshot};
use std::collections::{HashMap, HashSet};

/// Up to how many pairs of product and Environment a grant is looked up by each of them.
const NAMED: usize = 8;

/// What Groups with members grant.
pub(super) struct Reach<'s> {
    /// Grants of little: Portals of the Groups.
    named: HashMap<(&'s ResourceName, EnvironmentId), Vec<&'s SharedSet<PortalId>>>,
    /// Grants of much, each once.
    wide: Vec<(&'s Granted, &'s SharedSet<PortalId>)>,
}

impl<'s> Reach<'s> {
    pub(super) fn of(snapshot: &'s Snapshot) -> Self {
        let mut reach = Self { named: HashMap::new(), wide: Vec::new() };
        let mut seen = HashSet::new();
        for group in snapshot.groups.iter().filter(|group| !group.claim_values.is_empty()) {
            let portals = &group.applies_to;
            for granted in &group.grants {
                let (products, environments) = (&granted.products, &granted.environments);
                if products.len().saturating_mul(environments.len()) > NAMED {
                    if seen.insert((products.address(), environments.address(), portals)) {
                        reach.wide.push((granted, portals));
                    }
                    continue;
                }
                for product in products {
                    for environment in environments {
                        reach.named.entry((product, *environment)).or_default().push(portals);
                    }
                }
            }
        }
        reach
    }

    /// Whether some Group grants the product to callers of a Portal that publishes the Environment.
    pub(super) fn is_granted(
        &self,
        product: &ResourceName,
        id: EnvironmentId,
        environment: &Environment,
    ) -> bool {
        let publishes = |portals: &SharedSet<PortalId>| !portals.is_disjoint(&environment.portals);
        let named = self.named.get(&(product, id)).into_iter().flatten();
        let mut wide = self.wide.iter().filter(|(granted, _)| {
            granted.environments.contains(&id) && granted.products.contains(product)
        });
        named.copied().any(publishes) || wide.any(|(_, portals)| publishes(portals))
    }
}

//! What the values of a groups claim grant, each found by one look into a table or a few.
//!
//! A grant is filed under what it names: a product in an Environment, a product in a set of them,
//! an Environment with a set of products, or two sets. So neither a Group that grants everything nor a
//! hundred thousand that grant one thing each is gone through.
//!
//! Pure: no I/O, no clock.

use super::snapshot::{EnvironmentId, Group, PortalId};
use super::{ResourceName, SharedSet};
use hashbrown::{HashMap, HashSet};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Up to how many pairs of product and Environment a grant is filed under each of them, and up to how
/// many products, or Environments, under those.
const NAMED: usize = 8;

/// Grants of all Groups.
#[derive(Debug, Default)]
pub(super) struct Grants {
    numbers: HashMap<Arc<str>, usize>,
    /// By number of the value.
    values: Vec<Value>,
    /// Where in `rules` those of a key are.
    filed: HashMap<Key, (usize, usize)>,
    /// By key, and then in the order of the Groups.
    rules: Vec<Rule>,
    /// Whether any Group says which usage plans its members may use.
    name_plans: bool,
}

/// What is known of one value in a claim.
#[derive(Debug, Default)]
struct Value {
    /// Under which kinds of keys it has rules.
    kinds: [bool; 4],
    /// Portals that it lets its bearers into.
    entrances: SharedSet<PortalId>,
}

/// `None` stands for a set, which the rule holds.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
struct Key {
    value: usize,
    product: Option<usize>,
    environment: Option<EnvironmentId>,
}

impl Key {
    /// Where it looks in [`Value::kinds`].
    const fn kind(self) -> usize {
        match (self.product, self.environment) {
            (Some(_), Some(_)) => 0,
            (Some(_), None) => 1,
            (None, Some(_)) => 2,
            (None, None) => 3,
        }
    }
}

#[derive(Clone, Debug)]
struct Rule {
    /// The place of its Group: of several that grant the same, the first counts.
    order: usize,
    /// Portals whose callers it applies to.
    applies_to: SharedSet<PortalId>,
    products: Option<Arc<HashSet<usize>>>,
    environments: Option<SharedSet<EnvironmentId>>,
    /// Usage plans that it allows; `None`: any.
    plans: Option<SharedSet<Box<str>>>,
}

/// What tells rules of one key apart: where their sets are, and by which Portals they grant.
type Sameness = ([Option<usize>; 3], SharedSet<PortalId>);

impl Rule {
    fn covers(&self, product: usize, environment: EnvironmentId) -> bool {
        self.products.as_ref().is_none_or(|set| set.contains(&product))
            && self.environments.as_ref().is_none_or(|set| set.contains(&environment))
    }

    /// Equal for rules of one key that grant the same by the same Portals.
    fn sameness(&self) -> Sameness {
        let products = self.products.as_ref().map(|set| Arc::as_ptr(set).addr());
        let environments = self.environments.as_ref().map(SharedSet::address);
        let plans = self.plans.as_ref().map(SharedSet::address);
        ([products, environments, plans], self.applies_to.clone())
    }
}

impl Grants {
    /// Files what `groups` grant; `number` is that of a product in force.
    pub(super) fn new(groups: &[Group], number: impl Fn(&ResourceName) -> Option<usize>) -> Self {
        let mut grants = Self::default();
        let mut files = Files { number, sets: HashMap::new(), found: Vec::new() };
        let mut entrances: HashMap<usize, BTreeSet<PortalId>> = HashMap::new();
        for (order, group) in groups.iter().enumerate() {
            for value in &group.claim_values {
                let value = grants.add(value);
                grants.enter(value, group, &mut entrances);
                files.file(value, order, group);
            }
        }
        for (value, portals) in entrances {
            if let Some(value) = grants.values.get_mut(value) {
                value.entrances = value.entrances.iter().copied().chain(portals).collect();
            }
        }
        grants.name_plans = files.found.iter().any(|(_, rule)| rule.plans.is_some());
        grants.settle(files.found);
        grants
    }

    fn add(&mut self, value: &str) -> usize {
        let next = self.values.len();
        let number = *self.numbers.entry(value.into()).or_insert(next);
        if number == next {
            self.values.push(Value::default());
        }
        number
    }

    /// Lets the bearers of a value into the Portals of one of its Groups. Those of its first Group are
    /// shared with that; `others` has those of the rest.
    fn enter(
        &mut self,
        value: usize,
        group: &Group,
        others: &mut HashMap<usize, BTreeSet<PortalId>>,
    ) {
        let Some(known) = self.values.get_mut(value) else { return };
        if known.entrances.is_empty() && group.portals == group.applies_to {
            known.entrances = group.portals.clone();
            return;
        }
        let portals = group.portals.iter().filter(|id| group.applies_to.contains(id));
        let new: Vec<PortalId> =
            portals.copied().filter(|id| !known.entrances.contains(id)).collect();
        if !new.is_empty() {
            others.entry(value).or_default().extend(new);
        }
    }

    fn settle(&mut self, mut found: Vec<(Key, Rule)>) {
        found.sort_by_key(|(key, rule)| (*key, rule.order));
        let mut seen = HashSet::new();
        let mut last = None;
        for (key, rule) in found {
            if let Some(value) = self.values.get_mut(key.value)
                && let Some(kind) = value.kinds.get_mut(key.kind())
            {
                *kind = true;
            }
            if last != Some(key) {
                seen.clear();
                last = Some(key);
            }
            // What an earlier Group grants in the same way needs no second look.
            if !seen.insert(rule.sameness()) {
                continue;
            }
            let end = self.rules.len();
            self.rules.push(rule);
            self.filed.entry(key).or_insert((end, end)).1 = self.rules.len();
        }
        self.rules.shrink_to_fit();
    }

    /// The number of a value that some Group names.
    pub(super) fn number(&self, value: &str) -> Option<usize> {
        self.numbers.get(value).copied()
    }

    /// The same, and the text that all share.
    pub(super) fn known(&self, value: &str) -> Option<(&Arc<str>, usize)> {
        self.numbers.get_key_value(value).map(|(text, number)| (text, *number))
    }

    /// Whether the value lets its bearers into this Portal.
    pub(super) fn enters(&self, value: usize, portal: PortalId) -> bool {
        self.values.get(value).is_some_and(|value| value.entrances.contains(&portal))
    }

    /// The Portal through which the value grants a product: the first Group that does so decides, and
    /// of its Portals the first. `through` finds that among those that it applies to.
    pub(super) fn portal(
        &self,
        value: usize,
        product: usize,
        environment: EnvironmentId,
        through: impl Fn(&SharedSet<PortalId>) -> Option<PortalId>,
    ) -> Option<PortalId> {
        let kinds = self.values.get(value)?.kinds;
        let mut best: Option<(usize, PortalId)> = None;
        let (named, place) = (Some(product), Some(environment));
        for (product_key, environment_key) in
            [(named, place), (named, None), (None, place), (None, None)]
        {
            let key = Key { value, product: product_key, environment: environment_key };
            if kinds.get(key.kind()) != Some(&true) {
                continue;
            }
            let Some((from, to)) = self.filed.get(&key).copied() else { continue };
            for rule in self.rules.get(from..to).unwrap_or_default() {
                if best.is_some_and(|(order, _)| order <= rule.order) {
                    break;
                }
                if rule.covers(product, environment)
                    && let Some(portal) = through(&rule.applies_to)
                {
                    best = Some((rule.order, portal));
                    break;
                }
            }
        }
        best.map(|(_, portal)| portal)
    }

    /// Whether any Group says which usage plans its members may use.
    pub(super) const fn name_plans(&self) -> bool {
        self.name_plans
    }

    /// Whether a Group by which the value grants a product there allows this plan of it. `through` says
    /// whether it applies.
    pub(super) fn allow_plan(
        &self,
        value: usize,
        (product, environment): (usize, EnvironmentId),
        plan: &str,
        through: impl Fn(&SharedSet<PortalId>) -> bool,
    ) -> bool {
        let (named, place) = (Some(product), Some(environment));
        let keys = [(named, place), (named, None), (None, place), (None, None)];
        keys.into_iter().any(|(product_key, environment_key)| {
            let key = Key { value, product: product_key, environment: environment_key };
            let (from, to) = self.filed.get(&key).copied().unwrap_or_default();
            let rules = self.rules.get(from..to).unwrap_or_default();
            rules.iter().any(|rule| {
                rule.plans.as_ref().is_none_or(|plans| plans.iter().any(|own| **own == *plan))
                    && rule.covers(product, environment)
                    && through(&rule.applies_to)
            })
        })
    }
}

/// Rules on their way into the table.
struct Files<N> {
    /// The number of a product in force.
    number: N,
    /// Sets of products by the address of their names: Groups that select the same share them.
    sets: HashMap<usize, Arc<HashSet<usize>>>,
    found: Vec<(Key, Rule)>,
}

impl<N: Fn(&ResourceName) -> Option<usize>> Files<N> {
    /// Files what `group` grants to the bearers of `value` under what it names, where that is little,
    /// else as sets.
    fn file(&mut self, value: usize, order: usize, group: &Group) {
        let applies_to = &group.applies_to;
        for granted in group.grants.iter().filter(|_| !applies_to.is_empty()) {
            let (products, environments) = (&granted.products, &granted.environments);
            let few = products.len() <= NAMED;
            let product_keys: Vec<Option<usize>> = if few {
                products.iter().filter_map(&self.number).map(Some).collect()
            } else {
                vec![None]
            };
            let pairs = product_keys.len().saturating_mul(environments.len());
            let few_environments = if few { pairs <= NAMED } else { environments.len() <= NAMED };
            let environment_keys: Vec<Option<EnvironmentId>> = if few_environments {
                environments.iter().copied().map(Some).collect()
            } else {
                vec![None]
            };
            let set = (!few).then(|| {
                let numbers = || Arc::new(products.iter().filter_map(&self.number).collect());
                Arc::clone(self.sets.entry(products.address()).or_insert_with(numbers))
            });
            for product in product_keys {
                for environment in environment_keys.iter().copied() {
                    let rule = Rule {
                        order,
                        applies_to: applies_to.clone(),
                        products: set.clone(),
                        environments: environment.is_none().then(|| environments.clone()),
                        plans: granted.plans.clone(),
                    };
                    self.found.push((Key { value, product, environment }, rule));
                }
            }
        }
    }
}

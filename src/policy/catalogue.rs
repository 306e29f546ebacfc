//! Resources of one kind, indexed by what selectors say of them.
//!
//! Pure: no I/O, no clock.

use super::{LabelRule, Operator, ResourceName, Selector};
use std::collections::{BTreeMap, HashMap};

/// `metadata.labels`
type Labels = BTreeMap<String, String>;

/// Resources, and the places of those with a name, a namespace, a label.
#[derive(Debug, Default)]
pub struct Catalogue<'r> {
    resources: Vec<(&'r ResourceName, &'r Labels)>,
    by_name: HashMap<&'r str, Vec<usize>>,
    by_namespace: HashMap<&'r str, Vec<usize>>,
    by_label: HashMap<&'r str, HashMap<&'r str, Vec<usize>>>,
}

/// Lists of places, each place in one of them at most.
type Lists<'c> = Vec<&'c [usize]>;

impl<'r> Catalogue<'r> {
    /// Indexes them; their places count from 0.
    pub fn new(resources: impl IntoIterator<Item = (&'r ResourceName, &'r Labels)>) -> Self {
        let mut catalogue = Self::default();
        for (place, (name, labels)) in resources.into_iter().enumerate() {
            catalogue.resources.push((name, labels));
            catalogue.by_name.entry(name.name()).or_default().push(place);
            catalogue.by_namespace.entry(name.namespace()).or_default().push(place);
            for (key, value) in labels {
                let values = catalogue.by_label.entry(key).or_default();
                values.entry(value).or_default().push(place);
            }
        }
        catalogue
    }

    /// The places of what a resource in namespace `own` selects, in their order.
    #[must_use]
    pub fn select(&self, selector: &Selector, own: &str) -> Vec<usize> {
        let mut places: Vec<usize> = match self.narrowest(selector, own) {
            Some(lists) => lists.into_iter().flatten().copied().collect(),
            None => (0..self.resources.len()).collect(),
        };
        places.retain(|place| self.is_selected(*place, selector, own));
        places.sort_unstable();
        places
    }

    /// Whether it selects anything of which `fits` holds.
    pub fn selects_any(
        &self,
        selector: &Selector,
        own: &str,
        mut fits: impl FnMut(usize) -> bool,
    ) -> bool {
        let mut fits = |place: usize| self.is_selected(place, selector, own) && fits(place);
        match self.narrowest(selector, own) {
            Some(lists) => lists.into_iter().flatten().copied().any(fits),
            None => (0..self.resources.len()).any(&mut fits),
        }
    }

    fn is_selected(&self, place: usize, selector: &Selector, own: &str) -> bool {
        let resource = self.resources.get(place);
        resource.is_some_and(|(name, labels)| selector.selects(own, name, labels))
    }

    /// Of all ways to narrow the search the one that leaves the fewest; `None`: everything is left.
    fn narrowest(&self, selector: &Selector, own: &str) -> Option<Lists<'_>> {
        if selector.is_empty() {
            return None;
        }
        let names = (!selector.names.is_empty()).then(|| {
            let lists = selector.names.iter().filter_map(|name| self.by_name.get(name.as_str()));
            lists.map(Vec::as_slice).collect()
        });
        let namespaces = selector.namespaces.iter().map(String::as_str);
        let own = selector.namespaces.is_empty().then_some(own);
        let namespaces = (!selector.namespaces.contains("*")).then(|| {
            let lists = namespaces.chain(own).filter_map(|name| self.by_namespace.get(name));
            lists.map(Vec::as_slice).collect()
        });
        let labels = selector.labels.iter().filter_map(|rule| self.labelled(rule));
        let ways = labels.chain(names).chain(namespaces);
        ways.min_by_key(|lists: &Lists<'_>| lists.iter().map(|list| list.len()).sum::<usize>())
    }

    /// Those of which a rule can hold that asks for a label.
    fn labelled(&self, rule: &LabelRule) -> Option<Lists<'_>> {
        let values = self.by_label.get(rule.key.as_str());
        match rule.operator {
            Operator::In => {
                let lists = rule.values.iter().filter_map(|value| values?.get(value.as_str()));
                Some(lists.map(Vec::as_slice).collect())
            }
            Operator::Exists => {
                Some(values.into_iter().flat_map(HashMap::values).map(Vec::as_slice).collect())
            }
            Operator::NotIn | Operator::Absent => None,
        }
    }
}

#[cfg(test)]
mod tests;

//! Selectors of resources by name, namespace and label (Gloo `ResourceSelector`).
//!
//! Pure: no I/O, no clock.

use crate::name::ResourceName;
use std::collections::{BTreeMap, BTreeSet};

/// What a resource must be to be selected: all of these at once.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Selector {
    /// One of these names; none: any.
    pub names: BTreeSet<String>,
    /// In one of these namespaces, where `*` is any; none: the selecting resource's own.
    pub namespaces: BTreeSet<String>,
    /// With labels that keep all of these rules.
    pub labels: Vec<LabelRule>,
}

/// A rule on one label.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct LabelRule {
    /// The label.
    pub key: String,
    /// How it is judged.
    pub operator: Operator,
    /// What it is judged by.
    pub values: BTreeSet<String>,
}

/// How a label is judged; as Kubernetes does, a label that is absent is not in any set.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Operator {
    /// It has one of the values: `Equals`, `DoubleEquals`, `In`.
    In,
    /// It has none of them, or is absent: `NotEquals`, `NotIn`.
    NotIn,
    /// It is there.
    Exists,
    /// It is not.
    Absent,
}

impl Selector {
    /// Exactly one resource.
    #[must_use]
    pub fn of(name: &ResourceName) -> Self {
        Self {
            names: BTreeSet::from([name.name().to_owned()]),
            namespaces: BTreeSet::from([name.namespace().to_owned()]),
            labels: Vec::new(),
        }
    }

    /// Whether it says nothing at all and so selects everything, in every namespace.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.namespaces.is_empty() && self.labels.is_empty()
    }

    /// Whether a resource in namespace `own` that has this selector selects `name`.
    #[must_use]
    pub fn selects(
        &self,
        own: &str,
        name: &ResourceName,
        labels: &BTreeMap<String, String>,
    ) -> bool {
        self.is_empty()
            || (self.names.is_empty() || self.names.contains(name.name()))
                && self.is_in(own, name.namespace())
                && self.labels.iter().all(|rule| rule.holds(labels))
    }

    fn is_in(&self, own: &str, namespace: &str) -> bool {
        if self.namespaces.is_empty() {
            return namespace == own;
        }
        self.namespaces.contains("*") || self.namespaces.contains(namespace)
    }
}

impl LabelRule {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        match self.operator {
            Operator::In => value.is_some_and(|value| self.values.contains(value)),
            Operator::NotIn => value.is_none_or(|value| !self.values.contains(value)),
            Operator::Exists => value.is_some(),
            Operator::Absent => value.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(items: &[&str]) -> BTreeSet<String> {
        items.iter().map(|item| (*item).to_owned()).collect()
    }

    #[test]
    fn selects_what_keeps_every_rule() {
        let rule = |key: &str, operator, values: &[&str]| LabelRule {
            key: key.to_owned(),
            operator,
            values: set(values),
        };
        let selector = |names: &[&str], namespaces: &[&str], labels: Vec<LabelRule>| Selector {
            names: set(names),
            namespaces: set(namespaces),
            labels,
        };
        let cases = [
            (selector(&[], &[], vec![]), true, true),
            (selector(&["pets"], &[], vec![]), true, false),
            (selector(&["pet"], &[], vec![]), false, false),
            (selector(&["Pets"], &[], vec![]), false, false),
            (selector(&["pets"], &["*"], vec![]), true, true),
            (selector(&["pets"], &["other"], vec![]), false, true),
            (selector(&["store", "pets"], &["own", "x"], vec![]), true, false),
            (selector(&[], &["own"], vec![]), true, false),
            (selector(&[], &["own", "*"], vec![]), true, true),
            (selector(&[], &["o*"], vec![]), false, false),
            (selector(&[], &[], vec![rule("app", Operator::In, &["petstore"])]), true, false),
            (selector(&[], &["*"], vec![rule("app", Operator::In, &["petstore"])]), true, true),
            (selector(&[], &["*"], vec![rule("app", Operator::In, &["Petstore"])]), false, false),
            (selector(&[], &["*"], vec![rule("app", Operator::In, &[])]), false, false),
            (selector(&[], &["*"], vec![rule("app", Operator::NotIn, &["x"])]), true, true),
            (
                selector(&[], &["*"], vec![rule("app", Operator::NotIn, &["petstore"])]),
                false,
                false,
            ),
            (selector(&[], &["*"], vec![rule("gone", Operator::NotIn, &["x"])]), true, true),
            (selector(&[], &["*"], vec![rule("gone", Operator::In, &["x"])]), false, false),
            (selector(&[], &["*"], vec![rule("app", Operator::Exists, &[])]), true, true),
            (selector(&[], &["*"], vec![rule("gone", Operator::Exists, &[])]), false, false),
            (selector(&[], &["*"], vec![rule("app", Operator::Absent, &[])]), false, false),
            (selector(&[], &["*"], vec![rule("gone", Operator::Absent, &[])]), true, true),
            (
                selector(
                    &["pets"],
                    &["*"],
                    vec![
                        rule("app", Operator::In, &["petstore"]),
                        rule("gone", Operator::Exists, &[]),
                    ],
                ),
                false,
                false,
            ),
        ];
        let labels = BTreeMap::from([("app".to_owned(), "petstore".to_owned())]);
        for (selector, own, other) in cases {
            let selects =
                |namespace| selector.selects("own", &ResourceName::new("pets", namespace), &labels);
            assert_eq!((selects("own"), selects("other")), (own, other), "{selector:?}");
        }
    }
}

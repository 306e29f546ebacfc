//! A caller's groups, in the form in which the policy judges them.
//!
//! Pure: no I/O, no clock.

use super::Snapshot;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// So many values are compared in pairs; for more it takes a set.
const FEW: usize = 16;

/// Values of a groups claim, with their numbers in one snapshot. Clones share them.
///
/// Numbers count for the snapshot that gave them; any other looks the values up by their text.
#[derive(Clone, Debug, Default)]
pub struct CallerGroups {
    /// Of the snapshot that gave the numbers; 0 is none.
    epoch: u64,
    groups: Arc<[CallerGroup]>,
}

#[derive(Clone, Debug)]
struct CallerGroup {
    value: Arc<str>,
    /// `None`: no Group names it, or nobody has looked.
    number: Option<usize>,
}

impl CallerGroups {
    /// The values, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.groups.iter().map(|group| &*group.value)
    }

    /// The same, copied.
    #[must_use]
    pub fn to_vec(&self) -> Vec<String> {
        self.iter().map(str::to_owned).collect()
    }

    /// How many values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Whether they were looked up in `snapshot`, and whatever came with them.
    #[must_use]
    pub const fn are_numbered_in(&self, snapshot: &Snapshot) -> bool {
        self.epoch == snapshot.epoch
    }

    /// The number that each value has in `snapshot`; `None` for one that no Group names, and for one
    /// that comes again.
    pub(super) fn numbers_in(&self, snapshot: &Snapshot) -> impl Iterator<Item = Option<usize>> {
        let same = self.epoch == snapshot.epoch;
        let comes_again = move |place: usize, value: &Arc<str>| {
            let earlier = self.groups.get(..place).unwrap_or_default();
            self.epoch == 0 && earlier.iter().any(|group| group.value == *value)
        };
        let number = move |(place, group): (usize, &CallerGroup)| {
            if same {
                group.number
            } else if comes_again(place, &group.value) {
                None
            } else {
                snapshot.grants.number(&group.value)
            }
        };
        self.groups.iter().enumerate().map(number)
    }
}

impl Snapshot {
    /// Those of `values` that some Group names, each once, in their order.
    #[must_use]
    pub fn known_groups<S: AsRef<str>>(&self, values: impl IntoIterator<Item = S>) -> CallerGroups {
        self.numbered(values, |_unknown| None)
    }

    /// All of `values`, each once, in their order: those, too, that no Group names any more.
    #[must_use]
    pub fn all_groups<S: AsRef<str>>(&self, values: impl IntoIterator<Item = S>) -> CallerGroups {
        self.numbered(values, |unknown| Some(unknown.into()))
    }

    fn numbered<S: AsRef<str>>(
        &self,
        values: impl IntoIterator<Item = S>,
        unknown: impl Fn(&str) -> Option<Arc<str>>,
    ) -> CallerGroups {
        let known = |value: &str| {
            let (text, number) = self.grants.known(value)?;
            Some(CallerGroup { value: Arc::clone(text), number: Some(number) })
        };
        let unknown = |value: &str| Some(CallerGroup { value: unknown(value)?, number: None });
        let groups = values.into_iter();
        let groups =
            groups.filter_map(|value| known(value.as_ref()).or_else(|| unknown(value.as_ref())));
        CallerGroups { epoch: self.epoch, groups: each_once(groups.collect()).into() }
    }
}

/// The groups without those that come again.
fn each_once(mut groups: Vec<CallerGroup>) -> Vec<CallerGroup> {
    if groups.len() > FEW {
        let mut seen = BTreeSet::new();
        groups.retain(|group| seen.insert(Arc::clone(&group.value)));
        return groups;
    }
    let mut once: Vec<CallerGroup> = Vec::with_capacity(groups.len());
    for group in groups {
        if once.iter().all(|earlier| earlier.value != group.value) {
            once.push(group);
        }
    }
    once
}

/// Values that no snapshot was asked about, as they come.
impl<S: AsRef<str>> FromIterator<S> for CallerGroups {
    fn from_iter<I: IntoIterator<Item = S>>(values: I) -> Self {
        let values = values.into_iter().map(|value| value.as_ref().into());
        let groups = values.map(|value| CallerGroup { value, number: None }).collect();
        Self { epoch: 0, groups }
    }
}

impl PartialEq for CallerGroups {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for CallerGroups {}

impl Hash for CallerGroups {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.iter().for_each(|value| value.hash(state));
    }
}

/// Places in a list: of groups that matched. On the heap only beyond the 128th.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Places {
    first: u128,
    rest: Vec<usize>,
}

impl Places {
    pub(super) fn insert(&mut self, place: usize) {
        match bit(place) {
            Some(bit) => self.first |= bit,
            None => self.rest.push(place),
        }
    }

    /// Places are inserted in their order.
    pub(super) fn contains(&self, place: usize) -> bool {
        match bit(place) {
            Some(bit) => self.first & bit != 0,
            None => self.rest.binary_search(&place).is_ok(),
        }
    }
}

fn bit(place: usize) -> Option<u128> {
    1_u128.checked_shl(u32::try_from(place).ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::{Group, Parts, ResourceName, SharedSet};
    use super::*;

    #[test]
    fn remembers_places_near_and_far() {
        let mut places = Places::default();
        let all = [0, 5, 127, 128, 1000];
        all.into_iter().for_each(|place| places.insert(place));
        let held: Vec<usize> = (0..2000).filter(|place| places.contains(*place)).collect();
        assert_eq!(held, all);
    }

    #[test]
    fn numbers_count_for_the_snapshot_that_gave_them() {
        let snapshot = |values: &[&str]| {
            let groups = values.iter().map(|value| Group {
                name: ResourceName::new(value, "default"),
                claim_values: [(*value).to_owned()].into(),
                applies_to: SharedSet::default(),
                portals: SharedSet::default(),
                grants: Vec::new(),
            });
            Snapshot::from(Parts { groups: groups.collect(), ..Parts::default() })
        };
        let (first, second) = (snapshot(&["a", "b"]), snapshot(&["b", "c"]));
        assert!(first.epoch != second.epoch && first.epoch != 0 && second.epoch != 0);
        let numbers = |groups: &CallerGroups, snapshot: &Snapshot| -> Vec<Option<usize>> {
            groups.numbers_in(snapshot).collect()
        };
        let asked = ["b", "x", "a", "b"];
        let known = first.known_groups(asked);
        assert_eq!(known.to_vec(), ["b", "a"]);
        assert_eq!(numbers(&known, &first), [Some(1), Some(0)]);
        assert_eq!(numbers(&known, &second), [Some(0), None]);
        let all = first.all_groups(asked);
        assert_eq!(all.to_vec(), ["b", "x", "a"]);
        assert_eq!(numbers(&all, &first), [Some(1), None, Some(0)]);
        assert_eq!(numbers(&all, &second), [Some(0), None, None]);
        let many = (0..50).map(|place| format!("g{}", place % 40));
        assert_eq!(first.all_groups(many).len(), 40);
        let unasked: CallerGroups = asked.into_iter().collect();
        assert_eq!(unasked.to_vec(), asked);
        assert_eq!(numbers(&unasked, &first), [Some(1), None, Some(0), None]);
        assert!(unasked.len() == 4 && !unasked.is_empty() && CallerGroups::default().is_empty());
    }
}

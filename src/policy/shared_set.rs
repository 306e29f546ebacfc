//! Small sets that many share and nobody changes.
//!
//! Pure: no I/O, no clock.

use std::fmt;
use std::sync::Arc;

/// A sorted set. Clones share it.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SharedSet<T>(Arc<[T]>);

impl<T: Ord> SharedSet<T> {
    /// Whether `item` is in it.
    #[must_use]
    pub fn contains(&self, item: &T) -> bool {
        self.0.binary_search(item).is_ok()
    }

    /// Whether no item is in both.
    #[must_use]
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.first_shared(&[other], |_| true).is_none()
    }

    /// The first item that is in this set and all of `others`, and `fits`. Looks through the smallest of
    /// them only.
    pub(super) fn first_shared<'s>(
        &'s self,
        others: &[&'s Self],
        fits: impl Fn(&T) -> bool,
    ) -> Option<&'s T> {
        let sets = || others.iter().copied().chain([self]);
        let smallest = sets().min_by_key(|set| set.len())?;
        smallest.iter().find(|item| sets().all(|set| set.contains(item)) && fits(item))
    }
}

impl<T> SharedSet<T> {
    /// The items, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// How many items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where it is in memory: equal for clones, and for nothing else that lives.
    #[must_use]
    pub fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }
}

impl<T> Default for SharedSet<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Ord> FromIterator<T> for SharedSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut items: Vec<T> = items.into_iter().collect();
        items.sort_unstable();
        items.dedup();
        Self(items.into())
    }
}

impl<T: Ord, const N: usize> From<[T; N]> for SharedSet<T> {
    fn from(items: [T; N]) -> Self {
        items.into_iter().collect()
    }
}

impl<'s, T> IntoIterator for &'s SharedSet<T> {
    type Item = &'s T;
    type IntoIter = std::slice::Iter<'s, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T: fmt::Debug> fmt::Debug for SharedSet<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_each_item_once_and_in_order() {
        let set: SharedSet<u8> = [3, 1, 2, 3, 1].into();
        assert_eq!(set.iter().copied().collect::<Vec<_>>(), [1, 2, 3]);
        assert!(set.contains(&2) && !set.contains(&4) && set.len() == 3 && !set.is_empty());
        assert!(SharedSet::<u8>::default().is_empty());
        assert_eq!(set.clone().address(), set.address());
    }

    #[test]
    fn finds_the_first_that_all_share() {
        let [all, even, high]: [SharedSet<u8>; 3] =
            [(0..100).collect(), (0..100).step_by(2).collect(), [51, 52, 54].into()];
        for sets in [[&all, &even, &high], [&high, &even, &all], [&even, &all, &high]] {
            let [first, others @ ..] = sets;
            assert_eq!(first.first_shared(&others, |_| true), Some(&52));
            assert_eq!(first.first_shared(&others, |item| *item > 52), Some(&54));
            assert_eq!(first.first_shared(&others, |item| *item > 54), None);
        }
        assert!(high.is_disjoint(&[1, 53].into()) && !high.is_disjoint(&even));
        assert!(high.is_disjoint(&SharedSet::default()));
    }
}

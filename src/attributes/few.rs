//! A list that stands in place while it is short.
//!
//! Pure: no I/O, no clock.

use arrayvec::ArrayVec;
use std::ops::Deref;

/// Up to `N` items in place, more of them on the heap.
#[derive(Clone, Debug)]
pub enum Few<T, const N: usize> {
    /// In place.
    Inline(ArrayVec<T, N>),
    /// On the heap.
    Heap(Vec<T>),
}

impl<T, const N: usize> Few<T, N> {
    /// Adds an item behind the others.
    #[inline]
    pub fn push(&mut self, item: T) {
        match self {
            Self::Inline(items) => {
                if let Err(full) = items.try_push(item) {
                    let mut moved = Vec::with_capacity(N.saturating_mul(2));
                    moved.extend(items.drain(..));
                    moved.push(full.element());
                    *self = Self::Heap(moved);
                }
            }
            Self::Heap(items) => items.push(item),
        }
    }
}

impl<T, const N: usize> Default for Few<T, N> {
    #[inline]
    fn default() -> Self {
        Self::Inline(ArrayVec::new_const())
    }
}

impl<T, const N: usize> Deref for Few<T, N> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Self::Inline(items) => items,
            Self::Heap(items) => items,
        }
    }
}

impl<T: PartialEq, const N: usize> PartialEq for Few<T, N> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq, const N: usize> Eq for Few<T, N> {}

impl<T, const N: usize> FromIterator<T> for Few<T, N> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Self::default();
        items.into_iter().for_each(|item| few.push(item));
        few
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_every_item_in_order_wherever_it_stands() {
        for count in 0..9 {
            let few: Few<usize, 4> = (0..count).collect();
            assert_eq!(few.to_vec(), (0..count).collect::<Vec<_>>());
            assert_eq!(matches!(few, Few::Inline(_)), count <= 4, "{count}");
        }
    }
}

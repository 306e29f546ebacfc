//! A text that stands in place while it is short.
//!
//! Pure: no I/O, no clock.

use arrayvec::ArrayString;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// Up to `N` bytes in place, longer ones on the heap. Compares as its text.
#[derive(Clone, Debug)]
pub enum Short<const N: usize> {
    /// In place.
    Inline(ArrayString<N>),
    /// On the heap.
    Heap(Box<str>),
}

impl<const N: usize> Short<N> {
    /// Takes a copy of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        ArrayString::from(text).map_or_else(|_too_long| Self::Heap(text.into()), Self::Inline)
    }

    /// The same in lower case, as far as letters are ASCII.
    #[must_use]
    pub fn in_lower_case(text: &str) -> Self {
        let mut short = Self::of(text);
        match &mut short {
            Self::Inline(text) => text.make_ascii_lowercase(),
            Self::Heap(text) => text.make_ascii_lowercase(),
        }
        short
    }

    /// The text.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Inline(text) => text,
            Self::Heap(text) => text,
        }
    }
}

impl<const N: usize> PartialEq for Short<N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<const N: usize> Eq for Short<N> {}

impl<const N: usize> PartialOrd for Short<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const N: usize> Ord for Short<N> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl<const N: usize> Hash for Short<N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_its_text_wherever_it_stands() {
        for text in ["", "Api.example", "A name that does not fit", "\u{c4}\u{c4}\u{c4}\u{c4}"] {
            assert_eq!(Short::<12>::of(text).as_str(), text);
            let lower = Short::<12>::in_lower_case(text);
            assert_eq!(lower.as_str(), text.to_ascii_lowercase());
            assert_eq!(lower, Short::of(&text.to_ascii_lowercase()));
            assert_eq!(matches!(lower, Short::Inline(_)), text.len() <= 12);
        }
    }
}

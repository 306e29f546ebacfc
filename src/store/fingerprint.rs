//! Short names for things that are only looked up again, so that what is remembered of each is small.
//!
//! Pure: no I/O, no clock.

use std::hash::{BuildHasher, Hash, RandomState};

/// Names things by 128 bits, under keys that this process alone has: nobody can make two things that
/// have the same name.
#[derive(Clone, Debug, Default)]
pub(super) struct Fingerprints([RandomState; 2]);

impl Fingerprints {
    /// The name of `thing`.
    pub(super) fn of(&self, thing: &impl Hash) -> u128 {
        let [high, low] = &self.0;
        (u128::from(high.hash_one(thing)) << 64) | u128::from(low.hash_one(thing))
    }
}

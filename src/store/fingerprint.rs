//! Short names for things that are only looked up again, so that what is remembered of each is small.
//!
//! Pure: no I/O, no clock.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};

/// Names things by 128 bits, under keys that this process alone has: nobody can make two things that
/// have the same name.
#[derive(Clone, Debug, Default)]
pub(super) struct Fingerprints([RandomState; 2]);

impl Fingerprints {
    /// The name of `thing`.
    pub(super) fn of(&self, thing: &impl Hash) -> u128 {
        // Both hash the same bytes, which are cheaper in one piece than as they come.
        let mut bytes = Bytes(Vec::with_capacity(LIKELY));
        thing.hash(&mut bytes);
        let [high, low] = self.0.each_ref().map(|keys| {
            let mut hasher = keys.build_hasher();
            hasher.write(&bytes.0);
            u128::from(hasher.finish())
        });
        (high << 64) | low
    }
}

/// So many bytes most things have, at most.
const LIKELY: usize = 256;

/// What a thing gives to be hashed.
struct Bytes(Vec<u8>);

impl Hasher for Bytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    /// Nobody asks: the bytes are what counts.
    fn finish(&self) -> u64 {
        0
    }
}

/// A map by names.
pub(super) type NamedMap<V> = HashMap<u128, V, BuildHasherDefault<Named>>;

/// Hashes what is a keyed hash already, and so as good as random: takes it as it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Named(u64);

impl Hasher for Named {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
            self.write_u64(u64::from_ne_bytes(word));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }

    fn write_u128(&mut self, name: u128) {
        let [high, low] = [name >> 64, name & u128::from(u64::MAX)];
        self.write_u64(u64::try_from(high ^ low).unwrap_or_default());
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

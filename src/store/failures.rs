//! How often somebody failed of late, by where it came from.

use crate::time::UnixTime;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long failures are counted together, in seconds.
const WINDOW: u64 = 60;
/// Counters. Sources that share one share its count, which costs them an answer of 429 in place of 401, and
/// nothing else; which ones do, nobody outside can know.
const COUNTERS: usize = 65_536;

/// Counts failures, a fixed number of counters for all sources there are: whoever has many addresses fills
/// no memory, and drives out nobody's count.
pub struct Failures {
    /// The minute in the upper half, the failures in it in the lower one.
    counters: Box<[AtomicU64]>,
    hasher: RandomState,
    most: u32,
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failures").field("most", &self.most).finish_non_exhaustive()
    }
}

impl Failures {
    /// At most `most` within a minute.
    #[must_use]
    pub fn new(most: u32) -> Self {
        let counters = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
        Self { counters, hasher: RandomState::new(), most }
    }

    /// Counts one more from `source`. `Some`: it is more than there may be, and how long that lasts.
    pub fn count(&self, source: &impl Hash, now: UnixTime) -> Option<Duration> {
        let place = usize::try_from(self.hasher.hash_one(source)).unwrap_or_default() % COUNTERS;
        let counter = self.counters.get(place)?;
        let window = (now.0 / WINDOW) & u64::from(u32::MAX);
        let next = |held: u64| {
            // A clock that was set back begins anew as well.
            let counted = if held >> 32 == window { held & u64::from(u32::MAX) } else { 0 };
            Some((window << 32) | counted.saturating_add(1).min(u64::from(u32::MAX)))
        };
        let held = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        let held = held.ok().and_then(next)?;
        let is_too_many = held & u64::from(u32::MAX) > u64::from(self.most);
        is_too_many.then(|| Duration::from_secs(WINDOW - now.0 % WINDOW))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n07_counts_a_minute_and_a_source() {
        let failures = Failures::new(3);
        let count = |source: &str, now| failures.count(&source, UnixTime(now));
        for _time in 0..3 {
            assert_eq!(count("a", 120), None);
        }
        assert_eq!(count("a", 121), Some(Duration::from_secs(59)));
        assert_eq!(count("a", 179), Some(Duration::from_secs(1)));
        assert_eq!(count("b", 179), None, "another source");
        assert_eq!(count("a", 180), None, "another minute");
        assert_eq!(count("a", 60), None, "a clock that was set back");
    }

    #[test]
    fn n07_many_sources_take_no_more_room_than_few() {
        let failures = Failures::new(10);
        let refused =
            (0..10_000_u32).filter(|source| failures.count(source, UnixTime(0)).is_some());
        assert_eq!(refused.count(), 0, "few share a counter");
        assert_eq!(size_of_val(&*failures.counters), 8 * COUNTERS);
    }

    #[test]
    fn n07_loses_no_failure_that_comes_beside_another() {
        let failures = Failures::new(999);
        std::thread::scope(|scope| {
            for _thread in 0..4 {
                scope.spawn(|| {
                    for _time in 0..250 {
                        let _either = failures.count(&"a", UnixTime(0));
                    }
                });
            }
        });
        assert!(failures.count(&"a", UnixTime(0)).is_some());
    }
}

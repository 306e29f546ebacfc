//! Tokens that count once.

use super::fingerprint::Fingerprints;
use crate::time::UnixTime;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Tokens at most. Their issuers signed them, and they live for minutes.
const CAPACITY: usize = 100_000;
/// The part of them that goes where there is no more room.
const TENTH: usize = 10;

/// Tokens that were used, by issuer and id, for as long as each could be used again.
///
/// Where there is no more room those go that end soonest, and no token that ends as soon counts any
/// more: one that was used never counts twice.
#[derive(Clone, Debug)]
pub struct Replays {
    used: Arc<Mutex<Used>>,
    names: Fingerprints,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Used {
    /// When each ends.
    ends: HashMap<u128, UnixTime>,
    /// What ends until then does not count.
    floor: UnixTime,
}

impl Default for Replays {
    fn default() -> Self {
        Self::of(CAPACITY)
    }
}

impl Replays {
    fn of(capacity: usize) -> Self {
        Self { used: Arc::default(), names: Fingerprints::default(), capacity }
    }

    /// Whether the token `id` of `issuer`, which nobody takes any more once `end` has come, is seen for
    /// the first time; from now on it is not.
    #[must_use]
    pub fn is_first(&self, issuer: &str, id: &str, end: UnixTime, now: UnixTime) -> bool {
        let name = self.names.of(&(issuer, id));
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.ends.contains_key(&name) {
            return false;
        }
        if used.ends.len() >= self.capacity {
            used.make_room(self.capacity, now);
        }
        if end <= used.floor {
            return false;
        }
        used.ends.insert(name, end);
        true
    }

    /// The token did not count after all, and may come once more.
    pub fn forget(&self, issuer: &str, id: &str) {
        let name = self.names.of(&(issuer, id));
        self.used.lock().unwrap_or_else(PoisonError::into_inner).ends.remove(&name);
    }
}

impl Used {
    fn make_room(&mut self, capacity: usize, now: UnixTime) {
        self.ends.retain(|_, end| *end > now);
        if self.ends.len() < capacity {
            return;
        }
        let mut ends: Vec<UnixTime> = self.ends.values().copied().collect();
        let tenth = ends.len().checked_div(TENTH).unwrap_or_default();
        let (_, floor, _) = ends.select_nth_unstable(tenth);
        self.ends.retain(|_, end| *end > *floor);
        self.floor = *floor;
        tracing::error!(
            until = floor.0,
            "too many tokens at once: those that end before are refused"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j14_a_token_counts_once_for_as_long_as_it_lives() {
        let replays = Replays::of(3);
        let first = |issuer: &str, id: &str, end, now| {
            replays.is_first(issuer, id, UnixTime(end), UnixTime(now))
        };
        assert!(first("i", "a", 100, 0));
        assert!(!first("i", "a", 100, 99));
        assert!(first("j", "a", 100, 0) && first("i", "b", 200, 0));
        // Two are over by themselves.
        assert!(first("i", "c", 300, 100));
        assert!(!first("i", "b", 200, 100) && !first("i", "c", 300, 100));
    }

    #[test]
    fn j14_refuses_too_much_rather_than_too_little_when_it_is_full() {
        let replays = Replays::of(100);
        let first = |number: u64| {
            replays.is_first("i", &number.to_string(), UnixTime(1000 + number), UnixTime(0))
        };
        assert!((0..1000).all(first));
        assert!(!(0..1000).any(first), "a replay");
        assert!(!replays.is_first("i", "new", UnixTime(1500), UnixTime(0)), "ends too soon");
        assert!(replays.is_first("i", "new", UnixTime(3000), UnixTime(0)));
        assert!(replays.used.lock().expect("a lock").ends.len() <= 100);
    }
}

//! What each caller has used of its window: a table of fixed size.
//!
//! A caller has one of a few places, which its key names. So nothing is ever moved, nothing is allocated
//! once a part of the table is there, and a place is found by looking at no more than those few.
//!
//! Pure: no I/O, no clock.

use super::{Counted, Standing, Window};
use crate::policy::DefaultHashBuilder;
use crate::policy::ProductPlan;
use crate::time::UnixTime;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

/// Places that a caller may have.
const WAYS: usize = 16;
/// Parts of the table, each with a lock of its own.
const SHARDS: usize = 64;

/// Who is counted, against which plan of which product: two hashes that this process alone can make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CallerKey {
    /// Where it is looked for.
    place: u64,
    /// What tells it apart there; never 0.
    tag: u64,
}

/// One caller's use of one window.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Of whom; 0: nobody's.
    tag: u64,
    /// The end of the window, in seconds since 1970.
    ends: u64,
    /// How many requests of it.
    used: u32,
    /// Of how many.
    limit: u32,
}

impl Slot {
    /// How much of the window is used, of [`u32::MAX`]: who has used most has most to gain by being
    /// forgotten.
    fn share(&self) -> u64 {
        let most = u64::from(u32::MAX);
        let used = u64::from(self.used).saturating_mul(most);
        used.checked_div(u64::from(self.limit)).unwrap_or(most).min(most)
    }

    /// Whether nobody misses it: it is empty, or its window is over.
    const fn is_free(&self, now: UnixTime) -> bool {
        self.tag == 0 || self.ends <= now.0
    }
}

/// Counts callers. At least so many have room as it was made for, and then some; beyond that, who has
/// used the smallest share of a limit is forgotten first, so that nobody has a fresh limit by bringing
/// further callers along: each of them would have to use up more.
pub struct Table {
    shards: Vec<Mutex<Vec<Slot>>>,
    /// Groups of [`WAYS`] places in each shard; a power of two.
    sets: usize,
    hashers: [DefaultHashBuilder; 2],
    standing: Arc<Standing>,
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({} places)", self.places())
    }
}

impl Table {
    /// A table for `callers`. There are twice as many places, so that hardly ever all of somebody's few
    /// are taken; memory is taken in parts, when they are first needed.
    #[must_use]
    pub fn new(callers: usize, standing: Arc<Standing>) -> Self {
        let sets = callers.saturating_mul(2).div_ceil(WAYS * SHARDS).next_power_of_two();
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            sets,
            hashers: [DefaultHashBuilder::default(), DefaultHashBuilder::default()],
            standing,
        }
    }

    /// How many places there are.
    #[must_use]
    pub const fn places(&self) -> usize {
        self.sets.saturating_mul(WAYS * SHARDS)
    }

    /// The key of a caller of `plan`.
    #[must_use]
    pub fn key(&self, plan: &ProductPlan, caller: (&str, &str)) -> CallerKey {
        let [place, tag] = &self.hashers;
        let whole = (plan.id, caller);
        CallerKey { place: place.hash_one(whole), tag: tag.hash_one(whole).max(1) }
    }

    /// Counts a request as of `now`, if it is within `limit`.
    #[must_use]
    pub fn count(&self, key: CallerKey, limit: u32, window: Window, now: UnixTime) -> Counted {
        let counted = self.with(key, limit, window, now, |slot| {
            if slot.used >= limit {
                return Counted::Over;
            }
            slot.used = slot.used.saturating_add(1);
            Counted::Within(slot.used.into())
        });
        // Every key has its places; without one, nothing could be counted.
        counted.unwrap_or(Counted::Over)
    }

    /// Whether `limit` is reached, as far as is known here. Nothing is counted.
    #[must_use]
    pub fn is_over(&self, key: CallerKey, limit: u32, window: Window) -> bool {
        let used = || {
            let shard = self.shard(key)?.lock().unwrap_or_else(PoisonError::into_inner);
            let (from, to) = self.set(key)?;
            let slot = shard.get(from..to)?.iter().find(|slot| slot.tag == key.tag)?;
            is_of(slot, window).then_some(slot.used)
        };
        used().unwrap_or_default() >= limit
    }

    /// Takes over that `used` requests of the window are known of, if that is more than before.
    pub fn learn(&self, key: CallerKey, used: u32, limit: u32, window: Window, now: UnixTime) {
        let _learnt = self.with(key, limit, window, now, |slot| slot.used = slot.used.max(used));
    }

    /// Has `act` look at the caller's place, that of this window, and change it.
    fn with<T>(
        &self,
        key: CallerKey,
        limit: u32,
        window: Window,
        now: UnixTime,
        act: impl FnOnce(&mut Slot) -> T,
    ) -> Option<T> {
        let mut shard = self.shard(key)?.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.is_empty() {
            shard.resize(self.sets.saturating_mul(WAYS), Slot::default());
        }
        let fresh = Slot { tag: key.tag, ends: window.ends.0, used: 0, limit };
        let (from, to) = self.set(key)?;
        let set = shard.get_mut(from..to)?;
        let known = set.iter().position(|slot| slot.tag == key.tag);
        let slot = match known {
            Some(place) => set.get_mut(place)?,
            None => {
                let by_loss = |slot: &&mut Slot| (!slot.is_free(now), slot.share(), slot.ends);
                let slot = set.iter_mut().min_by_key(by_loss)?;
                if !slot.is_free(now) {
                    self.standing.forget();
                }
                *slot = fresh;
                slot
            }
        };
        if !is_of(slot, window) {
            *slot = fresh;
        }
        slot.limit = limit;
        Some(act(slot))
    }

    fn shard(&self, key: CallerKey) -> Option<&Mutex<Vec<Slot>>> {
        self.shards.get(usize::try_from(key.place % SHARDS as u64).ok()?)
    }

    /// Where a key's places are in its shard.
    fn set(&self, key: CallerKey) -> Option<(usize, usize)> {
        let number =
            usize::try_from(key.place / SHARDS as u64).ok()? & (self.sets.checked_sub(1)?);
        let from = number.checked_mul(WAYS)?;
        Some((from, from.checked_add(WAYS)?))
    }
}

/// Whether what is counted there is of `window`. A clock that was set back a little, so that the window is
/// the one before, gives nobody a fresh limit; one that was set back far does not lock anybody out.
const fn is_of(slot: &Slot, window: Window) -> bool {
    slot.ends == window.ends.0
        || (slot.ends > window.ends.0 && slot.ends - window.ends.0 <= window.seconds())
}

#[cfg(test)]
mod tests;

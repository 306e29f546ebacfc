//! What is known of one issuer, and when to ask again.
//!
//! Pure: no I/O, no clock.

use super::metadata::ProviderMetadata;
use crate::time::UnixTime;
use crate::token::KeySet;
use std::sync::Arc;
use std::time::Duration;

/// Soonest and latest refresh, whatever the provider says of caching.
const REFRESH_MIN: Duration = Duration::from_secs(5 * 60);
const REFRESH_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// How long keys are used after the refresh that they were due for.
const KEYS_OUTLIVE: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest pause between attempts that fail.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// Longest pause that a provider can ask for.
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);
/// Soonest fetch for an unknown key after another such.
const EXTRA_FETCH_EVERY: Duration = Duration::from_secs(30);
/// How long a provider fails before it counts as down.
const DOWN_AFTER: Duration = Duration::from_secs(60);

/// What is known of one issuer.
#[derive(Debug, Default)]
pub(super) struct IssuerState {
    pub(super) metadata: Option<Arc<ProviderMetadata>>,
    keys: Option<Held>,
    /// How often the keys changed; 0 while there are none.
    pub(super) generation: u64,
    pub(super) first_fetch_over: bool,
    pub(super) last_error: Option<String>,
    /// When the provider last did what it was asked, by any call.
    last_success: Option<UnixTime>,
    /// Whether the last call of any kind failed.
    failed: bool,
    /// Whether the last fetch of keys failed, and how often in a row.
    fetch_failures: u32,
    /// A fetch is running or asked for.
    pending: bool,
    /// The fetch that is asked for is for an unknown key: checks wait for it.
    hurry: bool,
    extra_fetch_at: Option<UnixTime>,
    /// Until when the provider asked not to be asked.
    hold_until: UnixTime,
}

#[derive(Clone, Debug)]
struct Held {
    keys: Arc<KeySet>,
    fetched_at: UnixTime,
    due_at: UnixTime,
}

/// What a search for an unknown key does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Search {
    /// It starts a fetch.
    Starts,
    /// It waits for one that is under way.
    Joins,
    /// It makes do with what is known.
    MakesDo,
}

impl IssuerState {
    /// The keys, as long as they may be used.
    pub(super) fn keys(&self, now: UnixTime) -> Option<&Arc<KeySet>> {
        let held = self.keys.as_ref()?;
        (now < held.due_at.plus(KEYS_OUTLIVE)).then_some(&held.keys)
    }

    /// How long ago the keys were fetched.
    pub(super) fn keys_age(&self, now: UnixTime) -> Option<Duration> {
        self.keys.as_ref().map(|held| now.since(held.fetched_at))
    }

    /// Whether keys are due, by the wall clock: a machine may have slept.
    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        self.keys.as_ref().is_some_and(|held| now >= held.due_at)
    }

    /// Whether the provider never answered, or fails and has not done otherwise for a minute.
    pub(super) fn is_down(&self, now: UnixTime) -> bool {
        match self.last_success {
            None => true,
            Some(success) => self.failed && now.since(success) >= DOWN_AFTER,
        }
    }

    /// Whether the last fetch of keys failed.
    pub(super) const fn fetch_failed(&self) -> bool {
        self.fetch_failures > 0
    }

    /// Takes the turn of a search for an unknown key; one fetch in 30 s is started by such.
    pub(super) fn search(&mut self, now: UnixTime) -> Search {
        if self.pending {
            return Search::Joins;
        }
        let recent = |at: UnixTime| now < at.plus(EXTRA_FETCH_EVERY);
        if now < self.hold_until || self.extra_fetch_at.is_some_and(recent) {
            return Search::MakesDo;
        }
        self.extra_fetch_at = Some(now);
        self.pending = true;
        self.hurry = true;
        Search::Starts
    }

    /// A fetch begins. Returns whether checks wait for it.
    pub(super) const fn begin(&mut self) -> bool {
        self.pending = true;
        std::mem::replace(&mut self.hurry, false)
    }

    /// Whether a fetch is running or asked for.
    pub(super) const fn is_pending(&self) -> bool {
        self.pending
    }

    /// A fetch brought keys. Returns how long to wait for the next: what the provider says of
    /// caching within bounds, less up to a tenth, by `jitter` from 0 to 255.
    pub(super) fn succeed(
        &mut self,
        keys: KeySet,
        max_age: Option<Duration>,
        jitter: u8,
        now: UnixTime,
    ) -> Duration {
        let interval = max_age.unwrap_or_default().clamp(REFRESH_MIN, REFRESH_MAX);
        let interval = interval.saturating_sub(interval / 2560 * u32::from(jitter));
        let due_at = now.plus(interval);
        // Who remembers what a key vouched for compares sets by identity: it changes with content.
        let kept = self.keys.take().map(|held| held.keys).filter(|held| **held == keys);
        let keys = kept.unwrap_or_else(|| {
            self.generation = self.generation.saturating_add(1);
            Arc::new(keys)
        });
        self.keys = Some(Held { keys, fetched_at: now, due_at });
        self.fetch_failures = 0;
        self.finish();
        self.reached(now);
        interval
    }

    /// A fetch brought nothing. Returns how long to wait for the next: 1 s, doubled at each failure
    /// to a minute, less up to a half by `jitter`; at least what the provider asks for.
    pub(super) fn fail(
        &mut self,
        error: String,
        wait: Option<Duration>,
        jitter: u8,
        now: UnixTime,
    ) -> Duration {
        let exponent = self.fetch_failures.min(6);
        let pause = Duration::from_secs(1 << exponent).min(BACK_OFF_MAX);
        let pause = pause.saturating_sub(pause / 512 * u32::from(jitter));
        self.fetch_failures = self.fetch_failures.saturating_add(1);
        self.finish();
        self.last_error = Some(error);
        self.failed = true;
        let Some(wait) = wait.map(|wait| wait.min(WAIT_MAX)) else { return pause };
        self.hold_until = now.plus(wait);
        pause.max(wait.saturating_add(Duration::from_millis(4 * u64::from(jitter))))
    }

    /// The provider did what it was asked.
    pub(super) fn reached(&mut self, now: UnixTime) {
        self.last_success = Some(now);
        self.failed = false;
        if !self.fetch_failed() {
            self.last_error = None;
        }
    }

    /// The provider failed at another call than a fetch. Returns whether a fetch should find out
    /// what it is about; no more often than for unknown keys.
    pub(super) fn failed_a_call(&mut self, error: String, now: UnixTime) -> bool {
        self.failed = true;
        self.last_error = Some(error);
        self.search(now) == Search::Starts
    }

    const fn finish(&mut self) {
        self.pending = false;
        self.first_fetch_over = true;
    }
}

#[cfg(test)]
mod tests;

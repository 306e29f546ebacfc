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
/// Soonest fetch that finds out how a provider is, after another such.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long a provider fails before it counts as down.
const DOWN_AFTER: Duration = Duration::from_secs(60);
/// Refreshes that may fail in a row before all of them pause: one slow answer is no outage.
const FAILURES_AT_ONCE: u32 = 2;
/// Longest pause of an issuer's refreshes, unless the provider asks for a longer one.
const REFRESH_PAUSE_MAX: Duration = Duration::from_secs(30);

/// What is known of one issuer.
#[derive(Debug, Default)]
pub(super) struct IssuerState {
    pub(super) metadata: Option<Arc<ProviderMetadata>>,
    keys: Option<Held>,
    /// How often the keys changed; 0 while there are none.
    pub(super) generation: u64,
    pub(super) first_fetch_over: bool,
    pub(super) last_error: Option<String>,
    /// Counts since the start.
    pub(super) counts: Counts,
    /// When the provider last did what it was asked, by any call.
    last_success: Option<UnixTime>,
    /// How often in a row the fetch of metadata and keys failed; 0 when the last one was well.
    fetch_failures: u32,
    pending: Pending,
    /// The fetch under way takes longer than a check may wait.
    slow: bool,
    /// The fetch that is asked for is for an unknown key: checks wait for it.
    hurry: bool,
    /// When a search for an unknown key last started a fetch.
    extra_fetch_at: Option<UnixTime>,
    /// When a fetch last was to find out how the provider is. Apart from searches: whoever sends
    /// unknown keys must not use up this turn.
    looked_at: Option<UnixTime>,
    /// Until when the provider asked not to be asked for keys.
    hold_until: UnixTime,
    /// How often in a row refreshes failed, of whatever session.
    refresh_failures: u32,
    /// Until when no refresh is tried.
    refreshes_pause_until: UnixTime,
}

/// What happened so far, for metrics.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Fetches that brought keys.
    pub fetched: u64,
    /// Fetches that brought nothing: no answer, or one that does not hold.
    pub not_fetched: u64,
    /// Keys that the provider should not publish.
    pub key_alarms: u64,
}

/// Whether there is a fetch to wait for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Pending {
    #[default]
    Nothing,
    /// Asked for; it will read what is published now.
    Asked,
    /// Under way; it may have read what is old by now.
    Running,
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
    /// There is one under way that others waited for in vain.
    GivesUp,
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

    /// For how long the keys have been due.
    pub(super) fn keys_overdue(&self, now: UnixTime) -> Option<Duration> {
        self.keys.as_ref().map(|held| now.since(held.due_at))
    }

    /// Whether keys are due, by the wall clock: a machine may have slept.
    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        self.keys.as_ref().is_some_and(|held| now >= held.due_at)
    }

    /// Whether the provider never answered, or the last fetch failed and no call succeeded for a
    /// minute. A refresh that fails says too little: it has a fetch find out.
    pub(super) fn is_down(&self, now: UnixTime) -> bool {
        match self.last_success {
            None => true,
            Some(success) => self.fetch_failed() && now.since(success) >= DOWN_AFTER,
        }
    }

    /// Whether the last fetch or the last refresh failed: who has something to go on with should not
    /// wait for another.
    pub(super) const fn is_failing(&self) -> bool {
        self.fetch_failed() || self.refresh_failures > 0
    }

    /// How long no refresh is to be tried; `None`: it may.
    pub(super) fn refreshes_pause(&self, now: UnixTime) -> Option<Duration> {
        (now < self.refreshes_pause_until).then(|| self.refreshes_pause_until.since(now))
    }

    /// Whether the last fetch of keys failed.
    pub(super) const fn fetch_failed(&self) -> bool {
        self.fetch_failures > 0
    }

    /// Takes the turn of a search for an unknown key; one fetch in 30 s is started by such.
    pub(super) fn search(&mut self, now: UnixTime) -> Search {
        if self.pending != Pending::Nothing {
            return if self.slow { Search::GivesUp } else { Search::Joins };
        }
        let recent = |at: UnixTime| now < at.plus(EXTRA_FETCH_EVERY);
        if now < self.hold_until || self.extra_fetch_at.is_some_and(recent) {
            return Search::MakesDo;
        }
        self.extra_fetch_at = Some(now);
        self.pending = Pending::Asked;
        self.hurry = true;
        Search::Starts
    }

    /// Somebody waited for the fetch under way as long as a check may: the next need not.
    pub(super) fn waited_in_vain(&mut self) {
        self.slow = self.pending != Pending::Nothing;
    }

    /// Somebody has reason to ask how the provider is. Returns whether a fetch should find out: one
    /// in 30 s.
    pub(super) fn look(&mut self, now: UnixTime) -> bool {
        let recent = |at: UnixTime| now < at.plus(LOOK_EVERY);
        let busy = self.pending != Pending::Nothing || now < self.hold_until;
        if busy || self.looked_at.is_some_and(recent) {
            return false;
        }
        self.looked_at = Some(now);
        self.pending = Pending::Asked;
        true
    }

    /// A fetch begins. Returns whether checks wait for it.
    pub(super) const fn begin(&mut self) -> bool {
        self.pending = Pending::Running;
        std::mem::replace(&mut self.hurry, false)
    }

    /// Whether a fetch is under way.
    pub(super) const fn is_running(&self) -> bool {
        matches!(self.pending, Pending::Running)
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
        self.counts.fetched = self.counts.fetched.saturating_add(1);
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
        self.counts.not_fetched = self.counts.not_fetched.saturating_add(1);
        self.finish();
        self.last_error = Some(error);
        let Some(wait) = wait.map(|wait| wait.min(WAIT_MAX)) else { return pause };
        self.hold_until = now.plus(wait);
        pause.max(wait.saturating_add(Duration::from_millis(4 * u64::from(jitter))))
    }

    /// The provider did what it was asked.
    pub(super) fn reached(&mut self, now: UnixTime) {
        self.last_success = Some(now);
        if !self.fetch_failed() {
            self.last_error = None;
        }
    }

    /// A set held keys that the provider should not publish.
    pub(super) fn alarmed(&mut self, keys: usize) {
        let keys = u64::try_from(keys).unwrap_or(u64::MAX);
        self.counts.key_alarms = self.counts.key_alarms.saturating_add(keys);
    }

    /// A refresh was answered, whatever it said.
    pub(super) const fn refresh_answered(&mut self) {
        self.refresh_failures = 0;
    }

    /// A refresh found the provider out of reach, failing or too busy. The next ones, of whatever
    /// session, wait as long as it asks, else 1 s from the third failure in a row on, doubled at each
    /// to half a minute.
    pub(super) fn refresh_failed(&mut self, error: String, asked: Option<Duration>, now: UnixTime) {
        self.last_error = Some(error);
        self.refresh_failures = self.refresh_failures.saturating_add(1);
        let exponent = self.refresh_failures.checked_sub(FAILURES_AT_ONCE + 1);
        let pause = exponent.map(|exponent| Duration::from_secs(1 << exponent.min(6)));
        let pause = pause.unwrap_or_default().min(REFRESH_PAUSE_MAX);
        let pause = asked.map_or(pause, |asked| asked.min(WAIT_MAX).max(pause));
        self.refreshes_pause_until = now.plus(pause);
    }

    const fn finish(&mut self) {
        self.pending = Pending::Nothing;
        self.slow = false;
        self.first_fetch_over = true;
    }
}

#[cfg(test)]
mod tests;

//! How the counting goes, for metrics and health.
//!
//! Pure: no I/O, no clock.

use crate::time::UnixTime;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What is told of the limits. The process has one.
#[derive(Debug, Default)]
pub struct Standing {
    forgotten: AtomicU64,
    alone: AtomicU64,
    is_shared: AtomicBool,
    /// Since when this process counts by itself although it should not, in milliseconds since 1970; 0: it
    /// does not.
    alone_since_ms: AtomicU64,
    /// When the others are asked again.
    again_ms: AtomicU64,
}

impl Standing {
    /// Callers that were forgotten within their window, for want of room.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Requests that this process has counted by itself, although all should be counted together.
    #[must_use]
    pub fn alone(&self) -> u64 {
        self.alone.load(Ordering::Relaxed)
    }

    /// Since when it does; `None`: it does not. The outer one: limits are not to be counted together.
    #[must_use]
    pub fn alone_since(&self) -> Option<Option<UnixTime>> {
        if !self.is_shared.load(Ordering::Relaxed) {
            return None;
        }
        let since = self.alone_since_ms.load(Ordering::Relaxed);
        Some((since != 0).then_some(UnixTime(since / 1000)))
    }

    /// A caller was forgotten.
    pub(super) fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was counted by this process alone, though all should count it.
    pub fn count_alone(&self) {
        self.alone.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn begin_shared(&self) {
        self.is_shared.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        let alone = self.alone_since_ms.load(Ordering::Relaxed) != 0;
        !alone || now_ms >= self.again_ms.load(Ordering::Relaxed)
    }

    /// The others were asked, and answered. Returns whether that is news.
    pub(super) fn works(&self) -> bool {
        // Most often it is 0 already, and nobody else has to hear of it.
        self.alone_since_ms.load(Ordering::Relaxed) != 0
            && self.alone_since_ms.swap(0, Ordering::Relaxed) != 0
    }

    /// They were asked, and did not. Returns whether that is news.
    pub(super) fn fails(&self, now_ms: u64, again_ms: u64) -> bool {
        self.again_ms.store(again_ms, Ordering::Relaxed);
        let since = now_ms.max(1);
        self.alone_since_ms.compare_exchange(0, since, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_again_after_a_pause_and_tells_each_change_once() {
        let standing = Standing::default();
        assert_eq!(standing.alone_since(), None);
        standing.begin_shared();
        assert_eq!(standing.alone_since(), Some(None));
        assert!(standing.is_due(5_000) && !standing.works());
        assert!(standing.fails(5_000, 6_000));
        assert!(!standing.fails(5_500, 6_500), "no news");
        assert_eq!(standing.alone_since(), Some(Some(UnixTime(5))));
        assert!(!standing.is_due(6_499) && standing.is_due(6_500));
        assert!(standing.works() && !standing.works());
        assert_eq!(standing.alone_since(), Some(None));
        assert!(standing.is_due(0));
    }
}

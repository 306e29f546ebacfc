//! The only reader of the wall clock.

use crate::time::UnixTime;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Says what time it is: the system's, or one that a test sets.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicU64>>);

impl Clock {
    /// The clock of the system.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until [`Clock::advance`]; clones share it.
    #[must_use]
    pub fn manual(start: UnixTime) -> Self {
        Self(Some(Arc::new(AtomicU64::new(start.0.saturating_mul(1000)))))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        UnixTime(self.now_ms() / 1000)
    }

    /// Now, in milliseconds since 1970.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now_ms(&self) -> u64 {
        match &self.0 {
            Some(milliseconds) => milliseconds.load(Ordering::SeqCst),
            // A clock before 1970 is read as 1970: every token is then from the future.
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
            }
        }
    }

    /// Now, in nanoseconds since 1970, for what is told and judges nothing.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now_ns(&self) -> u64 {
        match &self.0 {
            Some(milliseconds) => milliseconds.load(Ordering::SeqCst).saturating_mul(1_000_000),
            None => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
            }
        }
    }

    /// Moves a manual clock forward; the system's clock cannot be moved.
    pub fn advance(&self, span: Duration) {
        if let Some(milliseconds) = &self.0 {
            let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
            milliseconds.fetch_add(span, Ordering::SeqCst);
        }
    }
}

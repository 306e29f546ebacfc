//! Windows of time, aligned to their unit.
//!
//! Pure: no I/O, no clock.

use crate::policy::LimitUnit;
use crate::time::UnixTime;
use std::num::NonZeroU64;

/// One whole second, minute, hour or day since 1970.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Window {
    /// Its first second.
    pub begins: UnixTime,
    /// The first second of the next one.
    pub ends: UnixTime,
}

impl Window {
    /// The window that `now` is in.
    #[must_use]
    pub const fn at(unit: LimitUnit, now: UnixTime) -> Self {
        let seconds = unit.seconds();
        let begins = now.0 - now.0 % seconds;
        Self { begins: UnixTime(begins), ends: UnixTime(begins.saturating_add(seconds)) }
    }

    /// Seconds from `now` to its end, begun ones counted whole: at least one.
    #[must_use]
    pub fn left(self, now: UnixTime) -> NonZeroU64 {
        NonZeroU64::new(self.ends.0.saturating_sub(now.0)).unwrap_or(NonZeroU64::MIN)
    }

    /// How long it is, in seconds.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        self.ends.0.saturating_sub(self.begins.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_aligned_to_their_unit() {
        // 2026-12-05T10:20:30Z
        let now = UnixTime(1_796_466_030);
        let cases = [
            (LimitUnit::Second, 1_796_466_030, 1),
            (LimitUnit::Minute, 1_796_466_000, 30),
            (LimitUnit::Hour, 1_796_464_800, 3600 - 20 * 60 - 30),
            (LimitUnit::Day, 1_796_428_800, 86_400 - 10 * 3600 - 20 * 60 - 30),
        ];
        for (unit, begins, left) in cases {
            let window = Window::at(unit, now);
            assert_eq!((window.begins.0, window.seconds()), (begins, unit.seconds()), "{unit:?}");
            assert_eq!(window.left(now).get(), left, "{unit:?}");
            let last = UnixTime(window.ends.0 - 1);
            assert_eq!((Window::at(unit, last), window.left(last).get()), (window, 1), "{unit:?}");
            assert_eq!(Window::at(unit, window.ends).begins, window.ends, "{unit:?}");
        }
        let far = Window::at(LimitUnit::Day, UnixTime(u64::MAX));
        assert!(far.left(UnixTime(u64::MAX)).get() >= 1);
    }
}

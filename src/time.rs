//! Points in time as the protocols write them.
//!
//! Pure: no I/O, no clock.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second that RFC 3339 has a text for: 9999-12-31T23:59:59Z.
const LAST: u64 = 253_402_300_799;

/// Seconds since 1970-01-01T00:00:00Z, leap seconds ignored (RFC 7519 §2, `NumericDate`).
///
/// Arithmetic saturates: an absurd claim becomes the far end of time, never a wrapped one.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// `self` and then `span`; fractions of a second are dropped.
    #[must_use]
    pub const fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span.as_secs()))
    }

    /// `self` less `span`; fractions of a second are dropped.
    #[must_use]
    pub const fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span.as_secs()))
    }

    /// How long after `earlier` this is; nothing when it is before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_secs(self.0.saturating_sub(earlier.0))
    }

    /// As RFC 3339 in UTC, such as `2026-12-05T00:00:00Z`.
    #[must_use]
    pub fn to_rfc3339(self) -> String {
        let since = Duration::from_secs(self.0.min(LAST));
        humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
    }

    /// Reads RFC 3339 with `Z` or an offset; fractions of a second are dropped. `None`: it is none, or
    /// before 1970.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let (local, offset) = match text.strip_suffix(['Z', 'z']) {
            Some(local) => (local, 0),
            None => split_offset(text)?,
        };
        let local = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
        let local = SystemTime::duration_since(&local, UNIX_EPOCH).ok()?.as_secs();
        local.checked_add_signed(-offset).map(Self)
    }
}

/// The local time of a text, and how many seconds it is ahead of UTC.
fn split_offset(text: &str) -> Option<(&str, i64)> {
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (sign, rest) = match offset.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let number = |text: &str, most: i64| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| digits && *number <= most)
    };
    Some((local, sign * (number(hours, 23)? * 3600 + number(minutes, 59)? * 60)))
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc3339() {
        let cases = [
            ("2026-12-05T00:00:00Z", Some(1_796_428_800)),
            ("2026-12-05T00:00:00.9Z", Some(1_796_428_800)),
            ("2026-12-05T01:30:00+01:30", Some(1_796_428_800)),
            ("2026-12-04T22:00:00-02:00", Some(1_796_428_800)),
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T00:00:00+01:00", None),
            ("2026-12-05", None),
            ("2026-12-05T00:00:00", None),
            ("2026-12-05T00:00:00+24:00", None),
            ("2026-12-05T00:00:00+1:000", None),
            ("2026-13-05T00:00:00Z", None),
            ("\u{e9}", None),
            ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(UnixTime::parse_rfc3339(text), want.map(UnixTime), "{text}");
        }
        assert_eq!(UnixTime(1_796_428_800).to_rfc3339(), "2026-12-05T00:00:00Z");
        assert_eq!(UnixTime(u64::MAX).to_rfc3339(), "9999-12-31T23:59:59Z");
    }
}

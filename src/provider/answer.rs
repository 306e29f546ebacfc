//! What a provider answered, and what its headers say.
//!
//! Pure: no I/O, no clock.

use crate::time::UnixTime;
use reqwest::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, RETRY_AFTER,
};
use std::time::Duration;

/// Okta's: when the limit that was reached is lifted, in seconds since 1970.
const RATE_LIMIT_RESET: HeaderName = HeaderName::from_static("x-rate-limit-reset");
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// An answer. The body may hold tokens: there is no `Debug`.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Whether `Content-Type` is `application/json`.
    pub(super) is_json: bool,
    /// `max-age` of `Cache-Control`; nothing where `no-store` or `no-cache` stands beside it.
    pub(super) max_age: Option<Duration>,
    pub(super) body: Vec<u8>,
    reset: Option<u64>,
    retry_after: Option<RetryAfter>,
}

impl Answer {
    pub(super) fn new(status: u16, headers: &HeaderMap, body: Vec<u8>) -> Self {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            status,
            is_json: text(CONTENT_TYPE).is_some_and(is_json),
            max_age: text(CACHE_CONTROL).map(max_age),
            reset: text(RATE_LIMIT_RESET).and_then(|value| value.trim().parse().ok()),
            retry_after: text(RETRY_AFTER).and_then(RetryAfter::parse),
            body,
        }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.status == 200
    }

    /// How long the provider asks to wait: Okta's `X-Rate-Limit-Reset`, else `Retry-After`.
    pub(super) fn wait(&self, now: UnixTime) -> Option<Duration> {
        let until_reset = self.reset.map(|reset| UnixTime(reset).since(now));
        until_reset.or_else(|| {
            self.retry_after.map(|after| match after {
                RetryAfter::Seconds(seconds) => Duration::from_secs(seconds),
                RetryAfter::At(at) => at.since(now),
            })
        })
    }
}

/// The two forms of `Retry-After` (RFC 9110 §10.2.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum RetryAfter {
    Seconds(u64),
    At(UnixTime),
}

impl RetryAfter {
    fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        let seconds = value.parse().ok().map(Self::Seconds);
        seconds.or_else(|| http_date(value).map(Self::At))
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`: the one form that is written today (RFC 9110 §5.6.7).
fn http_date(value: &str) -> Option<UnixTime> {
    let parts: Vec<&str> = value.split_ascii_whitespace().collect();
    let [_weekday, day, month, year, time, "GMT"] = parts.as_slice() else { return None };
    let number = |text: &str| text.parse::<u64>().ok();
    let month = MONTHS.iter().position(|name| name == month)?;
    let month = u64::try_from(month).ok()? + 1;
    let (day, year) = (number(day)?, number(year)?);
    let clock: Vec<u64> = time.split(':').map_while(number).collect();
    let [hours, minutes, seconds] = clock.as_slice() else { return None };
    let holds = (1..=31).contains(&day)
        && (1970..=9999).contains(&year)
        && (*hours, *minutes, *seconds) < (24, 0, 0)
        && *minutes < 60
        && *seconds <= 60;
    if !holds {
        return None;
    }
    // Days since 1970, by years that begin in March, so that the leap day is the last one.
    let years = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * years + years / 4 - years / 100 + years / 400 + day_of_year;
    let days = days.checked_sub(719_468)?;
    Some(UnixTime(days * 86_400 + hours * 3600 + minutes * 60 + seconds))
}

/// Whether the body is as it was made: nothing else was asked for.
pub(super) fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|value| {
        value.to_str().is_ok_and(|value| value.trim().eq_ignore_ascii_case("identity"))
    })
}

fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// How long an answer may be kept (RFC 9111 §5.2.2); what says nothing may not.
fn max_age(cache_control: &str) -> Duration {
    let mut directives = cache_control.split(',').map(|one| one.trim().to_ascii_lowercase());
    let mut age = Duration::ZERO;
    let forbidden = directives.any(|directive| {
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            age = Duration::from_secs(seconds.trim_matches('"').parse().unwrap_or(0));
        }
        matches!(directive.as_str(), "no-store" | "no-cache")
    });
    if forbidden { Duration::ZERO } else { age }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_long_an_answer_may_be_kept() {
        let cases = [
            ("max-age=3832304, must-revalidate", 3_832_304),
            ("public, Max-Age=60", 60),
            ("max-age=\"60\"", 60),
            ("no-cache, no-store", 0),
            ("max-age=60, no-store", 0),
            ("no-cache, max-age=60", 0),
            ("max-age=-1", 0),
            ("max-age=99999999999999999999", 0),
            ("s-maxage=60", 0),
            ("", 0),
        ];
        for (value, want) in cases {
            assert_eq!(max_age(value), Duration::from_secs(want), "{value}");
        }
    }

    #[test]
    fn reads_how_long_a_busy_provider_asks_to_wait() {
        const NOW: UnixTime = UnixTime(784_111_777);
        let cases = [
            (&[("retry-after", "9")][..], Some(9)),
            (&[("retry-after", " 9 ")], Some(9)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")], Some(10)),
            (&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")], Some(0)),
            (&[("retry-after", "Sun, 06 Nov 1994 25:49:47 GMT")], None),
            (&[("retry-after", "Sun, 32 Nov 1994 08:49:47 GMT")], None),
            (&[("retry-after", "Sun, 06 Nov 1994 08:49:47")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "-1")], None),
            (&[("x-rate-limit-reset", "784111784")], Some(7)),
            (&[("x-rate-limit-reset", "784111784"), ("retry-after", "9")], Some(7)),
            (&[("x-rate-limit-reset", "1")], Some(0)),
            (&[("x-rate-limit-reset", "x"), ("retry-after", "9")], Some(9)),
            (&[("x-rate-limit-limit", "0")], None),
        ];
        for (fields, want) in cases {
            let headers: HeaderMap = fields
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("text")))
                .collect();
            let answer = Answer::new(429, &headers, Vec::new());
            assert_eq!(answer.wait(NOW), want.map(Duration::from_secs), "{fields:?}");
        }
    }

    #[test]
    fn reads_dates_of_leap_years() {
        let cases = [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Sun, 01 Mar 2026 00:00:00 GMT", 1_772_323_200),
        ];
        for (text, want) in cases {
            assert_eq!(http_date(text), Some(UnixTime(want)), "{text}");
        }
    }
}

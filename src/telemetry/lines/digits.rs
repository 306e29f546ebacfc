//! Numbers and times as text: formatting takes a multiple of what writing digits does, and every line of the
//! log has some.

use std::time::{Duration, SystemTime};

/// Digits of the greatest number.
const MOST: usize = 20;
/// The last second that RFC 3339 has a text for: 9999-12-31T23:59:59Z.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// Writes `value` behind what is there.
pub(super) fn number(line: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; MOST];
    let mut start = MOST;
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = last_digit(value);
        start = place;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    line.extend_from_slice(digits.get(start..).unwrap_or_default());
}

/// As RFC 3339 with microseconds. For a clock that stands before 1970, or after 9999, there is no text.
pub(super) fn timestamp(line: &mut Vec<u8>, now: SystemTime) {
    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let since = since.min(LAST);
    let seconds = since.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    for (place, value) in [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, second / 3600),
        (14..16, second / 60 % 60),
        (17..19, second % 60),
        (20..26, u64::from(since.subsec_micros())),
    ] {
        fill(text.get_mut(place).unwrap_or_default(), value);
    }
    line.extend_from_slice(&text);
}

/// Year, month and day of the Gregorian calendar, so many days after 1970-01-01. Years begin in March here, so
/// that the day that some of them lack is their last, and 400 of them have always as many days.
const fn date(days: u64) -> (u64, u64, u64) {
    const TO_MARCH_OF_YEAR_0: u64 = 719_468;
    const OF_400_YEARS: u64 = 146_097;
    let days = days.saturating_add(TO_MARCH_OF_YEAR_0);
    let (era, day) = (days / OF_400_YEARS, days % OF_400_YEARS);
    // Without the leap days that came before it, each year has 365 days.
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    // From March on, five months have 153 days.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = era.saturating_mul(400).saturating_add(year);
    if month < 10 { (year, month + 3, day) } else { (year.saturating_add(1), month - 9, day) }
}

/// Writes the last digits of `value` into `place`.
fn fill(place: &mut [u8], mut value: u64) {
    for digit in place.iter_mut().rev() {
        *digit = last_digit(value);
        value /= 10;
    }
}

fn last_digit(value: u64) -> u8 {
    b'0' | u8::try_from(value % 10).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn as_humantime_says(since: Duration) {
        let now = SystemTime::UNIX_EPOCH + since;
        let mut line = b"at ".to_vec();
        timestamp(&mut line, now);
        let want = format!("at {}", humantime::format_rfc3339_micros(now));
        assert_eq!(String::from_utf8_lossy(&line), want, "{since:?}");
    }

    #[test]
    fn every_day_is_that_of_the_calendar() {
        for day in 0..=LAST.as_secs() / 86_400 {
            as_humantime_says(Duration::from_secs(day * 86_400 + day % 86_400));
        }
        as_humantime_says(LAST);
    }

    #[test]
    fn a_clock_that_is_wrong_leaves_the_line_whole() {
        for (now, want) in [
            (SystemTime::UNIX_EPOCH - Duration::from_secs(5), "1970-01-01T00:00:00.000000Z"),
            (
                SystemTime::UNIX_EPOCH + Duration::from_secs(300_000_000_000),
                "9999-12-31T23:59:59.000000Z",
            ),
        ] {
            let mut line = Vec::new();
            timestamp(&mut line, now);
            assert_eq!(String::from_utf8_lossy(&line), want);
        }
    }

    proptest! {
        #[test]
        fn times_are_written_as_humantime_writes_them(
            seconds in 0..LAST.as_secs(),
            nanos in 0_u32..1_000_000_000,
        ) {
            as_humantime_says(Duration::new(seconds, nanos));
        }

        #[test]
        fn numbers_are_written_as_they_are_formatted(value: u64, bits in 0_u32..64) {
            for value in [value >> bits, 0, u64::MAX] {
                let mut line = b"n=".to_vec();
                number(&mut line, value);
                prop_assert_eq!(String::from_utf8_lossy(&line), format!("n={value}"));
            }
        }
    }
}

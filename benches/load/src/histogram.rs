//! Latencies, counted in buckets that are at most 1.6 % wide.

use std::time::Duration;

/// Buckets for each doubling.
const PARTS: u64 = 64;
const PART_BITS: u32 = PARTS.trailing_zeros();
/// Enough for an hour in nanoseconds.
const BUCKETS: usize = (43 - PART_BITS as usize) * PARTS as usize;

/// Counts of latencies.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, latency: Duration) {
        let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.counts[bucket(nanoseconds).min(BUCKETS - 1)] += 1;
        self.total += 1;
    }

    /// Counts all that another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(own, more)| *own += more);
        self.total += other.total;
    }

    /// How many were counted.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }

    /// The latency that `share` (0.5: half) of all do not exceed, as the upper end of its bucket.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Duration {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut seen = 0;
        let place = self.counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        place.map_or(Duration::ZERO, |place| Duration::from_nanos(upper(place)))
    }
}

/// One bucket a nanosecond to 128, then 64 for each doubling.
fn bucket(nanoseconds: u64) -> usize {
    let exponent = (64 - nanoseconds.leading_zeros()).saturating_sub(PART_BITS + 1);
    (u64::from(exponent) * PARTS + (nanoseconds >> exponent)) as usize
}

/// The largest value of a bucket.
const fn upper(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * PARTS {
        return bucket;
    }
    let exponent = bucket / PARTS - 1;
    ((bucket - exponent * PARTS + 1) << exponent) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_put_there() {
        for value in (0..2000).chain([65_535, 65_536, 1_000_000, 123_456_789, 3_600_000_000_000]) {
            let place = bucket(value);
            assert!(value <= upper(place), "{value}");
            assert!(place == 0 || value > upper(place - 1), "{value}");
            assert!(upper(place) as f64 <= value as f64 * 1.016 + 1.0, "{value}");
        }
        assert!(bucket(3_600_000_000_000) < BUCKETS);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut histogram = Histogram::default();
        (1..=100).for_each(|value| histogram.add(Duration::from_nanos(value)));
        let at = |share| histogram.percentile(share).as_nanos();
        assert_eq!((at(0.5), at(0.9), at(0.99), at(1.0)), (50, 90, 99, 100));
        assert_eq!(Histogram::default().percentile(0.5), Duration::ZERO);
        histogram.add(Duration::from_secs(1_000_000));
        assert_eq!(histogram.total(), 101);
        let mut both = Histogram::default();
        (0..99).for_each(|_| both.add(Duration::from_nanos(200)));
        both.merge(&histogram);
        assert_eq!((both.total(), both.percentile(0.5).as_nanos()), (200, 100));
    }
}

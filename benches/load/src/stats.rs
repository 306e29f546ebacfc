//! Medians of a few rounds, how far they can be trusted, and what that says of a gate.

use std::fmt;

/// One in twenty.
const DOUBT: f64 = 0.05;

/// A median, and the bounds within which the true one is: each side fails once in twenty times.
///
/// By order statistics, whatever the distribution: of `n` values, at least `k` are below the true
/// median with the probability of `k` heads in `n` throws.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// The median of what was measured.
    pub value: f64,
    /// The true one is above that; `None`: too few rounds to say so.
    pub lower: Option<f64>,
    /// The true one is below that; `None`: too few rounds to say so.
    pub upper: Option<f64>,
}

impl Median {
    /// Of one value a round.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (count, middle) = (sorted.len(), sorted.len() / 2);
        let value = match count % 2 {
            0 if count == 0 => f64::NAN,
            0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
        let rank = (1..=count).find(|rank| at_least(*rank, count) <= DOUBT);
        Self {
            value,
            lower: rank.map(|rank| sorted[count - rank]),
            upper: rank.map(|rank| sorted[rank - 1]),
        }
    }
}

/// How probable `heads` or more are in `throws` throws of a coin.
fn at_least(heads: usize, throws: usize) -> f64 {
    let mut ways = 1.0;
    let mut sum = 0.0;
    for count in 0..=throws {
        if count >= heads {
            sum += ways;
        }
        ways *= (throws - count) as f64 / (count + 1) as f64;
    }
    sum / 2_f64.powi(i32::try_from(throws).unwrap_or(i32::MAX))
}

/// What became of a gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The whole interval is inside.
    Pass,
    /// The whole interval is outside.
    Fail,
    /// The gate is within the interval: more rounds, or a quieter machine, would tell.
    Inconclusive,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// Whether `median` is at most `gate`.
#[must_use]
pub fn at_most(median: Median, gate: f64) -> Verdict {
    match (median.lower, median.upper) {
        (_, Some(upper)) if upper <= gate => Verdict::Pass,
        (Some(lower), _) if lower > gate => Verdict::Fail,
        _ => Verdict::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_nine_rounds_are_the_second_and_the_eighth() {
        // 8 or more heads in 9 throws: 10 of 512, 2 %; 7 or more: 46 of 512, 9 %.
        let median = Median::of(&[9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0]);
        assert_eq!(median, Median { value: 5.0, lower: Some(2.0), upper: Some(8.0) });
    }

    #[test]
    fn four_rounds_say_nothing_and_five_say_little() {
        let four = Median::of(&[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(four, Median { value: 2.5, lower: None, upper: None });
        assert_eq!(at_most(four, 100.0), Verdict::Inconclusive);
        let five = Median::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!((five.lower, five.upper), (Some(1.0), Some(5.0)));
        assert!(Median::of(&[]).value.is_nan());
    }

    #[test]
    fn a_gate_is_passed_by_the_bound_and_not_by_the_median() {
        let rounds = [0.50, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57, 0.61, 0.90];
        let median = Median::of(&rounds);
        assert_eq!(at_most(median, 0.61), Verdict::Pass);
        assert_eq!(at_most(median, 0.60), Verdict::Inconclusive);
        assert_eq!(at_most(median, 0.52), Verdict::Inconclusive);
        assert_eq!(at_most(median, 0.51), Verdict::Fail);
    }
}

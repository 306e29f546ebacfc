//! Medians, and how far a median can be trusted.
//!
//! Rounds are pairs: what is compared was measured within moments, so ratios are taken round by
//! round. The bound of their median asks nothing of how they are spread: it is an order statistic,
//! by the binomial distribution of how many values lie on one side of the true median.

use std::fmt;

/// How sure a bound has to be.
const CONFIDENCE: f64 = 0.95;

/// The middle of the values.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => sorted[count / 2],
        count => f64::midpoint(sorted[count / 2 - 1], sorted[count / 2]),
    }
}

/// The median of ratios with its bounds, each of which holds with 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// The median.
    pub median: f64,
    /// The median is not below this; without one, there are too few rounds or too much noise to say.
    pub low: Option<f64>,
    /// The median is not above this.
    pub high: Option<f64>,
}

impl Ratio {
    /// Of `ours` to `theirs`, round by round. Where one of them is not above zero there is no ratio to
    /// bound: what a check adds was less than what the machine adds by itself.
    #[must_use]
    pub fn of(ours: &[f64], theirs: &[f64]) -> Self {
        let lost = ours.iter().chain(theirs).any(|value| *value <= 0.0);
        let ratios = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs);
        let mut ratios: Vec<f64> = ratios.collect();
        ratios.sort_by(f64::total_cmp);
        let outside = outside(ratios.len()).filter(|_| !lost);
        let low = outside.and_then(|below| ratios.get(below)).copied();
        let high = outside.and_then(|above| ratios.iter().rev().nth(above)).copied();
        Self { median: median(&ratios), low, high }
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.median)?;
        match (self.low, self.high) {
            (Some(low), Some(high)) => write!(f, " [{low:.3}, {high:.3}]"),
            _ => write!(f, " [no bound]"),
        }
    }
}

/// How many of `count` values lie outside of the bound: the most for which it still holds.
fn outside(count: usize) -> Option<usize> {
    let mut probability = 0.5_f64.powi(i32::try_from(count).ok()?);
    let mut sum = probability;
    let mut found = None;
    for below in 0..count {
        if sum > 1.0 - CONFIDENCE {
            break;
        }
        found = Some(below);
        probability *= (count - below) as f64 / (below + 1) as f64;
        sum += probability;
    }
    found
}

/// What a gate asks of a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gate {
    /// Not below.
    AtLeast(f64),
    /// Not above.
    AtMost(f64),
}

/// What came of a gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// The bound is inside.
    Pass,
    /// The other bound is outside.
    Fail,
    /// The gate lies between the bounds, or there are none.
    Inconclusive,
}

impl Gate {
    /// Holds a ratio against it.
    #[must_use]
    pub fn judge(self, ratio: &Ratio) -> Verdict {
        let (Some(low), Some(high)) = (ratio.low, ratio.high) else { return Verdict::Inconclusive };
        let (inside, outside) = match self {
            Self::AtLeast(least) => (low >= least, high < least),
            Self::AtMost(most) => (high <= most, low > most),
        };
        if inside {
            Verdict::Pass
        } else if outside {
            Verdict::Fail
        } else {
            Verdict::Inconclusive
        }
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least}"),
            Self::AtMost(most) => write!(f, "<= {most}"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn as_many_values_lie_outside_as_the_binomial_distribution_lets() {
        // P(X <= 0) of 5 is 0.031 and of 4 is 0.063; P(X <= 1) of 9 is 0.020, P(X <= 2) is 0.090.
        let cases = [(0, None), (4, None), (5, Some(0)), (8, Some(1)), (9, Some(1)), (15, Some(3))];
        for (count, expected) in cases {
            assert_eq!(outside(count), expected, "{count}");
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let theirs: Vec<f64> = (1..=9).map(f64::from).collect();
        let ours: Vec<f64> = theirs.iter().map(|value| value * value).collect();
        let ratio = Ratio::of(&ours, &theirs);
        assert_eq!((ratio.median, ratio.low, ratio.high), (5.0, Some(2.0), Some(8.0)));
        assert_eq!(ratio.to_string(), "5.000 [2.000, 8.000]");
    }

    #[test]
    fn a_gate_passes_by_the_bound_and_not_by_the_median() {
        let ratio = |low, high| Ratio { median: 1.0, low: Some(low), high: Some(high) };
        let least = |low, high| Gate::AtLeast(0.97).judge(&ratio(low, high));
        assert_eq!(least(0.97, 1.1), Verdict::Pass);
        assert_eq!(least(0.96, 1.1), Verdict::Inconclusive);
        assert_eq!(least(0.9, 0.96), Verdict::Fail);
        let most = |low, high| Gate::AtMost(1.05).judge(&ratio(low, high));
        assert_eq!(most(0.9, 1.05), Verdict::Pass);
        assert_eq!(most(0.9, 1.06), Verdict::Inconclusive);
        assert_eq!(most(1.06, 1.1), Verdict::Fail);
        let few = Ratio::of(&[1.0; 4], &[1.0; 4]);
        assert_eq!(Gate::AtLeast(0.5).judge(&few), Verdict::Inconclusive);
    }

    #[test]
    fn what_is_lost_in_noise_passes_no_gate() {
        let (some, less) = ([1.0; 9], [1.0, 1.0, 1.0, 1.0, -0.5, 1.0, 1.0, 1.0, 1.0]);
        for (ours, theirs) in [(some, less), (less, some), ([-1.0; 9], [-2.0; 9]), (some, [0.0; 9])]
        {
            let ratio = Ratio::of(&ours, &theirs);
            assert_eq!(Gate::AtMost(1.05).judge(&ratio), Verdict::Inconclusive, "{ratio}");
        }
    }
}

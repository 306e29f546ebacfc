//! Two servers under the same checks, in turn: rounds in pairs, each pair in a random order.

use crate::drive::{Pace, Round, Target};
use crate::failure::Outcome;
use crate::mix::Mix;
use crate::process::cpu_of;
use crate::rng::Rng;
use crate::stats::Median;
use std::time::Duration;

/// A server that takes part.
#[derive(Debug)]
pub struct Side<'d> {
    /// As it is printed.
    pub name: &'static str,
    /// Whose time on a core is counted.
    pub pid: u32,
    /// Its connections.
    pub target: Target<'d>,
    /// What it is asked.
    pub mix: Mix,
}

/// One round in figures.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// Microseconds on a core for each check.
    pub cpu: f64,
    /// Share of a core that it used.
    pub load: f64,
    /// Checks a second.
    pub rate: f64,
    /// Microseconds that half of all checks took at most.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// Ninety-nine of a hundred.
    pub p99: f64,
}

/// The rounds of both sides; the k-th of each make a pair.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// The side that is judged.
    pub ours: Vec<Sample>,
    /// The side that it is held against.
    pub theirs: Vec<Sample>,
}

/// A figure of a round.
pub type Figure = fn(&Sample) -> f64;

impl Pairs {
    /// The ratio of a figure, ours to theirs, pair by pair.
    #[must_use]
    pub fn ratio(&self, figure: Figure) -> Median {
        let pairs = self.ours.iter().zip(&self.theirs);
        Median::of(&pairs.map(|(ours, theirs)| figure(ours) / figure(theirs)).collect::<Vec<_>>())
    }
}

/// The median of a figure over rounds.
#[must_use]
pub fn median(samples: &[Sample], figure: Figure) -> f64 {
    Median::of(&samples.iter().map(figure).collect::<Vec<_>>()).value
}

impl Side<'_> {
    /// Sends checks for so long. Every answer has to be there, and right.
    ///
    /// # Errors
    ///
    /// A wrong answer, or a missing one.
    pub fn round(&mut self, pace: Pace, length: Duration, seed: u64) -> Outcome<Sample> {
        let (sample, round) = self.watched(pace, length, seed)?;
        round.hold(self.name)?;
        Ok(sample)
    }

    /// The same, whatever the answers are.
    ///
    /// # Errors
    ///
    /// Where a connection ends.
    pub fn watched(&mut self, pace: Pace, length: Duration, seed: u64) -> Outcome<(Sample, Round)> {
        self.mix.seed(seed);
        let before = cpu_of(self.pid)?;
        let round = self.target.round(pace, length, &mut self.mix)?;
        let used = cpu_of(self.pid)?.saturating_sub(before);
        let microseconds = |duration: Duration| duration.as_secs_f64() * 1e6;
        let at = |share| microseconds(round.latencies.percentile(share));
        let sample = Sample {
            cpu: microseconds(used) / (round.answered as f64).max(1.0),
            load: used.as_secs_f64() / round.took.as_secs_f64(),
            rate: round.rate(),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
        };
        Ok((sample, round))
    }
}

/// So many pairs of rounds.
///
/// # Errors
///
/// A wrong answer, or a missing one.
pub fn interleave(
    ours: &mut Side<'_>,
    theirs: &mut Side<'_>,
    pace: Pace,
    rounds: usize,
    length: Duration,
) -> Outcome<Pairs> {
    let mut rng = Rng::new(0x0d0e);
    let mut pairs = Pairs::default();
    for round in 0..rounds {
        let seed = round as u64 + 1;
        if rng.below(2) == 0 {
            pairs.ours.push(ours.round(pace, length, seed)?);
            pairs.theirs.push(theirs.round(pace, length, seed)?);
        } else {
            pairs.theirs.push(theirs.round(pace, length, seed)?);
            pairs.ours.push(ours.round(pace, length, seed)?);
        }
    }
    Ok(pairs)
}

/// The rate at which `side` uses about `share` of a core.
///
/// # Errors
///
/// A wrong answer, or a missing one.
pub fn rate_for(side: &mut Side<'_>, share: f64, length: Duration) -> Outcome<f64> {
    const TRIES: u64 = 8;
    // At a low rate a check costs more: the core wakes up for each.
    let closed = side.round(Pace::Closed { streams: 50 }, length, 0)?;
    let mut rate = (share / (closed.cpu * 2.0 / 1e6)).min(closed.rate / 2.0);
    for seed in 0..TRIES {
        let sample = side.round(Pace::Open { rate }, length, 100 + seed)?;
        if (sample.load / share - 1.0).abs() < 0.07 {
            break;
        }
        // What a check costs changes with the rate: half of the way.
        rate *= f64::midpoint(1.0, share / sample.load).clamp(0.5, 1.5);
        rate = rate.min(closed.rate * 0.8);
    }
    Ok(rate.round())
}

//! What is told of the server.

use super::Unanswered;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Upper bounds of the round trips that are counted, in microseconds.
const BOUNDS: [u64; 10] = [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 100_000, 250_000];

/// Whether the server can be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Health {
    /// It answers, since then.
    Up(Instant),
    /// It does not, since then; nor did it ever, while this is the time of the start.
    Down(Instant),
}

impl Health {
    /// Whether it answers.
    #[must_use]
    pub const fn is_up(self) -> bool {
        matches!(self, Self::Up(_))
    }
}

/// What came of the commands.
#[derive(Clone, Debug, PartialEq)]
pub struct RedisCounts {
    /// Whether the server answers.
    pub up: bool,
    /// Commands that were answered.
    pub answered: u64,
    /// That were not in time.
    pub timed_out: u64,
    /// That found no connection, or lost it.
    pub down: u64,
    /// That were refused, or found no memory.
    pub refused: u64,
    /// Connections that were made.
    pub connected: u64,
    /// How long the answered ones took: bounds in seconds, and how many did not take longer.
    pub round_trips: Vec<(f64, u64)>,
    /// Seconds of them all together.
    pub seconds: f64,
}

/// Counts.
#[derive(Debug, Default)]
pub(super) struct Meter {
    answered: AtomicU64,
    timed_out: AtomicU64,
    down: AtomicU64,
    refused: AtomicU64,
    connected: AtomicU64,
    microseconds: AtomicU64,
    within: [AtomicU64; BOUNDS.len()],
}

impl Meter {
    pub(super) fn asked(&self, unanswered: Option<&Unanswered>, took: Duration) {
        let count = match unanswered {
            // The script comes at once in full: the server did answer.
            None | Some(Unanswered::NotKnown) => {
                let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
                self.microseconds.fetch_add(took, Ordering::Relaxed);
                let within = BOUNDS.iter().position(|bound| took <= *bound);
                if let Some(within) = within.and_then(|at| self.within.get(at)) {
                    within.fetch_add(1, Ordering::Relaxed);
                }
                &self.answered
            }
            Some(Unanswered::TimedOut) => &self.timed_out,
            Some(Unanswered::Down | Unanswered::Broken) => &self.down,
            Some(Unanswered::Full | Unanswered::Refused(_)) => &self.refused,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connected(&self) {
        self.connected.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counts(&self, health: Health) -> RedisCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut up_to = 0_u64;
        let round_trips = BOUNDS.iter().zip(&self.within).map(|(bound, within)| {
            up_to = up_to.saturating_add(read(within));
            (Duration::from_micros(*bound).as_secs_f64(), up_to)
        });
        RedisCounts {
            up: health.is_up(),
            round_trips: round_trips.collect(),
            answered: read(&self.answered),
            timed_out: read(&self.timed_out),
            down: read(&self.down),
            refused: read(&self.refused),
            connected: read(&self.connected),
            seconds: Duration::from_micros(read(&self.microseconds)).as_secs_f64(),
        }
    }
}

//! Drives a server with checks: as many at once as said, or as many a second as said. Every answer is
//! judged.

use crate::answer::{Judge, judge};
use crate::connection::{Answer, Connection};
use crate::failure::Outcome;
use crate::histogram::Histogram;
use crate::kind::Case;
use crate::mix::Mix;
use crate::place::Address;
use std::time::{Duration, Instant};

/// How long after the end of a round the last answers may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the checks come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many at once on each connection; the next one begins when one is answered.
    Closed {
        /// Streams of a connection.
        streams: usize,
    },
    /// So many a second, whatever the server does. A latency begins when the check was due, so that a
    /// server that stalls cannot hide it (no coordinated omission).
    Open {
        /// Checks a second.
        rate: f64,
    },
}

/// What a round showed.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// Right answers.
    pub answered: u64,
    /// Checks without an answer: reset streams, connections that ended, RPC errors, silence.
    pub failed: u64,
    /// The first failure.
    pub failure: Option<String>,
    /// Wrong answers.
    pub wrong: u64,
    /// The first wrong one.
    pub example: Option<String>,
    /// From the first check to the last answer.
    pub took: Duration,
    /// From when a check was due, or sent, to its answer.
    pub latencies: Histogram,
}

/// A server under load, and the answers of it that were found right.
#[derive(Debug)]
pub struct Target<'d> {
    /// Whose answers they are.
    pub judge: Judge,
    cases: &'d [Case],
    /// An answer with the same bytes is as right as the one that was decoded.
    known: Vec<Option<Box<[u8]>>>,
    connections: Vec<Connection>,
}

/// A check that is under way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    case: usize,
    due: Instant,
}

impl<'d> Target<'d> {
    /// Connects so many times.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn connect(
        address: &Address,
        connections: usize,
        judge: Judge,
        cases: &'d [Case],
    ) -> Outcome<Self> {
        let open = || Connection::open(address);
        let connections = std::iter::repeat_with(open).take(connections).collect::<Outcome<_>>()?;
        Ok(Self { judge, cases, known: vec![None; cases.len()], connections })
    }

    /// Sends each of these cases once, so that whatever is cached of them is.
    ///
    /// # Errors
    ///
    /// Where a connection ends.
    pub fn warm(&mut self, places: impl Iterator<Item = usize>) -> Outcome<Round> {
        let mut places = places;
        self.run(Pace::Closed { streams: 20 }, PATIENCE * 20, &mut || places.next())
    }

    /// Sends checks of `mix` for so long, and waits for the last answers.
    ///
    /// # Errors
    ///
    /// Where a connection ends.
    pub fn round(&mut self, pace: Pace, length: Duration, mix: &mut Mix) -> Outcome<Round> {
        self.run(pace, length, &mut || Some(mix.draw()))
    }

    fn run(
        &mut self,
        pace: Pace,
        length: Duration,
        next: &mut dyn FnMut() -> Option<usize>,
    ) -> Outcome<Round> {
        let Self { judge, cases, known, connections } = self;
        let mut round = Round::default();
        let mut sent: Vec<Sent> = Vec::new();
        let mut free: Vec<usize> = Vec::new();
        let begin = Instant::now();
        let end = begin + length;
        // At a fixed rate, whatever is due within the round is sent, however late.
        let due_in_all = match pace {
            Pace::Closed { .. } => u64::MAX,
            Pace::Open { rate } => (rate * length.as_secs_f64()) as u64,
        };
        let (mut made, mut over, mut turn) = (0_u64, false, 0);
        loop {
            let now = Instant::now();
            over = over
                || match pace {
                    Pace::Closed { .. } => now >= end,
                    Pace::Open { .. } => made >= due_in_all,
                };
            let open: usize = connections.iter().map(Connection::open_calls).sum();
            if over && open == 0 {
                break;
            }
            if now >= end + PATIENCE {
                let unsent = if over { 0 } else { due_in_all.saturating_sub(made) };
                round.fail(open as u64 + unsent, "no answer in time");
                break;
            }
            let mut moved = false;
            for (place, connection) in connections.iter_mut().enumerate() {
                while !over
                    && made < due_in_all
                    && turn_of(pace, place, connection, turn, made, begin, now)
                {
                    let Some(case) = next() else {
                        over = true;
                        break;
                    };
                    let message = &cases[case].message;
                    let due = match pace {
                        Pace::Closed { .. } => now,
                        Pace::Open { rate } => due(begin, made, rate),
                    };
                    let tag = free.pop().unwrap_or_else(|| {
                        sent.push(Sent { case, due });
                        sent.len() - 1
                    });
                    sent[tag] = Sent { case, due };
                    connection.send(message, tag as u64);
                    made += 1;
                    if let Pace::Open { .. } = pace {
                        turn += 1;
                        break;
                    }
                }
                moved |= connection.turn(|tag, answer| {
                    let tag = usize::try_from(tag).unwrap_or_default();
                    free.push(tag);
                    let Sent { case, due } = sent[tag];
                    round.latencies.add(due.elapsed());
                    round.take(*judge, &cases[case], &mut known[case], answer);
                })?;
            }
            turn %= connections.len();
            if !moved {
                // It does not sleep, for it would wake up late; but whoever wants the core may have it.
                std::thread::yield_now();
            }
        }
        round.took = begin.elapsed();
        Ok(round)
    }
}

/// Whether `connection` sends a check now.
fn turn_of(
    pace: Pace,
    place: usize,
    connection: &Connection,
    turn: usize,
    made: u64,
    begin: Instant,
    now: Instant,
) -> bool {
    connection.takes_one()
        && match pace {
            Pace::Closed { streams } => connection.open_calls() < streams,
            Pace::Open { rate } => place == turn && now >= due(begin, made, rate),
        }
}

/// When the check with this number is due.
fn due(begin: Instant, number: u64, rate: f64) -> Instant {
    begin + Duration::from_secs_f64(number as f64 / rate)
}

impl Round {
    /// Answers a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.took.as_secs_f64()
    }

    /// Fails where an answer was wrong, or missing.
    ///
    /// # Errors
    ///
    /// The first of them.
    pub fn hold(&self, who: &str) -> Outcome<()> {
        if self.wrong > 0 {
            let example = self.example.as_deref().unwrap_or_default();
            return Err(format!("{who}: {} wrong answers, the first: {example}", self.wrong).into());
        }
        if self.failed > 0 {
            let failure = self.failure.as_deref().unwrap_or_default();
            return Err(
                format!("{who}: {} failed checks, the first: {failure}", self.failed).into()
            );
        }
        Ok(())
    }

    fn fail(&mut self, count: u64, why: &str) {
        self.failed += count;
        self.failure.get_or_insert_with(|| why.to_owned());
    }

    fn take(
        &mut self,
        whose: Judge,
        case: &Case,
        known: &mut Option<Box<[u8]>>,
        answer: Answer<'_>,
    ) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(why) => return self.fail(1, &why),
        };
        if known.as_deref() == Some(answer) {
            self.answered += 1;
            return;
        }
        match judge(whose, &case.want, answer) {
            Ok(()) => {
                self.answered += 1;
                *known = Some(answer.into());
            }
            Err(wrong) => {
                self.wrong += 1;
                self.example.get_or_insert(wrong);
            }
        }
    }
}

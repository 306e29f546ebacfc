//! The rounds: every variant closed and open in each, in an order of its own.

use crate::callers::Callers;
use crate::engine::{Done, Engine, Pace, Part};
use crate::gateway::{Gateway, Listener};
use crate::settings::Settings;
use crate::variant::Variant;
use portcullis_load::bundle::List;
use portcullis_load::failure::Outcome;
use portcullis_load::process::Server;
use portcullis_load::rng::Rng;
use std::collections::HashMap;
use std::time::Duration;

/// What warming up takes at most.
const WARM: Duration = Duration::from_secs(300);
/// Connections while warming up, when every token has to be verified: no check waits for long.
const WARM_CONNECTIONS: usize = 4;
/// The open loop's share of what the slowest authorizer manages.
const SHARE: f64 = 1.0 / 3.0;

/// One variant's figures, round by round.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Closed loop: answers a second.
    pub throughput: Vec<f64>,
    /// Closed loop: microseconds of a core that Envoy takes for a request.
    pub envoy_cpu: Vec<f64>,
    /// Closed loop: the same of the authorizer.
    pub authorizer_cpu: Vec<f64>,
    /// Open loop: microseconds within which half of the requests are answered.
    pub p50: Vec<f64>,
    /// Open loop: 99 of a hundred.
    pub p99: Vec<f64>,
}

/// All figures of a run.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The variants in the order in which they are printed.
    pub figures: Vec<(Variant, Figures)>,
    /// Requests a second of the open loop.
    pub rate: f64,
    /// Answers that were judged.
    pub answers: u64,
    /// Fresh tokens were sent a second time.
    pub used_up: bool,
}

/// What is measured, and by what.
#[derive(Debug)]
pub struct Bench<'b> {
    /// Client and upstream.
    pub engine: Engine,
    /// Envoy.
    pub gateway: Gateway,
    /// Its listeners, in the order in which they are printed.
    pub listeners: Vec<Listener>,
    /// The authorizers, by the names of their variants.
    pub servers: HashMap<&'static str, Server>,
    /// Who asks, by the same names: each authorizer sees a fresh token once.
    pub callers: HashMap<&'static str, Callers<'b>>,
    /// How many callers have tokens that come again.
    pub users: usize,
}

impl Bench<'_> {
    /// All rounds. `say` hears how far they are.
    ///
    /// # Errors
    ///
    /// Where an answer is wrong or does not come.
    pub fn measure(&mut self, settings: &Settings, say: &dyn Fn(&str)) -> Outcome<Measured> {
        let count = self.listeners.len();
        let mut figures = vec![Figures::default(); count];
        let mut answers = 0;
        let mut slowest = f64::INFINITY;
        for at in 0..count {
            let listener = self.listeners[at].clone();
            say(&format!("warming up: {}", listener.variant.name()));
            answers += self.warm(&listener, settings)?;
            let done = self.part(&listener, settings, Pace::Closed)?;
            answers += done.times.len() as u64;
            if listener.authorizer.is_some() {
                slowest = slowest.min(done.throughput());
            }
        }
        let rate = settings.rate.unwrap_or(slowest * SHARE);
        let mut order: Vec<(usize, Pace)> =
            (0..count).flat_map(|at| [(at, Pace::Closed), (at, Pace::Open(rate))]).collect();
        let mut rng = Rng::new(settings.seed);
        for round in 1..=settings.rounds {
            say(&format!("round {round} of {}", settings.rounds));
            rng.shuffle(&mut order);
            for &(at, pace) in &order {
                let listener = self.listeners[at].clone();
                let before = self.cpu(listener.variant)?;
                let done = self.part(&listener, settings, pace)?;
                let after = self.cpu(listener.variant)?;
                answers += done.times.len() as u64;
                figures[at].add(pace, &done, before, after);
            }
        }
        let variants = self.listeners.iter().map(|listener| listener.variant);
        let used_up = self.callers.values().any(Callers::used_up);
        Ok(Measured { figures: variants.zip(figures).collect(), rate, answers, used_up })
    }

    /// Every token that comes again was seen once.
    fn warm(&mut self, listener: &Listener, settings: &Settings) -> Outcome<u64> {
        let connections = settings.connections.min(WARM_CONNECTIONS);
        let part = Part { connections, ..part(listener, settings, Pace::Closed, WARM) };
        let name = listener.variant.name();
        let callers = self.callers.get_mut(name).ok_or("no callers")?;
        let mut users = 0..self.users;
        let done = self.engine.run(&part, &mut || Some(callers.ask(List::Users, users.next()?)));
        let done = done.map_err(|error| format!("{name}, warming up: {error}"))?;
        if users.next().is_some() {
            return Err(format!("{name}: not warm in {WARM:?}").into());
        }
        Ok(done.times.len() as u64)
    }

    fn part(&mut self, listener: &Listener, settings: &Settings, pace: Pace) -> Outcome<Done> {
        let name = listener.variant.name();
        let callers = self.callers.get_mut(listener.variant.name()).ok_or("no callers")?;
        let part = part(listener, settings, pace, settings.part);
        let done = self.engine.run(&part, &mut || Some(callers.choose()));
        done.map_err(|error| format!("{name}: {error}").into())
    }

    /// What Envoy and the authorizer took of a core until now.
    fn cpu(&self, variant: Variant) -> Outcome<[Duration; 2]> {
        let server = self.servers.get(variant.name()).map(Server::cpu).transpose()?;
        Ok([self.gateway.cpu()?, server.unwrap_or_default()])
    }
}

impl Figures {
    fn add(&mut self, pace: Pace, done: &Done, before: [Duration; 2], after: [Duration; 2]) {
        if let Pace::Open(_) = pace {
            self.p50.push(micros(done.within(0.5)));
            self.p99.push(micros(done.within(0.99)));
            return;
        }
        let [envoy, authorizer] =
            [0, 1].map(|at| micros(after[at].saturating_sub(before[at])) / done.times.len() as f64);
        self.throughput.push(done.throughput());
        self.envoy_cpu.push(envoy);
        self.authorizer_cpu.push(authorizer);
    }
}

fn part(listener: &Listener, settings: &Settings, pace: Pace, time: Duration) -> Part {
    Part {
        gateway: listener.address,
        identifies: listener.variant.identifies(),
        connections: settings.connections,
        pace,
        time,
    }
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

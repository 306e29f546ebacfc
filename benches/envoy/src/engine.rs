//! One thread that is client and upstream: it sends by its pace, answers as the upstream, and takes
//! the time of every request.

use crate::callers::Ask;
use crate::client::Client;
use crate::upstream::Upstream;
use mio::{Events, Poll, Token};
use portcullis_load::failure::Outcome;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests that may wait for a connection: more are a rate that cannot be kept.
const BACKLOG: usize = 20_000;

/// When the next request is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As soon as a connection has its answer.
    Closed,
    /// So many a second, whatever the answers do. The time of a request counts from when it was due.
    Open(f64),
}

/// A part of a round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The listener of the gateway.
    pub gateway: SocketAddr,
    /// Whether the upstream has to see who called.
    pub identifies: bool,
    /// Connections of the client.
    pub connections: usize,
    /// When requests are sent.
    pub pace: Pace,
    /// For how long.
    pub time: Duration,
}

/// What a part came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// From the first request to the last answer.
    pub took: Duration,
    /// The time of each request, in order of size.
    pub times: Vec<Duration>,
}

impl Done {
    /// Answers a second.
    #[must_use]
    pub fn throughput(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }

    /// The time within which this share of the requests was answered.
    #[must_use]
    pub fn within(&self, share: f64) -> Duration {
        let last = self.times.len().saturating_sub(1);
        let at = (share * self.times.len() as f64).ceil() as usize;
        self.times.get(at.saturating_sub(1).min(last)).copied().unwrap_or_default()
    }
}

/// The thread's own: its sockets and its upstream.
#[derive(Debug)]
pub struct Engine {
    poll: Poll,
    events: Events,
    upstream: Upstream,
    buffer: Vec<u8>,
}

/// A part that runs.
struct Run<'s> {
    clients: Vec<Client>,
    idle: Vec<usize>,
    /// When those were due that wait for a connection.
    waiting: VecDeque<Instant>,
    source: &'s mut dyn FnMut() -> Option<Ask>,
    /// The source has no more.
    dry: bool,
    times: Vec<Duration>,
}

impl Engine {
    /// With an upstream that listens.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn new() -> Outcome<Self> {
        let poll = Poll::new()?;
        let upstream = Upstream::listen(poll.registry())?;
        Ok(Self { poll, events: Events::with_capacity(1024), upstream, buffer: vec![0; 1 << 16] })
    }

    /// Where the upstream listens.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn upstream(&self) -> Outcome<SocketAddr> {
        self.upstream.address()
    }

    /// Sends what `source` has, for as long as the part takes or until there is no more.
    ///
    /// # Errors
    ///
    /// The system's; where an answer is wrong or does not come; where the rate cannot be kept.
    pub fn run(&mut self, part: &Part, source: &mut dyn FnMut() -> Option<Ask>) -> Outcome<Done> {
        let connect = |at| Client::connect(part.gateway, self.poll.registry(), Token(at));
        let clients = (0..part.connections).map(connect).collect::<Outcome<Vec<_>>>()?;
        let idle = (0..clients.len()).collect();
        let (waiting, times) = (VecDeque::new(), Vec::new());
        let mut run = Run { clients, idle, waiting, source, dry: false, times };
        let begin = Instant::now();
        let end = begin + part.time;
        let mut sent = 0_u32;
        let mut last = begin;
        loop {
            let now = Instant::now();
            let mut over = run.dry;
            match part.pace {
                Pace::Closed => {
                    over |= now >= end;
                    if !over {
                        run.waiting.extend(std::iter::repeat_n(now, run.idle.len()));
                    }
                }
                Pace::Open(rate) => loop {
                    let due = begin + Duration::from_secs_f64(f64::from(sent) / rate);
                    over |= due >= end;
                    if over || due > now {
                        break;
                    }
                    run.waiting.push_back(due);
                    sent += 1;
                },
            }
            run.send()?;
            if run.waiting.len() > BACKLOG {
                return Err("the rate cannot be kept: lower LOAD_RATE".into());
            }
            if over && run.idle.len() == run.clients.len() && run.waiting.is_empty() {
                break;
            }
            if now.duration_since(last) > PATIENCE {
                return Err(format!("{}: no answer for {PATIENCE:?}", part.gateway).into());
            }
            // The open loop does not sleep: waking up is what it would measure.
            let sleep = if over || part.pace == Pace::Closed { PATIENCE } else { Duration::ZERO };
            if self.turn(&mut run, sleep, part.identifies)? || run.idle.len() == run.clients.len() {
                last = now;
            }
        }
        run.times.sort_unstable();
        Ok(Done { took: begin.elapsed(), times: run.times })
    }

    /// Hands out what happened. Whether an answer came.
    fn turn(&mut self, run: &mut Run<'_>, sleep: Duration, identifies: bool) -> Outcome<bool> {
        match self.poll.poll(&mut self.events, Some(sleep)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(false),
            other => other?,
        }
        let before = run.times.len();
        for event in &self.events {
            let token = event.token();
            if Upstream::owns(token) {
                self.upstream.ready(self.poll.registry(), token)?;
            } else if let Some(client) = run.clients.get_mut(token.0) {
                // An event of a connection of the part before finds a client, and nothing to read.
                if let Some(since) = client.ready(&mut self.buffer, identifies)? {
                    run.times.push(since.elapsed());
                    run.idle.push(token.0);
                }
            }
        }
        Ok(run.times.len() > before)
    }
}

impl Run<'_> {
    /// Gives what waits to connections that are idle.
    fn send(&mut self) -> Outcome<()> {
        while let (Some(&due), Some(&at)) = (self.waiting.front(), self.idle.last()) {
            let Some(ask) = (self.source)() else {
                self.dry = true;
                self.waiting.clear();
                return Ok(());
            };
            self.waiting.pop_front();
            self.idle.pop();
            self.clients[at].send(ask, due)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

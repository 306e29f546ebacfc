//! Keeps the one connection, and knows whether it holds.

use super::connect::{Connection, Connector};
use super::health::{Health, Meter};
use crate::config::RedisSettings;
use crate::random;
use redis::RedisResult;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

/// How often a connection that nobody complains of is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Before the first try after a failure; each further one waits twice as long,
const RETRY_FIRST: Duration = Duration::from_millis(50);
/// and at most this.
const RETRY_MOST: Duration = Duration::from_secs(1);
/// How often it is said that it is still down.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// How it stands.
#[derive(Clone, Debug)]
pub(super) enum State {
    Up(Connection, Instant),
    Down(Instant),
}

impl State {
    pub(super) fn connection(&self) -> Option<Connection> {
        match self {
            Self::Up(connection, _) => Some(connection.clone()),
            Self::Down(_) => None,
        }
    }

    pub(super) const fn down_since(&self) -> Option<Instant> {
        match self {
            Self::Up(..) => None,
            Self::Down(since) => Some(*since),
        }
    }

    pub(super) const fn health(&self) -> Health {
        match self {
            Self::Up(_, since) => Health::Up(*since),
            Self::Down(since) => Health::Down(*since),
        }
    }
}

/// What somebody found.
#[derive(Debug)]
enum Complaint {
    /// No answer in time.
    Slow,
    /// It broke, or leads to a server that is no master any more.
    Broken(Connection),
}

/// Takes complaints.
#[derive(Debug)]
pub(super) struct Keeper {
    publish: watch::Sender<State>,
    complain: mpsc::Sender<Complaint>,
}

impl Keeper {
    pub(super) fn start(
        connector: Arc<Connector>,
        settings: &RedisSettings,
        meter: Arc<Meter>,
        runtime: &Handle,
    ) -> (Self, watch::Receiver<State>, JoinHandle<()>) {
        let (publish, state) = watch::channel(State::Down(Instant::now()));
        // One is enough: whoever comes later complains of the same.
        let (complain, complaints) = mpsc::channel(1);
        let task = Keeping {
            connector,
            connect_timeout: settings.connect_timeout,
            command_timeout: settings.command_timeout,
            publish: publish.clone(),
            complaints,
            meter,
        };
        let task = runtime.spawn(task.run());
        (Self { publish, complain }, state, task)
    }

    /// Has `connection` looked at: somebody had no answer in time.
    pub(super) fn look(&self, connection: &Connection) {
        self.suspect(connection);
        let _heard = self.complain.try_send(Complaint::Slow);
    }

    /// Has `connection` made anew.
    pub(super) fn renew(&self, connection: &Connection) {
        self.suspect(connection);
        let _heard = self.complain.try_send(Complaint::Broken(connection.clone()));
    }

    /// Nobody else waits for a connection that one had no answer of.
    fn suspect(&self, connection: &Connection) {
        self.publish.send_if_modified(|state| {
            let is_it = matches!(state, State::Up(own, _) if own == connection);
            if is_it {
                *state = State::Down(Instant::now());
            }
            is_it
        });
    }
}

struct Keeping {
    connector: Arc<Connector>,
    connect_timeout: Duration,
    command_timeout: Duration,
    publish: watch::Sender<State>,
    complaints: mpsc::Receiver<Complaint>,
    meter: Arc<Meter>,
}

impl Keeping {
    async fn run(mut self) {
        let mut retry = RETRY_FIRST;
        let mut said: Option<Instant> = None;
        loop {
            match self.connect().await {
                Ok(connection) => {
                    tracing::info!("redis: connected");
                    self.meter.connected();
                    (retry, said) = (RETRY_FIRST, None);
                    if !self.keep(connection).await {
                        return;
                    }
                    self.publish.send_if_modified(|state| {
                        let was_up = matches!(state, State::Up(..));
                        if was_up {
                            *state = State::Down(Instant::now());
                        }
                        was_up
                    });
                    tracing::warn!("redis: the connection is lost");
                }
                Err(why) => {
                    if said.is_none_or(|said| said.elapsed() >= SAY_EVERY) {
                        tracing::warn!(why, "redis: not connected");
                        said = Some(Instant::now());
                    }
                    sleep(jittered(retry)).await;
                    retry = retry.saturating_mul(2).min(RETRY_MOST);
                }
            }
        }
    }

    /// A connection on which somebody answers.
    async fn connect(&self) -> Result<Connection, String> {
        let connect = async {
            let connection = self.connector.connect().await?;
            connection.ping().await?;
            RedisResult::Ok(connection)
        };
        match timeout(self.connect_timeout, connect).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(said(&error)),
            Err(_too_late) => Err("no answer in time".to_owned()),
        }
    }

    /// Until it does not hold any more. `false`: nobody needs it any more.
    async fn keep(&mut self, connection: Connection) -> bool {
        self.publish.send_replace(State::Up(connection.clone(), Instant::now()));
        loop {
            let complaint = timeout(LOOK_EVERY, self.complaints.recv()).await;
            match complaint {
                Ok(None) => return false,
                Ok(Some(Complaint::Broken(broken))) if broken == connection => return true,
                // One of a connection that is gone already may stand in the way of one of this.
                Ok(Some(Complaint::Broken(_) | Complaint::Slow)) | Err(_) => {}
            }
            match timeout(self.command_timeout, connection.ping()).await {
                Ok(Ok(())) => self.answers(&connection),
                Ok(Err(_)) | Err(_) => return true,
            }
        }
    }

    /// It was only slow.
    fn answers(&self, connection: &Connection) {
        self.publish.send_if_modified(|state| {
            let was_down = state.down_since().is_some();
            if was_down {
                *state = State::Up(connection.clone(), Instant::now());
            }
            was_down
        });
    }
}

/// A bit more or less, so that replicas do not come back all at once.
pub(super) fn jittered(span: Duration) -> Duration {
    let [random] = random::bytes::<1>().unwrap_or_default();
    span.saturating_mul(128 + u32::from(random)).checked_div(256).unwrap_or(span)
}

/// What an error says, on one line, at most 200 characters; it holds no credentials.
pub(super) fn said(error: &redis::RedisError) -> String {
    error.to_string().chars().flat_map(char::escape_debug).take(200).collect()
}

/// The delay before the next try of whatever failed after `retry`.
pub(super) fn next(retry: Duration) -> Duration {
    if retry.is_zero() { RETRY_FIRST } else { retry.saturating_mul(2).min(RETRY_MOST) }
}

//! Redis, or Valkey, which replicas share: one connection that many commands use at once, and messages.
//! The only door to the crate `redis`.
//!
//! Connections live on the runtime that [`Redis::start`] was told; whoever asks waits on any. A command
//! waits for [`command_timeout`](crate::config::RedisSettings::command_timeout) at most, and fails at
//! once while the server is known to be down.

mod connect;
mod health;
mod keeper;
mod reply;
mod script;
mod subscription;

pub use connect::StartError;
pub use health::{Health, RedisCounts};
pub use reply::Reply;
pub use script::Script;
pub use subscription::{Event, Subscription};

use crate::config::RedisSettings;
use connect::{Connection, Connector};
use health::Meter;
use keeper::{Keeper, State};
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

/// Why there is no answer. Nothing is said of what was asked.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RedisFault {
    /// It cannot be reached, or is no master, or has only begun to load its data.
    #[error("Redis cannot be reached")]
    Down,
    /// It did not answer in time; what was asked may be done all the same.
    #[error("Redis did not answer in time")]
    TimedOut,
    /// Its memory is full; nothing was written.
    #[error("Redis has no memory left")]
    Full,
    /// It answers, and will not do this: the code of its answer.
    #[error("Redis refuses: {0}")]
    Refused(String),
    /// It answers with something else than was asked for.
    #[error("Redis answered with something else")]
    Malformed,
}

/// A Redis that is kept connected. Clones share everything; the last one that goes ends the connection.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    settings: RedisSettings,
    state: watch::Receiver<State>,
    keeper: Keeper,
    connector: Arc<Connector>,
    meter: Arc<Meter>,
    runtime: Handle,
    _kept: AbortOnDropHandle<()>,
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let health = if self.0.state.borrow().connection().is_some() { "up" } else { "down" };
        write!(f, "Redis ({health})")
    }
}

impl Redis {
    /// Begins to connect, on `runtime`, and stays at it. Whether that works is said by [`Self::health`].
    ///
    /// # Errors
    ///
    /// [`StartError`]: what the settings name cannot be used, whatever the server does.
    pub fn start(settings: &RedisSettings, runtime: Handle) -> Result<Self, StartError> {
        let connector = Arc::new(Connector::new(settings.clone())?);
        let meter = Arc::new(Meter::default());
        let (keeper, state, kept) =
            Keeper::start(Arc::clone(&connector), settings, Arc::clone(&meter), &runtime);
        let settings = settings.clone();
        let _kept = AbortOnDropHandle::new(kept);
        Ok(Self(Arc::new(Inner { settings, state, keeper, connector, meter, runtime, _kept })))
    }

    /// How it stands.
    #[must_use]
    pub fn health(&self) -> Health {
        self.0.state.borrow().health()
    }

    /// Waits until it can be asked, for `longest` at most. Returns whether it can.
    pub async fn ready(&self, longest: Duration) -> bool {
        let mut state = self.0.state.clone();
        let up = state.wait_for(|state| state.connection().is_some());
        tokio::time::timeout(longest, up).await.is_ok_and(|up| up.is_ok())
    }

    /// What came of the commands so far, for `/metrics`.
    #[must_use]
    pub fn counts(&self) -> RedisCounts {
        self.0.meter.counts(self.health())
    }

    /// `name` as a key, or a channel, of ours: behind the prefix of the settings. In a script of several
    /// keys a `{…}` that all of them have puts them into one place of a cluster.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        [self.0.settings.key_prefix.as_str(), ":", name].concat()
    }

    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// [`RedisFault`].
    pub async fn get(
        &self,
        key: &str,
        until: Option<Instant>,
    ) -> Result<Option<Vec<u8>>, RedisFault> {
        let mut command = redis::cmd("GET");
        command.arg(key);
        Reply::from(self.again(&command, until).await?).bytes()
    }

    /// Keeps `value` as `key`, for `ttl` and no longer.
    ///
    /// # Errors
    ///
    /// [`RedisFault`].
    pub async fn put(
        &self,
        key: &str,
        value: &[u8],
        ttl: Duration,
        until: Option<Instant>,
    ) -> Result<(), RedisFault> {
        let mut command = redis::cmd("SET");
        command.arg(key).arg(value).arg("PX").arg(milliseconds(ttl));
        self.again(&command, until).await.map(drop)
    }

    /// Forgets `key`. Returns whether it was there.
    ///
    /// # Errors
    ///
    /// [`RedisFault`].
    pub async fn remove(&self, key: &str, until: Option<Instant>) -> Result<bool, RedisFault> {
        let mut command = redis::cmd("DEL");
        command.arg(key);
        Ok(Reply::from(self.again(&command, until).await?).number()? > 0)
    }

    /// Runs `script`, which sees nothing but `keys` and `arguments`, at once and as a whole. It is sent
    /// in full only where the server does not know it yet.
    ///
    /// # Errors
    ///
    /// [`RedisFault`]; with [`RedisFault::TimedOut`] it may have run.
    pub async fn run_script(
        &self,
        script: &Script,
        keys: &[&str],
        arguments: &[&[u8]],
        until: Option<Instant>,
    ) -> Result<Reply, RedisFault> {
        let until = self.until(until);
        match self.once(&script.by_name(keys, arguments), until).await {
            Err(Unanswered::NotKnown) => {}
            known => return Ok(known?.into()),
        }
        Ok(self.once(&script.in_full(keys, arguments), until).await?.into())
    }

    /// Tells `message` to whoever listens to `channel` now.
    ///
    /// # Errors
    ///
    /// [`RedisFault`].
    pub async fn publish(
        &self,
        channel: &str,
        message: &[u8],
        until: Option<Instant>,
    ) -> Result<(), RedisFault> {
        let mut command = redis::cmd("PUBLISH");
        command.arg(channel).arg(message);
        self.again(&command, until).await.map(drop)
    }

    /// Listens to `channel`, and stays at it until the subscription is dropped.
    #[must_use]
    pub fn subscribe(&self, channel: &str) -> Subscription {
        let connector = Arc::clone(&self.0.connector);
        Subscription::start(connector, &self.0.settings, channel.to_owned(), &self.0.runtime)
    }

    /// A command that does no harm when it is done twice: asked again where its connection broke.
    async fn again(&self, command: &Cmd, until: Option<Instant>) -> Result<Value, RedisFault> {
        let until = self.until(until);
        match self.once(command, until).await {
            Err(Unanswered::Broken) => Ok(self.once(command, until).await?),
            other => Ok(other?),
        }
    }

    /// The end of a command that begins now.
    fn until(&self, until: Option<Instant>) -> Instant {
        let latest = Instant::now() + self.0.settings.command_timeout;
        until.map_or(latest, |until| until.min(latest))
    }

    async fn once(&self, command: &Cmd, until: Instant) -> Result<Value, Unanswered> {
        let began = Instant::now();
        let answer = self.ask(command, until).await;
        self.0.meter.asked(answer.as_ref().err(), began.elapsed());
        answer
    }

    async fn ask(&self, command: &Cmd, until: Instant) -> Result<Value, Unanswered> {
        let began = Instant::now();
        let connection = self.connection(until).await.ok_or(Unanswered::Down)?;
        match timeout_at(until, connection.send(command)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let unanswered = Unanswered::from(&error);
                if matches!(unanswered, Unanswered::Broken | Unanswered::Down) {
                    self.0.keeper.renew(&connection);
                }
                Err(unanswered)
            }
            Err(_too_late) => {
                // Whoever asked may have been late already, which says nothing of Redis.
                if began.elapsed() >= self.0.settings.command_timeout / 2 {
                    self.0.keeper.look(&connection);
                }
                Err(Unanswered::TimedOut)
            }
        }
    }

    /// The connection. One that was lost a moment ago is most often back in the next.
    async fn connection(&self, until: Instant) -> Option<Connection> {
        let mut state = self.0.state.clone();
        let latest = {
            let now = state.borrow_and_update();
            if let Some(connection) = now.connection() {
                return Some(connection);
            }
            now.down_since().map(|since| since + self.0.settings.command_timeout)
        };
        let until = latest.map_or(until, |latest| latest.min(until));
        let up = state.wait_for(|state| state.connection().is_some());
        timeout_at(until, up).await.ok()?.ok()?.connection()
    }
}

/// Why a command has no answer, for whoever may try once more.
#[derive(Clone, Debug)]
enum Unanswered {
    Down,
    /// The connection broke under it.
    Broken,
    TimedOut,
    /// A script that the server does not know.
    NotKnown,
    Full,
    Refused(String),
}

impl From<&RedisError> for Unanswered {
    fn from(error: &RedisError) -> Self {
        match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoScript) => Self::NotKnown,
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::TryAgain
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask,
            )
            | ErrorKind::ClusterConnectionNotFound => Self::Down,
            _ if error.is_timeout() => Self::TimedOut,
            _ if error.is_io_error() || error.is_connection_dropped() => Self::Broken,
            _ => match error.code() {
                Some("OOM") => Self::Full,
                // A replica that must not write alone: the master of today is elsewhere, or alone.
                Some("NOREPLICAS" | "UNBLOCKED") => Self::Down,
                code => Self::Refused(code.unwrap_or("an error").chars().take(40).collect()),
            },
        }
    }
}

impl From<Unanswered> for RedisFault {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Down | Unanswered::Broken => Self::Down,
            Unanswered::TimedOut => Self::TimedOut,
            Unanswered::Full => Self::Full,
            Unanswered::NotKnown => Self::Refused("NOSCRIPT".to_owned()),
            Unanswered::Refused(code) => Self::Refused(code),
        }
    }
}

/// At least one: Redis takes no time of none.
fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).clamp(1, 1 << 52)
}

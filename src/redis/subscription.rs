//! Messages of one channel, by a connection of their own.

use super::connect::Connector;
use super::keeper::{jittered, next, said};
use crate::config::RedisSettings;
use futures_util::StreamExt;
use redis::RedisResult;
use redis::aio::{PubSubSink, PubSubStream};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// Messages that wait for whoever listens; then the connection waits, and in the end Redis cuts it.
const WAITING: usize = 1024;
/// How often it is asked whether anybody is there still.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a listener hears.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// From here on every message comes. What was told before has to be asked for.
    Connected,
    /// A message.
    Message(Vec<u8>),
    /// From here on messages are missed.
    Lost,
}

/// A channel that is listened to.
#[derive(Debug)]
pub struct Subscription {
    events: mpsc::Receiver<Event>,
    _task: AbortOnDropHandle<()>,
}

impl Subscription {
    pub(super) fn start(
        connector: Arc<Connector>,
        settings: &RedisSettings,
        channel: String,
        runtime: &Handle,
    ) -> Self {
        let (tell, events) = mpsc::channel(WAITING);
        let listening = Listening {
            connector,
            channel,
            tell,
            connect_timeout: settings.connect_timeout,
            command_timeout: settings.command_timeout,
        };
        Self { events, _task: AbortOnDropHandle::new(runtime.spawn(listening.run())) }
    }

    /// What comes next. `None`: nothing will, since the runtime has ended.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

struct Listening {
    connector: Arc<Connector>,
    channel: String,
    tell: mpsc::Sender<Event>,
    connect_timeout: Duration,
    command_timeout: Duration,
}

impl Listening {
    async fn run(self) {
        let mut retry = Duration::ZERO;
        loop {
            match timeout(self.connect_timeout, self.connect()).await {
                Ok(Ok((sink, stream))) => {
                    retry = Duration::ZERO;
                    let told = self.tell.send(Event::Connected).await.is_ok()
                        && self.listen(sink, stream).await.is_ok()
                        && self.tell.send(Event::Lost).await.is_ok();
                    if !told {
                        return;
                    }
                }
                Ok(Err(error)) => tracing::debug!(error = said(&error), "redis: not listening"),
                Err(_too_late) => tracing::debug!("redis: not listening: no answer in time"),
            }
            retry = next(retry);
            sleep(jittered(retry)).await;
        }
    }

    async fn connect(&self) -> RedisResult<(PubSubSink, PubSubStream)> {
        let (mut sink, stream) = self.connector.listen().await?.split();
        sink.subscribe(&self.channel).await?;
        Ok((sink, stream))
    }

    /// Until the connection is lost; an error: nobody listens any more.
    async fn listen(
        &self,
        mut sink: PubSubSink,
        mut stream: PubSubStream,
    ) -> Result<(), mpsc::error::SendError<Event>> {
        let mut look = interval(LOOK_EVERY);
        loop {
            tokio::select! {
                message = stream.next() => {
                    let Some(message) = message else { return Ok(()) };
                    let message = message.get_payload_bytes().to_vec();
                    self.tell.send(Event::Message(message)).await?;
                }
                _tick = look.tick() => {
                    // A server that was stopped, or a network that is gone, closes nothing.
                    let there = timeout(self.command_timeout, sink.ping::<redis::Value>()).await;
                    if !there.is_ok_and(|there| there.is_ok()) {
                        return Ok(());
                    }
                }
            }
        }
    }
}

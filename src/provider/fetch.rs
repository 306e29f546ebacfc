//! One fetch of an issuer's metadata and keys, and the task that repeats it.

use super::answer::Answer;
use super::client::{ClientError, HttpClient};
use super::metadata::{EndpointRules, MetadataError, ProviderMetadata};
use super::registry::IssuerSource;
use super::state::IssuerState;
use crate::clock::Clock;
use crate::random;
use crate::time::UnixTime;
use crate::token::{KeySet, KeySetError};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until};
use url::Url;

/// Checks that may wait for one issuer's fetch at a time.
const MAX_WAITERS: usize = 256;
/// Calls of one kind to one issuer that may run at a time.
const MAX_CALLS: usize = 10;
/// How often a long wait looks at the wall clock, and at the provider: more than once in the minute
/// after which a provider that fails counts as down, so that one slip is none.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What all issuers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) client: HttpClient,
    pub(super) rules: EndpointRules,
    pub(super) clock: Clock,
    /// How long a call may wait for its turn.
    pub(super) timeout: Duration,
}

/// One issuer: what is known of it, and the bell of its task.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) source: IssuerSource,
    state: Mutex<IssuerState>,
    /// Rung to have a fetch now.
    pub(super) bell: Notify,
    /// Counts fetches that are over.
    pub(super) fetches: watch::Sender<u64>,
    pub(super) waiters: Semaphore,
    /// Code exchanges that may run at a time: apart from the others, since anybody who began a login
    /// can bring a code, and one provider's slowness must not be another's.
    pub(super) exchanges: Semaphore,
    /// Refreshes, userinfo and revocations that may run at a time.
    pub(super) others: Semaphore,
}

impl Entry {
    pub(super) fn new(source: IssuerSource) -> Self {
        let mut state = IssuerState::default();
        // The task's first act is a fetch: who comes earlier waits for it.
        state.begin();
        Self {
            source,
            state: Mutex::new(state),
            bell: Notify::new(),
            fetches: watch::Sender::new(0),
            waiters: Semaphore::new(MAX_WAITERS),
            exchanges: Semaphore::new(MAX_CALLS),
            others: Semaphore::new(MAX_CALLS),
        }
    }

    /// What is known; held for a moment, never while waiting.
    pub(super) fn state(&self) -> MutexGuard<'_, IssuerState> {
        // A panic cannot leave it half-written in a way that matters: each field stands alone.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The provider did what it was asked.
    pub(super) fn reached(&self, now: UnixTime) {
        let behind = {
            let mut state = self.state();
            state.reached(now);
            state.fetch_failed()
        };
        // It is back, or one of its endpoints is: perhaps its keys are as well.
        if behind {
            self.look(now);
        }
    }

    /// Has a fetch find out how the provider is, unless one did a moment ago.
    pub(super) fn look(&self, now: UnixTime) {
        if self.state().look(now) {
            self.bell.notify_one();
        }
    }
}

/// Why a fetch brought nothing.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0}: {1}")]
    Client(&'static str, ClientError),
    #[error("{what} answered with status {status}")]
    Status { what: &'static str, status: u16, wait: Option<Duration> },
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error(transparent)]
    Keys(#[from] KeySetError),
}

impl FetchError {
    const fn wait(&self) -> Option<Duration> {
        match self {
            Self::Status { wait, .. } => *wait,
            Self::Client(..) | Self::Metadata(_) | Self::Keys(_) => None,
        }
    }
}

/// Keeps an issuer's metadata and keys fresh, for as long as it is polled.
pub(super) async fn keep_fresh(entry: Arc<Entry>, shared: Arc<Shared>) {
    loop {
        // A panic must not leave an issuer without a task: its keys would run out unseen.
        let repeated = AssertUnwindSafe(repeat(&entry, &shared)).catch_unwind().await;
        if repeated.is_err() {
            tracing::error!(issuer = %entry.source.issuer, "the task that fetches keys panicked");
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn repeat(entry: &Entry, shared: &Shared) {
    loop {
        let hurry = entry.state().begin();
        let fetched = fetch(entry, shared, hurry).await;
        let pause = finish(entry, shared, fetched);
        wait(entry, shared, pause).await;
    }
}

/// Waits until it is time for the next fetch, or somebody rings for it.
async fn wait(entry: &Entry, shared: &Shared, pause: Duration) {
    tokio::select! {
        () = entry.bell.notified() => {}
        () = until_due(entry, shared, pause) => {}
    }
}

/// Waits until `pause` or the time of the keys is over, or the provider turns out not to answer.
///
/// Keys may be good for a day. Their provider is asked for its metadata meanwhile: else nobody would
/// know that it is down, and logins would be sent there.
async fn until_due(entry: &Entry, shared: &Shared, pause: Duration) {
    let deadline = Instant::now() + pause;
    loop {
        sleep_until(deadline.min(Instant::now() + LOOK_EVERY)).await;
        let well = !entry.state().fetch_failed();
        let late = well && entry.state().is_due(shared.clock.now());
        if late || Instant::now() >= deadline {
            return;
        }
        if well && entry.source.jwks_url.is_none() {
            // The fetch that follows says what is the matter.
            let Ok(_metadata) = discover(entry, shared).await else { return };
            entry.reached(shared.clock.now());
        }
    }
}

/// Writes down what a fetch brought; returns how long to wait for the next.
fn finish(
    entry: &Entry,
    shared: &Shared,
    fetched: Result<(KeySet, Option<Duration>), FetchError>,
) -> Duration {
    let now = shared.clock.now();
    let jitter = random::bytes::<1>().map_or(0, |[byte]| byte);
    let issuer = &entry.source.issuer;
    let mut state = entry.state();
    let pause = match fetched {
        Ok((keys, max_age)) => {
            let before = state.generation;
            let pause = state.succeed(keys, max_age, jitter, now);
            if before != state.generation {
                tracing::info!(%issuer, generation = state.generation, "the issuer's keys changed");
            }
            pause
        }
        Err(error) => {
            let text = error.to_string();
            let message = match state.keys(now) {
                Some(_) => "no fresh keys; the last good ones stay in use",
                None => "no keys: no login begins, and no token of this issuer can be judged",
            };
            tracing::warn!(%issuer, error = %text, "{message}");
            state.fail(text, error.wait(), jitter, now)
        }
    };
    // Under the lock, so that who sees no fetch pending sees its number, too.
    entry.fetches.send_modify(|count| *count = count.wrapping_add(1));
    pause
}

/// Fetches metadata, where they are not known or nobody is in a hurry, and keys.
async fn fetch(
    entry: &Entry,
    shared: &Shared,
    hurry: bool,
) -> Result<(KeySet, Option<Duration>), FetchError> {
    let known = entry.state().metadata.clone();
    let keys_at = match (&entry.source.jwks_url, known) {
        (Some(url), _) => url.clone(),
        (None, Some(metadata)) if hurry => metadata.jwks_uri.clone(),
        (None, _) => discover(entry, shared).await?.jwks_uri.clone(),
    };
    let answer = get(shared, "the key set", &keys_at).await?;
    let (keys, alarms) = KeySet::parse(&answer.body)?;
    entry.state().alarmed(alarms.len());
    for alarm in alarms {
        tracing::warn!(issuer = %entry.source.issuer, %alarm, "a key is left out");
    }
    Ok((keys, answer.max_age))
}

/// Fetches metadata, and takes what holds.
async fn discover(entry: &Entry, shared: &Shared) -> Result<Arc<ProviderMetadata>, FetchError> {
    let issuer = &entry.source.issuer;
    let location = ProviderMetadata::location(issuer).ok_or(MetadataError::OtherIssuer)?;
    let answer = get(shared, "the discovery document", &location).await?;
    let metadata = Arc::new(ProviderMetadata::parse(&answer.body, issuer, &shared.rules)?);
    entry.state().metadata = Some(Arc::clone(&metadata));
    Ok(metadata)
}

async fn get(shared: &Shared, what: &'static str, url: &Url) -> Result<Answer, FetchError> {
    let answer = shared.client.get(url, None).await;
    let answer = answer.map_err(|error| FetchError::Client(what, error))?;
    if answer.is_ok() {
        return Ok(answer);
    }
    let wait = answer.wait(shared.clock.now()).filter(|_| matches!(answer.status, 429 | 503));
    Err(FetchError::Status { what, status: answer.status, wait })
}

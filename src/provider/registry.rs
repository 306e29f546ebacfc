//! The issuers in use, and what is known of each.

use super::client::{HttpClient, ProvidersError};
use super::fetch::{Entry, Shared, keep_fresh};
use super::metadata::{EndpointRules, ProviderMetadata};
use super::state::{Counts, Search};
use crate::clock::Clock;
use crate::config::ProviderSettings;
use crate::policy::{KeySource, Table};
use crate::time::UnixTime;
use crate::token::{Issuer, KeySet};
use crate::trace;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use url::Url;

/// Longest that a check waits for a key that nobody knows yet.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(1);
/// The span of a check that waits for keys. The fetch itself is the issuer's own, for whoever waits.
const KEYS_SPAN: &str = "provider keys";

/// Where an issuer's keys come from. Two sources of one issuer are two sets of keys: what a usage
/// plan names never counts for a portal.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IssuerSource {
    /// Whose keys.
    pub issuer: Issuer,
    /// `None`: where the issuer's metadata says. Else there are no metadata.
    pub jwks_url: Option<Url>,
}

impl From<Issuer> for IssuerSource {
    fn from(issuer: Issuer) -> Self {
        Self { issuer, jwks_url: None }
    }
}

impl From<KeySource<'_>> for IssuerSource {
    fn from(source: KeySource<'_>) -> Self {
        match source {
            KeySource::Discovery(issuer) => Self { issuer: issuer.clone(), jwks_url: None },
            KeySource::Jwks(issuer, url) => {
                Self { issuer: issuer.clone(), jwks_url: Some(url.clone()) }
            }
        }
    }
}

impl From<&Issuer> for IssuerSource {
    fn from(issuer: &Issuer) -> Self {
        issuer.clone().into()
    }
}

impl From<&Self> for IssuerSource {
    fn from(source: &Self) -> Self {
        source.clone()
    }
}

/// Nobody can say which keys the issuer has: not the token's fault.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the keys of {issuer} are unavailable")]
pub struct KeysUnavailable {
    /// Whose keys.
    pub issuer: Issuer,
}

/// What is known of one issuer, for people and metrics.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IssuerStatus {
    /// Who.
    pub issuer: Issuer,
    /// Where the keys come from, if not from where the metadata say.
    pub jwks_url: Option<Url>,
    /// Keys that can be used now.
    pub keys: usize,
    /// How long ago they were fetched.
    pub keys_age: Option<Duration>,
    /// For how long they should have been fetched anew; nothing while they are not due.
    pub keys_overdue: Option<Duration>,
    /// The first fetch is over, well or not.
    pub first_fetch_over: bool,
    /// Why the last call failed, if it did; without anything that was sent or answered.
    pub last_error: Option<String>,
    /// As [`Providers::is_down`].
    pub down: bool,
    /// Whether its metadata announce PKCE with S256, without which no login begins; `None`: they are
    /// not known.
    pub announces_s256: Option<bool>,
    /// What happened so far.
    pub counts: Counts,
}

/// All providers. Clones share everything; the tasks end with the last one.
#[derive(Clone, Debug)]
pub struct Providers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    runtime: Handle,
    issuers: RwLock<Table<IssuerSource, Arc<Running>>>,
}

/// An issuer and its task, which ends with it.
#[derive(Debug)]
struct Running {
    entry: Arc<Entry>,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Providers {
    /// Knows no issuer yet. To be called inside of a tokio runtime, whose tasks fetch.
    ///
    /// # Errors
    ///
    /// [`ProvidersError`]: the settings cannot be followed.
    pub fn new(settings: &ProviderSettings, clock: Clock) -> Result<Self, ProvidersError> {
        let runtime = Handle::try_current().map_err(|_outside| ProvidersError::NoRuntime)?;
        let rules = EndpointRules {
            allow_http: settings.allow_http,
            extra_hosts: settings.extra_hosts.clone(),
        };
        let client = HttpClient::new(settings)?;
        let shared = Shared { client, rules, clock, timeout: settings.timeout };
        let issuers = RwLock::default();
        Ok(Self(Arc::new(Inner { shared: Arc::new(shared), runtime, issuers })))
    }

    /// Where all that asks a provider is to run: a connection that is kept belongs to the runtime that
    /// made it. A check that waits for a provider only awaits what comes of it.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    /// Has these issuers from now on: new ones are fetched at once, others stop, those that stay
    /// keep what they know.
    pub fn set_issuers(&self, sources: Vec<IssuerSource>) {
        let mut issuers = self.0.issuers.write().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *issuers);
        for source in sources {
            let running = before.remove(&source).unwrap_or_else(|| self.start(source.clone()));
            issuers.entry(source).or_insert(running);
        }
    }

    fn start(&self, source: IssuerSource) -> Arc<Running> {
        let entry = Arc::new(Entry::new(source));
        let task = keep_fresh(Arc::clone(&entry), Arc::clone(&self.0.shared));
        Arc::new(Running { entry, task: self.0.runtime.spawn(task) })
    }

    pub(super) fn entry(&self, source: &IssuerSource) -> Option<Arc<Entry>> {
        let issuers = self.0.issuers.read().unwrap_or_else(PoisonError::into_inner);
        issuers.get(source).map(|running| Arc::clone(&running.entry))
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    fn entries(&self) -> Vec<Arc<Entry>> {
        let issuers = self.0.issuers.read().unwrap_or_else(PoisonError::into_inner);
        issuers.values().map(|running| Arc::clone(&running.entry)).collect()
    }

    /// The keys of an issuer as they are known; an [`Issuer`] stands for its source by discovery.
    ///
    /// The set stays the same one ([`Arc::ptr_eq`]) until its content changes.
    ///
    /// # Errors
    ///
    /// [`KeysUnavailable`]: never fetched, or for too long, or an issuer that is not in use.
    pub fn keys(&self, source: impl Into<IssuerSource>) -> Result<Arc<KeySet>, KeysUnavailable> {
        let source = source.into();
        let now = self.shared().clock.now();
        self.known_keys(&source, now).ok_or(KeysUnavailable { issuer: source.issuer })
    }

    /// The same at `now`, for a source that is at hand, where nobody asks why there are none.
    #[must_use]
    pub fn known_keys(&self, source: &IssuerSource, now: UnixTime) -> Option<Arc<KeySet>> {
        let issuers = self.0.issuers.read().unwrap_or_else(PoisonError::into_inner);
        issuers.get(source)?.entry.state().keys(now).cloned()
    }

    /// The keys of an issuer, fetched anew when `kid` is not among them: at most once in 30 s, by
    /// one caller for all, within 1 s.
    ///
    /// With `Ok`, a key that is not in the set is one that the issuer does not have.
    ///
    /// # Errors
    ///
    /// [`KeysUnavailable`]: the issuer may have the key, but cannot be asked now.
    pub async fn keys_for_kid(
        &self,
        source: impl Into<IssuerSource> + Send,
        kid: &str,
    ) -> Result<Arc<KeySet>, KeysUnavailable> {
        let source = source.into();
        let unavailable = || KeysUnavailable { issuer: source.issuer.clone() };
        let entry = self.entry(&source).ok_or_else(unavailable)?;
        let clock = &self.shared().clock;
        let known = |entry: &Entry| entry.state().keys(clock.now()).cloned();
        if let Some(keys) = known(&entry).filter(|keys| keys.find(kid).is_some()) {
            return Ok(keys);
        }
        // Before the turn is taken, so that no fetch ends unseen.
        let mut fetches = entry.fetches.subscribe();
        let search = entry.state().search(clock.now());
        match search {
            Search::Starts => entry.bell.notify_one(),
            Search::Joins | Search::MakesDo => {}
            Search::GivesUp => return Err(unavailable()),
        }
        if search != Search::MakesDo {
            let span = trace::call(KEYS_SPAN, source.issuer.as_str());
            let _waiting = entry.waiters.try_acquire().map_err(|_too_many| unavailable())?;
            let Ok(fetched) = timeout(SEARCH_TIMEOUT, fetches.changed()).await else {
                entry.state().waited_in_vain();
                return Err(unavailable());
            };
            fetched.map_err(|_ended| unavailable())?;
            span.end(entry.state().fetch_failed());
        }
        let keys = known(&entry).ok_or_else(unavailable)?;
        let reached = !entry.state().fetch_failed();
        if reached || keys.find(kid).is_some() { Ok(keys) } else { Err(unavailable()) }
    }

    /// Fetches metadata and keys now, whatever was asked when, and waits for the end of it.
    ///
    /// # Errors
    ///
    /// [`KeysUnavailable`]: the fetch failed, or the issuer is not in use.
    pub async fn refresh_keys(
        &self,
        source: impl Into<IssuerSource> + Send,
    ) -> Result<(), KeysUnavailable> {
        let source = source.into();
        let unavailable = || KeysUnavailable { issuer: source.issuer.clone() };
        let entry = self.entry(&source).ok_or_else(unavailable)?;
        let (mut fetches, enough) = {
            // Under the lock, so that no fetch begins or ends between the two looks.
            let state = entry.state();
            let fetches = entry.fetches.subscribe();
            let over = *fetches.borrow();
            // A fetch that runs already may have read what is old by now.
            (fetches, over.saturating_add(1 + u64::from(state.is_running())))
        };
        let span = trace::call(KEYS_SPAN, source.issuer.as_str());
        entry.bell.notify_one();
        fetches.wait_for(|over| *over >= enough).await.map_err(|_ended| unavailable())?;
        let failed = entry.state().fetch_failed();
        span.end(failed);
        if failed { Err(unavailable()) } else { Ok(()) }
    }

    /// How often the keys of an issuer changed; what was verified under another number is to be
    /// verified again. `None`: not in use.
    #[must_use]
    pub fn generation(&self, source: impl Into<IssuerSource>) -> Option<u64> {
        self.entry(&source.into()).map(|entry| entry.state().generation)
    }

    /// What the provider says of itself; `None` before it was first heard.
    #[must_use]
    pub fn metadata(&self, issuer: &Issuer) -> Option<Arc<ProviderMetadata>> {
        self.entry(&issuer.into()).and_then(|entry| entry.state().metadata.clone())
    }

    /// Somebody was told that the provider cannot be reached: has a fetch find out whether that is so
    /// still, at most once in 30 s.
    pub fn look(&self, issuer: &Issuer) {
        let now = self.shared().clock.now();
        if let Some(entry) = self.entry(&issuer.into()) {
            entry.look(now);
        }
    }

    /// Fetches all keys anew, without waiting for them: somebody who runs this service asks.
    pub fn refetch(&self) {
        for entry in self.entries() {
            entry.bell.notify_one();
        }
    }

    /// Whether the last call that says something of the provider failed.
    #[must_use]
    pub fn is_failing(&self, issuer: &Issuer) -> bool {
        self.entry(&issuer.into()).is_none_or(|entry| entry.state().is_failing())
    }

    /// Whether the provider was never heard, or the last fetch failed and no call succeeded for 60 s.
    #[must_use]
    pub fn is_down(&self, issuer: &Issuer) -> bool {
        let now = self.shared().clock.now();
        self.entry(&issuer.into()).is_none_or(|entry| entry.state().is_down(now))
    }

    /// Whether a fetch has found out that the provider is down. Before the first one is over, nobody
    /// knows.
    #[must_use]
    pub fn is_known_down(&self, issuer: &Issuer) -> bool {
        let now = self.shared().clock.now();
        self.entry(&issuer.into()).is_some_and(|entry| {
            let state = entry.state();
            state.first_fetch_over && state.is_down(now)
        })
    }

    /// What is known of each issuer, in order.
    #[must_use]
    pub fn report(&self) -> Vec<IssuerStatus> {
        let now = self.shared().clock.now();
        let mut report: Vec<IssuerStatus> = self
            .entries()
            .iter()
            .map(|entry| {
                let state = entry.state();
                IssuerStatus {
                    issuer: entry.source.issuer.clone(),
                    jwks_url: entry.source.jwks_url.clone(),
                    keys: state.keys(now).map_or(0, |keys| keys.len()),
                    keys_age: state.keys_age(now),
                    keys_overdue: state.keys_overdue(now),
                    first_fetch_over: state.first_fetch_over,
                    last_error: state.last_error.clone(),
                    down: state.is_down(now),
                    announces_s256: state.metadata.as_ref().map(|said| said.supports_s256),
                    counts: state.counts,
                }
            })
            .collect();
        report.sort_by(|a, b| (&a.issuer, &a.jwks_url).cmp(&(&b.issuer, &b.jwks_url)));
        report
    }

    /// Waits until the first fetch of every issuer is over, well or not, or for as long as `patience`.
    pub async fn first_fetches(&self, patience: Duration) {
        let all = async {
            for entry in self.entries() {
                let mut fetches = entry.fetches.subscribe();
                // It ends with an issuer that is not in use any more.
                let _over = fetches.wait_for(|over| *over > 0).await;
            }
        };
        // What is missing then is told by the report.
        let _in_time = timeout(patience, all).await;
    }

    /// Whether the first fetch of every issuer is over, well or not.
    #[must_use]
    pub fn first_fetches_over(&self) -> bool {
        self.entries().iter().all(|entry| entry.state().first_fetch_over)
    }
}

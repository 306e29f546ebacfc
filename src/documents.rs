//! Documents that APIDocs name by URL: what was fetched of them, and how each stands.
//!
//! Who loads the policy says here which are wanted, and reads what there is; who fetches them
//! (`provider`) follows that.

use crate::name::ResourceName;
use crate::openapi::Description;
use crate::policy::{Held, Known};
use crate::time::UnixTime;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use url::Url;

/// Most documents that are fetched: more are a slip, or somebody's way to have others asked.
const MAX_DOCUMENTS: usize = 10_000;

/// Where documents are, and which APIDoc names each: the first one, for messages.
pub type Wanted = BTreeMap<Url, ResourceName>;

/// All documents. Clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Documents(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    wanted: watch::Sender<Arc<Wanted>>,
    /// Counts requests to fetch everything now.
    bell: watch::Sender<u64>,
    /// Counts fetches that are over.
    fetches: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Url, Entry>,
    /// Rises with each change of what a document describes.
    version: u64,
    counts: DocumentCounts,
}

#[derive(Clone, Debug, Default)]
struct Entry {
    description: Option<Arc<Description>>,
    etag: Option<Arc<str>>,
    confirmed_at: Option<UnixTime>,
    last_error: Option<String>,
    first_fetch_over: bool,
}

/// What a fetch brought.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// A document, and its `ETag`.
    Document(Arc<Description>, Option<Arc<str>>),
    /// It is as it was.
    Unchanged,
    /// Nothing, and why; without anything that was answered.
    Failed(String),
}

/// Fetches since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct DocumentCounts {
    /// Those that brought a document that holds.
    pub fetched: u64,
    /// Those that heard that it is as it was.
    pub unchanged: u64,
    /// Those that brought nothing.
    pub failed: u64,
}

/// How one document stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DocumentStatus {
    /// The APIDoc that names it.
    pub doc: ResourceName,
    /// How many operations are known; `None`: it was never had.
    pub operations: Option<usize>,
    /// How long ago it was last fetched, or heard to be unchanged.
    pub age: Option<Duration>,
    /// Why the last fetch failed, if it did.
    pub last_error: Option<String>,
    /// Whether the first fetch is over, well or not.
    pub first_fetch_over: bool,
}

impl Documents {
    fn state(&self) -> MutexGuard<'_, State> {
        // Each entry is replaced as a whole: a panic leaves none half-written.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has those documents from now on that these resources name; what is known of others is forgotten.
    pub fn want(&self, held: &Held) {
        let mut wanted = Wanted::new();
        for doc in held.docs.values() {
            if let Some(url) = &doc.url
                && wanted.len() < MAX_DOCUMENTS
            {
                let name = || doc.origin.name().clone();
                wanted.entry(url.value.clone()).or_insert_with(name);
            }
        }
        let mut state = self.state();
        state.entries.retain(|url, _| wanted.contains_key(url));
        for url in wanted.keys() {
            state.entries.entry(url.clone()).or_default();
        }
        drop(state);
        self.0.wanted.send_if_modified(|before| {
            let changed = **before != wanted;
            if changed {
                *before = Arc::new(wanted);
            }
            changed
        });
    }

    /// Which are wanted, now and whenever that changes.
    #[must_use]
    pub fn wanted(&self) -> watch::Receiver<Arc<Wanted>> {
        self.0.wanted.subscribe()
    }

    /// Rung when everything is to be fetched now.
    #[must_use]
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.0.bell.subscribe()
    }

    /// Has everything fetched now: somebody who runs this service asks.
    pub fn refetch(&self) {
        self.0.bell.send_modify(|rung| *rung = rung.saturating_add(1));
    }

    /// Another value, and some document describes something else.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.state().version
    }

    /// What happened so far.
    #[must_use]
    pub fn counts(&self) -> DocumentCounts {
        self.state().counts
    }

    /// The `ETag` of what is known.
    #[must_use]
    pub fn etag(&self, url: &Url) -> Option<Arc<str>> {
        self.state().entries.get(url).and_then(|entry| entry.etag.clone())
    }

    /// Writes down what a fetch brought. Returns whether the document describes something else now.
    pub fn record(&self, url: &Url, fetched: Fetched, now: UnixTime) -> bool {
        let mut state = self.state();
        let State { entries, version, counts } = &mut *state;
        let Some(entry) = entries.get_mut(url) else { return false };
        entry.first_fetch_over = true;
        let changed = match fetched {
            Fetched::Document(description, etag) => {
                counts.fetched = counts.fetched.saturating_add(1);
                let changed = entry.description.as_ref() != Some(&description);
                if changed {
                    entry.description = Some(description);
                }
                (entry.etag, entry.confirmed_at, entry.last_error) = (etag, Some(now), None);
                changed
            }
            Fetched::Unchanged => {
                counts.unchanged = counts.unchanged.saturating_add(1);
                (entry.confirmed_at, entry.last_error) = (Some(now), None);
                false
            }
            // What is known stays, however long.
            Fetched::Failed(why) => {
                counts.failed = counts.failed.saturating_add(1);
                entry.last_error = Some(why);
                false
            }
        };
        *version = version.saturating_add(u64::from(changed));
        drop(state);
        self.0.fetches.send_modify(|over| *over = over.saturating_add(1));
        changed
    }

    /// Waits until the first fetch of each is over, well or not, or for as long as `patience`.
    pub async fn first_fetches(&self, patience: Duration) {
        let mut fetches = self.0.fetches.subscribe();
        let all = async { while !self.first_fetches_over() && fetches.changed().await.is_ok() {} };
        // What is missing then is told by the report.
        let _in_time = tokio::time::timeout(patience, all).await;
    }

    /// How each stands, in the order of their addresses.
    #[must_use]
    pub fn report(&self, now: UnixTime) -> Vec<DocumentStatus> {
        let wanted = Arc::clone(&self.0.wanted.borrow());
        let state = self.state();
        let status = |(url, doc): (&Url, &ResourceName)| {
            let entry = state.entries.get(url).cloned().unwrap_or_default();
            DocumentStatus {
                doc: doc.clone(),
                operations: entry.description.map(|description| description.operations.len()),
                age: entry.confirmed_at.map(|at| now.since(at)),
                last_error: entry.last_error,
                first_fetch_over: entry.first_fetch_over,
            }
        };
        wanted.iter().map(status).collect()
    }

    /// Whether the first fetch of each is over, well or not.
    #[must_use]
    pub fn first_fetches_over(&self) -> bool {
        self.state().entries.values().all(|entry| entry.first_fetch_over)
    }
}

impl Known for Documents {
    fn description(&self, url: &Url) -> Option<Arc<Description>> {
        self.state().entries.get(url).and_then(|entry| entry.description.clone())
    }
}

#[cfg(test)]
mod tests;

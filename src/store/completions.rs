//! Code exchanges under way: one for a login, and its result waits for a browser that comes back.

use moka::sync::Cache;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const CAPACITY: u64 = 10_000;
/// How long a result waits for a browser that hung up and loads the page again.
const KEEP: Duration = Duration::from_secs(60);

/// A result, once it is there.
pub type Completion<T> = watch::Receiver<Option<Arc<T>>>;

/// Exchanges by the id of their login.
pub struct Completions<T>(Cache<String, Completion<T>>);

impl<T> fmt::Debug for Completions<T> {
    /// Shows nothing: results are sessions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Completions")
    }
}

impl<T> Clone for Completions<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + Sync + 'static> Default for Completions<T> {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(CAPACITY).time_to_live(KEEP).build())
    }
}

impl<T: Send + Sync + 'static> Completions<T> {
    /// The exchange of login `id`; `start` is called for the first one who asks.
    pub fn join(
        &self,
        id: &str,
        start: impl FnOnce(watch::Sender<Option<Arc<T>>>),
    ) -> Completion<T> {
        self.0.get_with(id.to_owned(), || {
            let (sender, receiver) = watch::channel(None);
            start(sender);
            receiver
        })
    }

    /// Forgets the exchange of login `id`: its result was delivered, and counts once.
    pub fn forget(&self, id: &str) {
        self.0.invalidate(id);
    }
}

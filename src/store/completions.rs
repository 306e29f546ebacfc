//! Code exchanges under way: one for a login, and its result waits for a browser that comes back.

use super::lru;
use moka::sync::Cache;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const CAPACITY: u64 = 10_000;
/// How long a result waits for a browser that hung up and loads the page again, and how long a login
/// that was delivered is remembered: as long as a login may take.
const KEEP: Duration = Duration::from_secs(600);

/// A result, once it is there.
pub type Completion<T> = watch::Receiver<Option<Arc<T>>>;

/// Exchanges by the id of their login. A login counts once: there is one exchange for it, and one
/// delivery of its result.
pub struct Completions<T> {
    running: Cache<String, Completion<T>>,
    delivered: Cache<String, ()>,
}

impl<T> fmt::Debug for Completions<T> {
    /// Shows nothing: results are sessions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Completions")
    }
}

impl<T: Send + Sync + 'static> Default for Completions<T> {
    fn default() -> Self {
        Self {
            running: lru(CAPACITY).time_to_live(KEEP).build(),
            delivered: lru(CAPACITY).time_to_live(KEEP).build(),
        }
    }
}

impl<T: Send + Sync + 'static> Completions<T> {
    /// The exchange of login `id`; `start` is called for the first one who asks. `None`: its result
    /// was delivered already.
    pub fn join(
        &self,
        id: &str,
        start: impl FnOnce(watch::Sender<Option<Arc<T>>>),
    ) -> Option<Completion<T>> {
        if self.delivered.contains_key(id) {
            return None;
        }
        Some(self.running.get_with(id.to_owned(), || {
            let (sender, receiver) = watch::channel(None);
            start(sender);
            receiver
        }))
    }

    /// The result of login `id` was delivered. Says whether this is the first time.
    #[must_use]
    pub fn deliver(&self, id: &str) -> bool {
        let first = self.delivered.entry(id.to_owned()).or_insert(()).is_fresh();
        self.running.invalidate(id);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exchanges_once_and_delivers_once() {
        let completions = Completions::<u8>::default();
        let first = completions.join("a", |sender| drop(sender.send_replace(Some(Arc::new(7)))));
        assert_eq!(first.and_then(|result| result.borrow().clone()), Some(Arc::new(7)));
        let again = completions.join("a", |_| panic!("a second exchange"));
        assert_eq!(again.and_then(|result| result.borrow().clone()), Some(Arc::new(7)));
        assert!(completions.deliver("a"));
        assert!(!completions.deliver("a"));
        assert!(completions.join("a", |_| panic!("a second exchange")).is_none());
    }
}

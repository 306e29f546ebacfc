//! Code exchanges under way: one for a login, and its result waits for a browser that comes back.

use super::lru;
use moka::sync::Cache;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

const CAPACITY: u64 = 10_000;
/// How long a result waits for a browser that hung up and loads the page again, and how long a login
/// that was delivered is remembered: as long as a login may take.
const KEEP: Duration = Duration::from_secs(600);

/// A result, once it is there.
pub type Completion<T> = watch::Receiver<Option<Arc<T>>>;

/// Exchanges by the id of their login. A login counts once: there is one exchange for it, and one
/// delivery of its result; what is left then is that it was delivered.
pub struct Completions<T>(Cache<String, Arc<Mutex<Option<Completion<T>>>>>);

impl<T> fmt::Debug for Completions<T> {
    /// Shows nothing: results are sessions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Completions")
    }
}

impl<T: Send + Sync + 'static> Default for Completions<T> {
    fn default() -> Self {
        Self(lru(CAPACITY).time_to_live(KEEP).build())
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
        let slot = self.0.get_with(id.to_owned(), || {
            let (sender, receiver) = watch::channel(None);
            start(sender);
            Arc::new(Mutex::new(Some(receiver)))
        });
        let waiting = slot.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.clone()
    }

    /// The result of login `id` was delivered. Says whether this is the first time.
    #[must_use]
    pub fn deliver(&self, id: &str) -> bool {
        let slot = self.0.get(id);
        slot.is_some_and(|slot| {
            slot.lock().unwrap_or_else(PoisonError::into_inner).take().is_some()
        })
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

//! One refresh for a session, however many checks ask for it.

use super::lru;
use crate::session::Session;
use crate::time::UnixTime;
use moka::sync::Cache;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// Refreshed sessions that are remembered, so that a browser which still shows the old record gets
/// the new one.
const CAPACITY: u64 = 100_000;
/// How long a session is not refreshed again after that failed, at least.
const BACK_OFF: Duration = Duration::from_secs(10);
/// And at most that much longer, so that sessions which ended together do not go on together.
const BACK_OFF_JITTER: u64 = 5;

/// What a refresh came to.
#[derive(Clone, Debug)]
pub enum Refresh {
    /// A newer record.
    Refreshed(Arc<Session>),
    /// The provider ended the session, or answered with tokens that do not hold.
    Ended,
    /// It was ended here while the provider was asked: by a logout, or by a newer login.
    Overtaken,
    /// The provider, or what else it takes, could not be reached. The record is there if the refresh
    /// token changed all the same: the old one must not be shown again.
    Unavailable(Option<Arc<Session>>),
    /// The provider answers, but neither with tokens nor with a word about the session.
    Useless,
}

impl Refresh {
    /// How long a session is not refreshed again after that failed, at least.
    pub const BACK_OFF: Duration = BACK_OFF;
}

/// Whose turn it is.
#[derive(Debug)]
pub enum Turn {
    /// There is a newer record already.
    Newer(Arc<Session>),
    /// Somebody else is at it, or it is yours: see the second field.
    Running(watch::Receiver<Option<Refresh>>, Option<watch::Sender<Option<Refresh>>>),
    /// It failed a moment ago, in this way.
    BackingOff(Refresh),
}

/// Refreshes under way and done, by session id.
#[derive(Clone, Debug)]
pub struct Refreshes {
    running: Arc<Mutex<HashMap<String, watch::Receiver<Option<Refresh>>>>>,
    done: Cache<String, Arc<Session>>,
    /// What failed, and until when it is not tried again.
    failed: Cache<String, (UnixTime, Refresh)>,
}

impl Refreshes {
    /// Newer records are kept for `keep`, the longest life of a session.
    #[must_use]
    pub fn new(keep: Duration) -> Self {
        let done = lru(CAPACITY).time_to_live(keep).build();
        let failed = lru(CAPACITY).time_to_live(keep).build();
        Self { running: Arc::default(), done, failed }
    }

    /// The newest record of the session that `session` is a record of.
    #[must_use]
    pub fn newest(&self, session: &Session) -> Option<Arc<Session>> {
        self.newer_than(&session.id, session.generation)
    }

    /// The newest record of session `id`, if that is newer than this generation.
    #[must_use]
    pub fn newer_than(&self, id: &str, generation: u64) -> Option<Arc<Session>> {
        self.done.get(id).filter(|newer| newer.generation > generation)
    }

    /// Whose turn it is to refresh `session`.
    #[must_use]
    pub fn turn(&self, session: &Session, now: UnixTime) -> Turn {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // Asked under the lock: whoever finished puts the record there before it leaves the map.
        if let Some(newer) = self.newest(session) {
            return Turn::Newer(newer);
        }
        // A task that died has closed its end, and must not keep others waiting.
        let alive = running.get(&session.id).filter(|receiver| receiver.has_changed().is_ok());
        if let Some(receiver) = alive {
            return Turn::Running(receiver.clone(), None);
        }
        if let Some((until, failed)) = self.failed.get(&session.id)
            && now < until
        {
            return Turn::BackingOff(failed);
        }
        let (sender, receiver) = watch::channel(None);
        running.insert(session.id.clone(), receiver.clone());
        Turn::Running(receiver, Some(sender))
    }

    /// Tells everybody who waits what became of it. After a failure the session waits, by `jitter` from
    /// 0 to 255.
    pub fn finish(
        &self,
        id: &str,
        sender: &watch::Sender<Option<Refresh>>,
        refresh: Refresh,
        jitter: u8,
        now: UnixTime,
    ) {
        match &refresh {
            Refresh::Refreshed(session) | Refresh::Unavailable(Some(session)) => {
                self.done.insert(id.to_owned(), Arc::clone(session));
            }
            Refresh::Unavailable(None) | Refresh::Useless | Refresh::Ended | Refresh::Overtaken => {
            }
        }
        if matches!(refresh, Refresh::Unavailable(_) | Refresh::Useless) {
            let longer = Duration::from_secs(u64::from(jitter) * (BACK_OFF_JITTER + 1) / 256);
            let until = now.plus(BACK_OFF).plus(longer);
            // The record that it may have is in `done`.
            let failed = match &refresh {
                Refresh::Useless => Refresh::Useless,
                _ => Refresh::Unavailable(None),
            };
            self.failed.insert(id.to_owned(), (until, failed));
        }
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        sender.send_replace(Some(refresh));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(generation: u64) -> Session {
        Session { id: "a".to_owned(), generation, ..Session::default() }
    }

    #[test]
    fn gives_the_turn_once_and_then_the_newer_record() {
        let refreshes = Refreshes::new(Duration::from_secs(60));
        let now = UnixTime(100);
        let Turn::Running(receiver, Some(sender)) = refreshes.turn(&session(1), now) else {
            panic!("not the first");
        };
        assert!(matches!(refreshes.turn(&session(1), now), Turn::Running(_, None)));
        let newer = Arc::new(session(2));
        refreshes.finish("a", &sender, Refresh::Refreshed(newer), 0, now);
        assert!(matches!(*receiver.borrow(), Some(Refresh::Refreshed(_))));
        assert!(
            matches!(refreshes.turn(&session(1), now), Turn::Newer(newer) if newer.generation == 2)
        );
        assert!(matches!(refreshes.turn(&session(2), now), Turn::Running(_, Some(_))));
    }

    #[test]
    fn backs_off_after_a_failure() {
        let now = UnixTime(100);
        for (failed, jitter, until) in [
            (Refresh::Unavailable(None), 0, 110),
            (Refresh::Unavailable(None), 255, 115),
            (Refresh::Useless, 128, 113),
        ] {
            let refreshes = Refreshes::new(Duration::from_secs(60));
            let Turn::Running(_, Some(sender)) = refreshes.turn(&session(1), now) else {
                panic!("not the first");
            };
            refreshes.finish("a", &sender, failed.clone(), jitter, now);
            let waits = |at| match refreshes.turn(&session(1), UnixTime(at)) {
                Turn::BackingOff(with) => {
                    assert_eq!(std::mem::discriminant(&with), std::mem::discriminant(&failed));
                    true
                }
                Turn::Running(..) | Turn::Newer(_) => false,
            };
            assert!(waits(until - 1) && !waits(until), "{jitter}");
        }
    }
}

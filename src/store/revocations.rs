//! Sessions and callers that signed out, for as long as a session of theirs could live.

use super::fingerprint::{Fingerprints, NamedMap};
use crate::session::Session;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Entries at most, of some 40 bytes each.
const CAPACITY: usize = 500_000;
/// Entries between two clean-ups.
const CLEAN_UP_EVERY: usize = 1024;
/// The part of the entries that goes where there is no more room.
const TENTH: usize = 10;

/// What ends a session, besides time.
///
/// An entry ends what it names, as far as that began until then: who signs in again afterwards is not
/// concerned. No entry that counts is forgotten: where there is no more room the oldest ones go, and
/// everything that began until the newest of those is over with them. Some people then sign in once
/// more; nothing that was ended comes back.
#[derive(Clone, Debug)]
pub struct Revocations {
    held: Arc<RwLock<Held>>,
    /// Whether anything was ended: as long as nothing was, nobody takes the lock.
    any: Arc<AtomicBool>,
    names: Fingerprints,
    keep_ms: u64,
    capacity: usize,
}

#[derive(Debug, Default)]
struct Held {
    /// What began until then, in milliseconds, is over.
    entries: NamedMap<u64>,
    /// The same for everybody.
    floor_ms: Option<u64>,
    /// Entries since the last clean-up.
    added: usize,
}

/// A field each: nothing is joined, so nothing can be made to collide.
#[derive(Clone, Copy, Debug, Hash)]
enum Key<'k> {
    /// Our own session.
    Session(&'k str),
    /// Issuer and `sid`.
    ProviderSession(&'k str, &'k str),
    /// Issuer and subject.
    Subject(&'k str, &'k str),
    /// The same, where the token had no `sid`.
    SubjectWithoutSession(&'k str, &'k str),
}

/// What is over: what a replica tells the others. Ids and people are not printed.
#[derive(Clone, Eq, PartialEq)]
pub enum Ended {
    /// Our own session.
    Session(String),
    /// Every session of one session at the provider.
    ProviderSession {
        /// Whose it is.
        issuer: String,
        /// Its `sid`.
        sid: String,
    },
    /// Every session of somebody.
    Subject {
        /// Who says so.
        issuer: String,
        /// `sub`
        subject: String,
    },
    /// The same, where the token had no `sid`.
    SubjectWithoutSession {
        /// Who says so.
        issuer: String,
        /// `sub`
        subject: String,
    },
    /// Every session.
    Everybody,
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Session(_) => "a session",
            Self::ProviderSession { .. } => "a session at the provider",
            Self::Subject { .. } => "a subject",
            Self::SubjectWithoutSession { .. } => "a subject, where there is no sid",
            Self::Everybody => "everybody",
        })
    }
}

/// What may have been revoked.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'s> {
    /// Our own session's id.
    pub session: Option<&'s str>,
    /// Who says so.
    pub issuer: &'s str,
    /// `sid`, where the token had one.
    pub provider_session: Option<&'s str>,
    /// `sub`
    pub subject: &'s str,
    /// When it began, in milliseconds.
    pub began_ms: u64,
}

impl<'s> Subject<'s> {
    /// What may have been revoked of a session of ours.
    #[must_use]
    pub fn of(session: &'s Session) -> Self {
        Self {
            session: Some(&session.id),
            issuer: &session.issuer,
            provider_session: Some(session.provider_session.as_str()).filter(|sid| !sid.is_empty()),
            subject: &session.subject,
            began_ms: session.signed_in_at_ms,
        }
    }
}

/// What would end something, by its short names, and when that began.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Marks {
    names: [u128; 2],
    began_ms: u64,
}

/// The same for a session of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionMarks {
    session: Option<u128>,
    others: Marks,
}

impl Revocations {
    /// Entries are kept for `keep`, the longest life of a session.
    #[must_use]
    pub fn new(keep: Duration) -> Self {
        Self::of(keep, CAPACITY)
    }

    fn of(keep: Duration, capacity: usize) -> Self {
        let keep_ms = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        Self {
            held: Arc::default(),
            any: Arc::default(),
            names: Fingerprints::default(),
            keep_ms,
            capacity,
        }
    }

    /// Ends our own session `id`.
    pub fn revoke_session(&self, id: &str, now_ms: u64) {
        self.insert(Key::Session(id), now_ms);
    }

    /// Ends every session of the provider's session `sid` that began until now.
    pub fn revoke_provider_session(&self, issuer: &str, sid: &str, now_ms: u64) {
        self.insert(Key::ProviderSession(issuer, sid), now_ms);
    }

    /// Ends every session of `subject` that began until now.
    pub fn revoke_subject(&self, issuer: &str, subject: &str, now_ms: u64) {
        self.insert(Key::Subject(issuer, subject), now_ms);
    }

    /// Ends every session of `subject` that began until now and whose token had no `sid`.
    pub fn revoke_subject_without_session(&self, issuer: &str, subject: &str, now_ms: u64) {
        self.insert(Key::SubjectWithoutSession(issuer, subject), now_ms);
    }

    /// Ends what `ended` names, as far as it began until `at_ms`.
    pub fn apply(&self, ended: &Ended, at_ms: u64) {
        match ended {
            Ended::Session(id) => self.revoke_session(id, at_ms),
            Ended::ProviderSession { issuer, sid } => {
                self.revoke_provider_session(issuer, sid, at_ms);
            }
            Ended::Subject { issuer, subject } => self.revoke_subject(issuer, subject, at_ms),
            Ended::SubjectWithoutSession { issuer, subject } => {
                self.revoke_subject_without_session(issuer, subject, at_ms);
            }
            Ended::Everybody => {
                let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
                held.floor_ms = held.floor_ms.max(Some(at_ms));
                self.any.store(true, Ordering::Release);
            }
        }
    }

    fn insert(&self, key: Key<'_>, now_ms: u64) {
        let name = self.names.of(&key);
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.make_room(self.capacity, now_ms.saturating_sub(self.keep_ms));
        let until = held.entries.entry(name).or_default();
        *until = now_ms.max(*until);
        // Under the lock, and so before whoever ended something is told that it is over.
        self.any.store(true, Ordering::Release);
    }

    /// Whether it was revoked.
    #[must_use]
    pub fn is_revoked(&self, subject: Subject<'_>) -> bool {
        // What is not there any more when its name is asked for is below the floor when that is.
        self.any.load(Ordering::Acquire)
            && (subject.session.is_some_and(|id| self.ended(id))
                || self.is_marked(&self.marks(subject)))
    }

    /// What would end `subject`, its session with us aside: to be asked for again and again.
    #[must_use]
    pub fn marks(&self, subject: Subject<'_>) -> Marks {
        let Subject { issuer, provider_session, subject, began_ms, session: _ } = subject;
        let session = match provider_session {
            Some(sid) => Key::ProviderSession(issuer, sid),
            None => Key::SubjectWithoutSession(issuer, subject),
        };
        let names = [session, Key::Subject(issuer, subject)].map(|key| self.names.of(&key));
        Marks { names, began_ms }
    }

    /// Whether what has these marks was revoked.
    #[must_use]
    pub fn is_marked(&self, marks: &Marks) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let began_ms = marks.began_ms;
        let over = |name| held.entries.get(name).is_some_and(|until| began_ms <= *until);
        held.floor_ms.is_some_and(|floor| began_ms <= floor) || marks.names.iter().any(over)
    }

    /// The same, and its session with us as well.
    #[must_use]
    pub fn session_marks(&self, subject: Subject<'_>) -> SessionMarks {
        let session = subject.session.map(|id| self.names.of(&Key::Session(id)));
        SessionMarks { session, others: self.marks(subject) }
    }

    /// Whether the session with these marks was revoked.
    #[must_use]
    pub fn is_session_marked(&self, marks: &SessionMarks) -> bool {
        // In the order of [`Self::is_revoked`].
        self.any.load(Ordering::Acquire)
            && (marks.session.is_some_and(|name| self.holds(name)) || self.is_marked(&marks.others))
    }

    /// Whether our own session `id` was ended. Our ids count once, so the time says no more.
    fn ended(&self, id: &str) -> bool {
        self.holds(self.names.of(&Key::Session(id)))
    }

    fn holds(&self, name: u128) -> bool {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.entries.contains_key(&name)
    }
}

impl Held {
    /// Makes room for one more. What began until `over_ms` is over by its age.
    fn make_room(&mut self, capacity: usize, over_ms: u64) {
        self.added = self.added.saturating_add(1);
        let full = |held: &Self| held.entries.len() >= capacity;
        if self.added >= CLEAN_UP_EVERY || full(self) {
            self.added = 0;
            self.entries.retain(|_, until| *until > over_ms);
        }
        if !full(self) {
            return;
        }
        let mut times: Vec<u64> = self.entries.values().copied().collect();
        let tenth = times.len().checked_div(TENTH).unwrap_or_default();
        let (_, floor, _) = times.select_nth_unstable(tenth);
        self.entries.retain(|_, until| *until > *floor);
        self.floor_ms = self.floor_ms.max(Some(*floor));
        let until = *floor / 1000;
        tracing::error!(until, "too many logouts to remember: sessions that began before are over");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn subject<'s>(session: &'s str, sid: &'s str, began_ms: u64) -> Subject<'s> {
        let provider_session = Some(sid).filter(|sid| !sid.is_empty());
        Subject {
            session: Some(session),
            issuer: "i",
            provider_session,
            subject: "alice",
            began_ms,
        }
    }

    /// Asked in either way.
    fn is_over(revocations: &Revocations, subject: Subject<'_>) -> bool {
        let over = revocations.is_revoked(subject);
        assert_eq!(revocations.is_session_marked(&revocations.session_marks(subject)), over);
        over
    }

    #[test]
    fn ends_what_it_names_and_nothing_else() {
        let revocations = Revocations::new(MINUTE);
        assert!(!is_over(&revocations, subject("a", "p", 1)));
        revocations.revoke_session("a", 1000);
        assert!(is_over(&revocations, subject("a", "p", 2000)));
        assert!(!is_over(&revocations, subject("b", "p", 1)));
        revocations.revoke_provider_session("i", "p", 1000);
        assert!(is_over(&revocations, subject("b", "p", 1000)));
        assert!(!is_over(&revocations, subject("b", "p", 1001)), "signed in again");
        assert!(!is_over(&revocations, subject("b", "q", 1)));
        assert!(!is_over(&revocations, Subject { issuer: "j", ..subject("b", "p", 1) }));
        revocations.revoke_subject_without_session("i", "alice", 1000);
        assert!(is_over(&revocations, subject("b", "", 1000)));
        assert!(!is_over(&revocations, subject("b", "q", 1000)));
        revocations.revoke_subject("i", "alice", 1000);
        assert!(is_over(&revocations, subject("b", "q", 1000)));
        assert!(is_over(&revocations, subject("b", "", 1000)));
        assert!(!is_over(&revocations, subject("b", "", 1001)), "signed in again");
        assert!(!is_over(&revocations, Subject { subject: "bob", ..subject("b", "", 1) }));
        // Which field it is counts as well.
        assert!(!is_over(&revocations, Subject { subject: "bob", ..subject("p", "alice", 1) }));
        // A clock that was set back takes nothing away.
        revocations.revoke_subject("i", "alice", 500);
        assert!(is_over(&revocations, subject("b", "q", 1000)));
    }

    #[test]
    fn i04_holds_for_as_long_as_a_session_could_live_and_beside_100_000_others() {
        let revocations = Revocations::new(MINUTE);
        revocations.revoke_session("a", 1000);
        revocations.revoke_subject("i", "alice", 1000);
        for other in 0..100_000 {
            revocations.revoke_session(&format!("other-{other}"), 60_999);
        }
        assert!(revocations.is_revoked(subject("a", "", 1000)));
        assert!(revocations.is_revoked(subject("b", "", 1000)));
        assert!(!revocations.is_revoked(subject("b", "", 1001)));
        let held = || revocations.held.read().expect("a lock").entries.len();
        assert_eq!(held(), 100_002);
        // From here on no session is alive that began until then.
        for other in 0..CLEAN_UP_EVERY {
            revocations.revoke_session(&format!("later-{other}"), 61_000);
        }
        assert!(held() <= 100_000 + CLEAN_UP_EVERY);
    }

    #[test]
    fn i04_ends_too_much_rather_than_too_little_when_it_is_full() {
        const CAPACITY: usize = 1000;
        let revocations = Revocations::of(Duration::from_secs(3600), CAPACITY);
        let id = |number: u64| format!("session-{number}");
        for number in 0..5000 {
            revocations.revoke_session(&id(number), 10_000 + number);
            assert!(revocations.held.read().expect("a lock").entries.len() <= CAPACITY);
        }
        for number in 0..5000 {
            let id = id(number);
            assert!(revocations.is_revoked(subject(&id, "", 10_000 + number)), "{id}");
        }
        assert!(revocations.is_revoked(subject("never-ended", "", 10_000)), "older than the floor");
        assert!(!revocations.is_revoked(subject("never-ended", "", 14_999)), "newer");
    }
}

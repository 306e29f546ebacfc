//! Sessions and callers that signed out, for as long as a session of theirs could live.

use crate::time::UnixTime;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

/// Entries between two clean-ups.
const CLEAN_UP_EVERY: usize = 1024;

/// What ends a session, besides time. Who may add to it was authenticated: it cannot be filled from
/// outside.
#[derive(Clone, Debug)]
pub struct Revocations {
    entries: Arc<RwLock<HashMap<Key, Entry>>>,
    keep: Duration,
}

/// A field each: nothing is joined, so nothing can be made to collide.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Key {
    /// Our own session.
    Session(String),
    /// Issuer and `sid`.
    ProviderSession(String, String),
    /// Issuer and subject.
    Subject(String, String),
    /// The same, where the token had no `sid`.
    SubjectWithoutSession(String, String),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Milliseconds; what began later is not concerned.
    before_ms: u64,
    until: UnixTime,
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

impl Revocations {
    /// Entries are kept for `keep`, the longest life of a session.
    #[must_use]
    pub fn new(keep: Duration) -> Self {
        Self { entries: Arc::default(), keep }
    }

    /// Ends our own session `id`.
    pub fn revoke_session(&self, id: &str, now_ms: u64) {
        self.insert(Key::Session(id.to_owned()), now_ms);
    }

    /// Ends every session of the provider's session `sid`.
    pub fn revoke_provider_session(&self, issuer: &str, sid: &str, now_ms: u64) {
        self.insert(Key::ProviderSession(issuer.to_owned(), sid.to_owned()), now_ms);
    }

    /// Ends every session of `subject` that began until now.
    pub fn revoke_subject(&self, issuer: &str, subject: &str, now_ms: u64) {
        self.insert(Key::Subject(issuer.to_owned(), subject.to_owned()), now_ms);
    }

    /// Ends every session of `subject` that began until now and whose token had no `sid`.
    pub fn revoke_subject_without_session(&self, issuer: &str, subject: &str, now_ms: u64) {
        self.insert(Key::SubjectWithoutSession(issuer.to_owned(), subject.to_owned()), now_ms);
    }

    fn insert(&self, key: Key, now_ms: u64) {
        let now = UnixTime(now_ms / 1000);
        let entry = Entry { before_ms: now_ms, until: now.plus(self.keep) };
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() % CLEAN_UP_EVERY == CLEAN_UP_EVERY - 1 {
            entries.retain(|_, entry| entry.until > now);
        }
        entries.insert(key, entry);
    }

    /// Whether it was revoked.
    #[must_use]
    pub fn is_revoked(&self, subject: Subject<'_>) -> bool {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        if entries.is_empty() {
            return false;
        }
        let issuer = || subject.issuer.to_owned();
        let keys = [
            subject.session.map(|id| Key::Session(id.to_owned())),
            subject.provider_session.map(|sid| Key::ProviderSession(issuer(), sid.to_owned())),
            Some(Key::Subject(issuer(), subject.subject.to_owned())),
            Some(Key::SubjectWithoutSession(issuer(), subject.subject.to_owned()))
                .filter(|_| subject.provider_session.is_none()),
        ];
        let mut found = keys.into_iter().flatten().filter_map(|key| {
            let whatever_began = matches!(key, Key::Session(_) | Key::ProviderSession(..));
            entries.get(&key).map(|entry| whatever_began || subject.began_ms <= entry.before_ms)
        });
        found.any(|revoked| revoked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(session: &'static str, sid: &'static str, began_ms: u64) -> Subject<'static> {
        let provider_session = Some(sid).filter(|sid| !sid.is_empty());
        Subject {
            session: Some(session),
            issuer: "i",
            provider_session,
            subject: "alice",
            began_ms,
        }
    }

    #[test]
    fn ends_what_it_names_and_nothing_else() {
        let revocations = Revocations::new(Duration::from_secs(60));
        assert!(!revocations.is_revoked(subject("a", "p", 1)));
        revocations.revoke_session("a", 1000);
        assert!(revocations.is_revoked(subject("a", "p", 2000)));
        assert!(!revocations.is_revoked(subject("b", "p", 1)));
        revocations.revoke_provider_session("i", "p", 1000);
        assert!(revocations.is_revoked(subject("b", "p", 2000)));
        assert!(!revocations.is_revoked(subject("b", "q", 1)));
        assert!(!revocations.is_revoked(Subject { issuer: "j", ..subject("b", "p", 1) }));
        revocations.revoke_subject_without_session("i", "alice", 1000);
        assert!(revocations.is_revoked(subject("b", "", 1000)));
        assert!(!revocations.is_revoked(subject("b", "q", 1000)));
        revocations.revoke_subject("i", "alice", 1000);
        assert!(revocations.is_revoked(subject("b", "q", 1000)));
        assert!(revocations.is_revoked(subject("b", "", 1000)));
        assert!(!revocations.is_revoked(subject("b", "", 1001)), "signed in again");
        assert!(!revocations.is_revoked(Subject { subject: "bob", ..subject("b", "", 1) }));
    }
}

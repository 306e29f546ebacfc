//! Sealed sessions that were opened of late, and what they came to.

use super::mac::{Mac, MacHasher, MacKey};
use super::{SessionMarks, UserName};
use crate::identity::Identity;
use crate::policy::PortalId;
use crate::random::NoRandomness;
use crate::session::{KeyRing, Times};
use crate::time::UnixTime;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use std::fmt;
use std::sync::{Arc, Weak};

/// Bytes of a session that count as one; those of most do.
const USUAL_BYTES: usize = 768;

/// How many usual sessions a session counts as.
#[derive(Clone)]
struct Weight;

impl Weighter<Mac, Arc<OpenedSession>> for Weight {
    fn weight(&self, _key: &Mac, session: &Arc<OpenedSession>) -> u64 {
        let more = session.text_bytes().checked_div(USUAL_BYTES).unwrap_or_default();
        u64::try_from(more).unwrap_or(u64::MAX).saturating_add(1)
    }
}

/// Remembers what sealed sessions came to, at most a given number, where long ones count more often. Only what did open gets in, and what is
/// asked for often stays, whatever else comes once. Clones share everything.
///
/// A session is found by a MAC of all of its sealed text. No token of the provider is kept, and no text that
/// could be shown in place of the session's cookie.
#[derive(Clone)]
pub struct OpenedSessions(Arc<Shared>);

struct Shared {
    key: MacKey,
    opened: Cache<Mac, Arc<OpenedSession>, Weight, MacHasher>,
}

impl fmt::Debug for OpenedSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenedSessions({} sessions)", self.0.opened.len())
    }
}

/// A session that was opened, and whom it names. That holds for the keys, the host, the policy and the last use
/// that stand here; everything else is asked on every check.
#[derive(Clone)]
pub struct OpenedSession {
    /// The keys that opened it: their memory is not given to others as long as this points there. Once others
    /// are in force, it counts as not opened.
    pub key_ring: Weak<KeyRing>,
    /// The host that it was opened for.
    pub host: Box<str>,
    /// Of the policy that it was judged by.
    pub epoch: u64,
    /// The sealed text of the last use.
    pub last_use: Box<str>,
    /// What that says.
    pub last_used_at: UnixTime,
    /// Its id.
    pub id: Box<str>,
    /// Of the record in its cookie.
    pub generation: u64,
    /// Whose it is.
    pub portal: PortalId,
    /// When it holds.
    pub times: Times,
    /// What would end it.
    pub marks: SessionMarks,
    /// The user who is to be known while it is in use.
    pub user: UserName,
    /// The caller.
    pub identity: Arc<Identity>,
}

/// What an [`OpenedSession`] has to be of.
#[derive(Clone, Copy)]
pub struct Place<'p> {
    /// The keys in force.
    pub key_ring: &'p Arc<KeyRing>,
    /// The host that it is shown to.
    pub host: &'p str,
    /// Of the policy in force.
    pub epoch: u64,
    /// The sealed text of the last use that came with it.
    pub last_use: &'p str,
}

impl fmt::Debug for OpenedSession {
    /// Shows nothing that could be shown to us, and nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpenedSession")
    }
}

impl fmt::Debug for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({})", self.host)
    }
}

impl OpenedSession {
    /// Bytes of its texts, as far as they are not shared with others.
    fn text_bytes(&self) -> usize {
        let Identity { subject, email, claims, .. } = &*self.identity;
        let claims = claims.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        let texts = [&self.host, &self.last_use, &self.id, subject].map(|text| text.len());
        let email = email.as_ref().map_or(0, |email| email.len());
        texts.into_iter().chain(claims).fold(email, usize::saturating_add)
    }

    fn is_of(&self, place: Place<'_>) -> bool {
        let Place { key_ring, host, epoch, last_use } = place;
        std::ptr::eq(self.key_ring.as_ptr(), Arc::as_ptr(key_ring))
            && self.epoch == epoch
            && &*self.host == host
            && &*self.last_use == last_use
    }
}

impl OpenedSessions {
    /// Room for `capacity` sessions.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn new(capacity: u64) -> Result<Self, NoRandomness> {
        let estimate = usize::try_from(capacity).unwrap_or(usize::MAX);
        let (hasher, lifecycle) = (MacHasher::default(), DefaultLifecycle::default());
        let opened = Cache::with(estimate, capacity, Weight, hasher, lifecycle);
        Ok(Self(Arc::new(Shared { key: MacKey::new()?, opened })))
    }

    /// What the session of this sealed text is found by. `None`, and so never remembered, only where the
    /// cipher refuses the length.
    #[must_use]
    pub fn mac(&self, sealed: &str) -> Option<Mac> {
        self.0.key.of(sealed)
    }

    /// The session, if it was opened just so.
    #[must_use]
    pub fn get(&self, mac: Mac, place: Place<'_>) -> Option<Arc<OpenedSession>> {
        self.0.opened.get(&mac).filter(|session| session.is_of(place))
    }

    /// Remembers a session that did open.
    pub fn remember(&self, mac: Mac, session: OpenedSession) {
        self.0.opened.insert(mac, Arc::new(session));
    }

    /// How many are remembered.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.opened.len()
    }

    /// Forgets a session.
    pub fn forget(&self, mac: Mac) {
        self.0.opened.remove(&mac);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;
    use crate::store::{Revocations, Subject, Users};
    use std::time::Duration;

    const CAPACITY: u64 = 100;

    fn key_ring() -> Arc<KeyRing> {
        let key = std::array::from_fn(|at| u8::try_from(at).unwrap_or_default());
        Arc::new(KeyRing::of(&key).expect("a key"))
    }

    fn place(key_ring: &Arc<KeyRing>) -> Place<'_> {
        Place { key_ring, host: "a.example", epoch: 7, last_use: "used" }
    }

    fn session(key_ring: &Arc<KeyRing>) -> OpenedSession {
        let session = Session::default();
        OpenedSession {
            key_ring: Arc::downgrade(key_ring),
            host: "a.example".into(),
            epoch: 7,
            last_use: "used".into(),
            last_used_at: UnixTime(9),
            id: "id".into(),
            generation: 1,
            portal: PortalId(0),
            times: session.times(),
            marks: Revocations::new(Duration::from_secs(60)).session_marks(Subject::of(&session)),
            user: Users::default().name("i", "alice"),
            identity: Arc::default(),
        }
    }

    #[test]
    fn a_session_is_of_its_text_its_keys_its_host_its_policy_and_its_last_use() {
        let ours = key_ring();
        let sessions = OpenedSessions::new(CAPACITY).expect("randomness");
        let mac = |text| sessions.mac(text).expect("a MAC");
        sessions.remember(mac("sealed"), session(&ours));
        let is_known = |text, place| sessions.get(mac(text), place).is_some();
        assert!(is_known("sealed", place(&ours)));
        // The same keys, read anew.
        let others = key_ring();
        assert!(!is_known("sealed", place(&others)));
        assert!(!is_known("sealef", place(&ours)));
        assert!(!is_known("sealed", Place { host: "b.example", ..place(&ours) }));
        assert!(!is_known("sealed", Place { epoch: 8, ..place(&ours) }));
        assert!(!is_known("sealed", Place { last_use: "", ..place(&ours) }));
    }

    #[test]
    fn long_ones_count_as_often_as_their_texts_are_usual() {
        let keys = key_ring();
        let sessions = OpenedSessions::new(CAPACITY).expect("randomness");
        let claims = [("c".to_owned(), "x".repeat(10 * USUAL_BYTES))];
        let identity = Arc::new(Identity { claims: claims.into(), ..Identity::default() });
        for number in 0..1000 {
            let identity = Arc::clone(&identity);
            let mac = sessions.mac(&format!("{number}")).expect("a MAC");
            sessions.remember(mac, OpenedSession { identity, ..session(&keys) });
            assert!(sessions.0.opened.len() as u64 <= CAPACITY / 10, "after {number}");
        }
        assert!(!sessions.0.opened.is_empty());
    }

    #[test]
    fn p06_many_sessions_neither_fill_the_memory_nor_drive_out_what_is_asked_for() {
        let keys = key_ring();
        let sessions = OpenedSessions::new(CAPACITY).expect("randomness");
        let mac = |number: u64| sessions.mac(&number.to_string()).expect("a MAC");
        let of_one = mac(u64::MAX);
        sessions.remember(of_one, session(&keys));
        let asked_for = || sessions.get(of_one, place(&keys)).is_some();
        assert!((0..20).all(|_| asked_for()));
        // Asked for twice as rarely as it takes to fill the memory.
        for number in 0..10_000 {
            sessions.remember(mac(number), session(&keys));
            let asked = number % (2 * CAPACITY) == 0;
            assert!(!asked || asked_for(), "driven out after {number}");
            assert!(sessions.0.opened.len() as u64 <= CAPACITY);
        }
    }
}

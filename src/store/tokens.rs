//! Bearer tokens whose signatures were verified, and what they came to.

mod key;
mod known;

pub use key::TokenKey;
pub use known::{Judged, KnownToken};

use super::fingerprint::Named;
use crate::policy::{DefaultHashBuilder, EnvironmentId, Membership, PortalId};
use crate::provider::IssuerSource;
use crate::random::NoRandomness;
use crate::time::UnixTime;
use crate::token::{KeySet, TokenError};
use key::TokenKeys;
use known::RefusedToken;
use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache, DefaultLifecycle};
use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasherDefault, Hash};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tokens that did not hold, at most. They have room of their own: garbage drives out garbage.
const REFUSED: u64 = 4096;
/// Verifications that may run side by side, of tokens that are not the same.
const TURNS: usize = 256;
/// Different things of a kind that are shared, at most.
const SHARED: usize = 10_000;

type Tokens<V> = Cache<TokenKey, V, UnitWeighter, BuildHasherDefault<Named>>;

/// Things that are shared. Clients do not make them up: they come of policies and of tokens that hold.
type Set<T> = HashSet<Arc<T>, DefaultHashBuilder>;

/// What is known of a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signature {
    /// It held, when it was verified.
    Holds(UnixTime),
    /// These keys never verify it.
    Refused(TokenError),
}

/// Remembers tokens: those that hold, at most a given number, and some of those that do not. What is
/// asked for often stays, whatever else comes once. Clones share everything.
#[derive(Clone)]
pub struct TokenCache(Arc<Shared>);

struct Shared {
    keys: TokenKeys,
    known: Tokens<Arc<KnownToken>>,
    refused: Tokens<RefusedToken>,
    turns: Vec<Mutex<()>>,
    memberships: Mutex<Memberships>,
    sources: Mutex<Set<IssuerSource>>,
}

/// Those that tokens have under one policy.
#[derive(Default)]
struct Memberships {
    epoch: u64,
    shared: Set<Membership>,
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenCache({} tokens)", self.0.known.len())
    }
}

impl TokenCache {
    /// A cache of at most `capacity` tokens that hold.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn new(capacity: u64) -> Result<Self, NoRandomness> {
        Ok(Self(Arc::new(Shared {
            keys: TokenKeys::new()?,
            known: tokens(capacity),
            refused: tokens(REFUSED),
            turns: (0..TURNS).map(|_| Mutex::default()).collect(),
            memberships: Mutex::default(),
            sources: Mutex::default(),
        })))
    }

    /// The key of a token that is judged for an Environment, a Portal, or both: all that a verdict
    /// depends on besides policy, keys and time. Ids count for one policy, as the verdict does. The
    /// issuer stands in the token, and its keys are compared.
    ///
    /// `None`, and so never remembered, only where the cipher refuses the length, or the policy has more
    /// ids than anybody counts.
    #[must_use]
    pub fn key(
        &self,
        environment: Option<EnvironmentId>,
        portal: Option<PortalId>,
        token: &str,
    ) -> Option<TokenKey> {
        self.0.keys.of(environment, portal, token)
    }

    /// The token as the policy of this epoch judged it, if its signature was verified not too long ago.
    #[must_use]
    pub fn judged(&self, key: TokenKey, epoch: u64, now: UnixTime) -> Option<Arc<KnownToken>> {
        let known = self.known(key)?;
        (known.is_fresh(now) && known.judged_by(epoch).is_some()).then_some(known)
    }

    /// What is known of the token's signature by `keys`, for whatever it was judged.
    #[must_use]
    pub fn signature(&self, key: TokenKey, keys: &Arc<KeySet>, now: UnixTime) -> Option<Signature> {
        let places = [key.first(), key].into_iter();
        let mut known = places.filter_map(|place| self.0.known.get(&place));
        if let Some(known) = known.find(|known| known.is_by(keys) && known.is_fresh(now)) {
            return Some(Signature::Holds(known.verified_at));
        }
        let refused = self.0.refused.get(&key.first())?;
        refused.error(keys, now).map(Signature::Refused)
    }

    /// Whoever holds it is the only one who verifies this token; to be asked for the signature once
    /// more afterwards. It is held for one verification, and never while anything is awaited.
    pub fn turn(&self, key: TokenKey) -> Option<MutexGuard<'_, ()>> {
        let turn = self.0.turns.get(key.lot(TURNS))?;
        Some(turn.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Remembers a token that `keys` verified, and what it came to.
    pub fn remember(
        &self,
        key: TokenKey,
        keys: &Arc<KeySet>,
        verified_at: UnixTime,
        judged: Option<Judged>,
    ) {
        let first = self.0.known.peek(&key.first());
        let epoch = judged.as_ref().map(|judged| judged.epoch);
        // What another policy made of it counts no more, and under another profile at that.
        let taken = |known: &Arc<KnownToken>| {
            known.profile != key.profile()
                && known.is_fresh(verified_at)
                && epoch.is_none_or(|epoch| known.may_be_judged_by(epoch))
        };
        let place = if first.as_ref().is_some_and(taken) { key } else { key.first() };
        let (profile, keys) = (key.profile(), Arc::downgrade(keys));
        self.0.known.insert(place, Arc::new(KnownToken { profile, keys, verified_at, judged }));
    }

    /// Remembers a token that `keys` never verify.
    pub fn refuse(&self, key: TokenKey, keys: &Arc<KeySet>, error: TokenError, at: UnixTime) {
        let refused = RefusedToken { keys: Arc::downgrade(keys), error, at };
        self.0.refused.insert(key.first(), refused);
    }

    /// The same membership as others have it: most callers have one of a few.
    #[must_use]
    pub fn share(&self, epoch: u64, membership: Membership) -> Arc<Membership> {
        let mut shared = self.0.memberships.lock().unwrap_or_else(PoisonError::into_inner);
        // What another policy made is of no use to this one.
        if shared.epoch != epoch {
            *shared = Memberships { epoch, shared: Set::default() };
        }
        share(&mut shared.shared, membership)
    }

    /// The same source of keys as others have it.
    #[must_use]
    pub fn share_source(&self, source: &IssuerSource) -> Arc<IssuerSource> {
        let mut shared = self.0.sources.lock().unwrap_or_else(PoisonError::into_inner);
        match shared.get(source) {
            Some(same) => Arc::clone(same),
            None => share(&mut shared, source.clone()),
        }
    }

    /// How many tokens are remembered that hold.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.known.len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn known(&self, key: TokenKey) -> Option<Arc<KnownToken>> {
        let first = self.0.known.get(&key.first());
        first.filter(|known| known.profile == key.profile()).or_else(|| self.0.known.get(&key))
    }
}

/// The one of `shared` that is equal to `one`, which becomes that where there is none.
fn share<T: Eq + Hash>(shared: &mut Set<T>, one: T) -> Arc<T> {
    if let Some(same) = shared.get(&one) {
        return Arc::clone(same);
    }
    if shared.len() >= SHARED {
        shared.clear();
    }
    let one = Arc::new(one);
    shared.insert(Arc::clone(&one));
    one
}

fn tokens<V: Clone>(capacity: u64) -> Tokens<V> {
    let estimate = usize::try_from(capacity).unwrap_or(usize::MAX);
    Cache::with(
        estimate,
        capacity,
        UnitWeighter,
        BuildHasherDefault::default(),
        DefaultLifecycle::default(),
    )
}

#[cfg(test)]
mod tests;

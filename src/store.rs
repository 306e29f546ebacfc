//! Bounded memory of the process: verified tokens, sessions, revocations. The only door to moka and
//! `quick_cache`.

mod completions;
mod failures;
mod fingerprint;
mod mac;
mod opened;
mod refreshes;
mod replays;
mod revocations;
mod sessions;
mod tokens;
mod users;

pub use completions::{Completion, Completions};
pub use failures::Failures;
pub use mac::Mac;
pub use opened::{OpenedSession, OpenedSessions, Place};
pub use refreshes::{Refresh, Refreshes, Turn};
pub use replays::Replays;
pub use revocations::{Ended, Marks, Revocations, SessionMarks, Subject};
pub use sessions::MemorySessions;
pub use tokens::{Judged, KnownToken, Signature, TokenCache, TokenKey};
pub use users::{Owner, UserName, Users};

use moka::policy::EvictionPolicy;
pub(crate) use moka::sync::Cache;
use moka::sync::CacheBuilder;
use std::hash::Hash;

/// A cache whose newest entry always gets in. With moka's own policy a full cache turns away what is
/// asked for less often than what it has: wrong for what is kept nowhere else. Tokens, which can be
/// verified again, are kept that way, by `quick_cache`, whose entries are a third as large.
pub(crate) fn lru<K, V>(capacity: u64) -> CacheBuilder<K, V, Cache<K, V>>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(capacity).eviction_policy(EvictionPolicy::lru())
}

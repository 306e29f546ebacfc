//! Sessions that live in this process (`session.store: memory`).

use super::lru;
use crate::session::Session;
use aws_lc_rs::digest::{SHA256, digest};
use moka::sync::Cache;
use std::sync::Arc;

/// Sessions at most; beyond that those go first that nobody used for the longest time.
const CAPACITY: u64 = 100_000;

/// Sessions by the hash of their id.
///
/// When a session ends is judged by its record and the present, never by this cache.
#[derive(Clone, Debug)]
pub struct MemorySessions(Cache<[u8; 32], Arc<Session>>);

impl Default for MemorySessions {
    fn default() -> Self {
        Self(lru(CAPACITY).build())
    }
}

impl MemorySessions {
    /// The session with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Session>> {
        self.0.get(&hash(id))
    }

    /// Keeps `session` under its id.
    pub fn put(&self, session: Arc<Session>) {
        self.0.insert(hash(&session.id), session);
    }

    /// Forgets the session with this id.
    pub fn remove(&self, id: &str) {
        self.0.invalidate(&hash(id));
    }
}

fn hash(id: &str) -> [u8; 32] {
    digest(&SHA256, id.as_bytes()).as_ref().first_chunk().copied().unwrap_or_default()
}

//! Tokens that count once.

use super::lru;
use moka::sync::Cache;
use std::time::Duration;

const CAPACITY: u64 = 100_000;
/// Longer than any such token lives.
const KEEP: Duration = Duration::from_secs(3600);

/// Ids of tokens that were used, by issuer.
#[derive(Clone, Debug)]
pub struct Replays(Cache<(String, String), ()>);

impl Default for Replays {
    fn default() -> Self {
        Self(lru(CAPACITY).time_to_live(KEEP).build())
    }
}

impl Replays {
    /// Whether the token `id` of `issuer` is seen for the first time; from now on it is not.
    #[must_use]
    pub fn is_first(&self, issuer: &str, id: &str) -> bool {
        self.0.entry((issuer.to_owned(), id.to_owned())).or_insert(()).is_fresh()
    }
}

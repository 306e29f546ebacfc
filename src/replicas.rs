//! What replicas share through Redis: sessions (`session.store: redis`), who refreshes one, and what is
//! over.
//!
//! Nothing leaves the process but sealed, and nothing that comes back counts unless its seal verifies.
//! Whoever may write to Redis and has no key can take sessions away, hold up their refresh, and put back
//! what was there before; SECURITY.md says what that comes to.

mod bus;
mod sessions;

pub use bus::{Bus, BusCounts};
pub use sessions::{Advanced, Claimed, RENEW_EVERY, Read, SharedSessions};

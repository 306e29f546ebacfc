//! Bounded memory of the process: verified tokens, sessions, revocations. The only door to moka.

mod completions;
mod refreshes;
mod replays;
mod revocations;
mod sessions;
mod tokens;

pub use completions::{Completion, Completions};
pub use refreshes::{Refresh, Refreshes, Turn};
pub use replays::Replays;
pub use revocations::{Revocations, Subject};
pub use sessions::MemorySessions;
pub use tokens::{TokenCache, TokenKey, VerifiedToken};

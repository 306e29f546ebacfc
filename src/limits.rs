//! Limits of usage plans: so many requests in each window of time, for each caller of a product.
//!
//! Time comes in as a value.

mod shared;
mod standing;
mod table;
mod window;

pub use shared::Shared;
pub use standing::Standing;
pub use table::{CallerKey, Table};
pub use window::Window;

use std::num::NonZeroU64;

/// What counting a request came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Counted {
    /// It is within the limit, and was counted: so many have been, with it.
    Within(u64),
    /// The limit is reached: it was not counted.
    Over,
}

/// How a request stands to the limit that it was counted against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quota {
    /// How many the window has room for.
    pub limit: u64,
    /// How many are left of those.
    pub remaining: u64,
    /// Seconds until the next window begins.
    pub reset: NonZeroU64,
    /// How long a window is, in seconds.
    pub window: u64,
}

impl Quota {
    /// Header fields that tell a client (draft-ietf-httpapi-ratelimit-headers-03, with the names that
    /// Envoy gives them).
    #[must_use]
    pub fn fields(self) -> [(&'static str, String); 3] {
        let Self { limit, remaining, reset, window } = self;
        [
            ("x-ratelimit-limit", format!("{limit}, {limit};w={window}")),
            ("x-ratelimit-remaining", remaining.to_string()),
            ("x-ratelimit-reset", reset.to_string()),
        ]
    }
}

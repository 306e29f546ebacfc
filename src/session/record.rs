//! The sealed records of `proto/session/v1/session.proto`.
//!
//! Pure: no I/O, no clock.

use crate::time::UnixTime;
use std::fmt;

#[expect(missing_docs, reason = "the schema has the comments")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/portcullis.session.v1.rs"));
}

pub use generated::{CompletedLogins, Flow, LastUse, Session, SessionReference, State};

macro_rules! unprintable {
    ($($record:ident),*) => {
        $(impl fmt::Debug for $record {
            /// Shows nothing: every field is a secret or says who somebody is.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($record), " (sealed record)"))
            }
        })*
    };
}

unprintable!(CompletedLogins, Flow, LastUse, Session, SessionReference, State);

impl Session {
    /// When the caller signed in.
    #[must_use]
    pub const fn signed_in_at(&self) -> UnixTime {
        UnixTime(self.signed_in_at_ms / 1000)
    }

    /// Whether it can be refreshed.
    #[must_use]
    pub fn has_refresh_token(&self) -> bool {
        !self.refresh_token.is_empty()
    }
}

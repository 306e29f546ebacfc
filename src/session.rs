//! Sessions: what is kept of a login, and how it is sealed.
//!
//! Pure: no I/O, no clock.

mod chunks;
mod key_ring;
mod record;
mod standing;

pub use chunks::{Chunks, TooLarge, stray_chunks};
pub use key_ring::{KeyRing, KeyRingError, OpenError, Purpose, SEAL_NONCE_BYTES, SealNonce};
pub use record::{
    CompletedLogins, Ending, EndingKind, EndingOf, Flow, LastUse, Session, SessionReference, State,
    Times,
};
pub use standing::{Ended, Facts, Standing, standing};

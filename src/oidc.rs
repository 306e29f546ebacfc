//! The messages of an OpenID Connect relying party: built and read, never sent.
//!
//! Pure: no I/O, no clock, no randomness.

mod authorization;
mod callback;
mod end_session;
mod form;
mod return_to;

pub use authorization::{AuthorizationRequest, code_challenge};
pub use callback::{Callback, CallbackFault, CallbackParameters};
pub use end_session::end_session_url;
pub use form::{Form, Repeated};
pub use return_to::{ReturnTo, TrustedOrigin};

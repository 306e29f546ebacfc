//! What the log says beyond the reason.
//!
//! Pure: no I/O, no clock.

use crate::policy::{KeyRefused, NoRoute, NotGranted};
use crate::token::TokenError;
use std::borrow::Cow;

/// More than the client may hear; never a token, code, cookie, key or secret. It is put into words
/// only where it is logged.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Hint {
    /// Words.
    #[error("{0}")]
    Text(Cow<'static, str>),
    /// Two readings of this part of the message.
    #[error("ambiguous {0}")]
    Ambiguous(&'static str),
    /// Where the request does not lead.
    #[error(transparent)]
    NoRoute(#[from] NoRoute),
    /// What the policy says of the caller.
    #[error("{0}")]
    NotGranted(NotGranted),
    /// The same of one whose token says nothing of groups.
    #[error("{0}; the token has no groups claim")]
    NoGroupsClaim(NotGranted),
    /// Why an API key that holds does not open it.
    #[error(transparent)]
    Key(#[from] KeyRefused),
    /// What is wrong with the token.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl From<&'static str> for Hint {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

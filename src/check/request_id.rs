//! The id by which people and logs speak of one request.

use crate::attributes::{Headers, Short};
use crate::random;

const MAX_BYTES: usize = 128;

/// `x-request-id` as the gateway gave it, if it is harmless; else a random one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestId(Short<44>);

impl RequestId {
    /// The id of a request with these headers.
    #[must_use]
    pub fn of(headers: &Headers<'_>) -> Self {
        let harmless = |id: &&str| {
            !id.is_empty()
                && id.len() <= MAX_BYTES
                && id.bytes().fold(true, |graphic, byte| graphic & byte.is_ascii_graphic())
        };
        match headers.only("x-request-id").filter(harmless) {
            Some(id) => Self(Short::of(id)),
            None => Self(Short::of(&random::token().unwrap_or_default())),
        }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

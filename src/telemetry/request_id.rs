//! The id by which people and logs speak of one request.

use crate::attributes::{Headers, Short};
use crate::random;
use std::cell::OnceCell;

const MAX_BYTES: usize = 128;

/// `x-request-id` as the gateway gave it, if it is harmless; else a random one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RequestId(Short<44>);

/// The id of a request, looked for when somebody speaks of it: of what passes, few do.
#[derive(Debug)]
pub struct LazyRequestId<'r> {
    headers: &'r Headers<'r>,
    id: OnceCell<RequestId>,
}

impl<'r> LazyRequestId<'r> {
    /// The id of a request with these headers.
    #[must_use]
    pub const fn of(headers: &'r Headers<'r>) -> Self {
        Self { headers, id: OnceCell::new() }
    }

    /// The id, the same one each time.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.id.get_or_init(|| RequestId::of(self.headers)).as_str()
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_an_id_has_the_same_one_each_time() {
        let none = Headers::default();
        let id = LazyRequestId::of(&none);
        assert!(!id.as_str().is_empty());
        assert_eq!(id.as_str(), id.as_str());
        assert_ne!(id.as_str(), LazyRequestId::of(&none).as_str());
        let mut given = Headers::default();
        given.add("x-request-id", "a-1");
        assert_eq!(LazyRequestId::of(&given).as_str(), "a-1");
    }
}

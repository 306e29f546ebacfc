//! What can go wrong in a measurement: told to a person, never handled.

/// A text, or whatever a library says.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a step of a measurement comes to.
pub type Outcome<T> = Result<T, Failure>;

/// Fails with `what` where there is nothing.
///
/// # Errors
///
/// `what`.
pub fn expect<T>(value: Option<T>, what: &str) -> Outcome<T> {
    value.ok_or_else(|| what.into())
}

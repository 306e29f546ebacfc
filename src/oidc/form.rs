//! Names and values of a query or form, in which no name of interest may stand twice.
//!
//! Pure: no I/O, no clock.

use url::form_urlencoded;

/// A name stands there more than once (RFC 6749 §3.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("parameter `{0}` stands there more than once")]
pub struct Repeated(pub &'static str);

/// Decoded names and values (`application/x-www-form-urlencoded`).
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Form(Vec<(String, String)>);

impl std::fmt::Debug for Form {
    /// Shows names, never values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _value)| name)).finish()
    }
}

impl Form {
    /// Decodes `text`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let pairs = form_urlencoded::parse(text.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The value of `name`, if it is there.
    ///
    /// # Errors
    ///
    /// [`Repeated`]: neither the first nor the last one wins.
    pub fn only(&self, name: &'static str) -> Result<Option<&str>, Repeated> {
        let mut values = self.0.iter().filter(|(own, _)| own == name).map(|(_, value)| value);
        let first = values.next();
        if values.next().is_some() {
            return Err(Repeated(name));
        }
        Ok(first.map(String::as_str))
    }
}

//! What the gateway's route says of itself.
//!
//! Pure: no I/O, no clock.

use super::few::Few;
use std::borrow::Cow;

/// `ExtAuthzPerRoute.check_settings.context_extensions`, by key. Of two values for a key the last
/// one counts, as everywhere in protobuf's maps.
#[derive(Clone, Debug, Default)]
pub struct Context<'m>(Few<(Cow<'m, str>, Cow<'m, str>), 4>);

impl<'m> Context<'m> {
    /// Adds a value.
    pub fn add(&mut self, key: impl Into<Cow<'m, str>>, value: impl Into<Cow<'m, str>>) {
        self.0.push((key.into(), value.into()));
    }

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(own, _)| own == key);
        found.map(|(_, value)| &**value)
    }

    /// Whether a key is there at all.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'m, K, V> FromIterator<(K, V)> for Context<'m>
where
    K: Into<Cow<'m, str>>,
    V: Into<Cow<'m, str>>,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(values: I) -> Self {
        Self(values.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_counts() {
        let mut context = Context::default();
        assert!(context.is_empty() && !context.contains_key("access"));
        for value in ["required", "", "public"] {
            context.add("access", value);
        }
        assert_eq!(context.get("access"), Some("public"));
        assert_eq!(context.get("Access"), None);
    }
}

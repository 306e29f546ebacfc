//! Rules in CEL (`x-kubernetes-validations`): what must not be wrong.

use serde_json::{Value, json};

/// A URL of http or https without user, query or fragment.
pub(crate) const URL: &str = r"self.matches('^[Hh][Tt][Tt][Pp][Ss]?://[^\\s/?#@]+(/[^\\s?#]*)?$')";

/// A host name as Envoy's virtual hosts have it: a star or a port may be part of it.
pub(crate) const HOST: &str = r"self.matches('^[^\\s/?#@]+$') && !self.endsWith(':')";

/// One rule, and what is said where it does not hold.
pub(crate) fn rule(rule: &str, message: &str) -> Value {
    json!([{ "rule": rule, "message": message }])
}

/// Several of them.
pub(crate) fn rules(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(rule, message)| json!({ "rule": rule, "message": message })).collect()
}

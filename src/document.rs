//! YAML as people write it: a tree that knows its lines, and a reader that finds every problem.
//!
//! Pure: no I/O, no clock.

mod builder;
mod field;
mod json;
mod scalar;

pub use builder::{Bounds, Fault, parse, parse_within};
pub use field::{At, Field, Fields, Located, Sink};
pub use json::from_json;
pub use scalar::Scalar;

use std::fmt;

/// A value, and the line on which it begins. The value may be a secret, and is not printed.
#[derive(Clone)]
pub struct Node {
    /// From 1.
    pub line: usize,
    /// The value.
    pub value: Value,
    /// How many nodes it is made of, itself included.
    size: usize,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// A single value.
    Scalar(Scalar),
    /// `[a, b]`
    List(Vec<Node>),
    /// `{a: b}`, in the order of the file; a key that comes twice is kept twice.
    Map(Vec<Entry>),
}

/// One key of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its value.
    pub node: Node,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on line {}", self.noun(), self.line)
    }
}

impl Node {
    /// Whether it is `null`, `~` or nothing at all.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        matches!(self.value, Value::Scalar(Scalar::Null))
    }

    /// What it is, for a message; never the value.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match &self.value {
            Value::Scalar(scalar) => scalar.noun(),
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The first value of `key`, where this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => {
                entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node)
            }
            Value::Scalar(_) | Value::List(_) => None,
        }
    }

    /// The text, where this is a string.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar::Text(text)) => Some(text),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;

//! OpenAPI documents (2.0 and 3.x, JSON or YAML), read for one thing: which methods and paths there are.
//!
//! Pure: no I/O, no clock.

mod read;
mod template;

pub use read::{BadDocument, read};
pub use template::{Pattern, Segment, Template};

use crate::attributes::Method;
use std::fmt;
use std::sync::Arc;

/// What a document describes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Description {
    /// Its operations, in the order of the document; one below each path that its servers have.
    pub operations: Vec<Arc<Operation>>,
}

/// One method of one path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Operation {
    /// `operationId`
    pub id: Option<Box<str>>,
    /// The method.
    pub method: Method,
    /// The path below the Environment's base path.
    pub template: Template,
}

impl fmt::Display for Operation {
    /// `listPets (GET /pets)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, path) = (self.method.as_str(), self.template.as_str());
        match &self.id {
            Some(id) => write!(f, "{id} ({method} {path})"),
            None => write!(f, "{method} {path}"),
        }
    }
}

#[cfg(test)]
mod tests;

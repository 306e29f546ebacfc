//! What is wrong with a file, where, and what was expected.
//!
//! Pure: no I/O, no clock.

use crate::name::ResourceId;
use std::fmt::{self, Write};
use std::sync::Arc;

/// How much a problem weighs.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// Something was left out of the policy, or the service does not start.
    Error,
    /// It holds, but hardly as meant.
    Warning,
    /// Something was read and not used.
    Notice,
}

/// One thing that is wrong, with the place to mend it. Never holds a secret value.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Problem {
    /// The file, as a person would name it.
    pub file: Arc<str>,
    /// The line, from 1; 0 where the whole file is meant.
    pub line: usize,
    /// The field, such as `spec.domains[1]`; empty where the whole document is meant.
    pub path: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What is expected, and what is wrong.
    pub message: String,
    /// The resource that it is a problem of.
    pub resource: Option<ResourceId>,
}

impl Problem {
    /// A problem of a whole file.
    #[must_use]
    pub fn of_file(file: &Arc<str>, line: usize, message: impl Into<String>) -> Self {
        Self {
            file: Arc::clone(file),
            line,
            path: String::new(),
            severity: Severity::Error,
            message: message.into(),
            resource: None,
        }
    }

    /// Whether something was left out, or cannot start.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        match self.severity {
            Severity::Error => {}
            Severity::Warning => f.write_str(": warning")?,
            Severity::Notice => f.write_str(": notice")?,
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        f.write_str(": ")?;
        self.message.chars().try_for_each(|character| show(f, character))
    }
}

/// Line ends and escape sequences in a file must not look like our own lines.
fn show(f: &mut fmt::Formatter<'_>, character: char) -> fmt::Result {
    if character.is_control() {
        write!(f, "{}", character.escape_default())
    } else {
        f.write_char(character)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_file_line_path_and_message() {
        let mut problem = Problem::of_file(&"portal/petstore.yaml".into(), 12, "expected https");
        assert_eq!(problem.to_string(), "portal/petstore.yaml:12: expected https");
        problem.path = "spec.oidcAuth.issuer".to_owned();
        assert_eq!(
            problem.to_string(),
            "portal/petstore.yaml:12: spec.oidcAuth.issuer: expected https"
        );
        problem.message = "there is no a\n\u{1b}b".to_owned();
        assert!(problem.to_string().ends_with("there is no a\\n\\u{1b}b"));
        problem.message = "expected https".to_owned();
        problem.severity = Severity::Warning;
        problem.line = 0;
        assert_eq!(
            problem.to_string(),
            "portal/petstore.yaml: warning: spec.oidcAuth.issuer: expected https"
        );
    }
}

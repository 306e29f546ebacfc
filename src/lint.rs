//! What `portcullis lint` says beyond problems: policy that holds, and hardly as meant.
//!
//! Pure: no I/O, no clock.

mod environments;
mod groups;
mod portals;
mod providers;
mod same_site;

pub use providers::lint_providers;

use crate::config::{Places, Settings};
use crate::document::At;
use crate::policy::resource::Origin;
use crate::policy::{Held, Snapshot};
use crate::problem::{Problem, Severity};

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// Where their parts stand.
    pub places: &'a Places,
    /// The policy that was compiled with them.
    pub snapshot: &'a Snapshot,
    /// The resources that it was compiled from.
    pub held: &'a Held,
}

/// Looks at everything; warnings and notices, by file and line.
#[must_use]
pub fn lint(policy: &Policy<'_>) -> Vec<Problem> {
    let mut found = Vec::new();
    portals::lint(policy, &mut found);
    environments::lint(policy, &mut found);
    groups::lint(policy, &mut found);
    found.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
    found
}

fn warning(origin: &Origin, at: &At, message: impl Into<String>) -> Problem {
    origin.problem(Severity::Warning, at, message)
}

fn notice(origin: &Origin, at: &At, message: impl Into<String>) -> Problem {
    origin.problem(Severity::Notice, at, message)
}

/// A field of a resource whose own line is not kept.
fn field(origin: &Origin, path: &str) -> At {
    At { line: origin.line, path: path.to_owned() }
}

#[cfg(test)]
mod tests;

//! What `portcullis lint` says beyond problems: policy that holds, and hardly as meant.
//!
//! Pure: no I/O, no clock.

mod documents;
mod environments;
mod groups;
mod portals;
mod providers;
mod reach;
mod same_site;

pub use documents::lint_documents;
pub use providers::lint_providers;

use crate::config::{Places, Settings};
use crate::document::At;
use crate::policy::resource::{ApiProduct, Origin};
use crate::policy::{Catalogue, Held, Snapshot};
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
    let catalogues = Catalogues::new(policy.held);
    portals::lint(policy, &mut found);
    environments::lint(policy, &catalogues, &mut found);
    groups::lint(policy, &catalogues, &mut found);
    documents::unknown(policy, &mut found);
    found.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
    found
}

/// What holds, for selectors to be tried on.
struct Catalogues<'p> {
    products: Catalogue<'p>,
    /// The products, in the order of their places.
    in_order: Vec<&'p ApiProduct>,
    environments: Catalogue<'p>,
}

impl<'p> Catalogues<'p> {
    fn new(held: &'p Held) -> Self {
        let environments = held.environments.iter();
        let in_order: Vec<&ApiProduct> = held.products.values().map(|held| &**held).collect();
        let products = in_order.iter().map(|product| (product.origin.name(), &product.labels));
        Self {
            products: Catalogue::new(products),
            in_order,
            environments: Catalogue::new(environments.map(|(name, found)| (name, &found.labels))),
        }
    }
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

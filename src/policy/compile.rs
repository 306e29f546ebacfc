//! Compiles resources and settings into a [`Snapshot`]; what does not hold is left out, or stays
//! as it last held.
//!
//! Pure: no I/O, no clock.

mod api_keys;
mod assemble;
mod base_path;
mod claims;
mod docs;
mod domains;
mod environment;
mod group;
mod held;
mod portal;
mod products;

pub use docs::{HeldDoc, Known};
pub use held::{Held, HeldEnvironment, HeldGroup, HeldPortal};

use super::resource::{Origin, Resources, Slot};
use super::snapshot::Snapshot;
use crate::config::{Places, Settings};
use crate::document::{At, Located};
use crate::name::{ResourceId, ResourceName};
use crate::problem::{Problem, Severity};
use claims::Claims;
use domains::Domains;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is compiled.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The settings in force.
    pub settings: &'a Settings,
    /// Where their overrides stand.
    pub places: &'a Places,
    /// Everything that was read.
    pub resources: &'a Resources,
    /// What held before; empty at start.
    pub last: &'a Held,
    /// Documents that APIDocs have fetched.
    pub known: &'a dyn Known,
}

/// What came of it.
#[derive(Debug)]
pub struct Compiled {
    /// The policy.
    pub snapshot: Snapshot,
    /// What was left out, and what is odd, in the order of reading.
    pub problems: Vec<Problem>,
    /// Every resource in the version that is in force, for the next time.
    pub held: Held,
}

/// Compiles everything.
#[must_use]
pub fn compile(input: &Input<'_>) -> Compiled {
    let mut problems = Vec::new();
    let mut held = Held::default();
    let last = input.last;
    for slot in &input.resources.secrets {
        let current = slot.current.clone().map(Arc::new);
        if let Some(secret) = current.or_else(|| last.secrets.get(&slot.name).cloned()) {
            held.secrets.insert(slot.name.clone(), secret);
        }
    }
    for slot in &input.resources.config_maps {
        let current = slot.current.clone().map(Arc::new);
        if let Some(found) = current.or_else(|| last.config_maps.get(&slot.name).cloned()) {
            held.config_maps.insert(slot.name.clone(), found);
        }
    }
    for slot in &input.resources.docs {
        let judge = |doc: &_| docs::judge(doc, input, &held.config_maps);
        let version = settle(slot, last.docs.get(&slot.name), judge, &mut problems);
        held.docs.extend(version.map(|doc| (slot.name.clone(), doc)));
    }
    for slot in &input.resources.products {
        let judge = |product: &_| products::judge(product, input);
        let version = settle(slot, last.products.get(&slot.name), judge, &mut problems);
        held.products.extend(version.map(|product| (slot.name.clone(), product)));
    }
    docs::stay(&mut held, last);
    sites(input, &mut held, &mut problems);
    let one_issuer = group::share_one_issuer(&held, &input.resources.portals);
    for slot in &input.resources.groups {
        let judge = |group: &_| group::judge(group, input, one_issuer);
        let last = last.groups.get(&slot.name);
        let last = last.filter(|group| group::applies(group, one_issuer));
        let version = settle(slot, last, judge, &mut problems);
        held.groups.extend(version.map(|group| (slot.name.clone(), group)));
    }
    api_keys::hold(input, &mut held, &mut problems);
    let snapshot = assemble::assemble(&held, input.settings.documents.unknown, &mut problems);
    let keys = api_keys::in_force(input, &held, &snapshot, &mut problems);
    let snapshot = snapshot.with_keys(keys);
    products::unlisted(&held, &mut problems);
    overrides(input, &mut problems);
    Compiled { snapshot, problems, held }
}

/// A version that holds, with what is odd in it; or only what does not hold.
type Judged<T> = (Option<T>, Vec<Problem>);

/// Takes the current version if it holds, else the last that did.
fn settle<R, T>(
    slot: &Slot<R>,
    last: Option<&Arc<T>>,
    judge: impl FnOnce(&R) -> Judged<T>,
    problems: &mut Vec<Problem>,
) -> Option<Arc<T>> {
    let (version, found) = slot.current.as_ref().map_or_else(|| (None, Vec::new()), judge);
    let error = found.iter().find(|problem| problem.is_error()).cloned();
    problems.extend(found);
    match (version, error) {
        (Some(version), None) => Some(Arc::new(version)),
        (Some(_) | None, error) => {
            problems.extend(error.filter(|_| last.is_some()).map(stays));
            last.cloned()
        }
    }
}

fn stays(error: Problem) -> Problem {
    let message = "the last version of this resource that held stays in force".to_owned();
    Problem { severity: Severity::Notice, message, ..error }
}

/// Portals and Environments, in the order of reading: who comes first has the host name.
fn sites(input: &Input<'_>, held: &mut Held, problems: &mut Vec<Problem>) {
    enum Site<'a> {
        Portal(&'a Slot<super::resource::Portal>),
        Environment(&'a Slot<super::resource::Environment>),
    }
    let portals = input.resources.portals.iter().map(|slot| (slot.order, Site::Portal(slot)));
    let environments = input.resources.environments.iter();
    let environments = environments.map(|slot| (slot.order, Site::Environment(slot)));
    let sites: BTreeMap<usize, Site<'_>> = portals.chain(environments).collect();
    let mut claims = Claims::default();
    for site in sites.into_values() {
        match site {
            Site::Portal(slot) => {
                let last = input.last.portals.get(&slot.name);
                let last = last.filter(|held| claims.are_free(&held.domains));
                let judge = |portal: &_| {
                    let judged = portal::judge(portal, input, held);
                    claims.judge(judged, |held| (&held.origin, &held.domains))
                };
                let version = settle(slot, last, judge, problems);
                version.iter().for_each(|held| claims.take(&held.origin, &held.domains));
                match (&version, &slot.current) {
                    (None, Some(portal)) => {
                        held.left_out.extend(left_out(&portal.origin, &portal.domains));
                        let published = portal.published.iter().map(|name| name.value.clone());
                        held.published_by_left_out.extend(published);
                    }
                    (None, None) => held.has_unread_portal = true,
                    (Some(_), _) => {}
                }
                held.portals.extend(version.map(|version| (slot.name.clone(), version)));
            }
            Site::Environment(slot) => {
                let last = input.last.environments.get(&slot.name);
                let last = last.filter(|held| claims.are_free(&held.domains));
                let judge = |environment: &_| {
                    let judged = environment::judge(environment, input);
                    claims.judge(judged, |held| (&held.origin, &held.domains))
                };
                let version = settle(slot, last, judge, problems);
                version.iter().for_each(|held| claims.take(&held.origin, &held.domains));
                if let (None, Some(environment)) = (&version, &slot.current) {
                    held.left_out.extend(left_out(&environment.origin, &environment.domains));
                }
                held.environments.extend(version.map(|version| (slot.name.clone(), version)));
            }
        }
    }
}

/// Names of a resource that does not hold; what is wrong with them was said.
fn left_out(origin: &Origin, domains: &[Located<String>]) -> Domains {
    domains::judge(domains, &mut Findings::new(origin))
}

/// Overrides of resources that there are no documents of: perhaps only missing now, so a warning.
fn overrides(input: &Input<'_>, problems: &mut Vec<Problem>) {
    let declared = |kind, name: &ResourceName| {
        input.resources.declared.contains(&ResourceId { kind, name: name.clone() })
    };
    let mut warn = |at: At, message: String| {
        problems.push(Problem {
            severity: Severity::Warning,
            path: at.path,
            ..Problem::of_file(&input.places.file, at.line, message)
        });
    };
    for name in input.settings.portals.keys() {
        if !declared(super::Kind::Portal, name) {
            let at = input.places.at(format!("portals.{name}"));
            warn(at, format!("expected the name of a Portal; there is no {name}"));
        }
    }
    for (name, environment) in &input.settings.environments {
        let path = format!("environments.{name}");
        if !declared(super::Kind::Environment, name) {
            let at = input.places.at(&path);
            warn(at, format!("expected the name of an Environment; there is no {name}"));
        }
        if let Some(portal) = &environment.portal
            && !declared(super::Kind::Portal, portal)
        {
            let at = input.places.at(format!("{path}.portal"));
            warn(at, format!("expected the name of a Portal; there is no {portal}"));
        }
    }
}

/// Collects the problems of one resource.
#[derive(Debug)]
struct Findings<'a> {
    origin: &'a Origin,
    problems: Vec<Problem>,
}

impl<'a> Findings<'a> {
    const fn new(origin: &'a Origin) -> Self {
        Self { origin, problems: Vec::new() }
    }

    fn error(&mut self, at: &At, message: impl Into<String>) {
        self.problems.push(self.origin.problem(Severity::Error, at, message));
    }

    fn warn(&mut self, at: &At, message: impl Into<String>) {
        self.problems.push(self.origin.problem(Severity::Warning, at, message));
    }

    fn notice(&mut self, at: &At, message: impl Into<String>) {
        self.problems.push(self.origin.problem(Severity::Notice, at, message));
    }
}

/// The place of a field that is not there.
fn missing(at: &At, key: &str) -> At {
    let path = if at.path.is_empty() { key.to_owned() } else { format!("{}.{key}", at.path) };
    At { line: at.line, path }
}

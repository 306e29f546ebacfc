//! Reads documents by their kind; what one of them says wrong stays with that one.
//!
//! Pure: no I/O, no clock.

use super::files::{FileText, SecretFile};
use super::metadata::{self, Metadata};
use super::{environment, group, portal, product, secret};
use crate::document::{self, Node, Sink, Value};
use crate::name::{Kind, ResourceId, ResourceName};
use crate::policy::Held;
use crate::policy::resource::{Origin, Resources, SecretData, Slot};
use crate::problem::{Problem, Severity};
use std::collections::HashMap;
use std::sync::Arc;

/// What there is to read.
#[derive(Clone, Copy, Debug)]
pub struct Manifests<'a> {
    /// Files of documents, in the order of reading.
    pub files: &'a [FileText],
    /// Files of Secrets.
    pub secrets: &'a [SecretFile],
}

/// Reads everything; `last` is what held before, for files that do not parse.
#[must_use]
pub fn read(manifests: &Manifests<'_>, last: &Held) -> (Resources, Vec<Problem>) {
    let mut reading = Reading::default();
    let parsed: Vec<_> = manifests
        .files
        .iter()
        .map(|file| (&file.name, file.text.as_deref().map_err(Clone::clone).and_then(parse)))
        .collect();
    // What moved from a file that no longer parses to one that does is only there.
    let whole = parsed.iter().filter_map(|(_, documents)| documents.as_ref().ok());
    reading.resources.declared = whole.flatten().flat_map(expand).filter_map(identify).collect();
    for (name, documents) in &parsed {
        match documents {
            Ok(documents) => {
                documents.iter().flat_map(expand).for_each(|node| reading.resource(name, node));
            }
            Err((line, message)) => {
                reading.problems.push(Problem::of_file(name, *line, message));
                reading.keep(name, last);
            }
        }
    }
    reading.secret_files(manifests.secrets);
    (reading.resources, reading.problems)
}

/// A document, or the items of a `v1/List`.
fn expand(node: &Node) -> Vec<&Node> {
    let is = |key: &str, want: &str| node.get(key).and_then(Node::text) == Some(want);
    match node.get("items").map(|items| &items.value) {
        Some(Value::List(items)) if is("kind", "List") && is("apiVersion", "v1") => {
            items.iter().flat_map(expand).collect()
        }
        Some(_) | None => vec![node],
    }
}

/// Which resource a document is, if it is one.
fn identify(node: &Node) -> Option<ResourceId> {
    let sink = Sink::new("".into(), None);
    metadata::read(&sink.document_again(node)).map(|metadata| metadata.id)
}

fn parse(text: &str) -> Result<Vec<Node>, (usize, String)> {
    document::parse(text).map_err(|fault| (fault.line, fault.message))
}

#[derive(Default)]
struct Reading {
    resources: Resources,
    problems: Vec<Problem>,
    seen: HashMap<ResourceId, (Arc<str>, usize)>,
    order: usize,
}

impl Reading {
    fn resource(&mut self, file: &Arc<str>, node: &Node) {
        let nobody = Sink::new(Arc::clone(file), None);
        let metadata = metadata::read(&nobody.document(node));
        let mut problems = nobody.into_problems();
        let Some(metadata) = metadata else {
            self.problems.append(&mut problems);
            return;
        };
        let id = metadata.id.clone();
        if let Some((other, line)) = self.seen.get(&id) {
            let message = format!("expected {id} once; it is in {other}:{line} already");
            let problem = Problem::of_file(file, node.line, message);
            self.problems.push(Problem { resource: Some(id), ..problem });
            return;
        }
        self.seen.insert(id.clone(), (Arc::clone(file), node.line));
        let sink = Sink::new(Arc::clone(file), Some(id.clone()));
        // Once more, so that its problems are this resource's.
        metadata::read(&sink.document(node));
        let origin = Origin { id, file: Arc::clone(file), line: node.line };
        self.by_kind(origin, &metadata, node, sink);
    }

    fn by_kind(&mut self, origin: Origin, metadata: &Metadata, node: &Node, sink: Sink) {
        let order = self.next();
        let name = origin.id.name.clone();
        // A document without `spec` is read as one whose `spec` says nothing.
        let root = sink.document_again(node);
        match origin.id.kind {
            Kind::Portal => {
                let read = portal::read(origin, &root);
                let current = self.take(sink, read);
                self.resources.portals.push(Slot { name, order, current });
            }
            Kind::Group => {
                let read = group::read(origin, &root, metadata.dialect);
                let current = self.take(sink, read);
                self.resources.groups.push(Slot { name, order, current });
            }
            Kind::ApiProduct => {
                let read = product::read(origin, &root, metadata);
                let current = self.take(sink, read);
                self.resources.products.push(Slot { name, order, current });
            }
            Kind::Environment => {
                let read = environment::read(origin, &root, metadata);
                let current = self.take(sink, read);
                self.resources.environments.push(Slot { name, order, current });
            }
            Kind::Secret => {
                let read = secret::read(&origin.file, &root);
                let current = self.take(sink, read);
                self.resources.secrets.push(Slot { name, order, current });
            }
            Kind::User => {
                let message = "Users are not enforced: callers come from the OpenID provider alone";
                root.notice(message);
                self.problems.extend(sink.into_problems());
            }
            Kind::ApiDoc | Kind::Route | Kind::Storage | Kind::ConfigMap => {
                self.problems.extend(sink.into_problems());
            }
        }
    }

    fn next(&mut self) -> usize {
        self.order = self.order.saturating_add(1);
        self.order
    }

    /// Keeps the problems of one resource, and the resource where none is an error.
    fn take<T>(&mut self, sink: Sink, read: Option<T>) -> Option<T> {
        let problems = sink.into_problems();
        let holds = !problems.iter().any(Problem::is_error);
        self.problems.extend(problems);
        read.filter(|_| holds)
    }

    /// Has slots for what a file held when it last parsed.
    fn keep(&mut self, file: &Arc<str>, last: &Held) {
        let of_file = |origin: &Origin| origin.file == *file;
        let portals = last.portals.values().map(|held| &held.origin).filter(|o| of_file(o));
        let portals: Vec<_> = portals.map(|origin| origin.id.clone()).collect();
        let environments = last.environments.values().map(|held| &held.origin);
        let environments = environments.filter(|origin| of_file(origin));
        let environments: Vec<_> = environments.map(|origin| origin.id.clone()).collect();
        let groups = last.groups.values().map(|held| &held.origin).filter(|o| of_file(o));
        let groups: Vec<_> = groups.map(|origin| origin.id.clone()).collect();
        let products = last.products.values().map(|held| &held.origin).filter(|o| of_file(o));
        let products: Vec<_> = products.map(|origin| origin.id.clone()).collect();
        let secrets = last.secrets.iter().filter(|(_, held)| held.file == *file);
        let secrets = secrets
            .map(|(name, _)| ResourceId { kind: Kind::Secret, name: name.clone() })
            .collect();
        let mut portals = self.slots(portals);
        self.resources.portals.append(&mut portals);
        let mut environments = self.slots(environments);
        self.resources.environments.append(&mut environments);
        let mut groups = self.slots(groups);
        self.resources.groups.append(&mut groups);
        let mut products = self.slots(products);
        self.resources.products.append(&mut products);
        let mut secrets = self.slots(secrets);
        self.resources.secrets.append(&mut secrets);
    }

    /// Slots without a current version, but for what another file has taken over.
    fn slots<T>(&mut self, ids: Vec<ResourceId>) -> Vec<Slot<T>> {
        let mut slots = Vec::new();
        for id in ids {
            if self.resources.declared.insert(id.clone()) {
                slots.push(Slot { name: id.name, order: self.next(), current: None });
            }
        }
        slots
    }

    /// Secrets of `secrets_dir`; one that a document has is that document's.
    fn secret_files(&mut self, files: &[SecretFile]) {
        let mut by_name: Vec<(ResourceName, SecretData)> = Vec::new();
        for file in files {
            let id = ResourceId { kind: Kind::Secret, name: file.secret.clone() };
            if self.resources.declared.contains(&id) {
                let message = format!("expected {id} once; a document has it already");
                let problem = Problem::of_file(&file.name, 0, message);
                self.problems.push(Problem { severity: Severity::Warning, ..problem });
                continue;
            }
            let value = secret::trimmed(&file.value);
            match by_name.last_mut().filter(|(name, _)| *name == file.secret) {
                Some((_, data)) => {
                    data.values.insert(file.key.clone(), value);
                }
                None => {
                    let values = [(file.key.clone(), value)].into();
                    let data = SecretData { file: Arc::clone(&file.name), values };
                    by_name.push((file.secret.clone(), data));
                }
            }
        }
        for (name, data) in by_name {
            self.resources.declared.insert(ResourceId { kind: Kind::Secret, name: name.clone() });
            let order = self.next();
            self.resources.secrets.push(Slot { name, order, current: Some(data) });
        }
    }
}

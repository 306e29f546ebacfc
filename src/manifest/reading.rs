//! Reads documents by their kind; what one of them says wrong stays with that one.
//!
//! Pure: no I/O, no clock.

use super::files::{FileText, SecretFile};
use super::metadata::{self, Metadata};
use super::watch::Watched;
use super::{api_doc, api_key, config_map, environment, group, portal, product, secret, user};
use crate::document::{self, Node, Sink, Value};
use crate::name::{Kind, ResourceId, ResourceName};
use crate::policy::Held;
use crate::policy::resource::{Origin, Resources, SecretData, Slot, User};
use crate::problem::{Problem, Severity};
use std::collections::HashMap;
use std::sync::Arc;

/// What there is to read.
#[derive(Clone, Copy, Debug)]
pub struct Manifests<'a> {
    /// Files of documents, in the order of reading.
    pub files: &'a [FileText],
    /// Objects of the API server, read after the files: of what stands in both places, the file holds.
    pub watched: &'a [Arc<Watched>],
    /// Files of Secrets.
    pub secrets: &'a [SecretFile],
}

/// More resources than a file can hold.
const OF_A_FILE: usize = 1 << 24;

/// Reads everything; `last` is what held before, for files that do not parse.
#[must_use]
pub fn read(manifests: &Manifests<'_>, last: &Held) -> (Resources, Vec<Problem>) {
    let mut reading = Reading::default();
    let mut unread = Vec::new();
    // One file after another, so that the trees of all are never there at once.
    for file in manifests.files {
        match file.text.as_deref().map_err(Clone::clone).and_then(parse) {
            Ok(documents) => {
                let resources = || documents.iter().flat_map(expand);
                reading.resources.declared.extend(resources().filter_map(identify));
                resources().for_each(|node| reading.resource(&file.name, node));
            }
            Err((line, message)) => {
                reading.problems.push(Problem::of_file(&file.name, line, message));
                // Its place in the order of reading: as many as it held when it last parsed.
                let first = reading.order;
                unread.push((&file.name, first));
                reading.order = first.saturating_add(OF_A_FILE);
            }
        }
    }
    for object in manifests.watched {
        match document::from_json(&object.body) {
            Ok(node) => {
                reading.resources.declared.extend(identify(&node));
                reading.resource(&object.name, &node);
            }
            Err(fault) => {
                reading.problems.push(Problem::of_file(&object.name, fault.line, fault.message));
                let first = reading.order;
                unread.push((&object.name, first));
                reading.order = first.saturating_add(1);
            }
        }
    }
    // What moved from a file that no longer parses to one that does is only there.
    if !unread.is_empty() {
        let by_file = by_file(last);
        // Nobody knows what is in a file that never parsed: Users, perhaps.
        let is_new = |(name, _): &(_, _)| !by_file.contains_key::<Arc<str>>(*name);
        reading.resources.users_unknown |= unread.iter().any(is_new);
        for (name, first) in unread {
            reading.order = first;
            reading.keep(by_file.get(name).map_or(&[], Vec::as_slice));
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

/// What each file held when it last parsed: its Portals, then its Environments, Groups, products, APIDocs,
/// Users, API keys, Secrets and ConfigMaps.
fn by_file(last: &Held) -> HashMap<Arc<str>, Vec<ResourceId>> {
    let portals = last.portals.values().map(|held| &held.origin);
    let environments = last.environments.values().map(|held| &held.origin);
    let groups = last.groups.values().map(|held| &held.origin);
    let products = last.products.values().map(|held| &held.origin);
    let docs = last.docs.values().map(|held| &held.origin);
    let users = last.users.values().map(|held| &held.origin);
    let keys = last.api_keys.values().map(|held| &held.origin);
    let documents = portals.chain(environments).chain(groups).chain(products).chain(docs);
    let documents = documents.chain(users).chain(keys);
    let documents = documents.map(|origin| (&origin.file, origin.id.clone()));
    let secrets = last.secrets.iter();
    let secrets = secrets
        .map(|(name, held)| (&held.file, ResourceId { kind: Kind::Secret, name: name.clone() }));
    let config_maps = last.config_maps.iter();
    let config_maps = config_maps
        .map(|(name, held)| (&held.file, ResourceId { kind: Kind::ConfigMap, name: name.clone() }));
    let mut by_file: HashMap<Arc<str>, Vec<ResourceId>> = HashMap::new();
    for (file, id) in documents.chain(secrets).chain(config_maps) {
        by_file.entry(Arc::clone(file)).or_default().push(id);
    }
    by_file
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
    shared: api_key::Shared,
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
            // What comes from an API server has no lines.
            let line = if *line == 0 { String::new() } else { format!(":{line}") };
            let message = format!("expected {id} once; it is in {other}{line} already");
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
            Kind::Secret if api_key::is_one(node) => {
                let read = api_key::read(origin, &root, metadata, &mut self.shared);
                let found = sink.into_problems();
                let failed = found.iter().any(Problem::is_error);
                self.problems.extend(found);
                // One that is for nothing here is none of ours, and no version of one that was.
                if failed || read.is_some() {
                    let current = read.filter(|_| !failed);
                    self.resources.api_keys.push(Slot { name, order, current });
                }
            }
            Kind::Secret => {
                let read = secret::read(&origin.file, &root);
                let current = self.take(sink, read);
                self.resources.secrets.push(Slot { name, order, current });
            }
            Kind::User => {
                let read = user::read(origin, &root, metadata);
                let found = sink.into_problems();
                let is_whole = !found.iter().any(Problem::is_error);
                self.problems.extend(found);
                let current = read.map(|user| User { is_whole, ..user });
                self.resources.users.push(Slot { name, order, current });
            }
            Kind::ApiDoc => {
                let read = api_doc::read(origin, &root);
                let current = self.take(sink, read);
                self.resources.docs.push(Slot { name, order, current });
            }
            Kind::ConfigMap => {
                let read = config_map::read(&origin.file, &root);
                let current = self.take(sink, read);
                self.resources.config_maps.push(Slot { name, order, current });
            }
            Kind::Route | Kind::Storage => {
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

    /// Has slots without a current version for what a file held when it last parsed, but for what
    /// another file has taken over.
    fn keep(&mut self, held: &[ResourceId]) {
        for id in held {
            if !self.resources.declared.insert(id.clone()) {
                continue;
            }
            let (name, order) = (id.name.clone(), self.next());
            match id.kind {
                Kind::Portal => self.resources.portals.push(Slot { name, order, current: None }),
                Kind::Environment => {
                    self.resources.environments.push(Slot { name, order, current: None });
                }
                Kind::Group => self.resources.groups.push(Slot { name, order, current: None }),
                Kind::ApiProduct => {
                    self.resources.products.push(Slot { name, order, current: None });
                }
                Kind::ApiDoc => self.resources.docs.push(Slot { name, order, current: None }),
                // Whichever it was, of the other kind there is nothing to keep.
                Kind::Secret => {
                    let key = Slot { name: name.clone(), order, current: None };
                    self.resources.api_keys.push(key);
                    self.resources.secrets.push(Slot { name, order, current: None });
                }
                Kind::ConfigMap => {
                    self.resources.config_maps.push(Slot { name, order, current: None });
                }
                Kind::User => self.resources.users.push(Slot { name, order, current: None }),
                Kind::Route | Kind::Storage => {}
            }
        }
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

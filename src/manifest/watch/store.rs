//! What the API server has said so far, list by list.
//!
//! Pure: no I/O, no clock; times come in as values.

use super::object::Watched;
use super::target::{Api, Target};
use crate::name::Kind;
use crate::problem::{Problem, Severity};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

/// How one list stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    /// Nothing was heard of it yet.
    Waiting,
    /// It was listed, and is watched.
    Followed,
    /// The cluster does not serve the kind.
    Unserved,
    /// It cannot be listed or watched now, and why.
    Failing(String),
}

/// One list.
#[derive(Debug)]
pub(super) struct Entry {
    /// What was asked for.
    pub(super) target: Target,
    /// How it stands.
    pub(super) standing: Standing,
    /// Whether it is known what there is, be it nothing.
    pub(super) listed: bool,
    /// Whether it was ever listed, and so is served.
    pub(super) served: bool,
    objects: BTreeMap<(String, String), Arc<Watched>>,
}

/// Every list.
#[derive(Debug)]
pub(super) struct Store {
    /// In a fixed order.
    pub(super) entries: Vec<Entry>,
    /// Rises with each change of what is known.
    pub(super) version: u64,
    /// When anything was heard last.
    pub(super) heard: Instant,
}

impl Store {
    pub(super) fn new(targets: Vec<Target>, now: Instant) -> Self {
        let entry = |target| Entry {
            target,
            standing: Standing::Waiting,
            listed: false,
            served: false,
            objects: BTreeMap::new(),
        };
        Self { entries: targets.into_iter().map(entry).collect(), version: 0, heard: now }
    }

    /// A whole list; what is not in it is gone.
    pub(super) fn replace(&mut self, index: usize, listed: Vec<Watched>) -> bool {
        let Some(entry) = self.entries.get_mut(index) else { return false };
        let mut changed = !entry.listed;
        let mut objects = BTreeMap::new();
        for object in listed {
            let old = entry.objects.remove(&object.key);
            changed |= old.is_none_or(|old| old.body != object.body);
            objects.insert(object.key.clone(), Arc::new(object));
        }
        changed |= !entry.objects.is_empty();
        entry.objects = objects;
        (entry.listed, entry.served) = (true, true);
        self.bump(changed)
    }

    /// One object, new or changed.
    pub(super) fn put(&mut self, index: usize, object: Watched) -> bool {
        let Some(entry) = self.entries.get_mut(index) else { return false };
        let key = object.key.clone();
        let body = object.body.clone();
        let old = entry.objects.insert(key, Arc::new(object));
        self.bump(old.is_none_or(|old| old.body != body))
    }

    /// One object is gone.
    pub(super) fn remove(&mut self, index: usize, key: &(String, String)) -> bool {
        let Some(entry) = self.entries.get_mut(index) else { return false };
        let changed = entry.objects.remove(key).is_some();
        self.bump(changed)
    }

    /// Takes down how a list stands; `true` where that is news.
    pub(super) fn stand(&mut self, index: usize, standing: Standing) -> bool {
        let Some(entry) = self.entries.get_mut(index) else { return false };
        let news = std::mem::discriminant(&entry.standing) != std::mem::discriminant(&standing);
        entry.standing = standing;
        news
    }

    /// The cluster does not serve the kind: it is known what there is.
    pub(super) fn unserved(&mut self, index: usize) -> bool {
        let Some(entry) = self.entries.get_mut(index) else { return false };
        let changed = !entry.listed;
        entry.listed = true;
        self.bump(changed)
    }

    fn bump(&mut self, changed: bool) -> bool {
        self.version = self.version.saturating_add(u64::from(changed));
        changed
    }

    /// Whether everything that decides was listed once.
    pub(super) fn is_complete(&self) -> bool {
        self.entries.iter().all(|entry| entry.listed || !entry.is_awaited())
    }

    /// Whether it is known which objects of a kind there are.
    pub(super) fn knows(&self, kind: Kind) -> bool {
        let mut entries = self.entries.iter().filter(|entry| entry.target.kind == kind);
        entries.all(|entry| entry.listed)
    }

    /// All objects, the oldest first, as who was first keeps what two ask for.
    pub(super) fn objects(&self) -> Vec<Arc<Watched>> {
        let objects = self.entries.iter().flat_map(|entry| entry.objects.values());
        let mut objects: Vec<_> = objects.cloned().collect();
        objects
            .sort_by(|left, right| (&left.created, &left.name).cmp(&(&right.created, &right.name)));
        // An API key may be in the list of keys and in another one as well.
        objects.dedup_by(|left, right| left.name == right.name);
        objects
    }

    /// What is missing for a policy, and what the cluster does not serve.
    pub(super) fn problems(&self) -> Vec<Problem> {
        self.entries.iter().filter_map(Entry::problem).collect()
    }

    /// What is not as it should be now, for `/readyz` and the log.
    pub(super) fn missing(&self) -> Vec<String> {
        self.entries.iter().filter_map(Entry::missing).collect()
    }
}

impl Entry {
    /// Whether nothing can be decided before it is listed. ConfigMaps are waited for until it turns out that
    /// they cannot be had: what they describe is known otherwise, or from another place.
    fn is_awaited(&self) -> bool {
        let failing = matches!(self.standing, Standing::Failing(_));
        self.target.decides() || (self.target.kind == Kind::ConfigMap && !failing)
    }

    fn problem(&self) -> Option<Problem> {
        let (severity, message) = match &self.standing {
            Standing::Unserved if self.target.api == Api::Current => (
                Severity::Notice,
                format!("the cluster does not serve this kind of {}", self.target.api.version()),
            ),
            Standing::Waiting if !self.listed && self.is_awaited() => {
                (Severity::Error, "expected a list; there is no answer yet".to_owned())
            }
            Standing::Failing(why) if !self.listed => {
                let decides = self.target.decides();
                let severity = if decides { Severity::Error } else { Severity::Warning };
                (severity, format!("expected a list: {why}"))
            }
            Standing::Waiting | Standing::Followed | Standing::Unserved | Standing::Failing(_) => {
                return None;
            }
        };
        let file = self.target.to_string().into();
        Some(Problem { severity, ..Problem::of_file(&file, 0, message) })
    }

    fn missing(&self) -> Option<String> {
        let target = &self.target;
        match &self.standing {
            Standing::Waiting => Some(format!("{target}: not listed yet")),
            Standing::Failing(why) if self.listed => {
                Some(format!("{target}: {why}; its last list stays in force"))
            }
            Standing::Failing(why) => Some(format!("{target}: {why}")),
            Standing::Followed | Standing::Unserved => None,
        }
    }
}

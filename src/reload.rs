//! Loads the policy from disk and from Kubernetes, and again when a file changes or somebody asks.
//!
//! The resources are loaded as a whole and published as one snapshot. The settings are not read
//! again: a change of theirs takes effect at the next start.

use crate::config::{Parsed, Places, Settings};
use crate::document::At;
use crate::documents::Documents;
use crate::manifest::{self, Manifests, Watch, WatchError, files};
use crate::name::{Kind, ResourceId};
use crate::policy::{self, Held, Input, Snapshot};
use crate::problem::Problem;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How often files are looked at.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// Files that have not changed for so long are taken for finished: somebody who edits several writes
/// them one after another, and what lies between is nobody's policy.
const REST: Duration = Duration::from_millis(200);
/// How often that is waited for, before the next look.
const ROUNDS: u32 = 10;

/// Loads the policy, and remembers what held.
#[derive(Clone, Debug)]
pub struct Loader {
    settings: Arc<Settings>,
    places: Arc<Places>,
    kubernetes: Option<Watch>,
    documents: Documents,
    held: Arc<Held>,
}

/// A policy, and what is wrong with what it was made of.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The policy.
    pub snapshot: Arc<Snapshot>,
    /// Resources in the version that is in force, with the places that they came from.
    pub held: Arc<Held>,
    /// What was left out, and what is odd.
    pub problems: Vec<Problem>,
}

/// What came of loading again.
#[derive(Clone, Debug)]
pub enum Reload {
    /// A new policy is in force; problems are of single resources.
    Applied(Vec<Problem>),
    /// The last policy stays in force, because places could not be listed or hold nothing.
    Kept(Vec<Problem>),
}

impl Reload {
    /// What is wrong with what was read.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Applied(problems) | Self::Kept(problems) => problems,
        }
    }
}

impl Loader {
    /// Nothing held yet.
    #[must_use]
    pub fn new(parsed: &Parsed) -> Self {
        Self {
            settings: Arc::new(parsed.settings.clone()),
            places: Arc::new(parsed.places.clone()),
            kubernetes: None,
            documents: Documents::default(),
            held: Arc::default(),
        }
    }

    /// For a command that reads everything once: what is in Kubernetes is listed, and not followed.
    ///
    /// # Errors
    ///
    /// [`WatchError`]: it is not known how to reach Kubernetes.
    pub async fn once(parsed: &Parsed) -> Result<Self, WatchError> {
        let kubernetes = match &parsed.settings.resources.kubernetes {
            Some(places) => Some(Watch::list(places).await?),
            None => None,
        };
        Ok(Self::new(parsed).beside(kubernetes))
    }

    /// The same, with what is followed in Kubernetes besides the files.
    #[must_use]
    pub fn beside(self, kubernetes: Option<Watch>) -> Self {
        Self { kubernetes, ..self }
    }

    /// The documents that APIDocs name by URL: whoever fetches them follows these.
    #[must_use]
    pub const fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Loads everything from disk, and what is known of Kubernetes and of fetched documents.
    ///
    /// # Errors
    ///
    /// The problems, where a place is missing or was not listed yet, since nobody then knows which
    /// resources are gone; and where there are no resources at all, which with files is a slip more often
    /// than a wish, and with Kubernetes, before there ever were any, too early. Nothing changes then. What
    /// the API server lists in full, and then lists no more, was deleted: nobody is granted anything.
    pub fn load(&mut self) -> Result<Loaded, Vec<Problem>> {
        let disk = files::load(&self.settings.resources, &self.places.folder);
        let mut problems = disk.problems;
        let view = self.kubernetes.as_ref().map(Watch::view);
        let listed = view.as_ref().is_none_or(|view| view.complete);
        let users_unknown = view.as_ref().is_some_and(|view| !view.knows_users);
        let view = view.unwrap_or_default();
        problems.extend(view.problems);
        if !disk.complete || !listed {
            return Err(problems);
        }
        let manifests =
            Manifests { files: &disk.files, watched: &view.objects, secrets: &disk.secrets };
        let (mut resources, found) = manifest::read(&manifests, &self.held);
        resources.users_unknown |= users_unknown;
        let decides = |id: &ResourceId| !matches!(id.kind, Kind::Secret | Kind::ConfigMap);
        problems.extend(found);
        if !resources.declared.iter().any(decides) {
            let place = match self.kubernetes {
                Some(_) => "resources.kubernetes",
                None => "resources.paths",
            };
            let message = format!("expected resources such as a Portal in {place}; there are none");
            let At { line, path } = self.places.at(place);
            problems.push(Problem { path, ..Problem::of_file(&self.places.file, line, message) });
            let had_any = !self.held.portals.is_empty() || !self.held.environments.is_empty();
            if self.kubernetes.is_none() || !had_any {
                return Err(problems);
            }
        }
        let compiled = policy::compile(&Input {
            settings: &self.settings,
            places: &self.places,
            resources: &resources,
            last: &self.held,
            known: &self.documents,
        });
        problems.extend(compiled.problems);
        self.held = Arc::new(compiled.held);
        self.documents.want(&self.held);
        let snapshot = Arc::new(compiled.snapshot);
        Ok(Loaded { snapshot, held: Arc::clone(&self.held), problems })
    }

    /// Loads everything from disk once it is at rest, so that nothing was read of which the rest
    /// changed meanwhile. `None`: it does not come to rest. Sleeps; not for an async task.
    fn load_at_rest(&mut self) -> Option<(Fingerprint, Result<Loaded, Vec<Problem>>)> {
        let mut before = self.fingerprint();
        for round in 1..=ROUNDS {
            std::thread::sleep(REST);
            let mut next = self.clone();
            let now = next.fingerprint();
            // Only files can be half written. What is sent to us is whole at any time: where it
            // never rests, it is gathered for so long and no longer.
            let same = |left: &Fingerprint, right: &Fingerprint| {
                let heard = left.watched == right.watched && left.documents == right.documents;
                left.files == right.files && (heard || round == ROUNDS)
            };
            let loaded = same(&now, &before).then(|| next.load());
            let after = next.fingerprint();
            if let Some(loaded) = loaded.filter(|_| same(&after, &now)) {
                *self = next;
                return Some((now, loaded));
            }
            before = after;
        }
        None
    }

    /// Waits until nothing more comes from Kubernetes, for a while at most: kinds are listed one by one,
    /// and what lies between is nobody's policy.
    pub async fn rest(&self) {
        let version = || self.kubernetes.as_ref().map(Watch::version);
        for _round in 0..ROUNDS {
            let before = version();
            tokio::time::sleep(REST).await;
            if version() == before {
                return;
            }
        }
    }

    /// What the files look like from outside, and which state of Kubernetes is known; another value, and
    /// something may have changed.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut paths = files::watched(&self.settings.resources);
        paths.extend(self.settings.session.keys_file.clone());
        let look = |path: PathBuf| {
            // Follows links: Kubernetes changes what `..data` points to.
            let seen = std::fs::metadata(&path).ok().map(|found| {
                let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
                Look { device: found.dev(), inode: found.ino(), len: found.len(), times }
            });
            (path, seen)
        };
        let watched = self.kubernetes.as_ref().map(Watch::version).unwrap_or_default();
        let documents = self.documents.version();
        Fingerprint { files: paths.into_iter().map(look).collect(), watched, documents }
    }
}

/// Paths, and what they lead to, where that is there; the state of Kubernetes, and of fetched documents.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fingerprint {
    files: Vec<(PathBuf, Option<Look>)>,
    watched: u64,
    documents: u64,
}

/// What a file looks like from outside.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Look {
    device: u64,
    inode: u64,
    len: u64,
    /// Content and inode, each in seconds and nanoseconds.
    times: [i64; 4],
}

/// Loads again whenever a file changed, or `trigger` is notified, until nobody listens to
/// `publish`. `report` hears of each time, before the policy is in force; it is the place to read
/// the sealing keys again.
///
/// `seen` is the fingerprint from before the first load, so that no change is lost in between.
pub async fn watch(
    loader: Loader,
    mut seen: Fingerprint,
    trigger: Arc<Notify>,
    publish: watch::Sender<Arc<Snapshot>>,
    mut report: impl FnMut(&Reload) + Send,
) {
    let mut loader = loader;
    let mut retired = Retired::default();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut asked = false;
    loop {
        tokio::select! {
            () = publish.closed() => return,
            () = trigger.notified() => asked = true,
            _ = ticks.tick() => {}
        }
        retired.sweep();
        let mut next = loader.clone();
        let (wanted, before) = (asked, seen.clone());
        let work = move || {
            let changed = wanted || next.fingerprint() != before;
            changed.then(|| next.load_at_rest().map(|(now, loaded)| (next, now, loaded)))
        };
        // A panic in there loses one round; the loader that held before is still here.
        let Ok(Some(ended)) = tokio::task::spawn_blocking(work).await else { continue };
        let Some((next, now, loaded)) = ended else {
            // Another look will come to it.
            tracing::warn!("reload: the files do not come to rest; the last policy stays in force");
            continue;
        };
        free(std::mem::replace(&mut loader, next));
        (seen, asked) = (now, false);
        match loaded {
            Ok(loaded) => {
                report(&Reload::Applied(loaded.problems));
                retired.keep(publish.send_replace(loaded.snapshot));
            }
            Err(problems) => report(&Reload::Kept(problems)),
        }
    }
}

/// Policies that are out of force. A large one takes long to free: that must happen neither in the
/// middle of the last check that holds it nor where checks run.
#[derive(Debug, Default)]
struct Retired(Vec<Arc<Snapshot>>);

impl Retired {
    /// Keeps one until no check holds it any more.
    fn keep(&mut self, snapshot: Arc<Snapshot>) {
        self.0.push(snapshot);
    }

    /// Frees those that nobody else holds.
    fn sweep(&mut self) {
        for snapshot in self.0.extract_if(.., |snapshot| Arc::strong_count(snapshot) == 1) {
            free(snapshot);
        }
    }
}

/// Frees something large on a thread where nobody waits.
fn free<T: Send + 'static>(what: T) {
    drop(tokio::task::spawn_blocking(move || drop(what)));
}

#[cfg(test)]
mod tests;

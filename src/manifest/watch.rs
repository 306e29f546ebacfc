//! Resources from the API server of Kubernetes: listed, then watched. The only door to `kube`.
//!
//! What was heard last stays known, however long the API server is away.

mod client;
mod events;
mod follow;
mod object;
mod store;
mod target;

pub use object::Watched;

use crate::clock::Clock;
use crate::config::{KubernetesPlaces, Pace};
use crate::name::Kind;
use crate::problem::Problem;
use client::Listing;
use events::Trouble;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{Standing, Store};
use target::Target;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Why the API server cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Neither a pod nor a kubeconfig.
    #[error("resources.kubernetes: expected a pod with a service account, or KUBECONFIG: {0}")]
    NoCluster(#[source] kube::config::InClusterError),
    /// The kubeconfig does not hold. What its reader says may quote it, and it has credentials.
    #[error("resources.kubernetes: kubeconfig: {}", told(_0))]
    Kubeconfig(#[from] kube::config::KubeconfigError),
    /// No client can be made of it.
    #[error("resources.kubernetes: {0}")]
    Client(String),
}

/// A kubeconfig's fault, without a word of what stands in it.
fn told(error: &kube::config::KubeconfigError) -> String {
    match error {
        kube::config::KubeconfigError::Parse(_) => {
            "expected a kubeconfig; the file is no YAML that holds one".to_owned()
        }
        other => other.to_string(),
    }
}

/// What the API server has, as far as it was heard; followed until the last clone is gone.
#[derive(Clone, Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    troubles: watch::Sender<Vec<Trouble>>,
    _tasks: Arc<JoinSet<()>>,
}

/// Everything that is known at one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Every object, the oldest first.
    pub objects: Vec<Arc<Watched>>,
    /// What was not listed yet, and what is not served.
    pub problems: Vec<Problem>,
    /// Whether everything that decides was listed once; otherwise nobody knows what there is.
    pub complete: bool,
    /// Whether the Users were listed once, or are not served.
    pub knows_users: bool,
}

/// How the API server stands.
#[derive(Clone, Debug, Default)]
pub struct WatchStatus {
    /// How long nothing was heard.
    pub silent: Duration,
    /// What cannot be listed or watched now.
    pub missing: Vec<String>,
    /// Whether each kind is followed in all places, but for those that are not served.
    pub followed: BTreeMap<&'static str, bool>,
}

#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    /// Notified with every change.
    trigger: Arc<Notify>,
    pace: Pace,
}

impl Watch {
    /// Begins to list and to follow; `trigger` is notified whenever something has changed.
    ///
    /// # Errors
    ///
    /// [`WatchError`]: it is not known how to reach an API server. One that does not answer is none.
    pub async fn start(
        places: &KubernetesPlaces,
        clock: Clock,
        trigger: Arc<Notify>,
    ) -> Result<Self, WatchError> {
        let client = client::connect(places.kubeconfig.as_deref()).await?;
        let shared = Shared::new(places, trigger);
        let mut tasks = JoinSet::new();
        for (index, target) in Target::all(places).into_iter().enumerate() {
            tasks.spawn(follow::follow(client.clone(), index, target, Arc::clone(&shared)));
        }
        let (troubles, told) = watch::channel(Vec::new());
        tasks.spawn(events::tell(client, clock, places.pace, told));
        Ok(Self { shared, troubles, _tasks: Arc::new(tasks) })
    }

    /// Lists everything once, and follows nothing. What cannot be listed is a problem of the view.
    ///
    /// # Errors
    ///
    /// [`WatchError`].
    pub async fn list(places: &KubernetesPlaces) -> Result<Self, WatchError> {
        let client = client::connect(places.kubeconfig.as_deref()).await?;
        let shared = Shared::new(places, Arc::default());
        let mut tasks = JoinSet::new();
        for (index, target) in Target::all(places).into_iter().enumerate() {
            let (client, shared) = (client.clone(), Arc::clone(&shared));
            tasks.spawn(async move {
                match client::list(&client, &target, shared.pace.list, || shared.heard()).await {
                    Ok(Listing::Objects(objects, _version)) => {
                        shared.change(|store| store.replace(index, objects));
                        shared.stand(index, Standing::Followed);
                    }
                    Ok(Listing::Unserved) => shared.unserved(index),
                    Err(why) => shared.stand(index, Standing::Failing(why)),
                }
            });
        }
        while tasks.join_next().await.is_some() {}
        let (troubles, _nobody) = watch::channel(Vec::new());
        Ok(Self { shared, troubles, _tasks: Arc::new(tasks) })
    }

    /// Everything that is known now.
    #[must_use]
    pub fn view(&self) -> View {
        let store = self.shared.store();
        let (complete, knows_users) = (store.is_complete(), store.knows(Kind::User));
        View { objects: store.objects(), problems: store.problems(), complete, knows_users }
    }

    /// Another value, and something may have changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.shared.store().version
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> WatchStatus {
        let store = self.shared.store();
        let mut followed = BTreeMap::new();
        for entry in &store.entries {
            let well = match &entry.standing {
                Standing::Followed => true,
                Standing::Waiting | Standing::Failing(_) => false,
                Standing::Unserved => continue,
            };
            let kind = followed.entry(entry.target.kind.as_str()).or_insert(true);
            *kind = *kind && well;
        }
        WatchStatus { silent: store.heard.elapsed(), missing: store.missing(), followed }
    }

    /// Has the problems of objects told as Events on them, each once; those of files are not told.
    pub fn tell(&self, problems: &[Problem]) {
        let objects = self.shared.store().objects();
        let by_name: HashMap<&Arc<str>, &Arc<Watched>> =
            objects.iter().map(|object| (&object.name, object)).collect();
        let troubles = problems.iter().filter_map(|problem| {
            by_name.get(&problem.file).and_then(|about| Trouble::new(about, problem))
        });
        self.troubles.send_replace(troubles.collect());
    }
}

impl Shared {
    fn new(places: &KubernetesPlaces, trigger: Arc<Notify>) -> Arc<Self> {
        let store = Mutex::new(Store::new(Target::all(places), Instant::now()));
        Arc::new(Self { store, trigger, pace: places.pace })
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was heard of the API server.
    fn heard(&self) {
        self.store().heard = Instant::now();
    }

    /// Changes what is known, and says so where that is news.
    fn change(&self, change: impl FnOnce(&mut Store) -> bool) {
        if change(&mut self.store()) {
            self.trigger.notify_one();
        }
    }

    /// Takes down how a list stands, and logs where that is another way than before.
    fn stand(&self, index: usize, standing: Standing) {
        let mut store = self.store();
        let Some(target) = store.entries.get(index).map(|entry| entry.target.to_string()) else {
            return;
        };
        let why = match &standing {
            Standing::Failing(why) => Some(why.clone()),
            Standing::Waiting | Standing::Followed | Standing::Unserved => None,
        };
        let news = store.stand(index, standing);
        drop(store);
        match (news, why) {
            (true, Some(why)) => tracing::warn!(
                target,
                why,
                "kubernetes: cannot be listed or watched; what was known stays in force"
            ),
            (true, None) => tracing::info!(target, "kubernetes: followed"),
            (false, _) => {}
        }
    }

    /// The cluster does not serve a kind. Of one that it did serve, the last list stays: an API server
    /// that has only just started does not know yet what it serves.
    fn unserved(&self, index: usize) {
        if self.store().entries.get(index).is_some_and(|entry| entry.served) {
            self.stand(index, Standing::Failing("the cluster does not serve it now".to_owned()));
            return;
        }
        self.store().stand(index, Standing::Unserved);
        self.change(|store| store.unserved(index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kubeconfig_that_does_not_parse_is_not_quoted() {
        let text = "users:\n- name: me\n  user: {token: hush-hush, [\n";
        let error = kube::config::Kubeconfig::from_yaml(text).expect_err("no YAML");
        assert!(matches!(error, kube::config::KubeconfigError::Parse(_)), "{error:?}");
        let said = WatchError::from(error).to_string();
        assert!(said.contains("kubeconfig") && !said.contains("hush"), "{said}");
    }
}

//! Tells the problems of a resource as Kubernetes Events on it.
//!
//! The name of an Event is made of the resource and the problem, so that all replicas, and this one
//! after a restart, tell each problem once.

use super::client::{Failure, in_time};
use super::object::Watched;
use crate::clock::Clock;
use crate::config::Pace;
use crate::problem::{Problem, Severity};
use aws_lc_rs::digest::{SHA256, digest};
use kube::Client;
use kube::core::Request;
use kube::core::params::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::watch;
use tokio::time::Instant;

/// Longest note that the API server takes, in bytes.
const MAX_NOTE: usize = 1024;
/// Most problems that are told at a time.
const MAX_TOLD: usize = 200;

/// A problem of one object.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    about: Arc<Watched>,
    reason: &'static str,
    note: String,
    /// The name of its Event.
    name: String,
}

impl Trouble {
    /// What there is to tell of a problem of `about`; a notice is nothing to warn of.
    pub(super) fn new(about: &Arc<Watched>, problem: &Problem) -> Option<Self> {
        let reason = match problem.severity {
            Severity::Error => "Invalid",
            Severity::Warning => "Doubtful",
            Severity::Notice => return None,
        };
        let whole =
            Problem { file: "".into(), line: 0, severity: Severity::Error, ..problem.clone() };
        let mut note = whole.to_string().trim_start_matches(": ").to_owned();
        while note.len() > MAX_NOTE {
            note.pop();
        }
        let told =
            digest(&SHA256, format!("{}\n{}\n{reason}\n{note}", about.name, about.uid).as_bytes());
        let mut name: String = about.key.1.chars().take(200).collect();
        name.truncate(name.trim_end_matches(['-', '.']).len());
        name.push('.');
        for byte in told.as_ref().iter().take(8) {
            let _written = write!(name, "{byte:02x}");
        }
        Some(Self { about: Arc::clone(about), reason, note, name })
    }

    fn path(&self) -> String {
        format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.about.key.0)
    }

    /// `events.k8s.io/v1`
    fn event(&self, now: &str, instance: &str) -> Value {
        let (namespace, name) = &self.about.key;
        json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": self.name, "namespace": namespace},
            "eventTime": now,
            "type": "Warning",
            "reason": self.reason,
            "action": "Read",
            "note": self.note,
            "reportingController": "portcullis",
            "reportingInstance": instance,
            "regarding": {
                "apiVersion": self.about.text("apiVersion"),
                "kind": self.about.text("kind"),
                "namespace": namespace,
                "name": name,
                "uid": self.about.uid,
                "resourceVersion": self.about.resource_version,
            },
        })
    }
}

/// When and how often each problem was told, by the name of its Event.
#[derive(Default)]
struct Told(BTreeMap<String, (Instant, u32)>);

/// Tells what there is, whenever that changes, until nobody has anything to tell any more.
pub(super) async fn tell(
    client: Client,
    clock: Clock,
    pace: Pace,
    mut troubles: watch::Receiver<Vec<Trouble>>,
) {
    let instance = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let instance: String = format!("portcullis-{}", instance.trim()).chars().take(128).collect();
    let mut told = Told::default();
    loop {
        let current = troubles.borrow_and_update().clone();
        told.0.retain(|_name, (when, _count)| when.elapsed() < pace.retell.saturating_mul(2));
        for trouble in current.iter().take(MAX_TOLD) {
            let before = told.0.get(&trouble.name).copied();
            if before.is_some_and(|(when, _count)| when.elapsed() < pace.retell) {
                continue;
            }
            let count = before.map_or(1, |(_when, count)| count.saturating_add(1));
            let now = UNIX_EPOCH.checked_add(Duration::from_millis(clock.now_ms()));
            let now = humantime::format_rfc3339_micros(now.unwrap_or(UNIX_EPOCH)).to_string();
            match write(&client, trouble, &now, &instance, count, pace.list).await {
                Ok(()) => {}
                // Whoever may not is not going to: the log and the metrics say it as well.
                Err(Failure { code: 403, .. }) => {
                    tracing::debug!("kubernetes: may not write Events");
                }
                Err(failure) => {
                    tracing::debug!(why = failure.why, "kubernetes: an Event was not written");
                    continue;
                }
            }
            told.0.insert(trouble.name.clone(), (Instant::now(), count));
        }
        tokio::select! {
            changed = troubles.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(pace.retell) => {}
        }
    }
}

/// Writes an Event; one that is there is said to go on.
async fn write(
    client: &Client,
    trouble: &Trouble,
    now: &str,
    instance: &str,
    count: u32,
    patience: Duration,
) -> Result<(), Failure> {
    let events = Request::new(trouble.path());
    let body = trouble.event(now, instance).to_string().into_bytes();
    let create = events.create(&PostParams::default(), body).map_err(kube::Error::BuildRequest)?;
    match in_time(patience, client.request_text(create)).await {
        Ok(_created) => return Ok(()),
        Err(Failure { code: 409, .. }) => {}
        Err(failure) => return Err(failure),
    }
    let series = json!({"series": {"count": count.max(2), "lastObservedTime": now}});
    let patch = events.patch(&trouble.name, &PatchParams::default(), &Patch::Merge(&series));
    let patch = patch.map_err(kube::Error::BuildRequest)?;
    in_time(patience, client.request_text(patch)).await.map(|_patched| ())
}

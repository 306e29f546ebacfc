//! Keeps one list as the API server has it: lists, watches from there, and begins again where that
//! does not go on.

use super::Shared;
use super::client::{self, Listing, in_time};
use super::object::{Watched, version_of};
use super::store::Standing;
use super::target::Target;
use crate::config::Pace;
use crate::random;
use futures_util::TryStreamExt;
use kube::Client;
use kube::core::params::WatchParams;
use kube::core::{Request, WatchEvent};
use serde_json::Value;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Follows a list until the task is ended.
pub(super) async fn follow(client: Client, index: usize, target: Target, shared: Arc<Shared>) {
    let pace = shared.pace;
    let mut pause = Pause { pace, next: pace.retry_first };
    loop {
        match client::list(&client, &target, pace.list, || shared.heard()).await {
            Ok(Listing::Objects(objects, version)) => {
                shared.change(|store| store.replace(index, objects));
                shared.stand(index, Standing::Followed);
                match watch(&client, index, &target, version, &shared, &mut pause).await {
                    // The version is too old to go on from: usual after a long cut.
                    End::Gone => tracing::debug!(%target, "kubernetes: listed anew"),
                    End::Failed(why) => shared.stand(index, Standing::Failing(why)),
                }
            }
            Ok(Listing::Unserved) => {
                shared.heard();
                shared.unserved(index);
                tokio::time::sleep(pace.unserved).await;
                continue;
            }
            Err(why) => shared.stand(index, Standing::Failing(why)),
        }
        pause.wait().await;
    }
}

/// Why it has to be listed again.
enum End {
    Gone,
    Failed(String),
}

/// Watches from `version` on, one watch after another, until only a list helps.
async fn watch(
    client: &Client,
    index: usize,
    target: &Target,
    mut version: String,
    shared: &Shared,
    pause: &mut Pause,
) -> End {
    loop {
        let began = Instant::now();
        let before = version.clone();
        if let Some(end) = one_watch(client, index, target, &mut version, shared).await {
            if version != before {
                pause.reset();
            }
            return end;
        }
        // Over, as each is after its time, or cut, be it in the middle of a line: nothing is lost from
        // this version on. One that ends at once, again and again, is not asked for at once.
        if version != before || began.elapsed() >= shared.pace.watch / 2 {
            pause.reset();
        } else {
            pause.wait().await;
        }
    }
}

/// One watch; `None` where another can go on from `version`.
async fn one_watch(
    client: &Client,
    index: usize,
    target: &Target,
    version: &mut String,
    shared: &Shared,
) -> Option<End> {
    let pace = shared.pace;
    let parameters = WatchParams {
        label_selector: target.labels.clone(),
        field_selector: target.fields.clone(),
        timeout: Some(u32::try_from(pace.watch.as_secs().max(1)).unwrap_or(u32::MAX)),
        bookmarks: true,
        ..WatchParams::default()
    };
    let request = match Request::new(target.path()).watch(&parameters, version) {
        Ok(request) => request,
        Err(error) => return Some(End::Failed(error.to_string())),
    };
    let events = match in_time(pace.list, client.request_events::<Value>(request)).await {
        Ok(events) => events,
        Err(failure) if failure.code == 410 => return Some(End::Gone),
        Err(failure) => return Some(End::Failed(failure.why)),
    };
    shared.heard();
    shared.stand(index, Standing::Followed);
    let mut events = pin!(events);
    loop {
        let event = tokio::time::timeout(pace.watch + pace.silence, events.try_next()).await;
        let event = match event {
            Ok(Ok(Some(event))) => event,
            Ok(Ok(None)) => return None,
            // From this version on it would come again, and hold up whatever is behind it; a list does not.
            Ok(Err(kube::Error::SerdeError(_))) => {
                return Some(End::Failed("a change that cannot be read".to_owned()));
            }
            Ok(Err(error)) => {
                tracing::debug!(%target, why = client::why(&error), "kubernetes: a watch was cut");
                return None;
            }
            // Nobody has closed it, and nobody is there: such is a network that swallows everything.
            Err(_elapsed) => return Some(End::Failed("the watch is silent".to_owned())),
        };
        shared.heard();
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                *version = version_of(&object).unwrap_or_else(|| version.clone());
                if let Some(object) = Watched::read(target, object) {
                    shared.change(|store| store.put(index, object));
                }
            }
            WatchEvent::Deleted(object) => {
                *version = version_of(&object).unwrap_or_else(|| version.clone());
                if let Some(object) = Watched::read(target, object) {
                    shared.change(|store| store.remove(index, &object.key));
                }
            }
            WatchEvent::Bookmark(bookmark) => *version = bookmark.metadata.resource_version,
            WatchEvent::Error(status) if status.code == 410 => return Some(End::Gone),
            WatchEvent::Error(status) => {
                return Some(End::Failed(client::why(&kube::Error::Api(status))));
            }
        }
    }
}

/// Waits longer with each failure, and not as long as every other replica.
struct Pause {
    pace: Pace,
    next: Duration,
}

impl Pause {
    async fn wait(&mut self) {
        let [spread] = random::bytes().unwrap_or([0]);
        let wait = self.next.saturating_sub(self.next / 2 * u32::from(spread) / 255);
        self.next = self.next.saturating_mul(2).min(self.pace.retry_most);
        tokio::time::sleep(wait).await;
    }

    const fn reset(&mut self) {
        self.next = self.pace.retry_first;
    }
}

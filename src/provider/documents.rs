//! Fetches the documents that APIDocs name: each by a task of its own, one fetch at a time, never on the way
//! of a check.
//!
//! Who may write an APIDoc chooses what is asked for, within the addresses that settings allow, and hears of
//! the answer no more than whether it is a document.

use super::address::AddressRules;
use super::answer::is_plain;
use super::client::{ProvidersError, authorities, chain};
use super::resolver::Resolver;
use crate::clock::Clock;
use crate::config::DocumentSettings;
use crate::documents::{Documents, Fetched, Wanted};
use crate::name::ResourceName;
use crate::openapi;
use crate::random;
use reqwest::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use reqwest::{Client, Response, redirect, retry};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// Fetches that may run at a time.
const AT_ONCE: usize = 8;
/// The first pause after a failure; each further one is twice as long,
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// and at most this, or the refresh interval where that is shorter.
const RETRY_MOST: Duration = Duration::from_secs(60);
/// Longest `ETag` that is kept.
const MAX_ETAG: usize = 256;
const KINDS: &str = "application/json, application/yaml, text/yaml, */*;q=0.5";

/// Fetches until it is dropped.
#[derive(Debug)]
pub struct DocumentFetcher(
    #[expect(dead_code, reason = "it is kept, not used")] AbortOnDropHandle<()>,
);

#[derive(Debug)]
struct Shared {
    client: Client,
    rules: AddressRules,
    settings: DocumentSettings,
    documents: Documents,
    clock: Clock,
    /// Notified when a document describes something else.
    changed: Arc<Notify>,
    turns: Semaphore,
    /// Whose document is parsed: that takes many times its length.
    parser: Semaphore,
}

impl DocumentFetcher {
    /// Fetches what `documents` wants, in the runtime that this is called in. `changed` is notified whenever
    /// one describes something else.
    ///
    /// # Errors
    ///
    /// [`ProvidersError`]: the settings cannot be followed.
    pub fn start(
        settings: &DocumentSettings,
        clock: Clock,
        documents: Documents,
        changed: Arc<Notify>,
    ) -> Result<Self, ProvidersError> {
        let rules = AddressRules::new(settings.allow_addresses.clone());
        let setting = "documents.allow_addresses";
        let resolver = Resolver { rules: rules.clone(), proxy: None, setting };
        let mut builder = Client::builder()
            // An answer must not choose what is asked for next.
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .https_only(!settings.allow_http)
            .connect_timeout(settings.timeout)
            .timeout(settings.timeout)
            .pool_max_idle_per_host(0)
            .dns_resolver(resolver);
        if let Some(file) = &settings.ca_file {
            let certificates = authorities("documents.ca_file", file)?;
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(|error| ProvidersError::Client(chain(&error)))?;
        let settings = settings.clone();
        let (turns, parser) = (Semaphore::new(AT_ONCE), Semaphore::new(1));
        let shared = Shared { client, rules, settings, documents, clock, changed, turns, parser };
        Ok(Self(AbortOnDropHandle::new(tokio::spawn(supervise(Arc::new(shared))))))
    }
}

/// Has a task for each document that is wanted.
async fn supervise(shared: Arc<Shared>) {
    let mut wanted = shared.documents.wanted();
    let mut running: HashMap<Url, AbortOnDropHandle<()>> = HashMap::new();
    loop {
        let now: Arc<Wanted> = Arc::clone(&wanted.borrow_and_update());
        // One whose task has ended, which only a panic does, gets another.
        running.retain(|url, task| now.contains_key(url) && !task.is_finished());
        for (url, doc) in &*now {
            if !running.contains_key(url) {
                let task = keep_fresh(Arc::clone(&shared), url.clone(), doc.clone());
                running.insert(url.clone(), AbortOnDropHandle::new(tokio::spawn(task)));
            }
        }
        if wanted.changed().await.is_err() {
            return;
        }
    }
}

async fn keep_fresh(shared: Arc<Shared>, url: Url, doc: ResourceName) {
    let mut bell = shared.documents.bell();
    let mut failures: u32 = 0;
    let mut said: Option<String> = None;
    loop {
        bell.mark_unchanged();
        let fetched = match shared.turns.acquire().await {
            Ok(_turn) => fetch(&shared, &url).await,
            Err(_closed) => return,
        };
        let error = match &fetched {
            Fetched::Failed(why) => Some(why.clone()),
            Fetched::Document(..) | Fetched::Unchanged => None,
        };
        failures = if error.is_some() { failures.saturating_add(1) } else { 0 };
        match &error {
            Some(why) if said != error => tracing::warn!(
                api_doc = %doc, why,
                "documents: cannot be had; what was known of its operations stays in force"
            ),
            None if said.is_some() => tracing::info!(api_doc = %doc, "documents: fetched again"),
            Some(_) | None => {}
        }
        said = error;
        if shared.documents.record(&url, fetched, shared.clock.now()) {
            tracing::info!(api_doc = %doc, "documents: it describes other operations than before");
            shared.changed.notify_one();
        }
        tokio::select! {
            () = tokio::time::sleep(pause(shared.settings.refresh, failures)) => {}
            rung = bell.changed() => if rung.is_err() { return },
        }
    }
}

/// How long to wait, less up to a quarter, so that not all replicas ask at once.
fn pause(refresh: Duration, failures: u32) -> Duration {
    let doublings = 2_u32.saturating_pow(failures.saturating_sub(1));
    let whole = match failures {
        0 => refresh,
        _ => RETRY_FIRST.saturating_mul(doublings).min(RETRY_MOST).min(refresh),
    };
    let jitter = random::bytes::<1>().map_or(0, |[byte]| byte);
    whole.saturating_sub(whole.saturating_mul(u32::from(jitter)) / 1024)
}

async fn fetch(shared: &Shared, url: &Url) -> Fetched {
    let scheme = url.scheme() == "https" || (shared.settings.allow_http && url.scheme() == "http");
    if !scheme || !shared.rules.allow_host(url) {
        return failed("an address that settings do not allow (documents.allow_addresses)");
    }
    let mut request = shared.client.get(url.clone()).header(ACCEPT, KINDS);
    let etag = shared.documents.etag(url);
    if let Some(etag) = &etag {
        request = request.header(IF_NONE_MATCH, &**etag);
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return failed(&format!("no answer: {}", chain(&error.without_url()))),
    };
    match response.status().as_u16() {
        200 => read(shared, response).await,
        304 if etag.is_some() => Fetched::Unchanged,
        status => failed(&format!("answered with status {status}")),
    }
}

async fn read(shared: &Shared, mut response: Response) -> Fetched {
    if !is_plain(response.headers()) {
        return failed("the answer has a content-encoding that was not asked for");
    }
    let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok());
    let etag: Option<Arc<str>> = etag.filter(|etag| etag.len() <= MAX_ETAG).map(Arc::from);
    let most = shared.settings.max_bytes;
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len().saturating_add(chunk.len()) > most => {
                return failed(&format!("longer than {most} bytes (documents.max_bytes)"));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => {
                return failed(&format!("the answer broke: {}", chain(&error.without_url())));
            }
        }
    }
    let Ok(_turn) = shared.parser.acquire().await else { return failed("reading has ended") };
    // A large one takes a while, and others wait for this thread.
    let parsed = tokio::task::spawn_blocking(move || {
        let text = std::str::from_utf8(&body).map_err(|_bytes| "no UTF-8".to_owned())?;
        // What is wrong in it is told by place; of a text that is no document nothing is quoted.
        openapi::read(text, most).map_err(|bad| bad.to_string())
    });
    match parsed.await {
        Ok(Ok(description)) => Fetched::Document(Arc::new(description), etag),
        Ok(Err(why)) => failed(&format!("no OpenAPI document that holds: {why}")),
        Err(_panic) => failed("reading it failed"),
    }
}

fn failed(why: &str) -> Fetched {
    Fetched::Failed(why.to_owned())
}

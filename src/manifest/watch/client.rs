//! Speaks to the API server: how it is reached, lists, and what a failure says.

use super::WatchError;
use super::object::Watched;
use super::target::Target;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::Request;
use kube::core::params::ListParams;
use kube::{Client, Config, Error};
use serde::Deserialize;
use serde_json::Value;
use std::error::Error as _;
use std::path::Path;
use std::time::Duration;

/// Objects of a page.
const PAGE: u32 = 500;
/// Most pages of a list: what is longer is a fault, not a truth cut short.
const MAX_PAGES: usize = 1000;
/// To connect.
const CONNECT: Duration = Duration::from_secs(5);

/// What a list came to.
pub(super) enum Listing {
    /// The cluster does not know the kind.
    Unserved,
    /// All objects, and the version from which to watch.
    Objects(Vec<Watched>, String),
}

#[derive(Deserialize)]
struct Page {
    metadata: PageMetadata,
    #[serde(default)]
    items: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct PageMetadata {
    #[serde(default, rename = "resourceVersion")]
    resource_version: String,
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Served {
    resources: Vec<ServedKind>,
}

#[derive(Deserialize)]
struct ServedKind {
    name: String,
}

/// A client by this kubeconfig; without one, as a pod, else by `KUBECONFIG`.
pub(super) async fn connect(kubeconfig: Option<&Path>) -> Result<Client, WatchError> {
    let config = match kubeconfig {
        Some(path) => Kubeconfig::read_from(path).map(Some)?,
        None => None,
    };
    let mut config = match config {
        Some(config) => by_kubeconfig(config).await?,
        None => match Config::incluster() {
            Ok(config) => config,
            Err(in_cluster) => {
                let config = Kubeconfig::from_env()?;
                by_kubeconfig(config.ok_or(WatchError::NoCluster(in_cluster))?).await?
            }
        },
    };
    config.connect_timeout = Some(CONNECT);
    // How long to wait for what, and how often to try, is decided by `follow`.
    config.default_retry = false;
    // That of the environment is for whoever calls out; the API server is within.
    config.proxy_url = None;
    Client::try_from(config).map_err(|error| WatchError::Client(why(&error)))
}

async fn by_kubeconfig(config: Kubeconfig) -> Result<Config, WatchError> {
    Ok(Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?)
}

/// Lists everything, page by page. `heard` is told of each answer.
pub(super) async fn list(
    client: &Client,
    target: &Target,
    patience: Duration,
    heard: impl Fn(),
) -> Result<Listing, String> {
    if let Some(path) = target.discovery() {
        match get(client, &path, &ListParams::default(), patience).await {
            Ok(text) => {
                heard();
                let served: Served = json(&text)?;
                if !served.resources.iter().any(|kind| kind.name == target.plural) {
                    return Ok(Listing::Unserved);
                }
            }
            Err(Failure { code: 404, .. }) => return Ok(Listing::Unserved),
            // Whoever may not ask what is served may still read it.
            Err(Failure { code: 403, .. }) => {}
            Err(failure) => return Err(failure.why),
        }
    }
    let mut parameters = ListParams {
        limit: Some(PAGE),
        label_selector: target.labels.clone(),
        field_selector: target.fields.clone(),
        ..ListParams::default()
    };
    let mut objects = Vec::new();
    for _page in 0..MAX_PAGES {
        let text = match get(client, &target.path(), &parameters, patience).await {
            Ok(text) => text,
            Err(Failure { code: 404, .. }) => return Ok(Listing::Unserved),
            Err(failure) => return Err(failure.why),
        };
        heard();
        let page: Page = json(&text)?;
        let items = page.items.unwrap_or_default().into_iter();
        objects.extend(items.filter_map(|item| Watched::read(target, item)));
        let Some(next) = page.metadata.next.filter(|next| !next.is_empty()) else {
            return Ok(Listing::Objects(objects, page.metadata.resource_version));
        };
        parameters.continue_token = Some(next);
    }
    Err(format!("a list of more than {MAX_PAGES} pages"))
}

/// What is parsed here may be Secrets: neither the text nor the parser's message is for a log.
fn json<'t, T: Deserialize<'t>>(text: &'t str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|_may_quote_it| "an answer that is no such list".to_owned())
}

/// Why there is no answer, and the status where that is one.
#[derive(Debug)]
pub(super) struct Failure {
    /// 0 where nobody answered.
    pub(super) code: u16,
    /// For people.
    pub(super) why: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Api(status) => status.code,
            _ => 0,
        };
        Self { code, why: why(&error) }
    }
}

async fn get(
    client: &Client,
    path: &str,
    parameters: &ListParams,
    patience: Duration,
) -> Result<String, Failure> {
    let request = Request::new(path).list(parameters).map_err(Error::BuildRequest)?;
    in_time(patience, client.request_text(request)).await
}

/// The answer, or a failure where it takes too long.
pub(super) async fn in_time<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(patience, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_elapsed) => Err(Failure { code: 0, why: format!("no answer within {patience:?}") }),
    }
}

/// What a failure says, without anything that may be a secret.
pub(super) fn why(error: &Error) -> String {
    match error {
        Error::Api(status) => {
            let message: String = status.message.chars().take(300).collect();
            format!("{} {}: {message}", status.code, status.reason)
        }
        Error::SerdeError(_) | Error::FromUtf8(_) => "an answer that is no JSON".to_owned(),
        // Says what a helper program printed, which may be a token.
        Error::Auth(_) => "the credentials of the kubeconfig cannot be had".to_owned(),
        other => {
            let mut text = other.to_string();
            let mut source = other.source();
            while let Some(error) = source {
                if error.is::<kube::client::AuthError>() {
                    return "the credentials of the kubeconfig cannot be had".to_owned();
                }
                let said = error.to_string();
                if !text.contains(&said) {
                    text.push_str(": ");
                    text.push_str(&said);
                }
                source = error.source();
            }
            text
        }
    }
}

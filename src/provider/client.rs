//! One request, one bounded answer.

use super::address::AddressRules;
use super::answer::{Answer, is_plain};
use super::resolver::Resolver;
use crate::config::ProviderSettings;
use crate::secret::Secret;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Certificate, Client, Proxy, RequestBuilder, redirect, retry};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// Longest body that is read; a key set has some kilobytes.
const MAX_BODY: usize = 256 * 1024;

/// How long an unused connection is kept.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Why providers cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum ProvidersError {
    /// A file of authorities cannot be read.
    #[error("{setting}: {}: {source}", path.display())]
    UnreadableCa {
        /// Which setting names it.
        setting: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds no PEM certificates.
    #[error("{setting}: {}: expected certificates as PEM", path.display())]
    BadCa {
        /// Which setting names it.
        setting: &'static str,
        /// Which file.
        path: PathBuf,
    },
    /// `provider.proxy` is no proxy.
    #[error("provider.proxy is not the URL of a proxy")]
    BadProxy,
    /// TLS does not start, most often for want of the system's certificates.
    #[error("the HTTP client does not start: {0}")]
    Client(String),
    /// There is no tokio runtime to fetch keys in.
    #[error("there is no runtime to fetch keys in")]
    NoRuntime,
}

/// The certificates of a file of authorities, which `setting` names.
pub(super) fn authorities(
    setting: &'static str,
    file: &Path,
) -> Result<Vec<Certificate>, ProvidersError> {
    let path = || file.to_owned();
    let pem = std::fs::read(file);
    let pem =
        pem.map_err(|source| ProvidersError::UnreadableCa { setting, path: path(), source })?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(ProvidersError::BadCa { setting, path: path() });
    }
    Ok(certificates)
}

/// Why there is no answer. The text says what an operator can change, nothing of what was sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ClientError {
    /// The URL is http or an address, and settings do not allow it; or what is sent is no header.
    #[error("the URL is not https, or is an address that settings do not allow")]
    Forbidden,
    /// It took longer than settings allow.
    #[error("timed out")]
    TimedOut,
    /// More than 256 KiB.
    #[error("the answer is longer than {MAX_BODY} bytes")]
    TooLong,
    /// No connection, or no TLS: nothing was sent.
    #[error("not reachable: {0}")]
    NotConnected(String),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The body is compressed, which was not asked for: it may grow beyond every limit.
    #[error("the answer has a content-encoding that was not asked for")]
    Encoded,
}

impl ClientError {
    /// Whether the provider may have done what it was asked.
    pub(super) const fn may_have_counted(&self) -> bool {
        match self {
            Self::Forbidden | Self::NotConnected(_) => false,
            Self::TimedOut | Self::TooLong | Self::Broken(_) | Self::Encoded => true,
        }
    }
}

/// The one HTTP client: no redirects, no proxy but the one in the settings, bounded in time and size.
#[derive(Clone, Debug)]
pub(super) struct HttpClient {
    client: Client,
    rules: AddressRules,
    allow_http: bool,
}

impl HttpClient {
    pub(super) fn new(settings: &ProviderSettings) -> Result<Self, ProvidersError> {
        let rules = AddressRules::new(settings.allow_addresses.clone());
        let proxy = settings.proxy.as_ref();
        let resolver = Resolver {
            rules: rules.clone(),
            proxy: proxy.and_then(Url::host_str).map(str::to_owned),
            setting: "provider.allow_addresses",
        };
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .https_only(!settings.allow_http)
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.timeout)
            // Shorter than servers keep one: a code that is lost on a stale connection is lost.
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .dns_resolver(resolver);
        if let Some(proxy) = proxy {
            let proxy = Proxy::all(proxy.clone()).map_err(|_rejected| ProvidersError::BadProxy)?;
            builder = builder.proxy(proxy);
        }
        if let Some(file) = &settings.ca_file {
            let certificates = authorities("provider.ca_file", file)?;
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.build().map_err(|error| ProvidersError::Client(chain(&error)))?;
        Ok(Self { client, rules, allow_http: settings.allow_http })
    }

    /// Asks for a JSON document, with a bearer token where there is one.
    pub(super) async fn get(
        &self,
        url: &Url,
        bearer: Option<&Secret<String>>,
    ) -> Result<Answer, ClientError> {
        let mut request = self.client.get(url.clone());
        if let Some(token) = bearer {
            let value = Secret::new(format!("Bearer {}", token.expose()));
            request = request.header(AUTHORIZATION, sensitive(&value)?);
        }
        self.send(url, request).await
    }

    /// Posts a form; `authorization` is the whole header value.
    pub(super) async fn post(
        &self,
        url: &Url,
        authorization: Option<&Secret<String>>,
        form: &Secret<String>,
    ) -> Result<Answer, ClientError> {
        let mut request = self
            .client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form.expose().clone());
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, sensitive(value)?);
        }
        self.send(url, request).await
    }

    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Answer, ClientError> {
        let scheme = url.scheme() == "https" || (self.allow_http && url.scheme() == "http");
        if !scheme || !self.rules.allow_host(url) {
            return Err(ClientError::Forbidden);
        }
        let request = request.header(ACCEPT, "application/json");
        let mut response = request.send().await.map_err(ClientError::from)?;
        if !is_plain(response.headers()) {
            return Err(ClientError::Encoded);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(ClientError::from)? {
            if body.len().saturating_add(chunk.len()) > MAX_BODY {
                return Err(ClientError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer::new(response.status().as_u16(), response.headers(), body))
    }
}

/// A header value that HTTP/2 neither indexes nor logs.
fn sensitive(value: &Secret<String>) -> Result<HeaderValue, ClientError> {
    let mut value =
        HeaderValue::from_str(value.expose()).map_err(|_rejected| ClientError::Forbidden)?;
    value.set_sensitive(true);
    Ok(value)
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        match (error.is_connect(), error.is_timeout()) {
            (true, true) => Self::NotConnected("timed out".to_owned()),
            (true, false) => Self::NotConnected(chain(&error.without_url())),
            (false, true) => Self::TimedOut,
            (false, false) => Self::Broken(chain(&error.without_url())),
        }
    }
}

/// The innermost cause, on one line, at most 200 characters.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string().chars().flat_map(char::escape_debug).take(200).collect()
}

//! Spans for an OTLP collector: one request, one bounded answer.
//!
//! A collector is where the settings say, usually on loopback or in the cluster: the rules for addresses of
//! providers are not its own.

use super::client::{ProvidersError, chain};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, redirect, retry};
use std::time::Duration;
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read; it says how many spans were not taken.
const MAX_BODY: usize = 64 * 1024;
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

/// An OTLP collector over HTTP.
#[derive(Clone, Debug)]
pub struct Collector {
    client: Client,
    url: Url,
}

impl Collector {
    /// The one at `endpoint`, whose spans go to `<endpoint>/v1/traces`.
    ///
    /// # Errors
    ///
    /// [`ProvidersError::Client`]: TLS does not start.
    pub fn new(endpoint: &Url) -> Result<Self, ProvidersError> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT);
        let client = client.build().map_err(|error| ProvidersError::Client(chain(&error)))?;
        let mut url = endpoint.clone();
        url.set_path(&format!("{}/v1/traces", endpoint.path().trim_end_matches('/')));
        Ok(Self { client, url })
    }

    /// Posts spans; what the collector answers where it took the request.
    ///
    /// # Errors
    ///
    /// Why it did not, for the log.
    pub async fn post(&self, body: Vec<u8>) -> Result<Vec<u8>, String> {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, PROTOBUF).body(body);
        let failed = |error: reqwest::Error| chain(&error.without_url());
        let mut response = request.send().await.map_err(failed)?;
        if !response.status().is_success() {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if answer.len().saturating_add(chunk.len()) > MAX_BODY {
                return Err(format!("the answer is longer than {MAX_BODY} bytes"));
            }
            answer.extend_from_slice(&chunk);
        }
        Ok(answer)
    }
}

//! A check as Envoy sends it.

use envoy_types::pb::envoy::config::core::v3::{Address, SocketAddress, address};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use std::collections::HashMap;

/// A request of a client: a plain GET of a program, unless a test says otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    http: HttpRequest,
    context: HashMap<String, String>,
    source: Option<Peer>,
}

impl Ask {
    /// GET of an absolute URL. What stands behind the host is taken as it is.
    pub(crate) fn get(url: &str) -> Self {
        let (scheme, rest) = url.split_once("://").expect("an absolute URL");
        let (host, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let http = HttpRequest {
            id: "3072288311033652219".to_owned(),
            method: "GET".to_owned(),
            host: host.to_owned(),
            path: path.to_owned(),
            scheme: scheme.to_owned(),
            protocol: "HTTP/1.1".to_owned(),
            headers: [("x-request-id".to_owned(), "req-1".to_owned())].into(),
            ..HttpRequest::default()
        };
        Self { http, context: HashMap::new(), source: None }
    }

    /// POST of an absolute URL.
    pub(crate) fn post(url: &str) -> Self {
        Self::get(url).method("POST")
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.http.method);
        self
    }

    /// The `host` as a client wrote it.
    pub(crate) fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.http.host);
        self
    }

    /// The path as a client wrote it.
    pub(crate) fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.http.path);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.http.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With the pseudo headers, as a gateway sends them that filters none.
    pub(crate) fn pseudo(self) -> Self {
        let http = self.http.clone();
        self.header(":method", &http.method)
            .header(":path", &http.path)
            .header(":authority", &http.host)
            .header(":scheme", &http.scheme)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn context(mut self, key: &str, value: &str) -> Self {
        self.context.insert(key.to_owned(), value.to_owned());
        self
    }

    /// From this address, as the gateway sees it.
    pub(crate) fn from(mut self, address: &str) -> Self {
        let socket = SocketAddress { address: address.to_owned(), ..SocketAddress::default() };
        let address = Address { address: Some(address::Address::SocketAddress(socket)) };
        self.source = Some(Peer { address: Some(address), ..Peer::default() });
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.http.body);
        self
    }

    /// As a browser loads a page.
    pub(crate) fn navigate(self) -> Self {
        self.header("sec-fetch-mode", "navigate")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-site", "none")
            .header("accept", "text/html,*/*;q=0.8")
    }

    /// As a script of the same origin fetches.
    pub(crate) fn fetch(self) -> Self {
        self.header("sec-fetch-mode", "cors")
            .header("sec-fetch-dest", "empty")
            .header("sec-fetch-site", "same-origin")
            .header("accept", "*/*")
    }

    /// The host without port.
    pub(crate) fn host_name(&self) -> String {
        self.http.host.split(':').next().unwrap_or_default().to_owned()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.http.headers.contains_key(name)
    }

    pub(crate) fn message(self) -> CheckRequest {
        let request = Request { http: Some(self.http), ..Request::default() };
        let attributes = AttributeContext {
            request: Some(request),
            context_extensions: self.context,
            source: self.source,
            ..AttributeContext::default()
        };
        CheckRequest { attributes: Some(attributes) }
    }
}

//! The messages that Envoy would send: the header set of a browser's request, with what changes.

use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{Address, Metadata, SocketAddress, address};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{
    HttpRequest, Peer, Request, TlsSession,
};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use envoy_types::pb::google::protobuf::Timestamp;
use prost::Message as _;

use crate::rng::Rng;

/// The demo's API host.
pub const API: &str = "api.petstore.localhost:10000";

/// Cookies of others that a browser has anyway.
const OTHER_COOKIES: &str = "_ga=GA1.1.1029384756.1764000000; \
    _ga_7PETSTORE0=GS2.1.s1764000000$o5$g1$t1764000321$j42$l0$h0; theme=dark; locale=en-GB; \
    consent=necessary-2026-01.analytics-2026-01.8f14e45fceea167a5a36dedd4bea2543; seen=1; \
    basket=0f8fad5b-d9cb-469f-a165-70867728950e; ab=checkout:b,search:a,teaser:c; \
    lastvisited=%2Fpets%2F1029%2C%2Fpets%2F884%2C%2Fpets%2F17%2C%2Fstores%2Fberlin; \
    csrftoken=Jd8sK2mQ9vXc4Zr7Lt1Nw6Yb3Hf5Pg0a; tz=Europe%2FBerlin; vw=1512x982; \
    _fbp=fb.1.1764000000123.1234567890";

/// A request as Envoy shows it to us.
#[derive(Clone, Debug)]
pub struct Shape {
    message: CheckRequest,
}

/// What a browser's request is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fetch {
    /// A page is opened.
    Navigation,
    /// A script asks its own origin.
    Script,
}

impl Shape {
    /// GET of `path` on the demo's API host, by a browser. Envoy makes ids and ports anew for each
    /// request, and `rng` chooses them here.
    #[must_use]
    pub fn get(path: &str, fetch: Fetch, rng: &mut Rng) -> Self {
        let (accept, dest, mode, priority) = match fetch {
            Fetch::Navigation => (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,\
                 image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7",
                "document",
                "navigate",
                "u=0, i",
            ),
            Fetch::Script => ("application/json, text/plain, */*", "empty", "cors", "u=1, i"),
        };
        let request_id = rng.uuid();
        let headers = [
            (":authority", API),
            (":method", "GET"),
            (":path", path),
            (":scheme", "https"),
            ("accept", accept),
            ("accept-encoding", "gzip, deflate, br, zstd"),
            ("accept-language", "en-GB,en-US;q=0.9,en;q=0.8,de;q=0.7"),
            ("cache-control", "max-age=0"),
            ("cookie", OTHER_COOKIES),
            ("priority", priority),
            ("referer", "https://api.petstore.localhost:10000/"),
            (
                "sec-ch-ua",
                "\"Chromium\";v=\"142\", \"Google Chrome\";v=\"142\", \"Not_A Brand\";v=\"99\"",
            ),
            ("sec-ch-ua-mobile", "?0"),
            ("sec-ch-ua-platform", "\"Linux\""),
            ("sec-fetch-dest", dest),
            ("sec-fetch-mode", mode),
            ("sec-fetch-site", "same-origin"),
            (
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/142.0.0.0 Safari/537.36",
            ),
            ("x-envoy-external-address", "192.0.2.7"),
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-proto", "https"),
            ("x-request-id", &request_id),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let http = HttpRequest {
            id: rng.next().to_string(),
            method: "GET".to_owned(),
            headers,
            path: path.to_owned(),
            host: API.to_owned(),
            scheme: "https".to_owned(),
            protocol: "HTTP/2".to_owned(),
            ..HttpRequest::default()
        };
        let time = Timestamp { seconds: 1_764_000_000, nanos: 123_456_000 };
        let client = u32::try_from(32_768 + rng.below(28_000)).unwrap_or_default();
        let attributes = AttributeContext {
            source: Some(peer("192.0.2.7", client, "")),
            destination: Some(peer("198.51.100.10", 10_000, "spiffe://edge/ns/gateway/sa/envoy")),
            request: Some(Request { time: Some(time), http: Some(http) }),
            metadata_context: Some(Metadata::default()),
            route_metadata_context: Some(Metadata::default()),
            tls_session: Some(TlsSession { sni: "api.petstore.localhost".to_owned() }),
            ..AttributeContext::default()
        };
        Self { message: CheckRequest { attributes: Some(attributes) } }
    }

    /// The same with a header, in place of one of that name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.http().headers.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same with a cookie in front of the others.
    #[must_use]
    pub fn cookie(mut self, ours: &str) -> Self {
        let headers = &mut self.http().headers;
        let others = headers.remove("cookie").unwrap_or_default();
        headers.insert("cookie".to_owned(), format!("{others}; {ours}"));
        self
    }

    /// The same with a context extension of the gateway's route.
    #[must_use]
    pub fn context(mut self, key: &str, value: &str) -> Self {
        self.attributes().context_extensions.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The same for another host.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.http().host = host.to_owned();
        self.header(":authority", host)
    }

    /// The message's bytes, without the gRPC frame around them.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.message.encode_to_vec()
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> &CheckRequest {
        &self.message
    }

    fn attributes(&mut self) -> &mut AttributeContext {
        self.message.attributes.get_or_insert_default()
    }

    fn http(&mut self) -> &mut HttpRequest {
        self.attributes().request.get_or_insert_default().http.get_or_insert_default()
    }
}

fn peer(address: &str, port: u32, principal: &str) -> Peer {
    let socket = SocketAddress {
        address: address.to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ..SocketAddress::default()
    };
    let address = Address { address: Some(address::Address::SocketAddress(socket)) };
    Peer { address: Some(address), principal: principal.to_owned(), ..Peer::default() }
}

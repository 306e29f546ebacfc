//! What kind of client asks: whether a page and a redirect are of any use to it.
//!
//! Pure: no I/O, no clock.

use crate::attributes::{Headers, Method};
use std::sync::OnceLock;

/// What a client can make of an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClientKind {
    /// A top-level page load: may be sent to the login.
    Navigation,
    /// A browser that shows a document, but must not be sent to a login: an iframe, a form POST.
    Document,
    /// Everything else: fetch, curl, gRPC, WebSocket, prefetch, HEAD.
    Other,
}

impl ClientKind {
    /// Whether an HTML page is of use.
    #[must_use]
    pub const fn reads_pages(self) -> bool {
        matches!(self, Self::Navigation | Self::Document)
    }
}

/// The client of a request, looked at when somebody asks: of what passes, nobody does.
#[derive(Debug)]
pub struct LazyClient<'r> {
    method: Method,
    headers: &'r Headers<'r>,
    kind: OnceLock<ClientKind>,
}

impl<'r> LazyClient<'r> {
    /// The client of a request with this method and these headers.
    #[must_use]
    pub const fn of(method: Method, headers: &'r Headers<'r>) -> Self {
        Self { method, headers, kind: OnceLock::new() }
    }

    /// What kind it is of; see [`classify_client`].
    #[must_use]
    pub fn kind(&self) -> ClientKind {
        *self.kind.get_or_init(|| classify_client(self.method, self.headers))
    }
}

/// Tells by what the browser says of itself (Fetch Metadata, W3C); where it says nothing, by
/// `accept`.
#[must_use]
pub fn classify_client(method: Method, headers: &Headers<'_>) -> ClientKind {
    if headers.has("upgrade") || speaks_grpc(headers) || method == Method::Head {
        return ClientKind::Other;
    }
    let fetch_metadata = ["sec-fetch-mode", "sec-fetch-dest", "sec-fetch-site"];
    let (navigates, on_top) = if fetch_metadata.iter().any(|name| headers.has(name)) {
        let destination = headers.only("sec-fetch-dest");
        let navigates = headers.only("sec-fetch-mode") == Some("navigate");
        (navigates, navigates && destination == Some("document") && !is_speculative(headers))
    } else {
        let page = accepts_html(headers) && !headers.has("x-requested-with");
        (page, page && !is_speculative(headers))
    };
    match (navigates, on_top && method == Method::Get) {
        (true, true) => ClientKind::Navigation,
        (true, false) if is_speculative(headers) => ClientKind::Other,
        (true, false) => ClientKind::Document,
        (false, _) => ClientKind::Other,
    }
}

/// Prefetch and prerender: nobody asked for the page yet, so no login may start. Older browsers have
/// names of their own for it, and over plain http they are all that comes.
fn is_speculative(headers: &Headers<'_>) -> bool {
    let names = ["sec-purpose", "purpose", "x-purpose", "x-moz"];
    let speculative = |purpose: &str| {
        let purpose = purpose.to_ascii_lowercase();
        ["prefetch", "prerender", "preview"].iter().any(|kind| purpose.contains(kind))
    };
    names.iter().any(|name| headers.all(name).any(speculative))
}

fn speaks_grpc(headers: &Headers<'_>) -> bool {
    const GRPC: &str = "application/grpc";
    let starts =
        |kind: &str| kind.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC));
    headers.all("content-type").any(starts)
}

/// Whether `accept` names `text/html`; `*/*` alone does not.
fn accepts_html(headers: &Headers<'_>) -> bool {
    headers
        .all("accept")
        .flat_map(|field| field.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(method: &str, headers: &[(&str, &str)]) -> ClientKind {
        let mut fields = Headers::default();
        for (name, value) in headers {
            fields.add(*name, *value);
        }
        classify_client(Method::parse(method).expect("a method"), &fields)
    }

    #[test]
    fn tells_a_page_load_from_the_rest() {
        use ClientKind::{Document, Navigation, Other};
        const NAVIGATE: (&str, &str) = ("sec-fetch-mode", "navigate");
        const DOCUMENT: (&str, &str) = ("sec-fetch-dest", "document");
        const HTML: (&str, &str) = ("accept", "text/html,*/*;q=0.8");
        type Case<'c> = (&'c str, &'c str, &'c [(&'c str, &'c str)], ClientKind);
        let cases: [Case<'_>; 19] = [
            ("navigation", "GET", &[NAVIGATE, DOCUMENT], Navigation),
            ("iframe", "GET", &[NAVIGATE, ("sec-fetch-dest", "iframe"), HTML], Document),
            ("form POST", "POST", &[NAVIGATE, DOCUMENT], Document),
            ("prefetch", "GET", &[NAVIGATE, DOCUMENT, ("sec-purpose", "prefetch")], Other),
            (
                "prerender",
                "GET",
                &[NAVIGATE, DOCUMENT, ("sec-purpose", "prefetch;prerender")],
                Other,
            ),
            (
                "fetch",
                "GET",
                &[("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty"), HTML],
                Other,
            ),
            ("image", "GET", &[("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")], Other),
            ("mode twice", "GET", &[NAVIGATE, NAVIGATE, DOCUMENT], Other),
            ("old browser", "GET", &[HTML], Navigation),
            ("old browser, upper case", "GET", &[("accept", "Text/HTML;q=1")], Navigation),
            ("old browser, XHR", "GET", &[HTML, ("x-requested-with", "XMLHttpRequest")], Other),
            ("old browser, prefetch", "GET", &[HTML, ("x-moz", "prefetch")], Other),
            ("plain http, prefetch", "GET", &[HTML, ("sec-purpose", "Prefetch")], Other),
            ("old browser, POST", "POST", &[HTML], Document),
            ("curl", "GET", &[("accept", "*/*")], Other),
            ("nothing said", "GET", &[], Other),
            ("HEAD", "HEAD", &[NAVIGATE, DOCUMENT], Other),
            ("WebSocket", "GET", &[("upgrade", "websocket"), NAVIGATE, DOCUMENT], Other),
            ("gRPC", "POST", &[("content-type", "application/grpc+proto"), HTML], Other),
        ];
        for (name, method, headers, want) in cases {
            assert_eq!(kind(method, headers), want, "{name}");
        }
    }
}

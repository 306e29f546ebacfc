//! The answer of a denied check, as the client will see it.
//!
//! Pure: no I/O, no clock.

use super::page;
use super::{ClientKind, Reason, Status};
use crate::cookie::SetCookie;

/// What stands in the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Body {
    /// Nothing.
    Empty,
    /// Nothing but a `Location`: visible ASCII.
    Redirect(String),
    /// A refusal: HTML for people, problem details for programs (RFC 9457).
    Refusal(Refusal),
    /// JSON of an endpoint.
    Json(String),
    /// An HTML page of an endpoint.
    Page(Refusal),
}

/// What is said about a refusal. Fixed texts of ours: nothing that a client or provider sent.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// One line.
    pub title: &'static str,
    /// What it means and what to do.
    pub detail: &'static str,
    /// Where to go from here.
    pub links: Vec<Link>,
}

/// A link, or a button that posts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Link {
    /// What it says.
    pub text: &'static str,
    /// Path, or URL; escaped when written.
    pub href: String,
    /// Whether it posts.
    pub post: bool,
}

/// A request that does not pass; the answer is ours.
///
/// A redirect to the login is one of these as well, because Envoy sends it as `denied_response`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denied {
    /// Why.
    pub reason: Reason,
    /// The HTTP status.
    pub status: Status,
    /// What stands in the body.
    pub body: Body,
    /// Cookies.
    pub cookies: Vec<SetCookie>,
    /// Further fields; names in lower case.
    pub headers: Vec<(&'static str, String)>,
}

impl Denied {
    /// A refusal.
    #[must_use]
    pub fn refuse(
        reason: Reason,
        status: Status,
        title: &'static str,
        detail: &'static str,
    ) -> Self {
        let body = Body::Refusal(Refusal { title, detail, links: Vec::new() });
        Self { reason, status, body, cookies: Vec::new(), headers: Vec::new() }
    }

    /// The refusal of what two servers could read in two ways.
    #[must_use]
    pub fn ambiguous() -> Self {
        Self::refuse(
            Reason::AmbiguousRequest,
            Status::BadRequest,
            "This address cannot be used",
            "The request can be understood in more than one way, so it was not passed on.",
        )
    }

    /// A page of an endpoint.
    #[must_use]
    pub fn page(title: &'static str, detail: &'static str) -> Self {
        let body = Body::Page(Refusal { title, detail, links: Vec::new() });
        let (reason, status) = (Reason::Endpoint, Status::Ok);
        Self { reason, status, body, cookies: Vec::new(), headers: Vec::new() }
    }

    /// JSON of an endpoint.
    #[must_use]
    pub fn json(status: Status, json: String) -> Self {
        let (reason, body) = (Reason::Endpoint, Body::Json(json));
        Self { reason, status, body, cookies: Vec::new(), headers: Vec::new() }
    }

    /// An answer without body.
    #[must_use]
    pub fn empty(reason: Reason, status: Status) -> Self {
        Self { reason, status, body: Body::Empty, cookies: Vec::new(), headers: Vec::new() }
    }

    /// Sends the browser elsewhere with a GET: 302 answers a GET, 303 a POST.
    #[must_use]
    pub fn redirect(reason: Reason, status: Status, to: impl Into<String>) -> Self {
        let body = Body::Redirect(to.into());
        Self { reason, status, body, cookies: Vec::new(), headers: Vec::new() }
    }

    /// The same with a link on its page.
    #[must_use]
    pub fn link(self, text: &'static str, href: impl Into<String>) -> Self {
        self.add_link(Link { text, href: href.into(), post: false })
    }

    /// The same with a button that posts.
    #[must_use]
    pub fn button(self, text: &'static str, href: impl Into<String>) -> Self {
        self.add_link(Link { text, href: href.into(), post: true })
    }

    fn add_link(mut self, link: Link) -> Self {
        if let Body::Refusal(refusal) | Body::Page(refusal) = &mut self.body {
            refusal.links.push(link);
        }
        self
    }

    /// The same with a header field.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with further cookies.
    #[must_use]
    pub fn cookies(mut self, cookies: impl IntoIterator<Item = SetCookie>) -> Self {
        self.cookies.extend(cookies);
        self
    }

    /// Status, header fields and body as they go out. Nothing of it may be kept by a cache.
    #[must_use]
    pub fn render(&self, client: ClientKind, request_id: &str) -> Rendered {
        let mut headers = vec![("cache-control", "no-store".to_owned())];
        headers.push(("x-content-type-options", "nosniff".to_owned()));
        let (content_type, body) = match &self.body {
            Body::Empty => (None, String::new()),
            Body::Redirect(to) => {
                headers.push(("location", to.clone()));
                headers.push(("referrer-policy", "no-referrer".to_owned()));
                (None, String::new())
            }
            Body::Json(json) => (Some("application/json"), json.clone()),
            Body::Refusal(refusal) if !client.reads_pages() => {
                let problem = page::problem(self.reason, self.status, refusal, request_id);
                (Some("application/problem+json"), problem)
            }
            Body::Refusal(refusal) | Body::Page(refusal) => {
                headers.push(("content-security-policy", page::content_security_policy()));
                headers.push(("referrer-policy", "same-origin".to_owned()));
                let reason = matches!(self.body, Body::Refusal(_)).then_some(self.reason);
                (Some("text/html; charset=utf-8"), page::html(reason, refusal, request_id))
            }
        };
        headers.extend(content_type.map(|kind| ("content-type", kind.to_owned())));
        headers.extend(self.headers.iter().cloned());
        let cookies = self.cookies.iter().map(|cookie| ("set-cookie", cookie.as_str().to_owned()));
        headers.extend(cookies);
        Rendered { status: self.status, headers, body }
    }
}

/// A denied answer as it goes out.
#[derive(Clone, Eq, PartialEq)]
pub struct Rendered {
    /// The HTTP status.
    pub status: Status,
    /// Header fields in order; `set-cookie` may stand there several times.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl std::fmt::Debug for Rendered {
    /// Shows the status and the names of the fields: values hold cookies.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _value)| *name).collect();
        write!(f, "{} {names:?}", self.status.code())
    }
}

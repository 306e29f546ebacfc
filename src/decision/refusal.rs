//! The answer of a denied check, as the client will see it.
//!
//! Pure: no I/O, no clock.

use super::page;
use super::{ClientKind, FieldValue, Reason, Status};
use crate::cookie::SetCookie;
use std::borrow::Cow;

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

/// What of a request its refusal speaks of.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What the client can make of an answer.
    pub client: ClientKind,
    /// The host, for which a challenge is.
    pub host: &'a str,
    /// By what name people and logs speak of the request.
    pub request_id: &'a str,
}

/// A challenge to send a bearer (RFC 6750 §3): which scheme, for what, and what is wrong with the one
/// that came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Challenge {
    /// None came.
    Bearer,
    /// The one that came does not hold.
    InvalidToken,
}

/// A request that does not pass; the answer is ours.
///
/// A redirect to the login is one of these as well, because Envoy sends it as `denied_response`.
///
/// The usual refusal has nothing on the heap: its words are fixed, and what depends on the request is
/// written with the answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denied {
    /// Why.
    pub reason: Reason,
    /// The HTTP status.
    pub status: Status,
    /// `www-authenticate`
    pub challenge: Option<Challenge>,
    /// What stands in the body.
    pub body: Body,
    /// Cookies.
    pub cookies: Vec<SetCookie>,
    /// Further fields; names in lower case.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
}

impl Denied {
    const fn new(reason: Reason, status: Status, body: Body) -> Self {
        Self { reason, status, challenge: None, body, cookies: Vec::new(), headers: Vec::new() }
    }

    /// A refusal.
    #[must_use]
    pub const fn refuse(
        reason: Reason,
        status: Status,
        title: &'static str,
        detail: &'static str,
    ) -> Self {
        Self::new(reason, status, Body::Refusal(Refusal { title, detail, links: Vec::new() }))
    }

    /// The refusal of what two servers could read in two ways.
    #[must_use]
    pub const fn ambiguous() -> Self {
        Self::refuse(
            Reason::AmbiguousRequest,
            Status::BadRequest,
            "This address cannot be used",
            "The request can be understood in more than one way, so it was not passed on.",
        )
    }

    /// A page of an endpoint.
    #[must_use]
    pub const fn page(title: &'static str, detail: &'static str) -> Self {
        let body = Body::Page(Refusal { title, detail, links: Vec::new() });
        Self::new(Reason::Endpoint, Status::Ok, body)
    }

    /// JSON of an endpoint.
    #[must_use]
    pub const fn json(status: Status, json: String) -> Self {
        Self::new(Reason::Endpoint, status, Body::Json(json))
    }

    /// An answer without body.
    #[must_use]
    pub const fn empty(reason: Reason, status: Status) -> Self {
        Self::new(reason, status, Body::Empty)
    }

    /// Sends the browser elsewhere with a GET: 302 answers a GET, 303 a POST.
    #[must_use]
    pub fn redirect(reason: Reason, status: Status, to: impl Into<String>) -> Self {
        Self::new(reason, status, Body::Redirect(to.into()))
    }

    /// The same with a challenge.
    #[must_use]
    pub fn challenge(self, challenge: Challenge) -> Self {
        Self { challenge: Some(challenge), ..self }
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
    pub fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with further cookies.
    #[must_use]
    pub fn cookies(mut self, cookies: impl IntoIterator<Item = SetCookie>) -> Self {
        self.cookies.extend(cookies);
        self
    }

    /// Header fields as they go out, in order; `set-cookie` may stand there several times. Nothing of
    /// an answer may be kept by a cache.
    pub fn fields<'d>(
        &'d self,
        asked: &Asked<'d>,
    ) -> impl Iterator<Item = (&'static str, FieldValue<'d>)> {
        const OF_ALL: [(&str, &str); 2] =
            [("cache-control", "no-store"), ("x-content-type-options", "nosniff")];
        let of_body: [(&str, Option<&str>); 4] = match &self.body {
            Body::Empty => [NONE; 4],
            Body::Redirect(to) => {
                [("location", Some(to)), ("referrer-policy", Some("no-referrer")), NONE, NONE]
            }
            Body::Json(_) => of_kind("application/json"),
            Body::Refusal(_) if !asked.client.reads_pages() => of_kind("application/problem+json"),
            Body::Refusal(_) | Body::Page(_) => [
                ("content-security-policy", Some(page::content_security_policy())),
                ("referrer-policy", Some("same-origin")),
                ("content-type", Some("text/html; charset=utf-8")),
                NONE,
            ],
        };
        let realm = asked.host;
        let challenge = self.challenge.map(|challenge| {
            let error = match challenge {
                Challenge::Bearer => None,
                Challenge::InvalidToken => Some("invalid_token"),
            };
            ("www-authenticate", FieldValue::Challenge { realm, error })
        });
        let of_body = of_body.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let further = self.headers.iter().map(|(name, value)| (*name, &**value));
        let cookies = self.cookies.iter().map(|cookie| ("set-cookie", cookie.as_str()));
        let text = |(name, value)| (name, FieldValue::Text(value));
        let first = OF_ALL.into_iter().chain(of_body).map(text);
        first.chain(challenge).chain(further.chain(cookies).map(text))
    }

    /// Whether there is no body.
    #[must_use]
    pub const fn has_no_body(&self) -> bool {
        matches!(self.body, Body::Empty | Body::Redirect(_))
    }

    /// Appends the body as it goes out.
    pub fn write_body(&self, asked: &Asked<'_>, to: &mut Vec<u8>) {
        match &self.body {
            Body::Empty | Body::Redirect(_) => {}
            Body::Json(json) => to.extend_from_slice(json.as_bytes()),
            Body::Refusal(refusal) if !asked.client.reads_pages() => {
                page::problem(self.reason, self.status, refusal, asked.request_id, to);
            }
            Body::Refusal(refusal) => {
                page::html(Some(self.reason), refusal, asked.request_id, to);
            }
            Body::Page(refusal) => page::html(None, refusal, asked.request_id, to),
        }
    }
}

/// No field.
const NONE: (&str, Option<&str>) = ("", None);

const fn of_kind(content_type: &'static str) -> [(&'static str, Option<&'static str>); 4] {
    [("content-type", Some(content_type)), NONE, NONE, NONE]
}

//! An answer as Envoy would take it. Each one is held against the rules that keep Envoy from letting
//! a refused request pass.

use envoy_types::pb::envoy::config::core::v3::HeaderValueOption;
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::google::protobuf::Value as Proto;
use envoy_types::pb::google::protobuf::value::Kind;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

const REASONS: [&str; 20] = [
    "granted",
    "public",
    "endpoint",
    "no_credentials",
    "invalid_session",
    "invalid_token",
    "expired_token",
    "not_granted",
    "email_unverified",
    "ambiguous_request",
    "no_route",
    "cross_site",
    "keys_unavailable",
    "store_unavailable",
    "provider_unavailable",
    "bad_callback",
    "login_loop",
    "limit",
    "internal",
    "deadline_too_short",
];
const ADD: i32 = HeaderAppendAction::AppendIfExistsOrAdd as i32;
const OVERWRITE: i32 = HeaderAppendAction::OverwriteIfExistsOrAdd as i32;

/// What Envoy does with the request.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// Whether the request passes.
    pub(crate) allowed: bool,
    /// The client's status; 200 where the request passes.
    pub(crate) status: u16,
    /// Fields for the client.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Fields that the upstream gets, overwritten.
    pub(crate) set: BTreeMap<String, String>,
    /// Fields that the upstream does not get.
    pub(crate) removed: BTreeSet<String>,
    pub(crate) metadata: BTreeMap<String, Value>,
}

impl Answer {
    /// Reads an answer, and judges its form.
    pub(crate) fn read(response: CheckResponse) -> Self {
        let code = response.status.as_ref().expect("an unset status means ALLOW").code;
        let metadata = response.dynamic_metadata.expect("metadata on every answer").fields;
        let metadata: BTreeMap<String, Value> =
            metadata.into_iter().map(|(name, value)| (name, json(value))).collect();
        let reason = metadata["reason"].as_str().expect("a reason").to_owned();
        assert!(REASONS.contains(&reason.as_str()), "{reason} is not on the list");
        let answer = match response.http_response.expect("ok or denied") {
            HttpResponse::OkResponse(ok) => {
                assert_eq!(code, 0, "ok_response with a status that denies");
                let set = ok.headers.iter().inspect(|field| {
                    assert_eq!(field.append_action, OVERWRITE, "{field:?} leaves a forged value");
                });
                let set: Vec<_> = set.map(pair).collect();
                let count = set.len();
                let set: BTreeMap<String, String> = set.into_iter().collect();
                assert_eq!(set.len(), count, "a name twice in {set:?}");
                let removed: BTreeSet<String> = ok.headers_to_remove.into_iter().collect();
                let both: Vec<_> = set.keys().filter(|name| removed.contains(*name)).collect();
                assert!(both.is_empty(), "set and removed: {both:?}");
                let headers = ok.response_headers_to_add.iter().map(client_field).collect();
                Self {
                    allowed: true,
                    status: 200,
                    headers,
                    body: String::new(),
                    set,
                    removed,
                    metadata,
                }
            }
            HttpResponse::DeniedResponse(denied) => {
                assert_ne!(code, 0, "a status of 0 lets the request pass");
                let status = denied.status.expect("an unset status is 403").code;
                let status = u16::try_from(status).expect("a status");
                assert!((200..600).contains(&status), "{status}");
                let headers = denied.headers.iter().map(client_field).collect();
                let (set, removed) = Default::default();
                Self { allowed: false, status, headers, body: denied.body, set, removed, metadata }
            }
            HttpResponse::ErrorResponse(_) => panic!("error_response obeys failure_mode_allow"),
        };
        if !answer.allowed || !answer.set_cookies().is_empty() {
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
        answer
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.metadata.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn reason(&self) -> &str {
        self.text("reason")
    }

    /// The only field of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(own, _)| own == name);
        let first = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        first
    }

    pub(crate) fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        let found = self.headers.iter().filter(|(own, _)| own == "set-cookie");
        found.map(|(_, value)| value.as_str()).collect()
    }

    /// The `Set-Cookie` of this name.
    pub(crate) fn set_cookie(&self, name: &str) -> Option<&str> {
        let start = format!("{name}=");
        self.set_cookies().into_iter().find(|field| field.starts_with(&start))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }

    /// Passes.
    #[track_caller]
    pub(crate) fn granted(&self) -> &Self {
        assert!(self.allowed, "{self:?}");
        assert_eq!((self.text("decision"), self.reason()), ("allow", "granted"));
        self
    }

    /// Refused in this way: by problem details, or by a page that says the reason as well.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, reason: &str) -> &Self {
        assert_eq!((self.status, self.reason(), self.allowed), (status, reason, false), "{self:?}");
        assert_eq!(self.text("decision"), "deny");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"));
        if self.is_page() {
            assert!(self.body.contains(&format!("<code>{reason}</code>")), "{}", self.body);
            assert!(self.body.contains("<code>req-1</code>"), "{}", self.body);
            let policy = self.header("content-security-policy").expect("a CSP");
            assert!(policy.contains("default-src 'none'"), "{policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        } else {
            assert_eq!(self.header("content-type"), Some("application/problem+json"));
            let problem = self.json();
            assert_eq!(problem["reason"], reason);
            assert_eq!(problem["status"], status);
            assert_eq!(problem["request_id"], "req-1");
        }
        if status == 401 {
            let challenge = self.header("www-authenticate").expect("a challenge");
            assert!(challenge.starts_with("Bearer realm=\""), "{challenge}");
        }
        if status == 503 || status == 429 {
            let seconds: u32 = self.header("retry-after").expect("when").parse().expect("seconds");
            assert!(seconds > 0);
        }
        self
    }

    /// Sent to the provider.
    #[track_caller]
    pub(crate) fn sent_to(&self, start: &str, reason: &str) -> &Self {
        assert_eq!((self.status, self.reason()), (302, reason), "{self:?}");
        assert_eq!(self.text("decision"), "redirect");
        assert!(self.location().starts_with(start), "{}", self.location());
        self
    }

    pub(crate) fn is_page(&self) -> bool {
        self.header("content-type").is_some_and(|kind| kind.starts_with("text/html"))
    }
}

fn pair(field: &HeaderValueOption) -> (String, String) {
    #[expect(deprecated, reason = "it has to be unset")]
    let append = field.append;
    assert_eq!(append, None, "append makes Envoy drop the field, or keep a forged one");
    let header = field.header.clone().expect("a header");
    assert!(header.raw_value.is_empty(), "Envoy ignores raw_value");
    let breaks = |c: char| c.is_ascii_control() && c != '\t';
    assert!(!header.value.chars().any(breaks), "{:?}", header.value);
    assert_eq!(header.key, header.key.to_lowercase());
    (header.key, header.value)
}

fn client_field(field: &HeaderValueOption) -> (String, String) {
    let (name, value) = pair(field);
    if name == "set-cookie" {
        assert_eq!(field.append_action, ADD, "would drop the upstream's cookies");
    }
    (name, value)
}

fn json(value: Proto) -> Value {
    match value.kind.expect("a value") {
        Kind::NullValue(_) => Value::Null,
        Kind::NumberValue(number) => number.into(),
        Kind::StringValue(text) => text.into(),
        Kind::BoolValue(truth) => truth.into(),
        Kind::StructValue(members) => {
            members.fields.into_iter().map(|(name, value)| (name, json(value))).collect()
        }
        Kind::ListValue(list) => list.values.into_iter().map(json).collect(),
    }
}

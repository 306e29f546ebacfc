//! `accept`, `authorization` and their neighbours, one field a line behind the method.

use portcullis::attributes::{Headers, Method};
use portcullis::credential::{Credential, classify};
use portcullis::decision::{ClientKind, HeaderPolicy, RouteNames, classify_client};
use std::sync::Arc;

pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let Some(method) = lines.next().and_then(Method::parse) else { return };
    let fields: Vec<(String, &str)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.strip_prefix(' ').unwrap_or(value)))
        .collect();
    let mut headers = Headers::default();
    fields.iter().for_each(|(name, value)| headers.add(name, *value));
    credential(&headers, &fields);
    client(method, &headers, &fields);
    upstream(&headers);
}

/// A bearer is the whole of the one field; where any field means to be one, no cookie counts.
fn credential(headers: &Headers<'_>, fields: &[(String, &str)]) {
    let all = |wanted| fields.iter().filter(move |(name, _)| name == wanted).map(|(_, v)| *v);
    // No scheme goes on behind a character that none has.
    let goes_on = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let means_bearer = |value: &str| {
        let (start, rest) = value.trim_start().split_at_checked(6).unwrap_or_default();
        start.eq_ignore_ascii_case("bearer") && !rest.starts_with(goes_on)
    };
    let bearers = all("authorization").filter(|value| value.split(',').any(means_bearer)).count();
    let keys = all("api-key").count();
    match classify(headers) {
        Credential::Bearer(token) => {
            assert_eq!((all("authorization").count(), keys), (1, 0), "{fields:?}");
            let field = all("authorization").next().expect("it is there");
            assert!(field[..7].eq_ignore_ascii_case("bearer "), "{fields:?}");
            assert_eq!(&field[7..], token);
            assert!(!token.is_empty() && !token.contains(',') && token.is_ascii());
            assert!(!token.contains(|c: char| c.is_whitespace() || c.is_control()), "{fields:?}");
        }
        Credential::ApiKey(_) => assert_eq!((bearers, keys), (0, 1), "{fields:?}"),
        Credential::Cookie => assert_eq!((bearers, keys), (0, 0), "{fields:?}"),
        Credential::MalformedBearer => assert_eq!((bearers, keys), (1, 0), "{fields:?}"),
        Credential::Conflict => assert!(bearers + keys > 0, "{fields:?}"),
    }
}

/// Only a GET that a person looks at is sent to a login.
fn client(method: Method, headers: &Headers<'_>, fields: &[(String, &str)]) {
    let says = |wanted: &str, part: &str| {
        let mut own = fields.iter().filter(|(name, _)| name == wanted);
        own.any(|(_, value)| value.to_ascii_lowercase().contains(part))
    };
    let kind = classify_client(method, headers);
    if kind == ClientKind::Navigation {
        assert_eq!(method, Method::Get);
        assert!(says("accept", "text/html") || says("sec-fetch-mode", "navigate"), "{fields:?}");
        assert!(!headers.has("upgrade"), "{fields:?}");
    }
    if kind.reads_pages() {
        assert!(!says("sec-purpose", "prefetch") && !says("purpose", "prefetch"), "{fields:?}");
        assert!(!fields.iter().any(|(name, value)| {
            name == "content-type" && value.to_ascii_lowercase().starts_with("application/grpc")
        }));
    }
}

/// Nobody is known: then nothing that looks like an identity passes, under whatever spelling.
fn upstream(headers: &Headers<'_>) {
    let identity = [("x-user-id", "sub"), ("x-user-groups", "groups")]
        .map(|(header, claim)| (header.to_owned(), claim.to_owned()));
    let policy = Arc::new(HeaderPolicy::new(&identity, &["x-jwt-*".to_owned()]));
    let changes = policy.apply(headers, RouteNames::default(), None);
    for name in headers.names() {
        let folded = name.replace(['_', '.'], "-");
        let forged = ["x-user-id", "x-user-groups", "x-portcullis-portal"]
            .contains(&folded.as_str())
            || folded.starts_with("x-jwt-");
        let removed = changes.removed().any(|own| own == name);
        assert!(!forged || removed, "{name} passes");
    }
    assert_eq!(changes.set().count(), 0, "{changes:?} without a caller");
}

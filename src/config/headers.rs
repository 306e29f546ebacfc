//! `identity_headers` and `strip_headers`: names that we own upstream.
//!
//! Pure: no I/O, no clock.

use crate::document::Field;

const IDENTITY: [(&str, &str); 4] = [
    ("x-user-id", "sub"),
    ("x-user-issuer", "iss"),
    ("x-user-email", "email"),
    ("x-user-groups", "groups"),
];

const STRIP: [&str; 5] =
    ["x-forwarded-user", "x-auth-request-*", "x-remote-user", "x-jwt-*", "x-goog-authenticated-*"];

/// Names that carry something else: credentials, routing, or one hop (RFC 9110 §7.6.1).
const RESERVED: [&str; 16] = [
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];

/// Whether it is a token (RFC 9110 §5.6.2, RFC 6265 §4.1.1).
pub(super) fn is_token(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

/// Header and claim, in the order of the file.
///
/// `key_header` carries API keys, and so nothing else.
pub(super) fn identity(field: Option<Field<'_>>, key_header: &str) -> Vec<(String, String)> {
    let Some(field) = field else {
        return IDENTITY.map(|(name, claim)| (name.to_owned(), claim.to_owned())).into();
    };
    let mut headers: Vec<(String, String)> = Vec::new();
    for (name, value) in field.entries() {
        let name = name.to_ascii_lowercase();
        let claim = value.string();
        // Many servers read `x_user_id` as `x-user-id`.
        let same = |other: &str| other.replace('_', "-") == name.replace('_', "-");
        if !is_free(&name) || same(key_header) {
            value.error("expected a header name that is ours to set");
        } else if headers.iter().any(|(other, _)| same(other)) {
            value.error("expected each header once; this one comes again");
        } else if let Some(claim) = claim {
            headers.push((name, claim));
        }
    }
    headers
}

/// Whether it is one of the identity headers of settings that name none.
pub(super) fn is_of_identity(name: &str) -> bool {
    IDENTITY.iter().any(|(own, _claim)| *own == name.replace('_', "-"))
}

/// Whether a header of this name may be given a meaning by the settings.
pub(super) fn is_free(name: &str) -> bool {
    let ours = name.starts_with("x-portcullis-") || name.starts_with("x-envoy-");
    is_token(name) && !name.contains('*') && !RESERVED.contains(&name) && !ours
}

/// Names, the last character of which may be a `*` for any rest.
pub(super) fn strip(field: Option<Field<'_>>, key_header: &str) -> Vec<String> {
    let Some(field) = field else {
        return STRIP.map(str::to_owned).into();
    };
    let mut patterns = Vec::new();
    for item in field.list() {
        let Some(pattern) = item.string().map(|text| text.to_ascii_lowercase()) else { continue };
        let stem = pattern.strip_suffix('*').unwrap_or(&pattern);
        let wild = stem.len() < pattern.len();
        let hits = |name: &&str| if wild { name.starts_with(stem) } else { **name == *stem };
        if !is_token(stem) || stem.contains('*') {
            item.error("expected a header name, or the beginning of one and a *");
        } else if RESERVED.iter().chain([&key_header]).any(hits) {
            item.error("expected a header that the gateway or the session can do without");
        } else {
            patterns.push(pattern);
        }
    }
    patterns
}

//! The bytes of a `CheckRequest` to [`Attributes`].
//!
//! Pure: no I/O, no clock.

use super::view::{Entries, Entry, View};
use crate::attributes::{Attributes, Headers, Host, Method, RequestPath, Source};
use std::collections::BTreeMap;

/// A request that could be read in two ways, that has no host, path or method at all, or that is no
/// message.
#[derive(Clone, Debug)]
pub struct Ambiguous<'m> {
    /// Its headers, so that the refusal suits the client.
    pub headers: &'m Headers<'m>,
    /// Which part it was.
    pub part: &'static str,
}

/// Reads a request. Its headers go into `headers`; what was there is forgotten, so that no request has those of
/// another one.
///
/// Method, path and host are those of `attributes.request.http`, not the pseudo headers, which are
/// absent where the gateway sets `allowed_headers`. Headers come as the `headers` map, or with
/// `encode_raw_headers` as `header_map`.
///
/// # Errors
///
/// [`Ambiguous`].
pub fn decode<'h, 'm: 'h>(
    message: &'m [u8],
    headers: &'h mut Headers<'m>,
) -> Result<Attributes<'h>, Ambiguous<'h>> {
    if !headers.is_empty() || headers.has_pseudo() {
        *headers = Headers::default();
    }
    let mut view = View::new(headers, Entries::Plain(0));
    let mut read = view.read(message);
    if matches!(view.entries, Entries::Odd) {
        *view.fields = Headers::default();
        view = View::new(view.fields, Entries::AsTheyCame(Vec::new()));
        read = view.read(message);
    }
    let View { context, method, host, path, body, raw_body, source, fields, entries } = view;
    if read.is_err() {
        *fields = Headers::default();
        return Err(Ambiguous { headers: fields, part: "message" });
    }
    if let Entries::AsTheyCame(entries) = entries {
        merge(fields, &entries);
    }
    let headers = &*fields;
    let body = if raw_body.is_empty() { body.as_bytes() } else { raw_body };
    let Some(host) = self::host(host, headers) else {
        return Err(Ambiguous { headers, part: "host" });
    };
    let Some(method) = Method::parse(method) else {
        return Err(Ambiguous { headers, part: "method" });
    };
    let Some(path) = RequestPath::parse(path) else {
        return Err(Ambiguous { headers, part: "path" });
    };
    let source = Source::new(source);
    Ok(Attributes { host, method, path, headers, context, body, source })
}

/// The host. Envoy makes one of `:authority` and `host`; who sends another one along names two.
fn host(text: &str, headers: &Headers<'_>) -> Option<Host> {
    let host = Host::of_request(text)?;
    let agrees = |text: &str| Host::of_request(text).is_some_and(|other| host.agrees_with(&other));
    headers.all("host").all(agrees).then_some(host)
}

/// Puts the `headers` map behind the fields of `header_map`.
fn merge<'m>(fields: &mut Headers<'m>, entries: &[Entry<'m>]) {
    // Two entries of one name: with one key the last counts, with keys that differ in letter case both.
    let last: BTreeMap<&str, &str> = entries.iter().copied().collect();
    for (name, value) in last {
        if !fields.note_pseudo(name) {
            fields.add(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
    use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
    use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
    use prost::Message;

    fn request(http: HttpRequest) -> Vec<u8> {
        let request = Some(Request { http: Some(http), ..Request::default() });
        let attributes = Some(AttributeContext { request, ..AttributeContext::default() });
        CheckRequest { attributes }.encode_to_vec()
    }

    fn http() -> HttpRequest {
        HttpRequest {
            method: "GET".to_owned(),
            host: "api.example:8443".to_owned(),
            path: "/pets?limit=1".to_owned(),
            ..HttpRequest::default()
        }
    }

    #[test]
    fn reads_both_forms_of_headers() {
        let map = HttpRequest {
            headers: [(":path", "/other"), ("accept", "*/*")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            ..http()
        };
        let raw = HttpRequest {
            header_map: Some(HeaderMap {
                headers: vec![
                    HeaderValue {
                        key: ":path".to_owned(),
                        raw_value: b"/other".to_vec(),
                        ..HeaderValue::default()
                    },
                    HeaderValue {
                        key: "Accept".to_owned(),
                        raw_value: b"*/*".to_vec(),
                        ..HeaderValue::default()
                    },
                ],
            }),
            ..http()
        };
        for http in [map, raw] {
            let message = request(http);
            let mut headers = Headers::default();
            let attributes = decode(&message, &mut headers).expect("reads");
            assert_eq!(attributes.path.as_str(), "/pets?limit=1");
            assert_eq!(attributes.headers.only("accept"), Some("*/*"));
            assert_eq!(attributes.headers.names().count(), 1);
        }
    }

    #[test]
    fn keeps_duplicates_apart_and_bad_bytes_harmless() {
        let field = |value: &[u8]| HeaderValue {
            key: "authorization".to_owned(),
            raw_value: value.to_vec(),
            ..HeaderValue::default()
        };
        let headers = vec![field(b"Bearer a"), field(b"Bearer \xff")];
        let http = HttpRequest { header_map: Some(HeaderMap { headers }), ..http() };
        let message = request(http);
        let mut headers = Headers::default();
        let attributes = decode(&message, &mut headers).expect("reads");
        let values: Vec<&str> = attributes.headers.all("authorization").collect();
        assert_eq!(values, ["Bearer a", "Bearer \u{fffd}"]);
        assert_eq!(attributes.headers.only("authorization"), None);
    }

    #[test]
    fn no_request_has_the_headers_of_another_one() {
        let bare = request(http());
        let map = [("authorization", "Bearer x"), ("y", "z")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let message = request(HttpRequest { headers: map.into(), ..http() });
        for (first, then, count) in [(&message, &bare, 0), (&message, &message, 2)] {
            let mut headers = Headers::default();
            headers.add("cookie", "of another one");
            headers.note_all_pseudo();
            assert!(decode(first, &mut headers).is_ok());
            let attributes = decode(then, &mut headers).expect("reads");
            assert_eq!(attributes.headers.names().count(), count);
            assert!(!attributes.headers.has("cookie") && !attributes.headers.has_all_pseudo());
        }
        let mut pseudo = Headers::default();
        pseudo.note_all_pseudo();
        let attributes = decode(&bare, &mut pseudo).expect("reads");
        assert!(!attributes.headers.has_all_pseudo());
    }

    #[test]
    fn refuses_what_is_missing_or_ambiguous() {
        let host = |text: &str| [("Host".to_owned(), text.to_owned())].into();
        let cases = [
            ("host", HttpRequest { host: String::new(), ..http() }),
            ("host", HttpRequest { host: "a.example,b.example".to_owned(), ..http() }),
            ("method", HttpRequest { method: "CONNECT".to_owned(), ..http() }),
            ("method", HttpRequest { method: "TRACE".to_owned(), ..http() }),
            ("method", HttpRequest { method: "get".to_owned(), ..http() }),
            ("path", HttpRequest { path: String::new(), ..http() }),
            ("path", HttpRequest { path: "/a/../b".to_owned(), ..http() }),
            ("host", HttpRequest { headers: host("b.example"), ..http() }),
            ("host", HttpRequest { headers: host("api.example:1"), ..http() }),
            ("host", HttpRequest { headers: host("api.example,api.example"), ..http() }),
            ("host", HttpRequest { headers: host(""), ..http() }),
        ];
        for (part, http) in cases {
            let message = request(http);
            let mut headers = Headers::default();
            let read = decode(&message, &mut headers);
            assert_eq!(read.map_err(|ambiguous| ambiguous.part).err(), Some(part));
        }
        assert!(decode(&[], &mut Headers::default()).is_err());
        for same in ["api.example:8443", "api.example", "API.example.:8443"] {
            let message = request(HttpRequest { headers: host(same), ..http() });
            assert!(decode(&message, &mut Headers::default()).is_ok(), "{same}");
        }
    }
}

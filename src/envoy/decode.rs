//! `CheckRequest` to [`Attributes`].
//!
//! Pure: no I/O, no clock.

use crate::attributes::{Attributes, Headers, Host, Method, RequestPath};
use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use std::collections::BTreeMap;

/// A request that could be read in two ways, or that has no host, path or method at all.
#[derive(Clone, Debug, Default)]
pub struct Ambiguous {
    /// Its headers, so that the refusal suits the client.
    pub headers: Headers,
    /// Which part it was.
    pub part: &'static str,
}

/// Reads a request.
///
/// Method, path and host are those of `attributes.request.http`, not the pseudo headers, which are
/// absent where the gateway sets `allowed_headers`. Headers come as the `headers` map, or with
/// `encode_raw_headers` as `header_map`.
///
/// # Errors
///
/// [`Ambiguous`].
pub fn decode(request: CheckRequest) -> Result<Attributes, Ambiguous> {
    let attributes = request.attributes.unwrap_or_default();
    let context: BTreeMap<String, String> = attributes.context_extensions.into_iter().collect();
    let http = attributes.request.and_then(|request| request.http).unwrap_or_default();
    let headers = headers(&http);
    let ambiguous = |part| Ambiguous { headers: headers.clone(), part };
    let host = Host::of_request(&http.host).ok_or_else(|| ambiguous("host"))?;
    // Envoy makes one host of `:authority` and `host`; who sends another one along names two.
    let agrees = |text: &str| Host::of_request(text).is_some_and(|other| host.agrees_with(&other));
    if !headers.all("host").all(agrees) {
        return Err(ambiguous("host"));
    }
    let method = Method::parse(&http.method).ok_or_else(|| ambiguous("method"))?;
    let path = RequestPath::parse(&http.path).ok_or_else(|| ambiguous("path"))?;
    let body = if http.raw_body.is_empty() { http.body.into_bytes() } else { http.raw_body };
    Ok(Attributes { host, method, path, headers, context, body })
}

fn headers(http: &HttpRequest) -> Headers {
    let mut headers = Headers::default();
    let raw = http.header_map.iter().flat_map(|map| &map.headers);
    for field in raw.filter(|field| !field.key.starts_with(':')) {
        if field.raw_value.is_empty() {
            headers.add(&field.key, field.value.clone());
        } else {
            // What is not UTF-8 becomes U+FFFD, which no credential of ours contains.
            headers.add(&field.key, String::from_utf8_lossy(&field.raw_value));
        }
    }
    for (name, value) in http.headers.iter().filter(|(name, _)| !name.starts_with(':')) {
        headers.add(name, value.clone());
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;
    use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
    use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
    use envoy_types::pb::envoy::service::auth::v3::attribute_context::Request;

    fn request(http: HttpRequest) -> CheckRequest {
        let request = Some(Request { http: Some(http), ..Request::default() });
        CheckRequest {
            attributes: Some(AttributeContext { request, ..AttributeContext::default() }),
        }
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
            let attributes = decode(request(http)).expect("reads");
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
        let attributes = decode(request(http)).expect("reads");
        let values: Vec<&str> = attributes.headers.all("authorization").collect();
        assert_eq!(values, ["Bearer a", "Bearer \u{fffd}"]);
        assert_eq!(attributes.headers.only("authorization"), None);
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
            assert_eq!(decode(request(http)).map_err(|ambiguous| ambiguous.part).err(), Some(part));
        }
        assert!(decode(CheckRequest::default()).is_err());
        for same in ["api.example:8443", "api.example", "API.example.:8443"] {
            assert!(
                decode(request(HttpRequest { headers: host(same), ..http() })).is_ok(),
                "{same}"
            );
        }
    }
}

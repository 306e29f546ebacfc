//! The reader of messages against prost, and what it makes of them against the same made of prost's
//! structs: on every input both give the same request, or neither gives one.

use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use portcullis::attributes::{Headers, Host, Method, RequestPath};
use portcullis::envoy::decode;
use prost::Message;
use std::collections::{BTreeMap, HashMap};

/// The parts of a `CheckRequest` that are read; what is passed over whole is bytes here.
#[derive(Clone, PartialEq, Message)]
struct Read {
    #[prost(message, optional, tag = "1")]
    attributes: Option<ReadAttributes>,
}

#[derive(Clone, PartialEq, Message)]
struct ReadAttributes {
    #[prost(bytes = "vec", tag = "1")]
    source: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    destination: Vec<u8>,
    #[prost(message, optional, tag = "4")]
    request: Option<ReadRequest>,
    #[prost(map = "string, string", tag = "10")]
    context_extensions: HashMap<String, String>,
    #[prost(bytes = "vec", tag = "11")]
    metadata_context: Vec<u8>,
    #[prost(bytes = "vec", tag = "12")]
    tls_session: Vec<u8>,
    #[prost(bytes = "vec", tag = "13")]
    route_metadata_context: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct ReadRequest {
    #[prost(bytes = "vec", tag = "1")]
    time: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    http: Option<HttpRequest>,
}

pub(crate) fn run(data: &[u8]) {
    let read = Read::decode(data).ok();
    let mut headers = Headers::default();
    let got = decode(data, &mut headers);
    let shown = data.escape_ascii();
    let Some(read) = read else {
        let refused = got.err().map(|ambiguous| ambiguous.part);
        assert_eq!(refused, Some("message"), "prost refuses {shown}");
        assert!(CheckRequest::decode(data).is_err(), "{shown}");
        return;
    };
    let attributes = read.attributes.unwrap_or_default();
    let http = attributes.request.and_then(|request| request.http).unwrap_or_default();
    if let Ok(whole) = CheckRequest::decode(data) {
        let whole = whole.attributes.unwrap_or_default();
        let request = whole.request.and_then(|request| request.http).unwrap_or_default();
        assert!(http == request && attributes.context_extensions == whole.context_extensions);
    }
    let fields = fields(&http);
    let headers = match (&got, wanted(&http, &fields)) {
        (Ok(got), Ok((host, method, path))) => {
            assert_eq!((&got.host, got.method), (&host, method), "{shown}");
            assert_eq!(got.path, path, "{shown}");
            for (key, value) in &attributes.context_extensions {
                assert_eq!(got.context.get(key), Some(value.as_str()), "{shown}");
            }
            assert_eq!(got.context.is_empty(), attributes.context_extensions.is_empty());
            assert!(!got.context.contains_key("no such key"));
            let body = if http.raw_body.is_empty() { http.body.as_bytes() } else { &http.raw_body };
            assert_eq!(got.body, body, "{shown}");
            got.headers
        }
        (Err(ambiguous), Err(part)) => {
            assert_eq!(ambiguous.part, part, "{shown}");
            ambiguous.headers
        }
        (got, wanted) => panic!("{got:?}, not {wanted:?}, of {shown}"),
    };
    let keys = http.header_map.iter().flat_map(|map| &map.headers).map(|field| field.key.as_str());
    let keys: Vec<&str> = keys.chain(http.headers.keys().map(String::as_str)).collect();
    let pseudo = [":method", ":path", ":authority", ":scheme"];
    let all_pseudo = pseudo.iter().all(|name| keys.contains(name));
    assert_eq!(headers.has_all_pseudo(), all_pseudo, "{shown}");
    let mut names: Vec<&str> = headers.names().collect();
    names.sort_unstable();
    assert!(names.iter().copied().eq(fields.keys().map(String::as_str)), "{names:?} of {shown}");
    for (name, values) in &fields {
        let got: Vec<&str> = headers.all(name).collect();
        assert_eq!(&got, values, "{name} of {shown}");
        assert_eq!(headers.only(name), (got.len() == 1).then(|| got[0]), "{shown}");
    }
}

/// Header fields by name in lower case: those of `header_map` in their order, then those of the map.
fn fields(http: &HttpRequest) -> BTreeMap<String, Vec<String>> {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |name: &str, value: String| {
        if !name.starts_with(':') {
            fields.entry(name.to_ascii_lowercase()).or_default().push(value);
        }
    };
    for field in http.header_map.iter().flat_map(|map| &map.headers) {
        let raw = String::from_utf8_lossy(&field.raw_value).into_owned();
        add(&field.key, if field.raw_value.is_empty() { field.value.clone() } else { raw });
    }
    // The map has no order of its own.
    for (name, value) in http.headers.iter().collect::<BTreeMap<_, _>>() {
        add(name, value.clone());
    }
    fields
}

type Wanted<'h> = Result<(Host, Method, RequestPath<'h>), &'static str>;

fn wanted<'h>(http: &'h HttpRequest, fields: &BTreeMap<String, Vec<String>>) -> Wanted<'h> {
    let host = Host::of_request(&http.host).ok_or("host")?;
    let agrees =
        |text: &String| Host::of_request(text).is_some_and(|other| host.agrees_with(&other));
    if !fields.get("host").is_none_or(|hosts| hosts.iter().all(agrees)) {
        return Err("host");
    }
    let method = Method::parse(&http.method).ok_or("method")?;
    let path = RequestPath::parse(&http.path).ok_or("path")?;
    Ok((host, method, path))
}

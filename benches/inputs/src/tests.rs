//! The record is whole, and what is put in stands where the placeholder stood.

use super::{Inputs, replace};
use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::HttpRequest;
use prost::Message;

fn decode(message: &[u8]) -> CheckRequest {
    CheckRequest::decode(message).expect("a CheckRequest")
}

fn http(request: &CheckRequest) -> &HttpRequest {
    let attributes = request.attributes.as_ref().expect("attributes");
    attributes.request.as_ref().and_then(|request| request.http.as_ref()).expect("a request")
}

#[test]
fn the_index_says_what_is_recorded() {
    let inputs = Inputs::load();
    assert!(inputs.iter().count() >= 15);
    for input in inputs.iter() {
        let request = decode(input.message());
        let http = http(&request);
        assert_eq!((&http.method, &http.host), (&input.method, &input.host), "{}", input.name);
        assert_eq!(http.path, input.path, "{}", input.name);
        for (kind, &bytes) in &inputs.placeholders {
            let text = super::placeholder(kind, bytes);
            let stands = input.message().windows(bytes).any(|window| window == text.as_bytes());
            assert_eq!(stands, input.placeholders.contains(kind), "{}: {kind}", input.name);
        }
    }
    let kinds = inputs.iter().flat_map(|input| &input.placeholders);
    let used: std::collections::BTreeSet<&String> = kinds.collect();
    assert_eq!(used.len(), inputs.placeholders.len(), "a kind that nothing holds");
}

#[test]
fn the_bearer_has_the_size_of_the_reference() {
    let inputs = Inputs::load();
    let bearer = inputs.get("bearer").bytes;
    assert!((2800..2950).contains(&bearer), "{bearer}");
    let cookie = http(&decode(inputs.get("navigation-session").message())).headers["cookie"].len();
    assert!((1700..1800).contains(&cookie), "{cookie}");
}

#[test]
fn the_shapes_differ_as_their_gateways_do() {
    let inputs = Inputs::load();
    let attributes = |name: &str| decode(inputs.get(name).message()).attributes.expect("some");
    let names = ["environment", "product"];
    let extensions = attributes("bearer-context").context_extensions;
    assert!(names.iter().all(|&name| extensions.contains_key(name)));
    assert!(attributes("bearer").context_extensions.is_empty());
    let raw = decode(inputs.get("navigation-session-raw-headers").message());
    assert!(http(&raw).headers.is_empty() && http(&raw).header_map.is_some());
    let mtls = attributes("mtls-body");
    assert!(!mtls.source.expect("a source").certificate.is_empty() && mtls.tls_session.is_some());
    assert_eq!(http(&decode(inputs.get("mtls-body").message())).raw_body.len(), 8000);
    let trimmed = http(&decode(inputs.get("bearer-allowed-headers").message())).headers.len();
    assert!(trimmed < http(&decode(inputs.get("bearer").message())).headers.len());
    assert_eq!(
        http(&decode(inputs.get("websocket-session").message())).headers["upgrade"],
        "websocket"
    );
    assert_eq!(
        http(&decode(inputs.get("hostile").message())).headers["authorization"],
        "Bearer a,Bearer b"
    );
}

#[test]
fn what_is_put_in_stands_where_the_placeholder_stood_and_nowhere_else() {
    let inputs = Inputs::load();
    for input in inputs.iter() {
        assert_eq!(input.with(&[]), input.message(), "{}", input.name);
        for length in [0, 1, 120, 130, 5000] {
            let text = "t".repeat(length);
            let texts: Vec<(&str, &str)> =
                input.placeholders.iter().map(|kind| (kind.as_str(), text.as_str())).collect();
            let mut expected = decode(input.message());
            let attributes = expected.attributes.as_mut().and_then(|all| all.request.as_mut());
            let request = attributes.and_then(|request| request.http.as_mut()).expect("a request");
            for kind in &input.placeholders {
                let from = super::placeholder(kind, inputs.placeholders[kind]);
                request.path = request.path.replace(&from, &text);
                for value in request.headers.values_mut() {
                    *value = value.replace(&from, &text);
                }
                for header in request.header_map.iter_mut().flat_map(|map| &mut map.headers) {
                    let value = String::from_utf8(header.raw_value.clone()).expect("text");
                    header.raw_value = value.replace(&from, &text).into_bytes();
                }
            }
            assert_eq!(decode(&input.with(&texts)), expected, "{}: {length}", input.name);
        }
    }
}

#[test]
#[should_panic(expected = "holds no bearer")]
fn a_text_for_a_placeholder_that_is_not_there_is_a_fault() {
    let _ = Inputs::load().get("curl").with(&[("bearer", "t")]);
}

#[test]
fn what_was_put_in_is_not_searched_again() {
    let message = decode(&[]).encode_to_vec();
    assert_eq!(replace(&message, &[("a", "b")]), message);
    let inputs = Inputs::load();
    let bearer = inputs.get("bearer");
    let token = super::placeholder("bearer", inputs.placeholders["bearer"]);
    assert_eq!(
        bearer.with(&[("bearer", &format!("{token}{token}"))]).len(),
        bearer.bytes + token.len()
    );
}

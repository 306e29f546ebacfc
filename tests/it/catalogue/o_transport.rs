//! gRPC and transport: group O, what this process can show by itself. What takes a gateway is shown
//! through Envoy.

use crate::support::raw::{self, Connection};
use crate::support::{API, Answer, Ask, Gateway};
use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use prost::Message;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Names and bytes of header fields.
type Fields<'f> = &'f [(&'f str, &'f [u8])];

/// A request with raw header fields (`encode_raw_headers`).
fn raw_fields(fields: Fields<'_>) -> CheckRequest {
    let field = |(key, value): &(&str, &[u8])| HeaderValue {
        key: (*key).to_owned(),
        raw_value: value.to_vec(),
        ..HeaderValue::default()
    };
    let http = HttpRequest {
        method: "GET".to_owned(),
        host: "api.petstore.localhost".to_owned(),
        path: "/pets".to_owned(),
        header_map: Some(HeaderMap { headers: fields.iter().map(field).collect() }),
        ..HttpRequest::default()
    };
    let request = Some(Request { http: Some(http), ..Request::default() });
    CheckRequest { attributes: Some(AttributeContext { request, ..AttributeContext::default() }) }
}

#[tokio::test]
async fn o03_bytes_that_are_no_text_make_no_credential_and_no_error() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let bearer = format!("Bearer {token}").into_bytes();
    let with = |extra: &[u8]| [bearer.as_slice(), extra].concat();
    gateway.send(raw_fields(&[("authorization", &bearer)])).await.granted();
    let refused: [(Fields<'_>, u16, &str); 12] = [
        (&[("authorization", &with(b"\xff"))], 401, "invalid_token"),
        (&[("authorization", &[b"\xff".as_slice(), &bearer].concat())], 401, "no_credentials"),
        (&[("authorization", b"Bearer \xff\xfe")], 401, "invalid_token"),
        (&[("authorization", b"\xff\xfe")], 401, "no_credentials"),
        (&[("authorization", &with(b"\0"))], 401, "invalid_token"),
        (&[("authorization", &bearer), ("authorization", b"\xff")], 400, "ambiguous_request"),
        (&[("authorization", &bearer), ("Authorization", &bearer)], 400, "ambiguous_request"),
        (&[("authorization", &bearer), ("api-key", b"\xff")], 400, "ambiguous_request"),
        (&[("api-key", b"\xff\x00\xc3")], 401, "invalid_token"),
        (&[("cookie", b"__Host-portcullis-s=\xff\xfe")], 401, "invalid_session"),
        (&[("cookie", b"\xff\xfe=\xff; \x80")], 401, "no_credentials"),
        (&[("host", b"api.petstore.localhost\xff")], 400, "ambiguous_request"),
    ];
    for (fields, status, reason) in refused {
        let answer = gateway.send(raw_fields(fields)).await;
        assert_eq!(
            (answer.status, answer.reason(), answer.allowed),
            (status, reason, false),
            "{fields:?}"
        );
    }
    // Elsewhere such bytes are not read.
    let harmless: [Fields<'_>; 5] = [
        &[("user-agent", b"\xff\xfe\x00")],
        &[("x-request-id", b"\xff")],
        &[("accept", b"text/html\xff")],
        &[("cookie", b"a=\xff\xfe")],
        &[("x-\u{e4}", b"\xff")],
    ];
    for fields in harmless {
        let fields = [&[("authorization", bearer.as_slice())][..], fields].concat();
        gateway.send(raw_fields(&fields)).await.granted();
    }
}

#[tokio::test]
async fn o03_names_of_fields_count_in_any_letter_case_and_in_both_forms() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let bearer = format!("Bearer {token}").into_bytes();
    for name in ["authorization", "Authorization", "AUTHORIZATION", "aUTHORIZATION"] {
        gateway.send(raw_fields(&[(name, &bearer)])).await.granted();
    }
    // A look-alike of the field is another field: neither a credential nor in the way of one.
    for name in [
        "authorization ",
        " authorization",
        "authorization_",
        "authoriz\u{430}tion",
        "x-authorization",
    ] {
        gateway.send(raw_fields(&[(name, &bearer)])).await.refused_as("no_credentials");
        gateway
            .send(raw_fields(&[(name, b"Bearer x"), ("authorization", &bearer)]))
            .await
            .granted();
    }
    // The same field as a map and raw is two of them.
    let mut message = raw_fields(&[("authorization", &bearer)]);
    let http = message.attributes.as_mut().and_then(|a| a.request.as_mut()?.http.as_mut());
    let http = http.expect("a request");
    http.headers.insert("authorization".to_owned(), format!("Bearer {token}"));
    gateway.send(message).await.refused_as("ambiguous_request");
    // So are two spellings in the map.
    let twice = Ask::get(&format!("{API}/pets")).bearer(&token);
    let twice = twice.header("Authorization", &format!("Bearer {token}"));
    gateway.ask(twice).await.refused(400, "ambiguous_request");
}

trait RefusedAs {
    fn refused_as(&self, reason: &str);
}

impl RefusedAs for Answer {
    #[track_caller]
    fn refused_as(&self, reason: &str) {
        assert_eq!((self.reason(), self.allowed), (reason, false), "{self:?}");
    }
}

/// The bytes of a check that would be granted.
fn good(gateway: &Gateway) -> Vec<u8> {
    let token = gateway.provider.id_token(&json!({}));
    Ask::get(&format!("{API}/pets")).bearer(&token).message().encode_to_vec()
}

#[tokio::test]
async fn o04_unknown_fields_change_nothing() {
    let gateway = Gateway::new().await;
    // Field 1000, a string; field 15, a number; field 20, a group; field 2 of another type.
    let unknown: [&[u8]; 4] = [
        &[0xc2, 0x3e, 0x03, b'a', b'b', b'c'],
        &[0x78, 0x2a],
        &[0xa3, 0x01, 0x08, 0x01, 0xa4, 0x01],
        &[0x10, 0xff, 0xff, 0x03],
    ];
    for bytes in unknown {
        let ask = [good(&gateway).as_slice(), bytes].concat();
        Answer::read(raw::check(&gateway, ask).await.expect("no RPC error")).granted();
        let nobody = Ask::get(&format!("{API}/pets")).message().encode_to_vec();
        let nobody = [nobody.as_slice(), bytes].concat();
        let answer = raw::check(&gateway, nobody).await.expect("no RPC error");
        Answer::read(answer).refused(401, "no_credentials");
    }
}

#[tokio::test]
async fn o04_bytes_that_are_no_check_are_denied_and_never_an_error() {
    let gateway = Gateway::new().await;
    let whole = good(&gateway);
    let mut unreadable: Vec<Vec<u8>> = (0..whole.len()).map(|at| whole[..at].to_vec()).collect();
    unreadable.extend([
        vec![0xff; 64],
        vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f],
        vec![0x0a, 0x01, 0xff],
        // `attributes` as a number, as a fixed one, as the end of a group; field 0.
        vec![0x08, 0x01],
        vec![0x09, 0, 0, 0, 0, 0, 0, 0, 0],
        vec![0x0c],
        vec![0x02, 0x00],
        // A length that never ends, and a thousand groups in one another.
        vec![0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        [0xa3, 0x01].repeat(1000),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"{\"attributes\":{}}".to_vec(),
    ]);
    for bytes in unreadable {
        let answer = raw::check(&gateway, bytes.clone()).await;
        let answer = Answer::read(answer.unwrap_or_else(|status| panic!("{bytes:x?}: {status}")));
        assert_eq!((answer.status, answer.allowed), (400, false), "{bytes:x?}");
        assert_eq!(answer.reason(), "ambiguous_request");
    }
    Answer::read(raw::check(&gateway, whole).await.expect("the connection lives")).granted();
}

#[tokio::test]
async fn o04_text_that_is_no_utf8_is_denied() {
    let gateway = Gateway::new().await;
    let whole = good(&gateway);
    for text in ["/pets", "api.petstore.localhost", "GET", "authorization", "Bearer", "req-1"] {
        let at = whole.windows(text.len()).position(|part| part == text.as_bytes());
        let mut bytes = whole.clone();
        bytes[at.expect("it is there")] = 0xff;
        let answer = Answer::read(raw::check(&gateway, bytes).await.expect("no RPC error"));
        answer.refused_as("ambiguous_request");
        assert_eq!(answer.status, 400, "{text}");
    }
}

#[tokio::test]
async fn o04_a_frame_that_is_none_is_an_error_of_its_stream_alone() {
    let gateway = Gateway::new().await;
    let mut connection = Connection::open(gateway.grpc.expect("TCP")).await;
    let check = good(&gateway);
    // No message at all; one that says it is compressed; one longer than it is; one of 1 MiB.
    let mut bytes = raw::begin(1);
    bytes.extend(raw::end(1));
    bytes.extend(raw::begin(3));
    bytes.extend(raw::frame_of(3, &[&[1, 0, 0, 0, 2], b"ab".as_slice()].concat()));
    bytes.extend(raw::begin(5));
    bytes.extend(raw::frame_of(5, &[0, 0, 0, 1, 0, b'a']));
    bytes.extend(raw::begin(7));
    bytes.extend(raw::frame_of(7, &[0, 0, 0x10, 0, 0]));
    bytes.extend(raw::begin(9));
    bytes.extend(raw::data(9, &check));
    connection.write(&bytes).await;
    Answer::read(connection.response(9).await).granted();
}

#[tokio::test]
async fn o19_a_stop_of_the_service_is_no_answer_that_lets_anybody_in() {
    // In this process; through Envoy it is shown under load.
    let mut gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let counts: [Arc<AtomicUsize>; 2] = Default::default();
    let clients = (0..8).map(|at: usize| {
        let (mut client, counts, token) = (gateway.client.clone(), counts.clone(), token.clone());
        tokio::spawn(async move {
            loop {
                let good = at.is_multiple_of(2);
                let ask = Ask::get(&format!("{API}/pets"));
                let ask = if good { ask.bearer(&token) } else { ask.bearer("x") };
                match client.check(ask.message()).await {
                    Ok(answer) => {
                        let answer = Answer::read(answer.into_inner());
                        let want = if good { "granted" } else { "invalid_token" };
                        assert_eq!((answer.reason(), answer.allowed), (want, good));
                        counts[at % 2].fetch_add(1, Ordering::SeqCst);
                    }
                    // Nobody is there any more.
                    Err(status) => return status.code(),
                }
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    crate::support::eventually(|| counts.iter().all(|count| count.load(Ordering::SeqCst) > 50))
        .await;
    gateway.stop();
    for client in clients {
        let code = client.await.expect("no wrong answer");
        assert_eq!(code, tonic::Code::Unavailable);
    }
    gateway.ended().await;
}

#[tokio::test]
async fn a_browser_that_hangs_up_ends_its_own_check_alone() {
    let gateway = Gateway::new().await;
    let mut connection = Connection::open(gateway.grpc.expect("TCP")).await;
    let check = good(&gateway);
    let mut bytes = Vec::new();
    // Few enough for the window that a connection begins with (RFC 9113 §6.9.2).
    for at in 0..40 {
        let stream = 2 * at + 1;
        bytes.extend(raw::begin(stream));
        bytes.extend(raw::data(stream, &check));
        if at % 2 == 0 {
            bytes.extend(raw::reset(stream));
        }
    }
    connection.write(&bytes).await;
    Answer::read(connection.response(79).await).granted();
}

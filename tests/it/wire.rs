//! What Envoy would take for leave: nothing of that kind is ever sent, whatever comes.

use crate::support::raw::{self, Connection};
use crate::support::{API, Answer, Ask, Browser, Gateway, PORTAL};
use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use prost::Message;
use serde_json::json;

fn message(http: HttpRequest) -> CheckRequest {
    let request = Request { http: Some(http), ..Request::default() };
    let request = Some(request);
    CheckRequest { attributes: Some(AttributeContext { request, ..AttributeContext::default() }) }
}

#[tokio::test]
async fn messages_that_say_nothing_are_denied_and_no_error() {
    let gateway = Gateway::new().await;
    let empty = CheckRequest::default();
    let no_request = CheckRequest { attributes: Some(AttributeContext::default()) };
    let no_http = CheckRequest {
        attributes: Some(AttributeContext {
            request: Some(Request::default()),
            ..AttributeContext::default()
        }),
    };
    let only_headers = HttpRequest {
        headers: [
            (":method".to_owned(), "GET".to_owned()),
            (":path".to_owned(), "/pets".to_owned()),
            (":authority".to_owned(), "api.petstore.localhost".to_owned()),
        ]
        .into(),
        ..HttpRequest::default()
    };
    for message in [empty, no_request, no_http, message(only_headers)] {
        let answer = gateway.send(message).await;
        assert_eq!(
            (answer.status, answer.reason(), answer.allowed),
            (400, "ambiguous_request", false)
        );
    }
}

#[tokio::test]
async fn raw_headers_are_read_like_the_map() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let field = |key: &str, value: String| HeaderValue {
        key: key.to_owned(),
        raw_value: value.into_bytes(),
        ..HeaderValue::default()
    };
    let with = |headers: Vec<HeaderValue>| {
        message(HttpRequest {
            method: "GET".to_owned(),
            host: "api.petstore.localhost".to_owned(),
            path: "/pets".to_owned(),
            header_map: Some(HeaderMap { headers }),
            ..HttpRequest::default()
        })
    };
    let bearer = || field("authorization", format!("Bearer {token}"));
    let forged = field("X-User_Email", "mallory".to_owned());
    let answer = gateway.send(with(vec![bearer(), forged])).await;
    answer.granted();
    assert!(answer.removed.contains("x-user_email"), "{:?}", answer.removed);
    let answer = gateway.send(with(vec![bearer(), bearer()])).await;
    assert_eq!((answer.status, answer.reason()), (400, "ambiguous_request"));
}

#[tokio::test]
async fn no_line_of_a_client_s_becomes_a_header_of_ours() {
    let gateway = Gateway::new().await;
    let evil = [
        Ask::get(&format!("{PORTAL}/a?x=\r\nset-cookie: a=b")).navigate(),
        Ask::get(&format!("{PORTAL}/a\r\nset-cookie: a=b")).navigate(),
        Ask::get(&format!("{PORTAL}/.auth/login?return_to=/a%0d%0aset-cookie:a=b")).navigate(),
        Ask::get(&format!("{PORTAL}/.auth/callback?state=%0d%0aevil:1&code=x")).navigate(),
        Ask::get(PORTAL).host("portal.petstore.localhost\r\nevil: 1").navigate(),
        Ask::get(PORTAL).header("x-request-id", "a\r\nevil: 1"),
    ];
    for ask in evil {
        let answer = gateway.ask(ask).await;
        assert!(!answer.allowed);
        assert!(answer.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
        assert!(!answer.body.contains("\r\nevil"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_cookie_on_an_allowed_answer_adds_and_is_not_kept_by_caches() {
    let gateway = Gateway::new().await;
    let mut browser = Browser::signed_in(&gateway, &format!("{API}/pets")).await;
    gateway.later(3000);
    // `Answer::read` holds each Set-Cookie against the append action.
    let answer = browser.load(&gateway, &format!("{API}/pets")).await;
    answer.granted();
    assert!(!answer.set_cookies().is_empty());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let quiet = browser.load(&gateway, &format!("{API}/pets")).await;
    assert!(quiet.granted().headers.is_empty(), "{:?}", quiet.headers);
}

#[tokio::test]
async fn a_flood_of_resets_harms_no_other_check_of_the_connection() {
    let gateway = Gateway::new().await;
    let mut connection = Connection::open(gateway.grpc.expect("TCP")).await;
    let check = Ask::get(&format!("{API}/pets")).message().encode_to_vec();
    let mut burst = raw::begin(1);
    for stream in 1..=100 {
        burst.extend(raw::begin(2 * stream + 1));
        burst.extend(raw::reset(2 * stream + 1));
    }
    burst.extend(raw::data(1, &check));
    connection.write(&burst).await;
    let answer = Answer::read(connection.response(1).await);
    answer.refused(401, "no_credentials");
    // And the connection goes on.
    connection.write(&[raw::begin(301), raw::data(301, &check)].concat()).await;
    Answer::read(connection.response(301).await).refused(401, "no_credentials");
}

#[tokio::test]
async fn checks_by_the_hundred_get_each_its_own_answer() {
    let gateway = Gateway::new().await;
    let token = gateway.provider.id_token(&json!({}));
    let asks = (0..300).map(|at| {
        let ask = Ask::get(&format!("{API}/pets/{at}"));
        let ask = if at % 3 == 0 { ask.bearer(&token) } else { ask };
        gateway.ask(if at % 3 == 1 { ask.header("authorization", "Bearer x") } else { ask })
    });
    let answers = futures_util::future::join_all(asks).await;
    for (at, answer) in answers.iter().enumerate() {
        let want = ["granted", "invalid_token", "no_credentials"][at % 3];
        assert_eq!((answer.reason(), answer.allowed), (want, at % 3 == 0), "{at}");
    }
}

//! The loader against a real server: right answers pass, and nothing else does.

use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::authorization_server::{
    Authorization, AuthorizationServer,
};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{
    CheckRequest, CheckResponse, DeniedHttpResponse, OkHttpResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::value::Kind as ValueKind;
use envoy_types::pb::google::protobuf::{Struct, Value};
use envoy_types::pb::google::rpc;
use portcullis_load::answer::{Judge, Want, judge};
use portcullis_load::drive::{Pace, Round, Target};
use portcullis_load::kind::{Case, Kind};
use portcullis_load::message::{Fetch, Shape};
use portcullis_load::mix::{Deck, Mix};
use portcullis_load::place::Address;
use portcullis_load::rng::Rng;
use prost::Message as _;
use std::net::TcpListener;
use std::time::Duration;
use tonic::transport::Server;
use tonic::{Request, Response, Status};

const SUBJECT: &str = "00u1";

fn header(key: &str, value: &str) -> HeaderValueOption {
    let header =
        HeaderValue { key: key.to_owned(), value: value.to_owned(), ..HeaderValue::default() };
    HeaderValueOption { header: Some(header), ..HeaderValueOption::default() }
}

fn answer(code: i32, reason: &str, response: HttpResponse) -> CheckResponse {
    let reason = Value { kind: Some(ValueKind::StringValue(reason.to_owned())) };
    CheckResponse {
        status: Some(rpc::Status { code, ..rpc::Status::default() }),
        dynamic_metadata: Some(Struct { fields: [("reason".to_owned(), reason)].into() }),
        http_response: Some(response),
    }
}

fn granted(headers: Vec<HeaderValueOption>) -> CheckResponse {
    answer(
        0,
        "granted",
        HttpResponse::OkResponse(OkHttpResponse { headers, ..OkHttpResponse::default() }),
    )
}

fn ours(subject: &str) -> Vec<HeaderValueOption> {
    vec![header("x-user-id", subject), header("x-portcullis-product", "p.default")]
}

fn denied(code: i32, status: i32, reason: &str, headers: Vec<HeaderValueOption>) -> CheckResponse {
    let status = Some(HttpStatus { code: status });
    let denied = DeniedHttpResponse { status, headers, ..DeniedHttpResponse::default() };
    answer(code, reason, HttpResponse::DeniedResponse(denied))
}

#[test]
fn an_answer_that_differs_in_anything_that_matters_is_wrong() {
    let grant = Want::Granted { subject: SUBJECT.to_owned() };
    let refusal = Want::denied(403, "not_granted");
    let login = Want::Redirect { location: "http://op.example/authorize?".to_owned() };
    let there = |to: &str| vec![header("location", to), header("set-cookie", "a=b")];
    let good = [
        (&grant, granted(ours(SUBJECT))),
        (&refusal, denied(7, 403, "not_granted", Vec::new())),
        (&login, denied(7, 302, "no_credentials", there("http://op.example/authorize?state=1"))),
    ];
    for (want, answer) in good {
        assert_eq!(judge(Judge::Portcullis, want, &answer.encode_to_vec()), Ok(()));
    }
    let mut removed = granted(ours(SUBJECT));
    if let Some(HttpResponse::OkResponse(ok)) = &mut removed.http_response {
        ok.headers_to_remove.push("x-user-id".to_owned());
    }
    let anonymous = answer(0, "public", HttpResponse::OkResponse(OkHttpResponse::default()));
    let twice = [ours(SUBJECT), ours("00u2")].concat();
    let bad = [
        ("another caller", &grant, granted(ours("00u2"))),
        ("two callers", &grant, granted(twice)),
        ("nobody", &grant, granted(Vec::new())),
        ("taken away again", &grant, removed),
        ("let in unknown", &grant, anonymous.clone()),
        ("refused", &grant, denied(7, 403, "not_granted", Vec::new())),
        ("let in", &refusal, granted(ours(SUBJECT))),
        ("denied, and OK to Envoy", &refusal, denied(0, 403, "not_granted", Vec::new())),
        ("for another reason", &refusal, denied(7, 403, "no_route", Vec::new())),
        ("with another status", &refusal, denied(7, 401, "not_granted", Vec::new())),
        (
            "to another place",
            &login,
            denied(7, 302, "no_credentials", there("http://evil.example/")),
        ),
        ("without a cookie", &login, {
            denied(
                7,
                302,
                "no_credentials",
                vec![header("location", "http://op.example/authorize?")],
            )
        }),
        ("empty", &grant, CheckResponse::default()),
    ];
    for (what, want, answer) in bad {
        assert!(judge(Judge::Portcullis, want, &answer.encode_to_vec()).is_err(), "{what}");
    }
    assert!(judge(Judge::Portcullis, &grant, b"\xff").is_err(), "not decodable");
    assert!(judge(Judge::Reference, &grant, &anonymous.encode_to_vec()).is_ok());
    let refused = denied(7, 403, "x", Vec::new()).encode_to_vec();
    assert!(judge(Judge::Reference, &grant, &refused).is_err());
}

struct Says(Result<CheckResponse, Status>);

#[tonic::async_trait]
impl Authorization for Says {
    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckResponse>, Status> {
        self.0.clone().map(Response::new)
    }
}

/// A server that always says the same, until the test process ends.
fn server(says: Result<CheckResponse, Status>) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("an option");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
            let serving = Server::builder().add_service(AuthorizationServer::new(Says(says)));
            serving.serve_with_incoming(incoming).await.expect("serves");
        });
    });
    Address::Tcp(address)
}

/// 300 checks by two connections, of which each wants the same caller.
fn drive(says: Result<CheckResponse, Status>, pace: Option<Pace>) -> Round {
    let want = Want::Granted { subject: SUBJECT.to_owned() };
    let mut rng = Rng::new(1);
    let case = || Case {
        message: Shape::get("/api/pets", Fetch::Script, &mut rng).bytes(),
        want: want.clone(),
    };
    let mut deck = Deck::default();
    deck.add(Kind::Bearer, std::iter::repeat_with(case).take(300).collect());
    let address = server(says);
    let mut target =
        Target::connect(&address, 2, Judge::Portcullis, &deck.cases).expect("connects");
    match pace {
        None => target.warm(0..300).expect("a round"),
        Some(pace) => {
            let mut mix = Mix::uniform(&deck, Kind::Bearer);
            target.round(pace, Duration::from_millis(300), &mut mix).expect("a round")
        }
    }
}

#[test]
fn right_answers_are_counted() {
    let round = drive(Ok(granted(ours(SUBJECT))), None);
    assert_eq!((round.answered, round.wrong, round.failed), (300, 0, 0), "{:?}", round.failure);
    assert_eq!(round.latencies.total(), 300);
    round.hold("test").expect("it holds");
}

#[test]
fn a_wrong_answer_fails_the_run() {
    let round = drive(Ok(granted(ours("00u2"))), None);
    assert_eq!((round.answered, round.wrong, round.failed), (0, 300, 0));
    let told = round.hold("test").expect_err("wrong").to_string();
    assert!(told.contains("x-user-id") && told.contains("00u2"), "{told}");
}

#[test]
fn an_rpc_error_is_a_failed_check() {
    let round = drive(Err(Status::unavailable("not now")), None);
    assert_eq!((round.answered, round.wrong, round.failed), (0, 0, 300));
    let told = round.hold("test").expect_err("failed").to_string();
    assert!(told.contains("grpc-status Some(14)"), "{told}");
}

#[test]
fn a_fixed_rate_sends_as_many_as_are_due() {
    let round = drive(Ok(granted(ours(SUBJECT))), Some(Pace::Open { rate: 1000.0 }));
    assert_eq!((round.answered, round.failed), (300, 0), "late ones are sent all the same");
}

//! What an answer is, in the types of envoy-types: as it was written before the bytes were.

use crate::decision::{
    Allowed, Asked, Body, Challenge, Checked, ClientKind, Denied, Facts, Status,
};
use crate::identity::Identity;
use crate::limits::Quota;
use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{
    CheckResponse, DeniedHttpResponse, OkHttpResponse,
};
use envoy_types::pb::envoy::r#type::v3::HttpStatus;
use envoy_types::pb::google::protobuf::value::Kind;
use envoy_types::pb::google::protobuf::{ListValue, Struct, Value};
use envoy_types::pb::google::rpc;
use tonic::Code;

pub(super) fn response(checked: &Checked, asked: &Asked<'_>) -> CheckResponse {
    let (code, response) = match &checked.outcome {
        Ok(allowed) => (Code::Ok, HttpResponse::OkResponse(ok_response(allowed))),
        Err(denied) => {
            let code = match denied.status {
                Status::Unauthorized => Code::Unauthenticated,
                Status::ServiceUnavailable => Code::Unavailable,
                Status::TooManyRequests => Code::ResourceExhausted,
                _ => Code::PermissionDenied,
            };
            (code, HttpResponse::DeniedResponse(denied_response(denied, asked)))
        }
    };
    CheckResponse {
        status: Some(rpc::Status { code: code as i32, ..rpc::Status::default() }),
        dynamic_metadata: Some(metadata(checked)),
        http_response: Some(response),
    }
}

fn denied_response(denied: &Denied, asked: &Asked<'_>) -> DeniedHttpResponse {
    let page = asked.client != ClientKind::Other;
    let mut headers = vec![("cache-control", "no-store".to_owned())];
    headers.push(("x-content-type-options", "nosniff".to_owned()));
    let mut of_body = |fields: &[(&'static str, &str)]| {
        headers.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
    };
    match &denied.body {
        Body::Empty => {}
        Body::Redirect(to) => of_body(&[("location", to), ("referrer-policy", "no-referrer")]),
        Body::Json(_) => of_body(&[("content-type", "application/json")]),
        Body::Refusal(_) if !page => of_body(&[("content-type", "application/problem+json")]),
        Body::Refusal(_) | Body::Page(_) => {
            let mut fields = denied.fields(asked);
            let policy = fields.find(|(name, _)| *name == "content-security-policy");
            of_body(&[
                ("content-security-policy", &policy.expect("a policy").1.to_text()),
                ("referrer-policy", "same-origin"),
                ("content-type", "text/html; charset=utf-8"),
            ]);
        }
    }
    let realm = format!("Bearer realm=\"{}\"", asked.host);
    headers.extend(denied.challenge.map(|challenge| match challenge {
        Challenge::Bearer => ("www-authenticate", realm),
        Challenge::InvalidToken => {
            ("www-authenticate", format!("{realm}, error=\"invalid_token\""))
        }
    }));
    headers.extend(denied.headers.iter().map(|(name, value)| (*name, value.clone().into_owned())));
    let cookies = denied.cookies.iter().map(|cookie| ("set-cookie", cookie.as_str().to_owned()));
    headers.extend(cookies);
    let mut body = Vec::new();
    denied.write_body(asked, &mut body);
    DeniedHttpResponse {
        status: Some(HttpStatus { code: i32::from(denied.status.code()) }),
        headers: headers
            .iter()
            .map(|(name, value)| field(name, value, HeaderAppendAction::AppendIfExistsOrAdd))
            .collect(),
        body: String::from_utf8(body).expect("text"),
    }
}

fn ok_response(allowed: &Allowed) -> OkHttpResponse {
    let set = allowed.upstream.set();
    let mut to_client: Vec<HeaderValueOption> = allowed
        .cookies
        .iter()
        // The upstream's own cookies stay.
        .map(|cookie| field("set-cookie", cookie.as_str(), HeaderAppendAction::AppendIfExistsOrAdd))
        .collect();
    if !to_client.is_empty() {
        let overwrite = HeaderAppendAction::OverwriteIfExistsOrAdd;
        to_client.push(field("cache-control", "no-store", overwrite));
    }
    let fields = allowed.quota.into_iter().flat_map(Quota::fields);
    to_client.extend(
        fields.map(|(name, value)| field(name, &value, HeaderAppendAction::OverwriteIfExistsOrAdd)),
    );
    OkHttpResponse {
        headers: set
            // Overwritten: a value that the client forged must not stand beside ours.
            .map(|(name, value)| {
                field(name, &value.to_text(), HeaderAppendAction::OverwriteIfExistsOrAdd)
            })
            .collect(),
        headers_to_remove: allowed.upstream.removed().map(str::to_owned).collect(),
        response_headers_to_add: to_client,
        ..OkHttpResponse::default()
    }
}

/// A header field. `append` stays unset: with it, Envoy drops fields of a denied answer, and keeps
/// a client's value beside ours. A control character would become a line of its own on the wire, so
/// what has one is cut there; values are encoded long before, this is the last door. A tab may stand in
/// a field (RFC 9110 §5.5), and in a cookie of the upstream's.
fn field(name: &str, value: &str, action: HeaderAppendAction) -> HeaderValueOption {
    let value = value.split(|c: char| c.is_ascii_control() && c != '\t').next();
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value: value.unwrap_or_default().to_owned(),
            ..HeaderValue::default()
        }),
        append_action: action as i32,
        ..HeaderValueOption::default()
    }
}

/// What Envoy's other filters and its access log may use, on allowed and denied checks.
fn metadata(checked: &Checked) -> Struct {
    let Facts { caller, portal, environment, product, usage_plan, limit, .. } = &checked.facts;
    let named = |name: &Option<crate::policy::ResourceName>| name.as_ref().map(ToString::to_string);
    let shadow = checked.facts.shadow;
    let caller = caller.as_deref().filter(|_| !shadow);
    let usage_plan = usage_plan.as_ref().filter(|_| !shadow);
    let limit = limit.as_ref().filter(|_| !shadow);
    let texts = [
        ("decision", Some(checked.decision().to_owned())),
        ("reason", Some(checked.reason.as_str().to_owned())),
        ("shadow", checked.facts.shadow.then(|| "deny".to_owned())),
        ("sub", caller.map(|caller| caller.subject.to_string())),
        ("iss", caller.map(|caller| caller.issuer.to_string())),
        ("email", caller.and_then(Identity::shown_email).map(str::to_owned)),
        ("portal", named(portal)),
        ("environment", named(environment)),
        ("product", named(product)),
        ("usage_plan", usage_plan.map(ToString::to_string)),
    ];
    let texts = texts.into_iter().filter_map(|(name, value)| Some((name, text(value?))));
    let mut fields: std::collections::HashMap<String, Value> =
        texts.map(|(name, value)| (name.to_owned(), value)).collect();
    let values: Vec<Value> = checked.facts.groups().map(str::to_owned).map(text).collect();
    if !values.is_empty() {
        fields.insert("groups".to_owned(), kind(Kind::ListValue(ListValue { values })));
    }
    if let Some(limit) = limit {
        #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
        let requests = kind(Kind::NumberValue(limit.requests_per_unit as f64));
        let limit =
            [("requests_per_unit", requests), ("unit", text(limit.unit.as_str().to_owned()))];
        let limit = limit.map(|(name, value)| (name.to_owned(), value)).into();
        fields.insert("limit".to_owned(), kind(Kind::StructValue(Struct { fields: limit })));
    }
    Struct { fields }
}

const fn kind(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

const fn text(text: String) -> Value {
    kind(Kind::StringValue(text))
}

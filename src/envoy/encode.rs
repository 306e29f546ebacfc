//! The end of a check to `CheckResponse`: the one place that makes one.
//!
//! Pure: no I/O, no clock.

use crate::decision::{Allowed, Checked, ClientKind, Denied, Facts, Status};
use crate::identity::Identity;
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

/// Writes an answer.
///
/// To Envoy an unset status means ALLOW, an RPC error and `error_response` leave the decision to
/// `failure_mode_allow`. So each answer has a status, and each refusal is a `denied_response`.
#[must_use]
pub fn encode(checked: &Checked, client: ClientKind, request_id: &str) -> CheckResponse {
    let (code, response) = match &checked.outcome {
        Ok(allowed) => (Code::Ok, HttpResponse::OkResponse(ok_response(allowed))),
        Err(denied) => (
            denied_code(denied.status),
            HttpResponse::DeniedResponse(denied_response(denied, client, request_id)),
        ),
    };
    CheckResponse {
        status: Some(rpc::Status { code: code as i32, ..rpc::Status::default() }),
        dynamic_metadata: Some(metadata(checked)),
        http_response: Some(response),
    }
}

/// Never `Ok`: with that, Envoy lets the request pass even beside a `denied_response`.
const fn denied_code(status: Status) -> Code {
    match status {
        Status::Unauthorized => Code::Unauthenticated,
        Status::ServiceUnavailable => Code::Unavailable,
        Status::TooManyRequests => Code::ResourceExhausted,
        Status::Ok
        | Status::NoContent
        | Status::Found
        | Status::SeeOther
        | Status::BadRequest
        | Status::Forbidden
        | Status::NotFound
        | Status::MethodNotAllowed
        | Status::Unprocessable => Code::PermissionDenied,
    }
}

fn ok_response(allowed: &Allowed) -> OkHttpResponse {
    let set = allowed.upstream.set.iter();
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
    OkHttpResponse {
        headers: set
            // Overwritten: a value that the client forged must not stand beside ours.
            .map(|(name, value)| field(name, value, HeaderAppendAction::OverwriteIfExistsOrAdd))
            .collect(),
        headers_to_remove: allowed.upstream.remove.clone(),
        response_headers_to_add: to_client,
        ..OkHttpResponse::default()
    }
}

fn denied_response(denied: &Denied, client: ClientKind, request_id: &str) -> DeniedHttpResponse {
    let rendered = denied.render(client, request_id);
    let headers = rendered.headers.iter();
    DeniedHttpResponse {
        status: Some(HttpStatus { code: i32::from(rendered.status.code()) }),
        headers: headers
            .map(|(name, value)| field(name, value, HeaderAppendAction::AppendIfExistsOrAdd))
            .collect(),
        body: rendered.body,
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
    let Facts { caller, groups, portal, environment, product, usage_plan, limit, .. } =
        &checked.facts;
    let named = |name: &Option<crate::policy::ResourceName>| name.as_ref().map(ToString::to_string);
    let caller = caller.as_deref();
    let texts = [
        ("decision", Some(checked.decision().to_owned())),
        ("reason", Some(checked.reason.as_str().to_owned())),
        ("sub", caller.map(|caller| caller.subject.to_string())),
        ("iss", caller.map(|caller| caller.issuer.to_string())),
        ("email", caller.and_then(Identity::shown_email).map(str::to_owned)),
        ("portal", named(portal)),
        ("environment", named(environment)),
        ("product", named(product)),
        ("usage_plan", usage_plan.clone()),
    ];
    let texts = texts.into_iter().filter_map(|(name, value)| Some((name, text(value?))));
    let mut fields: std::collections::HashMap<String, Value> =
        texts.map(|(name, value)| (name.to_owned(), value)).collect();
    if !groups.is_empty() {
        let values = groups.iter().cloned().map(text).collect();
        fields.insert("groups".to_owned(), kind(Kind::ListValue(ListValue { values })));
    }
    if let Some(limit) = limit {
        #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
        let requests = kind(Kind::NumberValue(limit.requests_per_unit as f64));
        let limit = [("requests_per_unit", requests), ("unit", text(limit.unit.clone()))];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cookie::CookieNames;
    use crate::decision::{Reason, Upstream};
    use std::time::Duration;

    #[test]
    fn no_answer_can_be_taken_for_another() {
        let statuses = [
            Status::Ok,
            Status::NoContent,
            Status::Found,
            Status::SeeOther,
            Status::BadRequest,
            Status::Unauthorized,
            Status::Forbidden,
            Status::NotFound,
            Status::MethodNotAllowed,
            Status::Unprocessable,
            Status::TooManyRequests,
            Status::ServiceUnavailable,
        ];
        for status in statuses {
            let denied = Denied::empty(Reason::Endpoint, status);
            let response =
                encode(&Checked::denied(denied, Facts::default()), ClientKind::Other, "r");
            assert_ne!(response.status.map(|status| status.code), Some(0), "{status:?}");
            let Some(HttpResponse::DeniedResponse(denied)) = response.http_response else {
                panic!("{status:?} is not a denied_response");
            };
            let code = denied.status.map(|status| status.code);
            assert_eq!(code, Some(i32::from(status.code())), "{status:?}");
        }
        let checked = Checked::allowed(Reason::Granted, Allowed::default(), Facts::default());
        let response = encode(&checked, ClientKind::Other, "r");
        assert_eq!(response.status.map(|status| status.code), Some(0));
        assert!(matches!(response.http_response, Some(HttpResponse::OkResponse(_))));
    }

    #[test]
    fn overwrites_towards_the_upstream_and_adds_towards_the_client() {
        let names = CookieNames::new("portcullis", true);
        let cookies = ["s", "u"].map(|suffix| names.set(suffix, "x", Duration::from_secs(1)));
        let set = vec![("x-user-id".to_owned(), "a\r\nx-evil: 1".to_owned())];
        let upstream = Upstream { set, remove: vec!["x-user-email".to_owned()] };
        let allowed = Allowed { upstream, cookies: cookies.to_vec() };
        let checked = Checked::allowed(Reason::Granted, allowed, Facts::default());
        let Some(HttpResponse::OkResponse(ok)) =
            encode(&checked, ClientKind::Other, "r").http_response
        else {
            panic!("not allowed");
        };
        let overwrite = HeaderAppendAction::OverwriteIfExistsOrAdd as i32;
        let add = HeaderAppendAction::AppendIfExistsOrAdd as i32;
        assert_eq!(
            ok.headers.iter().map(|field| field.append_action).collect::<Vec<_>>(),
            [overwrite]
        );
        let value = ok.headers[0].header.as_ref().map(|header| header.value.as_str());
        assert_eq!(value, Some("a"));
        assert_eq!(ok.headers_to_remove, ["x-user-email"]);
        let actions: Vec<i32> =
            ok.response_headers_to_add.iter().map(|field| field.append_action).collect();
        assert_eq!(actions, [add, add, overwrite]);
        #[expect(deprecated, reason = "it has to be unset")]
        let appends = ok
            .headers
            .iter()
            .chain(&ok.response_headers_to_add)
            .any(|field| field.append.is_some());
        assert!(!appends);
    }
}

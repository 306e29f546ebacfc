//! Holds an answer against what it has to be.

use envoy_types::pb::envoy::config::core::v3::HeaderValueOption;
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::google::protobuf::value;
use prost::Message as _;
use std::fmt::Debug;

/// What has to come back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Want {
    /// The request passes, as this subject's and nobody else's.
    Granted {
        /// The value of the identity header.
        subject: String,
    },
    /// Refused with a status of HTTP, for a reason.
    Denied {
        /// The status.
        status: i32,
        /// The reason in the dynamic metadata.
        reason: &'static str,
    },
    /// To the login.
    Redirect {
        /// How the `location` begins.
        location: String,
    },
}

/// Whose answers are judged.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Judge {
    /// Portcullis: by what the check wants.
    Portcullis,
    /// The reference: it says OK to everything.
    Reference,
}

impl Want {
    /// Refused with a status of HTTP, for a reason.
    #[must_use]
    pub const fn denied(status: i32, reason: &'static str) -> Self {
        Self::Denied { status, reason }
    }
}

/// Decodes the whole answer, and compares.
///
/// # Errors
///
/// What is wrong with it.
pub fn judge(judge: Judge, want: &Want, answer: &[u8]) -> Result<(), String> {
    let answer = CheckResponse::decode(answer).map_err(|error| format!("undecodable: {error}"))?;
    let held = match judge {
        Judge::Reference => reference(&answer),
        Judge::Portcullis => portcullis(want, &answer),
    };
    held.map_err(|wrong| format!("wanted {want:?}: {wrong}; got {answer:?}"))
}

fn reference(answer: &CheckResponse) -> Result<(), String> {
    let ok = matches!(answer.http_response, Some(HttpResponse::OkResponse(_)));
    if code(answer) == Some(0) && ok { Ok(()) } else { Err("not OK".to_owned()) }
}

fn portcullis(want: &Want, answer: &CheckResponse) -> Result<(), String> {
    match want {
        Want::Granted { subject } => {
            let Some(HttpResponse::OkResponse(ok)) = &answer.http_response else {
                return Err("not OK".to_owned());
            };
            same("status code", code(answer), Some(0))?;
            same("reason", text(answer, "reason"), Some("granted"))?;
            let ids: Vec<_> = values(&ok.headers, "x-user-id").collect();
            same("x-user-id", ids.as_slice(), &[subject.as_str()])?;
            same("removed", ok.headers_to_remove.iter().any(|name| name == "x-user-id"), false)?;
            let product: Vec<_> = values(&ok.headers, "x-portcullis-product").collect();
            same("products", product.len(), 1)
        }
        Want::Denied { status, reason } => {
            denied(answer, *status)?;
            same("reason", text(answer, "reason"), Some(reason))
        }
        Want::Redirect { location } => {
            let headers = denied(answer, 302)?;
            let places: Vec<_> = values(headers, "location").collect();
            let there = matches!(places[..], [place] if place.starts_with(location.as_str()));
            same("location is the login", there, true)?;
            same("cookies", values(headers, "set-cookie").count(), 1)
        }
    }
}

/// The headers of a refusal with this status.
fn denied(answer: &CheckResponse, status: i32) -> Result<&[HeaderValueOption], String> {
    let Some(HttpResponse::DeniedResponse(denied)) = &answer.http_response else {
        return Err("not denied".to_owned());
    };
    same("a status code of a refusal", code(answer).is_some_and(|code| code != 0), true)?;
    same("status of HTTP", denied.status.as_ref().map(|status| status.code), Some(status))?;
    Ok(&denied.headers)
}

fn code(answer: &CheckResponse) -> Option<i32> {
    answer.status.as_ref().map(|status| status.code)
}

/// A text of the dynamic metadata.
fn text<'a>(answer: &'a CheckResponse, key: &str) -> Option<&'a str> {
    match answer.dynamic_metadata.as_ref()?.fields.get(key)?.kind.as_ref()? {
        value::Kind::StringValue(text) => Some(text),
        _ => None,
    }
}

/// All values of a header.
fn values<'h>(headers: &'h [HeaderValueOption], name: &'h str) -> impl Iterator<Item = &'h str> {
    let headers = headers.iter().filter_map(|option| option.header.as_ref());
    headers.filter(move |header| header.key == name).map(|header| {
        let raw = std::str::from_utf8(&header.raw_value).unwrap_or_default();
        if header.value.is_empty() { raw } else { &header.value }
    })
}

fn same<T: PartialEq + Debug + Copy>(what: &str, got: T, want: T) -> Result<(), String> {
    if got == want { Ok(()) } else { Err(format!("{what}: {got:?}, not {want:?}")) }
}

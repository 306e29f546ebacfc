//! The end of a check to the bytes of a `CheckResponse`: the one place that makes them.
//!
//! They are written by hand, straight from what the check came to. Pure: no I/O, no clock.

#[cfg(test)]
mod tests;

use super::writer::{double, field_len, nested, number, start, starts, text};
use crate::decision::{Allowed, Asked, Checked, Denied, Facts, FieldValue, Status};
use crate::identity::Identity;
use crate::limits::Quota;
use crate::name::ResourceName;
use bytes::{Bytes, BytesMut};
use std::cell::RefCell;
use tonic::Code;

/// Field numbers of `envoy.service.auth.v3`, and of what it is made of.
mod field {
    pub(super) const CHECK_STATUS: u8 = 1;
    pub(super) const CHECK_DENIED: u8 = 2;
    pub(super) const CHECK_OK: u8 = 3;
    pub(super) const CHECK_METADATA: u8 = 4;
    /// Of `google.rpc.Status` and of `HttpStatus`.
    pub(super) const CODE: u8 = 1;
    pub(super) const DENIED_STATUS: u8 = 1;
    pub(super) const DENIED_HEADERS: u8 = 2;
    pub(super) const DENIED_BODY: u8 = 3;
    pub(super) const OK_HEADERS: u8 = 2;
    pub(super) const OK_REMOVE: u8 = 5;
    pub(super) const OK_TO_CLIENT: u8 = 6;
    pub(super) const OPTION_HEADER: u8 = 1;
    pub(super) const OPTION_ACTION: u8 = 3;
    pub(super) const HEADER_KEY: u8 = 1;
    pub(super) const HEADER_VALUE: u8 = 2;
    pub(super) const STRUCT_FIELDS: u8 = 1;
    pub(super) const ENTRY_KEY: u8 = 1;
    pub(super) const ENTRY_VALUE: u8 = 2;
    pub(super) const VALUE_NUMBER: u8 = 2;
    pub(super) const VALUE_TEXT: u8 = 3;
    pub(super) const VALUE_STRUCT: u8 = 5;
    pub(super) const VALUE_LIST: u8 = 6;
    pub(super) const LIST_VALUES: u8 = 1;
}

/// A length as most of the short messages have it, and as most of the long ones.
const SHORT: usize = 0;
const LONG: usize = 1024;
/// Room that a thread takes for answers at once; a usual one has below 1 KiB.
const ROOM: usize = 256 * 1024;

thread_local! {
    /// Where this thread writes an answer, and where its answers are kept until they are sent.
    static BUFFERS: RefCell<(Vec<u8>, BytesMut)> = RefCell::default();
}

/// Writes an answer. The memory of many answers is taken at once, and used again when they are sent.
#[must_use]
pub fn encode(checked: &Checked, asked: &Asked<'_>) -> Bytes {
    BUFFERS.with_borrow_mut(|(scratch, kept)| {
        scratch.clear();
        encode_to(checked, asked, scratch);
        if kept.capacity() < scratch.len() {
            kept.reserve(scratch.len().max(ROOM));
        }
        kept.extend_from_slice(scratch);
        scratch.shrink_to(ROOM);
        kept.split().freeze()
    })
}

/// Appends an answer.
///
/// To Envoy an unset status means ALLOW, an RPC error and `error_response` leave the decision to
/// `failure_mode_allow`. So each answer has a status, and each refusal is a `denied_response`.
pub fn encode_to(checked: &Checked, asked: &Asked<'_>, to: &mut Vec<u8>) {
    match &checked.outcome {
        Ok(allowed) => {
            status(to, Code::Ok);
            nested(to, field::CHECK_OK, LONG, |to| ok_response(to, allowed));
        }
        Err(denied) => {
            status(to, denied_code(denied.status));
            nested(to, field::CHECK_DENIED, LONG, |to| denied_response(to, denied, asked));
        }
    }
    nested(to, field::CHECK_METADATA, LONG, |to| metadata(to, checked));
}

/// `OK` is 0, which is written as nothing: the status is there, and its code is unset.
fn status(to: &mut Vec<u8>, code: Code) {
    nested(to, field::CHECK_STATUS, SHORT, |to| {
        if code != Code::Ok {
            number(to, field::CODE, (code as i32).unsigned_abs());
        }
    });
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

fn ok_response(to: &mut Vec<u8>, allowed: &Allowed) {
    for (name, value, len) in allowed.upstream.set() {
        // Overwritten: a value that the client forged must not stand beside ours.
        header_of(to, field::OK_HEADERS, name, (value, len), Action::Overwrite);
    }
    to.extend_from_slice(allowed.upstream.removed_always(write_removed));
    for name in allowed.upstream.removed_here() {
        text(to, field::OK_REMOVE, name);
    }
    for cookie in &allowed.cookies {
        // The upstream's own cookies stay.
        let value = FieldValue::Text(cookie.as_str());
        header(to, field::OK_TO_CLIENT, "set-cookie", value, Action::Add);
    }
    if !allowed.cookies.is_empty() {
        let value = FieldValue::Text("no-store");
        header(to, field::OK_TO_CLIENT, "cache-control", value, Action::Overwrite);
    }
    for (name, value) in allowed.quota.into_iter().flat_map(Quota::fields) {
        header(to, field::OK_TO_CLIENT, name, FieldValue::Text(&value), Action::Overwrite);
    }
}

/// The names of fields that are removed, as an answer has them.
fn write_removed(names: &[String]) -> Box<[u8]> {
    let mut written = Vec::new();
    names.iter().for_each(|name| text(&mut written, field::OK_REMOVE, name));
    written.into()
}

fn denied_response(to: &mut Vec<u8>, denied: &Denied, asked: &Asked<'_>) {
    nested(to, field::DENIED_STATUS, SHORT, |to| {
        number(to, field::CODE, u32::from(denied.status.code()));
    });
    for (name, value) in denied.fields(asked) {
        header(to, field::DENIED_HEADERS, name, value, Action::Add);
    }
    if !denied.has_no_body() {
        nested(to, field::DENIED_BODY, LONG, |to| denied.write_body(asked, to));
    }
}

/// `HeaderAppendAction`
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Action {
    /// `APPEND_IF_EXISTS_OR_ADD`, which is 0.
    Add,
    /// `OVERWRITE_IF_EXISTS_OR_ADD`
    Overwrite,
}

/// A header field. `append` stays unset: with it, Envoy drops fields of a denied answer, and keeps
/// a client's value beside ours. A control character would become a line of its own on the wire, so
/// what has one is cut here; values are encoded long before, this is the last door.
fn header(to: &mut Vec<u8>, field: u8, name: &str, value: FieldValue<'_>, action: Action) {
    let value = value.one_line();
    header_of(to, field, name, (value, value.len()), action);
}

/// The same for a value of one line whose length is known.
fn header_of(
    to: &mut Vec<u8>,
    field: u8,
    name: &str,
    (value, value_len): (FieldValue<'_>, usize),
    action: Action,
) {
    let len = field_len(name.len()) + field_len(value_len);
    let action_len = if action == Action::Overwrite { 2 } else { 0 };
    let (whole, key) = (field_len(len) + action_len, name.len());
    starts(to, [(field, whole), (field::OPTION_HEADER, len), (field::HEADER_KEY, key)]);
    to.extend_from_slice(name.as_bytes());
    start(to, field::HEADER_VALUE, value_len);
    value.write_to(to);
    if action == Action::Overwrite {
        number(to, field::OPTION_ACTION, 2);
    }
}

/// What Envoy's other filters and its access log may use, on allowed and denied checks.
fn metadata(to: &mut Vec<u8>, checked: &Checked) {
    let Facts { caller, portal, environment, product, usage_plan, limit, .. } = &checked.facts;
    // Who passes in shadow alone is told of as nobody: another filter must not take it for a grant.
    let caller = caller.as_deref().filter(|_| !checked.facts.shadow);
    let (usage_plan, limit) =
        if checked.facts.shadow { (&None, &None) } else { (usage_plan, limit) };
    entry(to, "decision", Some(checked.decision()));
    entry(to, "reason", Some(checked.reason.as_str()));
    entry(to, "shadow", checked.facts.shadowed());
    entry(to, "sub", caller.map(|caller| &*caller.subject));
    entry(to, "iss", caller.map(|caller| &*caller.issuer));
    entry(to, "email", caller.and_then(Identity::shown_email));
    entry(to, "portal", portal.as_ref().map(ResourceName::as_str));
    entry(to, "environment", environment.as_ref().map(ResourceName::as_str));
    entry(to, "product", product.as_ref().map(ResourceName::as_str));
    entry(to, "usage_plan", usage_plan.as_deref());
    let mut groups = checked.facts.groups().peekable();
    if groups.peek().is_some() {
        value_entry(to, "groups", |to| {
            nested(to, field::VALUE_LIST, SHORT, |to| {
                for group in groups {
                    start(to, field::LIST_VALUES, field_len(group.len()));
                    text(to, field::VALUE_TEXT, group);
                }
            });
        });
    }
    if let Some(limit) = limit {
        value_entry(to, "limit", |to| {
            nested(to, field::VALUE_STRUCT, SHORT, |to| {
                #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
                let requests = limit.requests_per_unit as f64;
                value_entry(to, "requests_per_unit", |to| {
                    double(to, field::VALUE_NUMBER, requests);
                });
                entry(to, "unit", Some(limit.unit.as_str()));
            });
        });
    }
}

/// A text of a `google.protobuf.Struct`, where there is one.
fn entry(to: &mut Vec<u8>, key: &str, value: Option<&str>) {
    let Some(value) = value else { return };
    let value_len = field_len(value.len());
    let whole = field_len(key.len()) + field_len(value_len);
    starts(to, [(field::STRUCT_FIELDS, whole), (field::ENTRY_KEY, key.len())]);
    to.extend_from_slice(key.as_bytes());
    starts(to, [(field::ENTRY_VALUE, value_len), (field::VALUE_TEXT, value.len())]);
    to.extend_from_slice(value.as_bytes());
}

fn value_entry(to: &mut Vec<u8>, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
    nested(to, field::STRUCT_FIELDS, SHORT, |to| {
        text(to, field::ENTRY_KEY, key);
        nested(to, field::ENTRY_VALUE, SHORT, write);
    });
}

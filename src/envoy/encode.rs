//! The end of a check to the bytes of a `CheckResponse`: the one place that makes them.
//!
//! They are written by hand, straight from what the check came to. Pure: no I/O, no clock.

#[cfg(test)]
mod tests;

use super::head::{self, head};
use super::writer::{LEN, double, field_len, low_bits, nested, number, start, starts, tag, text};
use crate::decision::{
    Allowed, Asked, Checked, Denied, Facts, FieldValue, HEAD, Head, Ready, ReadyField, Reason,
    Status, may_be_set,
};
use crate::identity::Identity;
use crate::limits::Quota;
use crate::name::ResourceName;
use bytes::{Bytes, BytesMut};
use std::cell::RefCell;
use std::sync::LazyLock;
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
    allowed.upstream.write(to, prepare, set);
    if let Some(rest) = allowed.upstream.cookie_set() {
        header_of(to, field::OK_HEADERS, "cookie", (rest, rest.len()), Action::Overwrite);
    }
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

/// What is the same in each answer of a policy.
fn prepare(fields: &mut dyn Iterator<Item = &str>, always: &[String]) -> Ready {
    let removed = |name: &str| {
        let mut written = Vec::new();
        text(&mut written, field::OK_REMOVE, name);
        written
    };
    let field = |name: &str| ReadyField {
        name: name.into(),
        head: head_of(name),
        removed: removed(name).into(),
    };
    let always: Vec<u8> = always.iter().flat_map(|name| removed(name)).collect();
    Ready { fields: fields.map(field).collect(), always: always.into() }
}

/// What goes before the value of a field that is overwritten: a value that the client forged must not
/// stand beside ours.
fn head_of(name: &str) -> Option<Head> {
    let mut bytes = Vec::new();
    start(&mut bytes, field::OK_HEADERS, name.len() + 8);
    number(&mut bytes, field::OPTION_ACTION, OVERWRITE);
    start(&mut bytes, field::OPTION_HEADER, name.len() + 4);
    text(&mut bytes, field::HEADER_KEY, name);
    start(&mut bytes, field::HEADER_VALUE, 0);
    let last = bytes.len().checked_sub(1)?;
    head(&bytes, [1, 5, last])
}

/// Sets a field of ours, if its value may be. The answer is how long that is.
#[inline]
fn set(to: &mut Vec<u8>, field: &ReadyField, value: FieldValue<'_>) -> usize {
    if let Some(head) = &field.head {
        let (len, is_set) = match value.as_plain() {
            Some("") => (0, false),
            Some(plain) => (plain.len(), head::entry(to, head, plain)),
            None => head::entry_of(to, head, |to| value.write_to(to)),
        };
        if is_set {
            return len;
        }
    }
    set_any(to, field, value)
}

/// The same whatever the name and the value are.
#[inline(never)]
fn set_any(to: &mut Vec<u8>, field: &ReadyField, value: FieldValue<'_>) -> usize {
    let len = value.len();
    if may_be_set(len) {
        header_of(to, field::OK_HEADERS, &field.name, (value, len), Action::Overwrite);
    }
    len
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
    /// [`OVERWRITE`].
    Overwrite,
}

/// `OVERWRITE_IF_EXISTS_OR_ADD`
const OVERWRITE: u32 = 2;

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
        number(to, field::OPTION_ACTION, OVERWRITE);
    }
}

/// What Envoy's other filters and its access log may use, on allowed and denied checks.
fn metadata(to: &mut Vec<u8>, checked: &Checked) {
    let Facts { caller, portal, environment, product, usage_plan, limit, .. } = &checked.facts;
    // Who passes in shadow alone is told of as nobody: another filter must not take it for a grant.
    let caller = caller.as_deref().filter(|_| !checked.facts.shadow);
    let (usage_plan, limit) =
        if checked.facts.shadow { (&None, &None) } else { (usage_plan, limit) };
    if checked.reason == Reason::Granted && checked.outcome.is_ok() {
        to.extend_from_slice(&GRANTED);
    } else {
        verdict(to, checked.decision(), checked.reason);
    }
    entry(to, &key::SHADOW, checked.facts.shadowed());
    entry(to, &key::SUB, caller.map(|caller| &*caller.subject));
    entry(to, &key::ISS, caller.map(|caller| &*caller.issuer));
    entry(to, &key::EMAIL, caller.and_then(Identity::shown_email));
    entry(to, &key::PORTAL, portal.as_ref().map(ResourceName::as_str));
    entry(to, &key::ENVIRONMENT, environment.as_ref().map(ResourceName::as_str));
    entry(to, &key::PRODUCT, product.as_ref().map(ResourceName::as_str));
    entry(to, &key::USAGE_PLAN, usage_plan.as_deref());
    groups(to, &checked.facts);
    if let Some(limit) = limit {
        value_entry(to, "limit", |to| {
            nested(to, field::VALUE_STRUCT, SHORT, |to| {
                #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^53")]
                let requests = limit.requests_per_unit as f64;
                value_entry(to, "requests_per_unit", |to| {
                    double(to, field::VALUE_NUMBER, requests);
                });
                entry(to, &key::UNIT, Some(limit.unit.as_str()));
            });
        });
    }
}

/// The verdict of nearly every answer that passes.
static GRANTED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut bytes = Vec::new();
    verdict(&mut bytes, "allow", Reason::Granted);
    bytes
});

fn verdict(to: &mut Vec<u8>, decision: &str, reason: Reason) {
    entry(to, &key::DECISION, Some(decision));
    entry(to, &key::REASON, Some(reason.as_str()));
}

/// The caller's groups that matched, where there are any.
fn groups(to: &mut Vec<u8>, facts: &Facts) {
    let write = |to: &mut Vec<u8>| {
        for group in facts.groups() {
            let len = field_len(group.len());
            starts(to, [(field::LIST_VALUES, len), (field::VALUE_TEXT, group.len())]);
            to.extend_from_slice(group.as_bytes());
        }
    };
    let is_short = key::GROUPS.head.as_ref().map(|head| head::entry_of(to, head, write));
    if is_short.is_none_or(|(len, is_written)| len > 0 && !is_written) {
        value_entry(to, key::GROUPS.name, |to| nested(to, field::VALUE_LIST, SHORT, write));
    }
}

/// A key of a `google.protobuf.Struct`, and what goes before its value.
struct Key {
    name: &'static str,
    head: Option<Head>,
}

impl Key {
    /// Of values of one kind, by its field number.
    const fn new(name: &'static str, kind: u8) -> Self {
        let len = name.len();
        let mut bytes = [0; HEAD];
        let (start, rest) = bytes.split_at_mut(4);
        start.copy_from_slice(&[
            tag(field::STRUCT_FIELDS, LEN),
            low_bits(len + 6),
            tag(field::ENTRY_KEY, LEN),
            low_bits(len),
        ]);
        let (key, rest) = rest.split_at_mut(len);
        key.copy_from_slice(name.as_bytes());
        let (value, _rest) = rest.split_at_mut(4);
        value.copy_from_slice(&[tag(field::ENTRY_VALUE, LEN), 2, tag(kind, LEN), 0]);
        let (bytes, _rest) = bytes.split_at(len + 8);
        Self { name, head: head(bytes, [1, len + 5, len + 7]) }
    }
}

/// The keys of the metadata.
mod key {
    use super::{Key, field};

    pub(super) static DECISION: Key = text("decision");
    pub(super) static REASON: Key = text("reason");
    pub(super) static SHADOW: Key = text("shadow");
    pub(super) static SUB: Key = text("sub");
    pub(super) static ISS: Key = text("iss");
    pub(super) static EMAIL: Key = text("email");
    pub(super) static PORTAL: Key = text("portal");
    pub(super) static ENVIRONMENT: Key = text("environment");
    pub(super) static PRODUCT: Key = text("product");
    pub(super) static USAGE_PLAN: Key = text("usage_plan");
    pub(super) static UNIT: Key = text("unit");
    pub(super) static GROUPS: Key = Key::new("groups", field::VALUE_LIST);

    const fn text(name: &'static str) -> Key {
        Key::new(name, field::VALUE_TEXT)
    }
}

/// A text of a `google.protobuf.Struct`, where there is one.
#[inline]
fn entry(to: &mut Vec<u8>, key: &Key, value: Option<&str>) {
    let Some(value) = value else { return };
    let is_written = key.head.as_ref().is_some_and(|head| head::entry(to, head, value));
    if !is_written {
        value_entry(to, key.name, |to| text(to, field::VALUE_TEXT, value));
    }
}

fn value_entry(to: &mut Vec<u8>, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
    nested(to, field::STRUCT_FIELDS, SHORT, |to| {
        text(to, field::ENTRY_KEY, key);
        nested(to, field::ENTRY_VALUE, SHORT, write);
    });
}

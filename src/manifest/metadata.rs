//! `apiVersion`, `kind` and `metadata`: which resource a document is.
//!
//! Pure: no I/O, no clock.

use crate::document::{Field, Fields};
use crate::name::{Kind, ResourceId, ResourceName};
use std::collections::BTreeMap;

/// Which of the two API versions a document is written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Dialect {
    /// `portal.gloo.solo.io/v1beta1`, or Kubernetes' own `v1`.
    Current,
    /// `devportal.solo.io/v1alpha1`
    Old,
}

/// Who a document is.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    /// Kind and name.
    pub(super) id: ResourceId,
    /// `metadata.labels`
    pub(super) labels: BTreeMap<String, String>,
    /// How it is written.
    pub(super) dialect: Dialect,
}

const KINDS: [(&str, Kind); 8] = [
    ("Portal", Kind::Portal),
    ("Group", Kind::Group),
    ("APIProduct", Kind::ApiProduct),
    ("Environment", Kind::Environment),
    ("APIDoc", Kind::ApiDoc),
    ("User", Kind::User),
    ("Route", Kind::Route),
    ("Storage", Kind::Storage),
];
const CORE_KINDS: [(&str, Kind); 2] = [("Secret", Kind::Secret), ("ConfigMap", Kind::ConfigMap)];

/// Reads who a document is; `None`, with a problem or a notice, where it is none of ours.
pub(super) fn read(root: &Field<'_>) -> Option<Metadata> {
    let mut fields = root.fields()?;
    let version = fields.require("apiVersion").and_then(|field| field.string());
    let kind = fields.require("kind").and_then(|field| field.string());
    let (version, kind) = version.zip(kind)?;
    let (kinds, dialect): (&[(&str, Kind)], _) = match version.as_str() {
        "portal.gloo.solo.io/v1beta1" => (&KINDS, Dialect::Current),
        "devportal.solo.io/v1alpha1" => (&KINDS, Dialect::Old),
        "v1" => (&CORE_KINDS, Dialect::Current),
        _ => (&[], Dialect::Current),
    };
    let Some((_, kind)) = kinds.iter().find(|(known, _)| *known == kind) else {
        root.notice(format!("{version} {kind} is not a kind that is known here"));
        return None;
    };
    let mut metadata = fields.require("metadata")?.fields()?;
    let name = metadata.require("name").and_then(|field| name(&field));
    let namespace = match metadata.take("namespace") {
        Some(field) => namespace(&field),
        None => Some("default".to_owned()),
    };
    let labels = labels(&mut metadata);
    let id = ResourceId { kind: *kind, name: ResourceName::new(&name?, &namespace?) };
    Some(Metadata { id, labels, dialect })
}

fn labels(metadata: &mut Fields<'_>) -> BTreeMap<String, String> {
    let Some(field) = metadata.take("labels") else { return BTreeMap::new() };
    let label = |(key, value): (&str, Field<'_>)| Some((key.to_owned(), value.text()?));
    field.entries().into_iter().filter_map(label).collect()
}

/// A name of a resource (RFC 1123 subdomain).
pub(super) fn name(field: &Field<'_>) -> Option<String> {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let text = field.string()?;
    if text.len() > 253 || !text.bytes().all(fits) {
        field.error("expected a name of lower-case letters, digits, - and .");
        return None;
    }
    Some(text)
}

/// A namespace (RFC 1123 label): without dots, so that `<name>.<namespace>` reads in one way.
pub(super) fn namespace(field: &Field<'_>) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let text = field.string()?;
    if text.len() > 63 || !text.bytes().all(fits) {
        field.error("expected a namespace of lower-case letters, digits and -");
        return None;
    }
    Some(text)
}

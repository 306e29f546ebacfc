//! Section `resources`: where the policy comes from.
//!
//! Pure: no I/O, no clock.

use super::ResourcePlaces;
use super::read::{Base, not_offered, path};
use crate::document::Field;
use crate::problem::Severity;

pub(super) fn read(field: Option<Field<'_>>, base: &Base) -> Option<ResourcePlaces> {
    let mut fields = field?.fields()?;
    let kubernetes = fields.take("kubernetes");
    kubernetes.iter().for_each(not_offered);
    let paths = fields.require("paths");
    let listed = paths.as_ref().map(Field::list).unwrap_or_default();
    if let Some(paths) = paths.filter(|_| listed.is_empty()) {
        paths.error("expected at least one file or folder");
    }
    let paths = listed.iter().filter_map(|field| path(field, base)).collect();
    let secrets_dir = fields.take("secrets_dir").and_then(|field| path(&field, base));
    let allowed = fields.take("allow_cross_namespace");
    let allowed = allowed.as_ref().map(Field::list).unwrap_or_default();
    let allow_cross_namespace = allowed.iter().filter_map(pair).collect();
    fields.finish(Severity::Error);
    Some(ResourcePlaces { paths, secrets_dir, allow_cross_namespace })
}

/// `from -> to`: two namespaces, each by its name.
fn pair(field: &Field<'_>) -> Option<(String, String)> {
    let text = field.string()?;
    let pair = text.split_once("->").map(|(from, to)| (from.trim(), to.trim()));
    let pair = pair.filter(|(from, to)| is_namespace(from) && is_namespace(to));
    if pair.is_none() {
        field.error("expected two namespaces: 'from -> to'");
    }
    pair.map(|(from, to)| (from.to_owned(), to.to_owned()))
}

/// Whether it is a DNS label (RFC 1123), as Kubernetes takes for a namespace.
fn is_namespace(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.len() <= 63 && text.bytes().all(fits)
}

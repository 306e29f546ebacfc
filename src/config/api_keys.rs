//! Section `api_keys`.
//!
//! Pure: no I/O, no clock.

use super::ApiKeySettings;
use super::headers::{is_free, is_of_identity};
use super::read::{finish, value};
use crate::api_key::HEADER;
use crate::document::{Field, Fields};

pub(super) fn read(mut section: Option<Fields<'_>>) -> ApiKeySettings {
    let number = |field: &Field<'_>, least, most| field.integer(least..=most);
    let failures = |field: &Field<'_>| u32::try_from(number(field, 1, 1_000_000)?).ok();
    let forwarded = |field: &Field<'_>| usize::try_from(number(field, 0, 10)?).ok();
    let keys = ApiKeySettings {
        header: value(&mut section, "header", header, HEADER.to_owned()),
        bearer: value(&mut section, "bearer", Field::boolean, false),
        max_failures: value(&mut section, "max_failures", failures, 100),
        forwarded_for: value(&mut section, "forwarded_for", forwarded, 0),
    };
    finish(section);
    keys
}

fn header(field: &Field<'_>) -> Option<String> {
    let name = field.string()?.to_ascii_lowercase();
    if !is_free(&name) || is_of_identity(&name) {
        field.error("expected the name of a header that carries nothing else");
        return None;
    }
    Some(name)
}

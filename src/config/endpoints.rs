//! Section `endpoints`.
//!
//! Pure: no I/O, no clock.

use super::Endpoints;
use super::read::{finish, value};
use crate::attributes::RequestPath;
use crate::document::{Field, Fields};

pub(super) fn read(mut section: Option<Fields<'_>>) -> Endpoints {
    let base = value(&mut section, "base", path, "/.auth".to_owned());
    let callback = value(&mut section, "callback", path, "/callback".to_owned());
    let within = |path: &str, above: &str| format!("{path}/").starts_with(&format!("{above}/"));
    if let Some(fields) = &section
        && (within(&base, &callback) || within(&callback, &base))
    {
        fields.field().error("expected base and callback apart; one is within the other");
    }
    finish(section);
    Endpoints { base, callback }
}

/// A path of plain segments: what every server and proxy reads in one way.
fn path(field: &Field<'_>) -> Option<String> {
    let text = field.string()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '~');
    let holds = text.chars().all(plain) && !text.ends_with('/');
    if !holds || RequestPath::parse(&text).is_none() {
        field.error(
            "expected a path of letters, digits, - . _ ~ that begins with / and ends without",
        );
        return None;
    }
    Some(text)
}

//! `Group`.
//!
//! Pure: no I/O, no clock.

use super::metadata::Dialect;
use super::{access_level, selector};
use crate::document::{Field, Located};
use crate::policy::resource::{Group, Origin};
use crate::problem::Severity;

pub(super) fn read(origin: Origin, root: &Field<'_>, dialect: Dialect) -> Option<Group> {
    let own = origin.name().namespace().to_owned();
    let mut fields = root.fields()?;
    fields.ignore(&["apiVersion", "kind", "metadata", "status"]);
    let spec = fields.require("spec");
    fields.finish(Severity::Notice);
    let mut spec = spec?.fields()?;
    spec.ignore(&["displayName", "description"]);
    let access = spec.take("accessLevel");
    let access = access.and_then(|field| access_level::read(&field, &own, dialect));
    let claim_values = spec.take("oidcGroup").map(|field| names(&field)).unwrap_or_default();
    let users = spec.take("userSelector").and_then(|field| selector::of_users(&field));
    spec.finish(Severity::Notice);
    let access = access.unwrap_or_default();
    Some(Group { origin, claim_values, portals: access.portals, apis: access.apis, users })
}

/// `groupNames`, and the deprecated `groupName`.
fn names(field: &Field<'_>) -> Vec<Located<String>> {
    let Some(mut fields) = field.fields() else { return Vec::new() };
    let names = fields.take("groupNames").map(|field| field.strings()).unwrap_or_default();
    let name = fields.take("groupName").and_then(|field| field.located());
    fields.finish(Severity::Notice);
    names.into_iter().chain(name).collect()
}

//! `User`: of what it says, the access level counts, for API keys of its name.
//!
//! Pure: no I/O, no clock.

use super::access_level;
use super::metadata::Metadata;
use crate::document::Field;
use crate::policy::resource::{Origin, User};
use crate::problem::Severity;

pub(super) fn read(origin: Origin, root: &Field<'_>, metadata: &Metadata) -> Option<User> {
    let own = origin.name().namespace().to_owned();
    let mut fields = root.fields()?;
    fields.ignore(&["apiVersion", "kind", "metadata", "status"]);
    let spec = fields.require("spec");
    fields.finish(Severity::Notice);
    let mut spec = spec?.fields()?;
    spec.ignore(&["email", "basicAuth"]);
    let username = spec.require("username").and_then(|field| field.string());
    let access = spec.take("accessLevel");
    let access = access.and_then(|field| access_level::read(&field, &own, metadata.dialect));
    spec.finish(Severity::Notice);
    let access = access.unwrap_or_default();
    Some(User {
        origin,
        labels: metadata.labels.clone(),
        username: username?.into(),
        portals: access.portals,
        apis: access.apis,
        is_whole: true,
    })
}

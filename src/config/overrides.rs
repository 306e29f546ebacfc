//! Sections `portals` and `environments`: what one resource has otherwise.
//!
//! Pure: no I/O, no clock.

use super::bounds;
use super::session::{lifetime, store_down};
use super::tokens::audiences;
use super::{ClientAuthentication, EnvironmentOverride, PortalAccess, PortalOverride, Routing};
use crate::document::{Field, Fields};
use crate::name::ResourceName;
use crate::problem::Severity;
use crate::time::UnixTime;
use std::collections::BTreeMap;

pub(super) fn portals(
    field: Option<&Field<'_>>,
    now: UnixTime,
) -> BTreeMap<ResourceName, PortalOverride> {
    by_name(field, |fields| portal(fields, now))
}

pub(super) fn environments(
    field: Option<&Field<'_>>,
) -> BTreeMap<ResourceName, EnvironmentOverride> {
    by_name(field, environment)
}

fn by_name<T>(
    field: Option<&Field<'_>>,
    read: impl Fn(Fields<'_>) -> T,
) -> BTreeMap<ResourceName, T> {
    let mut found = BTreeMap::new();
    for (key, value) in field.into_iter().flat_map(Field::entries) {
        if let Some(name) = name(&value, key)
            && !value.node().is_null()
            && let Some(fields) = value.fields()
        {
            found.insert(name, read(fields));
        }
    }
    found
}

fn name(field: &Field<'_>, text: &str) -> Option<ResourceName> {
    let name = ResourceName::parse(text);
    if name.is_none() {
        field.error("expected <name>.<namespace>");
    }
    name
}

fn portal(mut fields: Fields<'_>, now: UnixTime) -> PortalOverride {
    let accesses = [("required", PortalAccess::Required), ("optional", PortalAccess::Optional)];
    let authentications = [
        ("basic", ClientAuthentication::Basic),
        ("post", ClientAuthentication::Post),
        ("private_key_jwt", ClientAuthentication::PrivateKeyJwt),
        ("none", ClientAuthentication::None),
    ];
    let mut portal = PortalOverride {
        access: fields.take("access").and_then(|field| field.one_of(&accesses)),
        client_authentication: fields
            .take("client_authentication")
            .and_then(|field| field.one_of(&authentications)),
        require_verified_email: fields
            .take("require_verified_email")
            .and_then(|field| field.boolean()),
        shadow_until: fields.take("shadow_until").and_then(|field| shadow_until(&field, now)),
        ..PortalOverride::default()
    };
    if let Some(mut session) = fields.take("session").and_then(|field| field.fields()) {
        let mut length = |key| session.take(key).and_then(|field| lifetime(&field));
        portal.lifetime = length("lifetime");
        portal.idle_timeout = length("idle_timeout");
        portal.refresh_before = length("refresh_before");
        portal.outage_grace = length("outage_grace");
        portal.store_down = session.take("store_down").and_then(|field| store_down(&field));
        session.finish(Severity::Error);
    }
    fields.finish(Severity::Error);
    portal
}

/// The end of a Portal's shadow. One that is over is none, so that a restart neither fails nor opens
/// anything.
fn shadow_until(field: &Field<'_>, now: UnixTime) -> Option<UnixTime> {
    let until = field.string().map(|text| UnixTime::parse_rfc3339(&text))?;
    let Some(until) = until else {
        field.error("expected a time (RFC 3339) such as 2026-12-05T00:00:00Z");
        return None;
    };
    if until <= now {
        field.warn("it is over: everything is enforced again. Take it out");
        return None;
    }
    let left = until.since(now);
    if left > bounds::SHADOW {
        let (most, last) = (bounds::SHADOW.as_secs() / 86_400, now.plus(bounds::SHADOW));
        field.error(format!("expected a time at most {most} days ahead: {}", last.to_rfc3339()));
        return None;
    }
    field.warn("until then this Portal, and what it publishes, lets pass what it would refuse");
    Some(until)
}

fn environment(mut fields: Fields<'_>) -> EnvironmentOverride {
    let routings = [("auto", Routing::Auto), ("context", Routing::Context)];
    let environment = EnvironmentOverride {
        routing: fields.take("routing").and_then(|field| field.one_of(&routings)),
        audiences: fields.take("audiences").and_then(|field| audiences(&field)).unwrap_or_default(),
        portal: fields
            .take("portal")
            .and_then(|field| field.string().and_then(|text| name(&field, &text))),
        group_claim: fields.take("group_claim").and_then(|field| field.string()),
    };
    fields.finish(Severity::Error);
    environment
}

//! Sections `tokens` and `limits`.
//!
//! Pure: no I/O, no clock.

use super::read::{finish, value};
use super::{Limits, PrincipalClaim, TokenSettings, bounds};
use crate::document::{Field, Fields};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

pub(super) fn read(mut section: Option<Fields<'_>>) -> TokenSettings {
    let skew = |field: &Field<'_>| field.duration(bounds::CLOCK_SKEW);
    let emails = [("hide", false), ("send", true)];
    let tokens = TokenSettings {
        clock_skew: value(&mut section, "clock_skew", skew, Duration::from_secs(60)),
        audiences: value(&mut section, "audiences", audiences, Vec::new()),
        bearer_id_tokens: value(&mut section, "bearer_id_tokens", Field::boolean, true),
        max_bytes: value(&mut section, "max_bytes", |field| count(field, 512..=65_536), 8192),
        principal_claim: value(&mut section, "principal_claim", claim, PrincipalClaim::Auto),
        send_unverified_email: value(
            &mut section,
            "unverified_email",
            |field| field.one_of(&emails),
            false,
        ),
    };
    finish(section);
    tokens
}

/// Audiences: none empty, each once.
pub(super) fn audiences(field: &Field<'_>) -> Option<Vec<String>> {
    let mut seen = BTreeSet::new();
    let mut audiences = Vec::new();
    for item in field.list() {
        match item.string() {
            Some(text) if text.trim() != text => item.error("expected no white space around it"),
            Some(text) if !seen.insert(text.clone()) => {
                item.error("expected each audience once; this one comes again");
            }
            Some(text) => audiences.push(text),
            None => {}
        }
    }
    Some(audiences)
}

fn claim(field: &Field<'_>) -> Option<PrincipalClaim> {
    Some(match field.string()?.as_str() {
        "auto" => PrincipalClaim::Auto,
        name => PrincipalClaim::Named(name.to_owned()),
    })
}

fn count(field: &Field<'_>, range: RangeInclusive<u64>) -> Option<usize> {
    field.integer(range).and_then(|count| usize::try_from(count).ok())
}

fn shared(field: &Field<'_>, has_redis: bool) -> Option<bool> {
    let shared = field.boolean()?;
    if shared && !has_redis {
        field.error("expected session.redis beside it: that is where processes count together");
        return None;
    }
    Some(shared)
}

/// `has_redis`: whether there is a place where processes can count together.
pub(super) fn limits(mut section: Option<Fields<'_>>, has_redis: bool) -> Limits {
    let pending = |field: &Field<'_>| count(field, 1..=50);
    let cached = |field: &Field<'_>| field.integer(1..=10_000_000);
    let counted = |field: &Field<'_>| count(field, 1000..=10_000_000);
    let limits = Limits {
        max_pending_logins: value(&mut section, "max_pending_logins", pending, 5),
        max_cached_tokens: value(&mut section, "max_cached_tokens", cached, 100_000),
        max_counted_callers: value(&mut section, "max_counted_callers", counted, 100_000),
        shared: value(&mut section, "shared", |field| shared(field, has_redis), false),
        headers: value(&mut section, "headers", Field::boolean, false),
    };
    finish(section);
    limits
}

//! Sections `session` and `cookies`.
//!
//! Pure: no I/O, no clock.

use super::read::{Base, finish, optional, path, value};
use super::{
    CookieSettings, RedisSettings, SecureCookies, SessionLimits, SessionSettings, StoreDown,
    StoreKind, bounds, redis,
};
use crate::config::headers::is_token;
use crate::document::{Field, Fields};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = MINUTE.saturating_mul(60);

/// What holds where neither the file nor a portal says otherwise.
const DEFAULT: SessionLimits = SessionLimits {
    lifetime: HOUR.saturating_mul(12),
    idle_timeout: HOUR,
    refresh_before: MINUTE.saturating_mul(2),
    outage_grace: HOUR.saturating_mul(2),
    store_down: StoreDown::Local,
};

/// `whole` is the settings file, for what is said of a section that is not there. `in_cluster`: in a
/// pod, or with resources of a cluster, where there are replicas.
pub(super) fn read(
    mut section: Option<Fields<'_>>,
    whole: &Field<'_>,
    base: &Base,
    in_cluster: bool,
) -> SessionSettings {
    let store = value(&mut section, "store", store, StoreKind::Cookie);
    let keys_file = optional(&mut section, "keys_file", |field| path(field, base));
    let redis = section.as_mut().and_then(|fields| fields.take("redis"));
    // Another store has the bus alone, where the file names a server.
    let needed = store == StoreKind::Redis;
    let redis = redis.and_then(|field| redis::read(&field, base, needed));
    let redis = redis.or_else(|| needed.then(RedisSettings::default));
    if keys_file.is_none() {
        let field = section.as_ref().map_or(whole, |fields| fields.field());
        if redis.is_some() {
            field.error(
                "expected session.keys_file with session.redis: what replicas leave there for each \
                 other is sealed",
            );
        } else if store == StoreKind::Cookie {
            no_keys(field, in_cluster);
        }
    }
    let mut length = |key, default| value(&mut section, key, lifetime, default);
    let limits = SessionLimits {
        lifetime: length("lifetime", DEFAULT.lifetime),
        idle_timeout: length("idle_timeout", DEFAULT.idle_timeout),
        refresh_before: length("refresh_before", DEFAULT.refresh_before),
        outage_grace: length("outage_grace", DEFAULT.outage_grace),
        // A session that is kept nowhere else is not known without its store. Others are, and only
        // what was ended elsewhere is not.
        store_down: value(
            &mut section,
            "store_down",
            store_down,
            if needed { StoreDown::Refuse } else { DEFAULT.store_down },
        ),
    };
    finish(section);
    SessionSettings { store, keys_file, limits, redis }
}

/// A length of time within that of the longest session.
pub(super) fn lifetime(field: &Field<'_>) -> Option<Duration> {
    field.duration(bounds::LIFETIME)
}

pub(super) fn store_down(field: &Field<'_>) -> Option<StoreDown> {
    field.one_of(&[("refuse", StoreDown::Refuse), ("local", StoreDown::Local)])
}

fn store(field: &Field<'_>) -> Option<StoreKind> {
    field.one_of(&[
        ("cookie", StoreKind::Cookie),
        ("memory", StoreKind::Memory),
        ("redis", StoreKind::Redis),
    ])
}

/// Says what it means that no sealing keys are kept.
fn no_keys(field: &Field<'_>, in_cluster: bool) {
    if in_cluster {
        field.error(
            "expected session.keys_file in a Kubernetes pod, and with resources.kubernetes: replicas \
             and restarts share the keys",
        );
    } else {
        field.warn("expected session.keys_file; without it sessions end when this process ends");
    }
}

pub(super) fn cookies(mut section: Option<Fields<'_>>) -> CookieSettings {
    let secure = [
        ("auto", SecureCookies::Auto),
        ("true", SecureCookies::Always),
        ("false", SecureCookies::Never),
    ];
    let cookies = CookieSettings {
        prefix: value(&mut section, "prefix", prefix, "portcullis".to_owned()),
        secure: value(&mut section, "secure", |field| field.one_of(&secure), SecureCookies::Auto),
    };
    finish(section);
    cookies
}

/// A cookie name's beginning (RFC 6265 §4.1.1: a token).
fn prefix(field: &Field<'_>) -> Option<String> {
    let text = field.string()?;
    // Browsers give these beginnings a meaning of their own, whatever their letter case.
    let reserved = text.to_ascii_lowercase().starts_with("__");
    if !is_token(&text) || text.len() > 64 || reserved {
        field.error(
            "expected a token (RFC 6265 §4.1.1) of at most 64 bytes that has no __ in front",
        );
        return None;
    }
    Some(text)
}

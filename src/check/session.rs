//! The session of a browser: found, judged, refreshed, and given back.

use super::Inner;
use super::call::Call;
use super::refresh;
use crate::config::StoreKind;
use crate::cookie::SetCookie;
use crate::decision::Facts;
use crate::identity::Identity;
use crate::policy::{Membership, Portal, PortalId};
use crate::random;
use crate::session::{
    Chunks, Facts as StandingFacts, LastUse, Purpose, Session, SessionReference, Standing,
    standing, stray_chunks,
};
use crate::store::{Refresh, Subject};
use crate::time::UnixTime;
use prost::Message;
use std::sync::Arc;

/// Suffix of the cookie that says when a session was last used.
pub(super) const LAST_USE: &str = "u";
/// A session that works has no login loop; see `login_loop`.
pub(super) const COMPLETED_LOGINS: &str = "c";
/// Set when a login was begun anew by itself, so that this happens once.
pub(super) const RESTARTED: &str = "r";

/// What the cookies of a request come to.
pub(super) enum Found {
    /// No session.
    None,
    /// One that does not hold; the cookies clear it.
    Stale(Vec<SetCookie>),
    /// It needs the provider, which cannot be reached, and its grace is over.
    Unavailable,
    /// One that holds.
    Live(Live),
}

/// A session that holds.
pub(super) struct Live {
    /// Its newest record.
    pub(super) session: Arc<Session>,
    /// What the browser has to be given.
    pub(super) cookies: Vec<SetCookie>,
}

/// A record and the generation of it that the browser has.
struct Opened {
    session: Arc<Session>,
    in_browser: u64,
}

/// Finds the session of a request.
pub(super) async fn find(call: &Call<'_>, facts: &mut Facts) -> Found {
    let text = match Chunks::read(&call.cookies, &call.names) {
        Chunks::Absent => return Found::None,
        Chunks::Broken => return stale(call, facts, "the session's cookies are no whole"),
        Chunks::Whole(text) => text,
    };
    let opened = match open(call, &text) {
        Ok(opened) => opened,
        Err(why) => return stale(call, facts, why),
    };
    let Some((id, portal)) = portal_of(call, &opened.session) else {
        return stale(call, facts, "the session is of another Portal or login");
    };
    if is_revoked(call.inner, &opened.session) {
        return stale(call, facts, "the session was ended");
    }
    let last_use = last_use(call, &opened.session);
    let login = portal.login.as_ref();
    let provider_down =
        login.is_some_and(|login| call.inner.parts.providers.is_known_down(&login.issuer));
    let standing = standing(
        &opened.session,
        StandingFacts {
            limits: &portal.session,
            last_use,
            clock_skew: call.settings().tokens.clock_skew,
            provider_down,
            now: call.now,
        },
    );
    match standing {
        Standing::Over(ended) => stale(call, facts, ended.as_str()),
        Standing::Current | Standing::Grace => live(call, opened, portal, last_use),
        Standing::Due => {
            refresh::beside(call, id, &opened.session);
            live(call, opened, portal, last_use)
        }
        Standing::Expired { grace } => {
            call.patience().await;
            // Boxed, for it is rare: what a check is made of has room for the rest alone.
            let refresh = Box::pin(refresh::wait(call, id, &opened.session, grace)).await;
            match refresh {
                Refresh::Ended => stale(call, facts, "the provider ended the session"),
                // A logout or a newer login came while the provider was asked. The browser has other
                // cookies by now, and this answer must not clear those.
                _ if is_revoked(call.inner, &opened.session) => {
                    facts.hint = Some("the session was ended".into());
                    Found::Stale(Vec::new())
                }
                Refresh::Refreshed(newer) => {
                    live(call, Opened { session: newer, ..opened }, portal, last_use)
                }
                Refresh::Unavailable(kept) if grace => {
                    let session = kept.unwrap_or_else(|| Arc::clone(&opened.session));
                    live(call, Opened { session, ..opened }, portal, last_use)
                }
                Refresh::Useless if grace => live(call, opened, portal, last_use),
                Refresh::Unavailable(_) => {
                    facts.hint = Some("the identity cannot be refreshed for now".into());
                    Found::Unavailable
                }
                // It answers, though not with tokens: a new login will tell.
                Refresh::Useless | Refresh::Overtaken => {
                    stale(call, facts, "the identity could not be refreshed")
                }
            }
        }
    }
}

/// The session that the browser shows, whether or not its time is over: to end it. No refresh begins.
pub(super) fn read<'c>(call: &Call<'c>) -> Option<(Arc<Session>, &'c Portal)> {
    let Chunks::Whole(text) = Chunks::read(&call.cookies, &call.names) else { return None };
    let session = open(call, &text).ok()?.session;
    let (_, portal) = portal_of(call, &session)?;
    (!is_revoked(call.inner, &session)).then_some((session, portal))
}

/// The session that the browser shows, as its record says; `None`: none came. No refresh begins.
///
/// # Errors
///
/// [`Unsaid`].
pub(super) fn as_said(call: &Call<'_>) -> Result<Option<Arc<Session>>, Unsaid> {
    let text = match Chunks::read(&call.cookies, &call.names) {
        Chunks::Absent => return Ok(None),
        Chunks::Broken => return Err(Unsaid::Stale("the session's cookies are no whole")),
        Chunks::Whole(text) => text,
    };
    let session = open(call, &text).map_err(Unsaid::Sealed)?.session;
    let here = portal_of(call, &session).is_some();
    let elsewhere = Unsaid::Stale("the session is of another Portal or login");
    if here { Ok(Some(session)) } else { Err(elsewhere) }
}

/// Why a session says nothing.
pub(super) enum Unsaid {
    /// It cannot be opened here.
    Sealed(&'static str),
    /// It counts for nothing here.
    Stale(&'static str),
}

fn stale(call: &Call<'_>, facts: &mut Facts, why: &'static str) -> Found {
    facts.hint = Some(why.into());
    Found::Stale(clear(call))
}

/// Clears every cookie of a session that the request has.
pub(super) fn clear(call: &Call<'_>) -> Vec<SetCookie> {
    let mut cookies = stray_chunks(&call.cookies, &call.names);
    if call.cookies.names().any(|name| call.names.suffix(name) == Some(LAST_USE)) {
        cookies.push(call.names.clear(LAST_USE));
    }
    cookies
}

/// Opens the record, and takes the newest one that is known instead of what the browser has.
fn open(call: &Call<'_>, text: &str) -> Result<Opened, &'static str> {
    let unsealed = |purpose| {
        let opened = call.key_ring.open(purpose, call.host(), text);
        opened.map_err(|error| match error {
            crate::session::OpenError::Malformed => "the session cookie is malformed",
            crate::session::OpenError::UnknownKey => "the session was sealed with another key",
            crate::session::OpenError::Forged => "the session's seal does not verify",
        })
    };
    let session = match call.settings().session.store {
        StoreKind::Cookie => {
            let plain = unsealed(Purpose::Session)?;
            let session = Session::read(&plain);
            Arc::new(session.map_err(|_undecodable| "the session record is malformed")?)
        }
        StoreKind::Memory => {
            let plain = unsealed(Purpose::Reference)?;
            let reference = SessionReference::decode(plain.as_slice());
            let reference = reference.map_err(|_undecodable| "the session record is malformed")?;
            call.inner.sessions.get(&reference.id).ok_or("the session is not kept any more")?
        }
    };
    let in_browser = session.generation;
    let newest = call.inner.refreshes.newest(&session).unwrap_or(session);
    Ok(Opened { session: newest, in_browser })
}

/// The Portal whose session it is, if that has still the same login, and counts on this host.
fn portal_of<'c>(call: &Call<'c>, session: &Session) -> Option<(PortalId, &'c Portal)> {
    let (id, portal) = call.policy.portal_named(&session.portal)?;
    let login = portal.login.as_ref()?;
    let same = login.issuer.as_str() == session.issuer && login.client_id == session.client_id;
    let mut here = call.portals();
    (same && here.any(|own| own == id)).then_some((id, portal))
}

/// Whether the session was ended by a logout, a newer login or the provider.
pub(super) fn is_revoked(inner: &Inner, session: &Session) -> bool {
    inner.revocations.is_revoked(Subject {
        session: Some(&session.id),
        issuer: &session.issuer,
        provider_session: Some(session.provider_session.as_str()).filter(|sid| !sid.is_empty()),
        subject: &session.subject,
        began_ms: session.signed_in_at_ms,
    })
}

/// When this session was last used, as far as its cookie says.
fn last_use(call: &Call<'_>, session: &Session) -> Option<UnixTime> {
    let text = call.cookies.own(&call.names, LAST_USE)?;
    let plain = call.key_ring.open(Purpose::LastUse, call.host(), text).ok()?;
    let last_use = LastUse::decode(plain.as_slice()).ok()?;
    (last_use.session == session.id).then_some(UnixTime(last_use.at))
}

fn live(call: &Call<'_>, opened: Opened, portal: &Portal, last_use: Option<UnixTime>) -> Found {
    let Opened { session, in_browser } = opened;
    let mut cookies = Vec::new();
    let sealed_here = call.settings().session.store == StoreKind::Cookie;
    if sealed_here && session.generation > in_browser {
        // What does not fit was refused at the login; a browser that gets nothing keeps the old
        // record, and this process knows the newer one.
        cookies.extend(write(call, &session, portal).unwrap_or_default());
    }
    let renew_after = portal.session.idle_timeout.checked_div(10).unwrap_or_default();
    let renewed = last_use.is_none_or(|at| call.now >= at.plus(renew_after));
    if renewed {
        cookies.extend(write_last_use(call, &session, portal));
    }
    // A sealed session may be the first that this process sees of somebody.
    let known = || call.inner.users.knows(&session.issuer, &session.subject);
    if renewed || session.generation > in_browser || !known() {
        remember(call, &session);
    }
    // A session that holds: whatever was counted against a login loop is over.
    for suffix in [COMPLETED_LOGINS, RESTARTED] {
        if call.cookies.own(&call.names, suffix).is_some() {
            cookies.push(call.names.clear(suffix));
        }
    }
    Found::Live(Live { session, cookies })
}

/// The cookies of a session. A record that is too large goes without its logout hint.
///
/// # Errors
///
/// [`NotWritten`].
pub(super) fn write(
    call: &Call<'_>,
    session: &Session,
    portal: &Portal,
) -> Result<Vec<SetCookie>, NotWritten> {
    let (purpose, plain) = match call.settings().session.store {
        StoreKind::Cookie => (Purpose::Session, session.encode_to_vec()),
        StoreKind::Memory => {
            let reference = SessionReference { id: session.id.clone() };
            (Purpose::Reference, reference.encode_to_vec())
        }
    };
    let age = call.now.since(session.signed_in_at());
    let max_age = portal.session.lifetime.saturating_sub(age);
    let chunks = |plain: &[u8]| {
        let text = seal(call, purpose, plain).ok_or(NotWritten::NotSealed)?;
        let chunks = Chunks::write(&text, &call.names, &call.cookies, max_age);
        chunks.map_err(|_too_large| NotWritten::TooLarge)
    };
    match chunks(&plain) {
        Err(NotWritten::TooLarge) if !session.id_token.is_empty() => {
            let without_hint = Session { id_token: String::new(), ..session.clone() };
            chunks(&without_hint.encode_to_vec())
        }
        other => other,
    }
}

/// Why a session cannot be given to the browser.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NotWritten {
    /// It does not fit into cookies.
    TooLarge,
    /// No randomness, or the cipher failed.
    NotSealed,
}

/// The cookie that says that the session was used now.
pub(super) fn write_last_use(
    call: &Call<'_>,
    session: &Session,
    portal: &Portal,
) -> Option<SetCookie> {
    let last_use = LastUse { session: session.id.clone(), at: call.now.0 };
    let text = seal(call, Purpose::LastUse, &last_use.encode_to_vec())?;
    Some(call.names.set(LAST_USE, &text, portal.session.lifetime))
}

/// Remembers who is signed in, for logouts that name somebody by e-mail.
pub(super) fn remember(call: &Call<'_>, session: &Session) {
    let Session { issuer, subject, email, email_verified, .. } = session;
    call.inner.users.seen(issuer, subject, email, *email_verified);
}

/// Seals for this host with a fresh nonce.
pub(super) fn seal(call: &Call<'_>, purpose: Purpose, plain: &[u8]) -> Option<String> {
    let nonce = random::bytes().ok()?;
    call.key_ring.seal(purpose, call.host(), plain, nonce)
}

/// The caller of a session. Which Portals vouch is said by the policy of today.
pub(super) fn identity(call: &Call<'_>, session: &Session) -> Arc<Identity> {
    let login = portal_of(call, session).and_then(|(_, portal)| portal.login.as_ref());
    let portals = login
        .map(|login| {
            let portals = call.policy.portals_of(&login.issuer, &login.client_id);
            call.policy.reading(portals, &login.group_claim)
        })
        .unwrap_or_default();
    let groups = call.policy.all_groups(&session.groups);
    let membership = Membership { portals, groups };
    let send_unverified_email = call.settings().tokens.send_unverified_email;
    let issuer =
        login.map_or_else(|| session.issuer.as_str().into(), |login| login.issuer.shared());
    Arc::new(Identity::of_session(session, issuer, membership, send_unverified_email))
}

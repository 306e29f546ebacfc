//! The session of a browser: found, judged, refreshed, and given back.

mod shown;

pub(super) use shown::Shown;

use super::Inner;
use super::authenticate::Lacking;
use super::call::Call;
use super::refresh;
use crate::config::{SessionLimits, StoreDown, StoreKind};
use crate::cookie::SetCookie;
use crate::decision::Facts;
use crate::identity::Identity;
use crate::policy::{Membership, Portal, PortalId};
use crate::random;
use crate::replicas::Read;
use crate::session::{
    Chunks, Facts as StandingFacts, LastUse, Purpose, Session, SessionReference, Standing,
    standing, stray_chunks,
};
use crate::store::{Refresh, Subject};
use crate::time::UnixTime;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;

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
    /// It needs somebody who cannot be reached, and its grace is over.
    Unavailable(Lacking),
    /// One that holds.
    Live(Live),
}

/// A session that holds.
pub(super) struct Live {
    /// Its newest record.
    pub(super) session: Arc<Session>,
    /// What the browser has to be given.
    pub(super) cookies: Vec<SetCookie>,
    /// The generation of the record that the browser has.
    in_browser: u64,
    /// When it was last used, where its cookie says so.
    last_use: Option<UnixTime>,
}

/// A record and the generation of it that the browser has.
struct Opened {
    session: Arc<Session>,
    in_browser: u64,
    /// Whether the store could not be asked, so that this is what was known before.
    cut_off: bool,
}

/// Why there is no record.
enum NotOpened {
    /// It does not hold.
    Stale(&'static str),
    /// The store cannot be asked.
    StoreDown,
}

impl From<&'static str> for NotOpened {
    fn from(why: &'static str) -> Self {
        Self::Stale(why)
    }
}

/// Finds the session of a request.
pub(super) async fn find(call: &Call<'_>, facts: &mut Facts) -> Found {
    let text = match Chunks::read(&call.cookies, call.names) {
        Chunks::Absent => return Found::None,
        Chunks::Broken => return stale(call, facts, "the session's cookies are no whole"),
        Chunks::Whole(text) => text,
    };
    let opened = match open(call, &text).await {
        Ok(opened) => opened,
        Err(NotOpened::Stale(why)) => return stale(call, facts, why),
        Err(NotOpened::StoreDown) => return store_down(facts),
    };
    let Some((id, portal)) = portal_of(call, &opened.session) else {
        return stale(call, facts, "the session is of another Portal or login");
    };
    if is_revoked(call.inner, &opened.session) {
        return stale(call, facts, "the session was ended");
    }
    let mode = portal.session.store_down;
    if (opened.cut_off && mode == StoreDown::Refuse) || call.inner.is_in_the_dark(mode) {
        return store_down(facts);
    }
    let last_use = last_use(call, &opened.session);
    let login = portal.login.as_ref();
    let provider_down =
        login.is_some_and(|login| call.inner.parts.providers.is_known_down(&login.issuer));
    let standing = standing(
        opened.session.times(),
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
        // Nobody refreshes whom another replica may be refreshing too.
        Standing::Due if opened.cut_off => live(call, opened, portal, last_use),
        Standing::Expired { .. } if opened.cut_off => store_down(facts),
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
                    Found::Unavailable(Lacking::Provider)
                }
                // It answers, though not with tokens: a new login will tell.
                Refresh::Useless | Refresh::Overtaken => {
                    stale(call, facts, "the identity could not be refreshed")
                }
            }
        }
    }
}

/// The store cannot be asked for a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct StoreIsDown;

/// The session that the browser shows, whether or not its time is over: to end it. No refresh begins.
///
/// # Errors
///
/// [`StoreIsDown`]: there may be one.
pub(super) async fn read<'c>(
    call: &Call<'c>,
) -> Result<Option<(Arc<Session>, &'c Portal)>, StoreIsDown> {
    let Chunks::Whole(text) = Chunks::read(&call.cookies, call.names) else { return Ok(None) };
    let session = match open(call, &text).await {
        Ok(opened) => opened.session,
        Err(NotOpened::Stale(_)) => return Ok(None),
        Err(NotOpened::StoreDown) => return Err(StoreIsDown),
    };
    let Some((_, portal)) = portal_of(call, &session) else { return Ok(None) };
    Ok((!is_revoked(call.inner, &session)).then_some((session, portal)))
}

/// The session that the browser shows, as its record says; `None`: none came. No refresh begins.
///
/// # Errors
///
/// [`Unsaid`].
pub(super) fn as_said(call: &Call<'_>) -> Result<Option<Arc<Session>>, Unsaid> {
    let text = match Chunks::read(&call.cookies, call.names) {
        Chunks::Absent => return Ok(None),
        Chunks::Broken => return Err(Unsaid::Stale("the session's cookies are no whole")),
        Chunks::Whole(text) => text,
    };
    let session = open_here(call, &text).map_err(Unsaid::Sealed)?;
    let session = session.ok_or(Unsaid::Sealed("the session is kept in Redis"))?;
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

fn store_down(facts: &mut Facts) -> Found {
    facts.hint = Some("the session store cannot be reached".into());
    Found::Unavailable(Lacking::Store)
}

fn stale(call: &Call<'_>, facts: &mut Facts, why: &'static str) -> Found {
    facts.hint = Some(why.into());
    Found::Stale(clear(call))
}

/// Clears every cookie of a session that the request has.
pub(super) fn clear(call: &Call<'_>) -> Vec<SetCookie> {
    let mut cookies = stray_chunks(&call.cookies, call.names);
    if call.cookies.names().any(|name| call.names.suffix(name) == Some(LAST_USE)) {
        cookies.push(call.names.clear(LAST_USE));
    }
    cookies
}

/// Opens the record, and takes the newest one that is known instead of what the browser has. Only a store
/// beside the process is waited for.
async fn open(call: &Call<'_>, text: &str) -> Result<Opened, NotOpened> {
    let (session, cut_off) = match open_here(call, text)? {
        Some(session) => (session, false),
        // Boxed, as a refresh is: most checks have no use for the room.
        None => Box::pin(fetch(call, text)).await?,
    };
    let in_browser = session.generation;
    let newest = call.inner.refreshes.newest(&session).unwrap_or(session);
    Ok(Opened { session: newest, in_browser, cut_off })
}

/// The record of a session in Redis, and whether it is only what was known before.
async fn fetch(call: &Call<'_>, text: &str) -> Result<(Arc<Session>, bool), NotOpened> {
    let Some(shared) = &call.inner.shared else {
        return Err("the session is not kept any more".into());
    };
    let id = reference(call, text)?;
    call.patience().await;
    let read = shared.read(&call.key_ring, &id, call.now_ms, call.time_to_answer()).await;
    match read {
        Ok(Read::Session(session)) => Ok((session, false)),
        Ok(Read::Gone) => Err("the session is not kept any more".into()),
        Ok(Read::Unreadable) => Err("the session record does not open".into()),
        Err(fault) => {
            tracing::debug!(%fault, "no session");
            let known = shared.last_known(&id).ok_or(NotOpened::StoreDown)?;
            Ok((known, true))
        }
    }
}

/// The id of a session that is not in the cookie itself.
fn reference(call: &Call<'_>, text: &str) -> Result<String, &'static str> {
    let plain = unsealed(call, Purpose::Reference, text)?;
    let reference = SessionReference::decode(plain.as_slice());
    Ok(reference.map_err(|_undecodable| "the session record is malformed")?.id)
}

fn unsealed(call: &Call<'_>, purpose: Purpose, text: &str) -> Result<Vec<u8>, &'static str> {
    let opened = call.key_ring.open(purpose, call.host(), text);
    opened.map_err(|error| match error {
        crate::session::OpenError::Malformed => "the session cookie is malformed",
        crate::session::OpenError::UnknownKey => "the session was sealed with another key",
        crate::session::OpenError::Forged => "the session's seal does not verify",
    })
}

/// The record, where nobody has to be asked for it; `None`: it is in Redis, and was not read of late.
fn open_here(call: &Call<'_>, text: &str) -> Result<Option<Arc<Session>>, &'static str> {
    match call.settings().session.store {
        StoreKind::Cookie => {
            let plain = unsealed(call, Purpose::Session, text)?;
            let session = Session::read(&plain);
            let session = session.map_err(|_undecodable| "the session record is malformed")?;
            Ok(Some(Arc::new(session)))
        }
        StoreKind::Memory => {
            let id = reference(call, text)?;
            let session = call.inner.sessions.get(&id).ok_or("the session is not kept any more")?;
            Ok(Some(session))
        }
        StoreKind::Redis => {
            let id = reference(call, text)?;
            Ok(call.inner.shared.as_ref().and_then(|shared| shared.fresh(&id, call.now_ms)))
        }
    }
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
    inner.revocations.is_revoked(Subject::of(session))
}

/// When this session was last used, as far as its cookie says.
fn last_use(call: &Call<'_>, session: &Session) -> Option<UnixTime> {
    let text = call.cookies.own(call.names, LAST_USE)?;
    let plain = call.key_ring.open(Purpose::LastUse, call.host(), text).ok()?;
    let last_use = LastUse::decode(plain.as_slice()).ok()?;
    (last_use.session == session.id).then_some(UnixTime(last_use.at))
}

fn live(call: &Call<'_>, opened: Opened, portal: &Portal, last_use: Option<UnixTime>) -> Found {
    let Opened { session, in_browser, cut_off: _ } = opened;
    let mut cookies = Vec::new();
    let sealed_here = call.settings().session.store == StoreKind::Cookie;
    if sealed_here && session.generation > in_browser {
        // What does not fit was refused at the login; a browser that gets nothing keeps the old
        // record, and this process knows the newer one.
        cookies.extend(write(call, &session, portal).unwrap_or_default());
    }
    let renewed = last_use.is_none_or(|at| call.now >= at.plus(renew_after(portal)));
    if renewed {
        cookies.extend(write_last_use(call, &session, portal));
        touch(call, &session, portal);
    }
    // A sealed session may be the first that this process sees of somebody.
    let known = || call.inner.users.knows(&session.issuer, &session.subject);
    if renewed || session.generation > in_browser || !known() {
        remember(call, &session);
    }
    // A session that holds: whatever was counted against a login loop is over.
    for suffix in [COMPLETED_LOGINS, RESTARTED] {
        if call.cookies.own(call.names, suffix).is_some() {
            cookies.push(call.names.clear(suffix));
        }
    }
    Found::Live(Live { session, cookies, in_browser, last_use })
}

/// How long the cookie of the last use is good enough.
fn renew_after(portal: &Portal) -> Duration {
    portal.session.idle_timeout.checked_div(10).unwrap_or_default()
}

/// Has Redis keep a session that is used. Nobody waits for that.
fn touch(call: &Call<'_>, session: &Arc<Session>, portal: &Portal) {
    let Some(shared) = call.inner.shared.clone() else { return };
    let ttl = time_to_live(session, portal, call.now);
    let session = Arc::clone(session);
    call.inner.spawn_loosely(async move {
        // The next renewal comes long before the time is over.
        let _kept = shared.touch(&session.id, ttl).await;
    });
}

/// How long a record is of any use: as long as the session may live, and somebody may come back to it.
/// Whether it was used is said by a cookie, which may have been renewed just before Redis could not be
/// asked for a while: hence twice.
pub(super) fn time_to_live(session: &Session, portal: &Portal, now: UnixTime) -> Duration {
    let SessionLimits { lifetime, idle_timeout, outage_grace, .. } = portal.session;
    let left = lifetime.saturating_sub(now.since(session.signed_in_at()));
    left.min(idle_timeout.saturating_mul(2).saturating_add(outage_grace))
        .max(Duration::from_secs(1))
}

/// Keeps a new session where the settings say.
///
/// # Errors
///
/// [`StoreIsDown`]: it is kept nowhere.
pub(super) async fn keep(
    call: &Call<'_>,
    session: &Arc<Session>,
    portal: &Portal,
) -> Result<(), StoreIsDown> {
    let Some(shared) = &call.inner.shared else {
        call.inner.sessions.put(Arc::clone(session));
        return Ok(());
    };
    let ttl = time_to_live(session, portal, call.now);
    let kept = shared.put(&call.key_ring, session, ttl, call.now_ms, call.time_to_answer()).await;
    kept.map_err(|fault| {
        tracing::warn!(%fault, "a new session cannot be kept");
        StoreIsDown
    })
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
        StoreKind::Memory | StoreKind::Redis => {
            let reference = SessionReference { id: session.id.clone() };
            (Purpose::Reference, reference.encode_to_vec())
        }
    };
    let age = call.now.since(session.signed_in_at());
    let max_age = portal.session.lifetime.saturating_sub(age);
    let chunks = |plain: &[u8]| {
        let text = seal(call, purpose, plain).ok_or(NotWritten::NotSealed)?;
        let chunks = Chunks::write(&text, call.names, &call.cookies, max_age);
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
    let membership = Arc::new(Membership { portals, groups });
    let send_unverified_email = call.settings().tokens.send_unverified_email;
    let issuer =
        login.map_or_else(|| session.issuer.as_str().into(), |login| login.issuer.shared());
    Arc::new(Identity::of_session(session, issuer, membership, send_unverified_email))
}

#[cfg(test)]
mod tests;

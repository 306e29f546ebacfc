//! A sealed session that was opened before, and is what it was: the caller, without opening it again.

use super::super::call::Call;
use super::{COMPLETED_LOGINS, LAST_USE, Live, RESTARTED, portal_of, renew_after};
use crate::config::StoreKind;
use crate::identity::Identity;
use crate::session::{Chunks, Facts, Standing, standing};
use crate::store::{Mac, OpenedSession, Place, Subject};
use std::sync::Arc;

/// What a request shows of a sealed session.
#[derive(Clone, Copy)]
pub(in crate::check) struct Shown<'c> {
    /// Of all of the sealed text.
    mac: Mac,
    /// The sealed text that says when it was last used.
    last_use: &'c str,
}

impl<'c> Shown<'c> {
    /// `None`: there is none, or it is kept elsewhere, where it may change while its cookie does not.
    pub(in crate::check) fn read(call: &'c Call<'_>) -> Option<Self> {
        if call.settings().session.store != StoreKind::Cookie {
            return None;
        }
        let Chunks::Whole(text) = Chunks::read(&call.cookies, call.names) else { return None };
        let last_use = call.cookies.own(call.names, LAST_USE)?;
        Some(Self { mac: call.inner.opened.mac(&text)?, last_use })
    }

    /// The caller, where [`super::find`] would come to this one, with nothing to refresh, to remember or
    /// to give to the browser. In all other cases that one decides.
    pub(in crate::check) fn caller(self, call: &Call<'_>) -> Option<Arc<Identity>> {
        let clears = |suffix| call.cookies.own(call.names, suffix).is_some();
        if [COMPLETED_LOGINS, RESTARTED].into_iter().any(clears) {
            return None;
        }
        let opened = call.inner.opened.get(self.mac, self.place(call))?;
        if holds(call, &opened) {
            return Some(Arc::clone(&opened.identity));
        }
        // Nobody is remembered for longer than it is of use.
        call.inner.opened.forget(self.mac);
        None
    }

    /// Remembers what [`super::find`] came to, where that was for the record that is shown, and would hold
    /// for another check now.
    pub(in crate::check) fn remember(self, call: &Call<'_>, live: &Live, identity: &Arc<Identity>) {
        let Live { session, cookies, last_use: Some(last_used_at), in_browser } = live else {
            return;
        };
        let Some((portal, _)) = portal_of(call, session) else { return };
        if session.generation != *in_browser || !cookies.is_empty() {
            return;
        }
        let Place { key_ring, host, epoch, last_use } = self.place(call);
        let opened = OpenedSession {
            key_ring: Arc::downgrade(key_ring),
            host: host.into(),
            epoch,
            last_use: last_use.into(),
            last_used_at: *last_used_at,
            id: session.id.as_str().into(),
            generation: session.generation,
            portal,
            times: session.times(),
            marks: call.inner.revocations.session_marks(Subject::of(session)),
            user: call.inner.users.name(&session.issuer, &session.subject),
            identity: Arc::clone(identity),
        };
        if holds(call, &opened) {
            let membership = (*opened.identity.membership).clone();
            let membership = call.inner.tokens.share(epoch, membership);
            let identity = Identity { membership, ..(*opened.identity).clone() };
            let opened = OpenedSession { identity: Arc::new(identity), ..opened };
            call.inner.opened.remember(self.mac, opened);
        }
    }

    fn place<'p>(self, call: &'p Call<'_>) -> Place<'p>
    where
        'c: 'p,
    {
        Place {
            key_ring: &call.key_ring,
            host: call.host(),
            epoch: call.policy.epoch,
            last_use: self.last_use,
        }
    }
}

/// Whether a session that was opened is as good as then, and nothing has to be done about it. Each of these is
/// asked by [`super::find`] as well.
fn holds(call: &Call<'_>, opened: &OpenedSession) -> bool {
    let Some(portal) = call.policy.portal(opened.portal) else { return false };
    let facts = Facts {
        limits: &portal.session,
        last_use: Some(opened.last_used_at),
        clock_skew: call.settings().tokens.clock_skew,
        // It is of use to those alone whose identity is over.
        provider_down: false,
        now: call.now,
    };
    standing(opened.times, facts) == Standing::Current
        && call.now < opened.last_used_at.plus(renew_after(portal))
        && !call.inner.revocations.is_session_marked(&opened.marks)
        && !call.inner.is_in_the_dark(portal.session.store_down)
        && call.inner.refreshes.newer_than(&opened.id, opened.generation).is_none()
        && call.inner.users.knows_named(opened.user)
}

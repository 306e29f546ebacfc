//! One refresh for a session over all replicas: whoever has the lease asks the provider, the others wait
//! for the record that comes of it.
//!
//! A lease that lapses under its holder takes nothing away: the record goes up by its generation alone,
//! and what a provider says to somebody who came late ends no session.

use super::Inner;
use super::session::{self, is_revoked};
use crate::policy::{PortalId, Snapshot};
use crate::random;
use crate::redis::RedisFault;
use crate::replicas::{Advanced, Claimed, RENEW_EVERY, SharedSessions};
use crate::session::Session;
use crate::store::{Ended, Refresh};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval_at, sleep};

/// How often somebody who waits looks whether the record is there; each look a bit later,
const LOOK_FIRST: Duration = Duration::from_millis(20);
/// and at most after this.
const LOOK_MOST: Duration = Duration::from_millis(200);
/// How long anybody is at it at most, whether waiting or not.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a record that could not be written is tried again.
const LONGEST_WRITE: Duration = Duration::from_secs(10 * 60);

/// What a refresh needs.
pub(super) struct Work<'w> {
    pub(super) inner: &'w Arc<Inner>,
    pub(super) shared: &'w SharedSessions,
    pub(super) policy: &'w Snapshot,
    pub(super) portal: PortalId,
    pub(super) session: &'w Session,
}

impl Work<'_> {
    /// Refreshes by `ask`, or has another replica's refresh for it.
    pub(super) async fn run<F>(&self, ask: impl Fn() -> F + Send + Sync) -> Refresh
    where
        F: Future<Output = Refresh> + Send,
    {
        let Ok(token) = random::token() else { return Refresh::Unavailable(None) };
        let until = Instant::now() + LONGEST;
        let mut look = LOOK_FIRST;
        while Instant::now() < until {
            match self.claim(&token).await {
                Ok(Claimed::Ours) => {
                    if let Some(refresh) = self.hold(&token, &ask).await {
                        return refresh;
                    }
                }
                Ok(Claimed::Newer(newer)) => return self.newer(newer),
                Ok(Claimed::Gone) => return Refresh::Overtaken,
                Ok(Claimed::Failed(true)) | Err(_) => return Refresh::Unavailable(None),
                Ok(Claimed::Failed(false)) => return Refresh::Useless,
                Ok(Claimed::Taken) => {
                    sleep(look).await;
                    look = look.saturating_mul(2).min(LOOK_MOST);
                }
            }
        }
        Refresh::Unavailable(None)
    }

    async fn claim(&self, token: &str) -> Result<Claimed, RedisFault> {
        let key_ring = Arc::clone(&self.inner.parts.key_ring.borrow());
        self.shared.claim(&key_ring, self.session, token, self.inner.parts.clock.now_ms()).await
    }

    /// Asks while the lease is renewed. `None`: it was lost, and what came of it counts for nothing.
    async fn hold<F>(&self, token: &str, ask: impl Fn() -> F) -> Option<Refresh>
    where
        F: Future<Output = Refresh> + Send,
    {
        let id = &self.session.id;
        let asked = ask();
        tokio::pin!(asked);
        let mut renew = interval_at(Instant::now() + RENEW_EVERY, RENEW_EVERY);
        let refresh = loop {
            tokio::select! {
                refresh = &mut asked => break refresh,
                _tick = renew.tick() => {
                    // Lost or not: whoever has asked needs the answer, since a token may hang on it.
                    let _held = self.shared.renew(id, token).await;
                }
            }
        };
        match refresh {
            // A token that was refused to a late comer was used by whoever came before.
            Refresh::Ended if !matches!(self.shared.renew(id, token).await, Ok(true)) => None,
            Refresh::Ended => {
                self.release(token, None).await;
                Some(Refresh::Ended)
            }
            // Whatever the provider gave is for nobody any more.
            _ if is_revoked(self.inner, self.session) => {
                self.release(token, None).await;
                Some(Refresh::Overtaken)
            }
            Refresh::Refreshed(newer) => {
                let written = self.write(&newer).await;
                self.release(token, None).await;
                Some(written.unwrap_or(Refresh::Refreshed(newer)))
            }
            Refresh::Unavailable(Some(kept)) => {
                let written = self.write(&kept).await;
                self.release(token, Some(true)).await;
                Some(written.unwrap_or(Refresh::Unavailable(Some(kept))))
            }
            Refresh::Unavailable(None) => {
                self.release(token, Some(true)).await;
                Some(Refresh::Unavailable(None))
            }
            Refresh::Useless => {
                self.release(token, Some(false)).await;
                Some(Refresh::Useless)
            }
            Refresh::Overtaken => {
                self.release(token, None).await;
                Some(Refresh::Overtaken)
            }
        }
    }

    /// Has everybody see the record. `Some`: something else holds than that record.
    async fn write(&self, newer: &Arc<Session>) -> Option<Refresh> {
        let ttl = self.ttl(newer);
        match put_forward(self.inner, self.shared, newer, ttl).await {
            Ok(Advanced::Written) => None,
            Ok(Advanced::Newer(newest)) => Some(self.newer(newest)),
            Ok(Advanced::Gone) => Some(Refresh::Overtaken),
            Err(fault) => {
                // Here it holds. The others have an old refresh token until they see it.
                tracing::warn!(%fault, "a refreshed session is not in Redis yet");
                write_later(self.inner, self.shared, newer, ttl);
                None
            }
        }
    }

    fn newer(&self, newer: Arc<Session>) -> Refresh {
        if newer.identity_expires_at > self.session.identity_expires_at {
            Refresh::Refreshed(newer)
        } else {
            Refresh::Unavailable(Some(newer))
        }
    }

    async fn release(&self, token: &str, unavailable: Option<bool>) {
        let now_ms = self.inner.parts.clock.now_ms();
        let back_off = Refresh::BACK_OFF;
        let until_ms = now_ms.saturating_add(u64::try_from(back_off.as_millis()).unwrap_or(0));
        let failed = unavailable.map(|unavailable| (unavailable, until_ms));
        // One that is not given back lapses.
        let _given = self.shared.release(&self.session.id, token, failed, back_off).await;
    }

    fn ttl(&self, session: &Session) -> Duration {
        let portal = self.policy.portal(self.portal);
        let now = self.inner.parts.clock.now();
        portal.map_or(LONGEST_WRITE, |portal| session::time_to_live(session, portal, now))
    }
}

async fn put_forward(
    inner: &Inner,
    shared: &SharedSessions,
    newer: &Arc<Session>,
    ttl: Duration,
) -> Result<Advanced, RedisFault> {
    let key_ring = Arc::clone(&inner.parts.key_ring.borrow());
    shared.advance(&key_ring, newer, ttl, inner.parts.clock.now_ms()).await
}

/// Tries again until the record is written, or is of no use any more.
fn write_later(inner: &Arc<Inner>, shared: &SharedSessions, newer: &Arc<Session>, ttl: Duration) {
    let (inner, shared, newer) = (Arc::clone(inner), shared.clone(), Arc::clone(newer));
    let longest = ttl.min(LONGEST_WRITE);
    let until = Instant::now() + longest;
    Arc::clone(&inner).spawn_loosely(async move {
        while Instant::now() < until && !is_revoked(&inner, &newer) {
            shared.ready(LOOK_MOST).await;
            match put_forward(&inner, &shared, &newer, ttl).await {
                Ok(_) => return,
                Err(_) => sleep(LOOK_MOST).await,
            }
        }
        tracing::error!(issuer = newer.issuer, "a refreshed session never came into Redis");
    });
}

/// What ends with `invalid_grant`, and with tokens that do not hold.
pub(super) fn ended(session: &Session) -> [Ended; 1] {
    [Ended::Session(session.id.clone())]
}

//! Limits that all processes count together, in Redis: one script, one round trip.

use super::{Counted, Standing, Window};
use crate::base64url;
use crate::identity::Identity;
use crate::policy::ProductPlan;
use crate::redis::{Redis, RedisFault, Script};
use crate::time::UnixTime;
use aws_lc_rs::digest::{Context, SHA256};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Counts a request, unless the limit is reached: then -1. A window's count goes when its window does.
const SCRIPT: &str = "\
local used = tonumber(redis.call('GET', KEYS[1]) or '0')
if used >= tonumber(ARGV[1]) then return -1 end
used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return used";

/// How much longer than its window a count is kept: clocks differ.
const KEEP: Duration = Duration::from_secs(120);
/// How long to count alone before Redis is asked again.
const PAUSE_MS: u64 = 1000;

/// Counts that processes share.
#[derive(Debug)]
pub struct Shared {
    redis: Redis,
    script: Script,
    standing: Arc<Standing>,
}

impl Shared {
    /// Counts in `redis`; whether that works is told in `standing`.
    #[must_use]
    pub fn new(redis: Redis, standing: Arc<Standing>) -> Self {
        standing.begin_shared();
        Self { redis, script: Script::new(SCRIPT), standing }
    }

    /// Whether Redis is to be asked now, and not this process alone.
    #[must_use]
    pub fn is_due(&self, now_ms: u64) -> bool {
        self.standing.is_due(now_ms)
    }

    /// Counts a request of `caller`, if it is within `limit`. `None`: Redis cannot be asked, or not before
    /// `until`, and for a moment nobody asks it again.
    pub async fn count(
        &self,
        plan: &ProductPlan,
        caller: &Identity,
        limit: u64,
        window: Window,
        now_ms: u64,
        until: Option<Instant>,
    ) -> Option<Counted> {
        let now = UnixTime(now_ms / 1000);
        let key = self.redis.key(&key(plan, caller, window));
        let keep = window.ends.since(now).saturating_add(KEEP).as_millis().to_string();
        let limit = limit.to_string();
        let arguments = [limit.as_bytes(), keep.as_bytes()];
        let reply = self.redis.run_script(&self.script, &[&key], &arguments, until).await;
        let counted = reply.and_then(|reply| match reply.number()? {
            -1 => Ok(Counted::Over),
            used => {
                u64::try_from(used).map(Counted::Within).map_err(|_negative| RedisFault::Malformed)
            }
        });
        match counted {
            Ok(counted) => {
                if self.standing.works() {
                    tracing::info!(
                        "limits of usage plans are counted by all processes together again"
                    );
                }
                Some(counted)
            }
            Err(error) => {
                if self.standing.fails(now_ms, now_ms.saturating_add(PAUSE_MS)) {
                    tracing::warn!(%error, "limits of usage plans are counted by this process alone");
                }
                None
            }
        }
    }
}

/// The key of a window: nobody reads a name from it.
fn key(plan: &ProductPlan, caller: &Identity, window: Window) -> String {
    let mut hash = Context::new(&SHA256);
    hash.update(&plan.id.to_be_bytes());
    for part in [&*caller.issuer, &*caller.subject] {
        hash.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let hash = hash.finish();
    let half = hash.as_ref().get(..16).unwrap_or_default();
    format!("limit:{}:{}", base64url::encode(half), window.ends)
}

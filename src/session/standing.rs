//! Whether a session holds, as a table of states.
//!
//! | state | when | what a check does |
//! |---|---|---|
//! | over | past `lifetime`, or unused for `idle_timeout` | as without session |
//! | current | before the identity's end, and not yet time to refresh | answers |
//! | due | refresh token; less than `refresh_before`, or half the identity's life, to its end | answers, and refreshes beside it |
//! | expired | refresh token; past the identity's end and the clock skew | refreshes, and waits |
//! | over | no refresh token; past the identity's end and the clock skew | as without session: a browser goes through the provider again |
//! | in grace | no refresh token; the provider is known to be down; less than `outage_grace` past | answers |
//!
//! What a refresh of an expired identity comes to:
//!
//! | outcome | when | what the check does |
//! |---|---|---|
//! | refreshed | the provider answers with tokens that hold | answers by the new record |
//! | over | `invalid_grant`, or tokens that do not hold | as without session |
//! | in grace | it cannot be reached, or says nothing of the session; less than `outage_grace` past | answers by the old record |
//! | unavailable | it cannot be reached; more than that past | 503, the session stays |
//! | over | it says nothing of the session (`invalid_client`); more than that past | as without session: a new login will tell |
//! | over | a logout or a newer login came meanwhile | as without session, and no cookie is touched |
//!
//! Nothing outlives `lifetime`.
//!
//! Pure: no I/O, no clock.

use super::Times;
use crate::config::SessionLimits;
use crate::time::UnixTime;
use std::time::Duration;

/// What the standing of a session depends on besides the session.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'f> {
    /// Limits of the Portal.
    pub limits: &'f SessionLimits,
    /// Last use, where its cookie says so.
    pub last_use: Option<UnixTime>,
    /// Tolerance of clocks.
    pub clock_skew: Duration,
    /// Whether the provider is known to be out of reach.
    pub provider_down: bool,
    /// The present.
    pub now: UnixTime,
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ended {
    /// It has lived as long as a session may.
    Lifetime,
    /// Nobody used it.
    Idle,
    /// The identity is, and there is no refresh token.
    Identity,
}

impl Ended {
    /// For the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lifetime => "the session has lived its lifetime",
            Self::Idle => "the session was idle for too long",
            Self::Identity => "the identity has expired, and there is no refresh token",
        }
    }
}

/// How a session stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// It holds.
    Current,
    /// It holds, and it is time for a refresh.
    Due,
    /// It holds if a refresh succeeds; `grace` if a failed one still leaves it in force.
    Expired {
        /// Whether less than `outage_grace` has passed since the identity's end.
        grace: bool,
    },
    /// It holds because the provider is down.
    Grace,
    /// It is over.
    Over(Ended),
}

/// Says how a session of these times stands.
#[must_use]
pub fn standing(times: Times, facts: Facts<'_>) -> Standing {
    let Facts { limits, last_use, clock_skew, provider_down, now } = facts;
    let Times { signed_in_at, refreshed_at, identity_expires_at: ends_at, can_refresh } = times;
    if now >= signed_in_at.plus(limits.lifetime) {
        return Standing::Over(Ended::Lifetime);
    }
    // A browser that lost the cookie of the last use is as idle as the record is old.
    let used_at = last_use.unwrap_or_default().max(refreshed_at);
    if now >= used_at.plus(limits.idle_timeout) {
        return Standing::Over(Ended::Idle);
    }
    let expired = now >= ends_at.plus(clock_skew);
    let grace = now < ends_at.plus(limits.outage_grace).max(ends_at.plus(clock_skew));
    if !can_refresh {
        return match (expired, provider_down && grace) {
            (false, _) => Standing::Current,
            (true, true) => Standing::Grace,
            (true, false) => Standing::Over(Ended::Identity),
        };
    }
    if expired {
        return Standing::Expired { grace };
    }
    let half_life = ends_at.since(refreshed_at).checked_div(2).unwrap_or_default();
    let due_at = ends_at.minus(limits.refresh_before.min(half_life));
    if now >= due_at { Standing::Due } else { Standing::Current }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StoreDown;
    use crate::session::Session;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;

    /// Signed in at 0, identity for an hour, eight hours of life, an hour of idleness, refresh two
    /// minutes before the end, two hours of grace, a minute of skew.
    fn at(now: u64, last_use: Option<u64>, refresh_token: &str, provider_down: bool) -> Standing {
        let session = Session {
            refresh_token: refresh_token.to_owned(),
            identity_expires_at: HOUR,
            ..Session::default()
        };
        let hours = |hours| Duration::from_secs(hours * HOUR);
        let limits = SessionLimits {
            lifetime: hours(8),
            idle_timeout: hours(1),
            refresh_before: Duration::from_secs(2 * MINUTE),
            outage_grace: hours(2),
            store_down: StoreDown::Refuse,
        };
        let facts = Facts {
            limits: &limits,
            last_use: last_use.map(UnixTime),
            clock_skew: Duration::from_secs(MINUTE),
            provider_down,
            now: UnixTime(now),
        };
        standing(session.times(), facts)
    }

    #[test]
    fn follows_the_table() {
        use Ended::{Identity, Idle, Lifetime};
        use Standing::{Current, Due, Expired, Grace, Over};
        struct Case(&'static str, u64, Option<u64>, &'static str, bool, Standing);
        let cases = [
            Case("fresh", 10, None, "", false, Current),
            Case("fresh, refreshable", 10, None, "r", false, Current),
            Case("a second before it is due", 58 * MINUTE - 1, None, "r", false, Current),
            Case("due", 58 * MINUTE, None, "r", false, Due),
            Case("never due without refresh token", 59 * MINUTE, None, "", false, Current),
            Case("in the skew", HOUR + 59, Some(HOUR), "r", false, Due),
            Case("expired", HOUR + 60, Some(HOUR), "r", false, Expired { grace: true }),
            Case(
                "expired, at the end of grace",
                3 * HOUR - 1,
                Some(2 * HOUR),
                "r",
                true,
                Expired { grace: true },
            ),
            Case(
                "expired, past grace",
                3 * HOUR,
                Some(3 * HOUR - 9),
                "r",
                true,
                Expired { grace: false },
            ),
            Case("over without refresh token", HOUR + 60, Some(HOUR), "", false, Over(Identity)),
            Case("in grace while the provider is down", HOUR + 60, Some(HOUR), "", true, Grace),
            Case("past grace", 3 * HOUR, Some(3 * HOUR - 9), "", true, Over(Identity)),
            Case("a second before idle", HOUR - 1, None, "", false, Current),
            Case("idle", HOUR, None, "r", false, Over(Idle)),
            Case("idle since the last use", 2 * HOUR + 5, Some(HOUR + 5), "r", false, Over(Idle)),
            Case("end of life", 8 * HOUR, Some(8 * HOUR - 1), "r", true, Over(Lifetime)),
        ];
        for Case(name, now, last_use, refresh_token, down, want) in cases {
            assert_eq!(at(now, last_use, refresh_token, down), want, "{name}");
        }
    }

    #[test]
    fn refreshes_a_short_identity_at_half_its_life() {
        let session = Session {
            refresh_token: "r".to_owned(),
            identity_expires_at: 100,
            ..Session::default()
        };
        let limits = SessionLimits {
            lifetime: Duration::from_secs(9999),
            idle_timeout: Duration::from_secs(9999),
            refresh_before: Duration::from_secs(120),
            outage_grace: Duration::ZERO,
            store_down: StoreDown::Refuse,
        };
        let at = |now| {
            let clock_skew = Duration::ZERO;
            let now = UnixTime(now);
            let facts =
                Facts { limits: &limits, last_use: None, clock_skew, provider_down: false, now };
            standing(session.times(), facts)
        };
        assert_eq!((at(49), at(50)), (Standing::Current, Standing::Due));
    }
}

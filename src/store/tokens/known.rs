//! What is remembered of a token.

use crate::identity::Identity;
use crate::provider::IssuerSource;
use crate::store::Marks;
use crate::time::UnixTime;
use crate::token::{KeySet, TokenError};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// How long a signature that held is not looked at again.
const TIME_TO_LIVE: Duration = Duration::from_secs(300);
/// How long one that did not hold is not looked at again.
const REFUSED_FOR: Duration = Duration::from_secs(30);

/// A token whose signature was verified.
#[derive(Debug)]
pub struct KnownToken {
    /// What it was judged for, by the ids of the policy that did.
    pub(super) profile: u64,
    /// The keys that verified it: their memory is not given to others as long as this points there. Once others are in force, it counts as not verified.
    pub(super) keys: Weak<KeySet>,
    pub(super) verified_at: UnixTime,
    /// `None`: it was refused for what it says. That is judged anew each time.
    pub(super) judged: Option<Judged>,
}

/// What a token came to under one policy. The verdict depends on nothing else but the time, and on what
/// was ended; both are asked on every check.
#[derive(Debug)]
pub struct Judged {
    /// Of the policy that it was judged by; under another one it is judged anew.
    pub epoch: u64,
    /// Whose keys verified it.
    pub source: Arc<IssuerSource>,
    /// Who it names.
    pub identity: Arc<Identity>,
    /// The later of `nbf` and `iat`, clock skew not included.
    pub holds_from: UnixTime,
    /// `exp`, clock skew not included.
    pub expires_at: UnixTime,
    /// What would end it.
    pub marks: Marks,
    /// Whether its groups claim is as long as the provider lets it be.
    pub groups_maybe_truncated: bool,
}

impl KnownToken {
    /// Whether its signature counts as verified.
    pub(super) fn is_fresh(&self, now: UnixTime) -> bool {
        is_within(self.verified_at, TIME_TO_LIVE, now)
    }

    /// Whether it was verified by `keys`.
    #[must_use]
    pub fn is_by(&self, keys: &Arc<KeySet>) -> bool {
        std::ptr::eq(self.keys.as_ptr(), Arc::as_ptr(keys))
    }

    /// Whether it was judged under no other policy than that of this epoch.
    pub(super) fn may_be_judged_by(&self, epoch: u64) -> bool {
        self.judged.as_ref().is_none_or(|judged| judged.epoch == epoch)
    }

    /// What it came to under the policy of this epoch.
    #[must_use]
    pub fn judged_by(&self, epoch: u64) -> Option<&Judged> {
        self.judged.as_ref().filter(|judged| judged.epoch == epoch)
    }
}

/// A token that these keys never verify.
#[derive(Clone, Debug)]
pub(super) struct RefusedToken {
    pub(super) keys: Weak<KeySet>,
    pub(super) error: TokenError,
    pub(super) at: UnixTime,
}

impl RefusedToken {
    /// Why it is refused, if that was by `keys`, and a moment ago.
    pub(super) fn error(&self, keys: &Arc<KeySet>, now: UnixTime) -> Option<TokenError> {
        let same = std::ptr::eq(self.keys.as_ptr(), Arc::as_ptr(keys));
        (same && is_within(self.at, REFUSED_FOR, now)).then_some(self.error)
    }
}

/// Whether less than `span` has passed since `then`; a clock that was set back says no.
fn is_within(then: UnixTime, span: Duration, now: UnixTime) -> bool {
    then <= now && now < then.plus(span)
}

//! What a check comes to: allowed with an identity, or denied with an answer for the client.
//!
//! Pure: no I/O, no clock.

mod client;
mod field;
mod hint;
mod page;
mod protected;
mod ready;
mod reason;
mod refusal;
mod upstream;

pub use client::{ClientKind, LazyClient, classify_client};
pub use field::FieldValue;
pub use hint::Hint;
pub use ready::{HEAD, Head, Ready, ReadyField};
pub use reason::{Reason, Status};
pub use refusal::{Asked, Body, Challenge, Denied, Link, Refusal};
pub use upstream::{HeaderPolicy, RouteNames, Upstream, may_be_set};

use crate::cookie::SetCookie;
use crate::credential::CredentialKind;
use crate::identity::Identity;
use crate::limits::Quota;
use crate::policy::{Grant, RateLimit, ResourceName};
use crate::usage::UsageCounts;
use std::sync::Arc;

/// A request that may pass.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// What changes in the request on its way upstream.
    pub upstream: Upstream,
    /// Cookies for the browser, beside those of the upstream.
    pub cookies: Vec<SetCookie>,
    /// How the caller stands to the limit of the usage plan, where the client is told.
    pub quota: Option<Quota>,
}

/// What is known of a check when it ends, for metadata, log and metrics.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// Which credential was judged.
    pub credential: CredentialKind,
    /// Who asked.
    pub caller: Option<Arc<Identity>>,
    /// Which of the caller's groups matched.
    pub grant: Grant,
    /// The Portal concerned.
    pub portal: Option<ResourceName>,
    /// The Environment concerned.
    pub environment: Option<ResourceName>,
    /// The product concerned.
    pub product: Option<ResourceName>,
    /// The usage plan that applies.
    pub usage_plan: Option<Arc<str>>,
    /// Its limit.
    pub limit: Option<RateLimit>,
    /// Where the request counts as use of its product.
    pub usage: Option<Arc<UsageCounts>>,
    /// More for the log than the client may hear; never a token, code, cookie, key or secret.
    pub hint: Option<Hint>,
    /// Whether it passes only because its Portal stands in shadow: it would have been denied.
    pub shadow: bool,
}

impl Facts {
    /// The caller's groups that matched.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let caller = self.caller.as_deref().into_iter();
        caller.flat_map(|caller| self.grant.groups(&caller.membership))
    }

    /// What would have become of a check that passes in shadow.
    #[must_use]
    pub fn shadowed(&self) -> Option<&'static str> {
        self.shadow.then_some("deny")
    }

    /// Takes over who asks.
    pub fn tell(&mut self, caller: &Arc<Identity>) {
        self.credential = caller.credential;
        self.usage_plan.clone_from(&caller.usage_plan);
        self.caller = Some(Arc::clone(caller));
    }
}

/// The end of a check.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The answer.
    pub outcome: Result<Allowed, Denied>,
    /// Why; of an allowed check `granted` or `public`, in shadow why it would have been denied.
    pub reason: Reason,
    /// What is known.
    pub facts: Facts,
}

impl Checked {
    /// An allowed check.
    #[must_use]
    pub const fn allowed(reason: Reason, allowed: Allowed, facts: Facts) -> Self {
        Self { outcome: Ok(allowed), reason, facts }
    }

    /// A denied one; the reason is the answer's own.
    #[must_use]
    pub const fn denied(denied: Denied, facts: Facts) -> Self {
        let reason = denied.reason;
        Self { outcome: Err(denied), reason, facts }
    }

    /// `allow`, `deny` or `redirect`.
    #[must_use]
    pub fn decision(&self) -> &'static str {
        match &self.outcome {
            Ok(_) => "allow",
            Err(denied) if matches!(denied.body, Body::Redirect(_)) => "redirect",
            Err(_) => "deny",
        }
    }
}

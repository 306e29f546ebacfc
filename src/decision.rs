//! What a check comes to: allowed with an identity, or denied with an answer for the client.
//!
//! Pure: no I/O, no clock.

mod client;
mod page;
mod reason;
mod refusal;
mod upstream;

pub use client::{ClientKind, classify_client};
pub use reason::{Reason, Status};
pub use refusal::{Body, Denied, Link, Refusal, Rendered};
pub use upstream::{
    ClaimValue, HeaderPolicy, IdentityHeaders, RouteNames, Upstream, percent_encode_value,
};

use crate::cookie::SetCookie;
use crate::policy::{RateLimit, ResourceName};

/// A request that may pass.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Allowed {
    /// What changes in the request on its way upstream.
    pub upstream: Upstream,
    /// Cookies for the browser, beside those of the upstream.
    pub cookies: Vec<SetCookie>,
}

/// Which credential was judged.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum CredentialKind {
    /// None came.
    #[default]
    None,
    /// A session cookie.
    Session,
    /// A bearer token that is an ID token.
    IdToken,
    /// A bearer token that is an access token.
    AccessToken,
    /// A bearer token that was not recognized.
    Bearer,
    /// An API key.
    ApiKey,
}

impl CredentialKind {
    /// For logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Session => "session",
            Self::IdToken => "id_token",
            Self::AccessToken => "access_token",
            Self::Bearer => "bearer",
            Self::ApiKey => "api_key",
        }
    }
}

/// What is known of a check when it ends, for metadata, log and metrics.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// Which credential was judged.
    pub credential: CredentialKind,
    /// Who asked: issuer.
    pub issuer: Option<String>,
    /// Who asked: the principal.
    pub subject: Option<String>,
    /// The caller's e-mail, where it may go out.
    pub email: Option<String>,
    /// Groups that matched.
    pub groups: Vec<String>,
    /// The Portal concerned.
    pub portal: Option<ResourceName>,
    /// The Environment concerned.
    pub environment: Option<ResourceName>,
    /// The product concerned.
    pub product: Option<ResourceName>,
    /// The usage plan that applies.
    pub usage_plan: Option<String>,
    /// Its limit.
    pub limit: Option<RateLimit>,
    /// More for the log than the client may hear; never a token, code, cookie, key or secret.
    pub hint: Option<String>,
}

/// The end of a check.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The answer.
    pub outcome: Result<Allowed, Denied>,
    /// Why; of an allowed check `granted` or `public`.
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

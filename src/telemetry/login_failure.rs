//! Why a login failed: a closed list, so that an alert can tell who has to act.

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};
use std::fmt;

/// Why a login failed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum LoginFailure {
    /// The provider says that this person may not.
    AccessDenied,
    /// The provider says that something else is wrong.
    ProviderError,
    /// What came back is of no login under way, or malformed. Anybody can bring that about.
    BadCallback,
    /// What came back can be read no more: too late, or sealed with a key that is gone.
    Expired,
    /// The token endpoint refused the code, or us.
    CodeRefused,
    /// The ID token does not hold, or the tokens do not fit one another.
    InvalidToken,
    /// The provider, or its keys, could not be had.
    ProviderUnavailable,
    /// The session store could not be had.
    StoreUnavailable,
    /// The provider does not announce what a login needs.
    ProviderUnfit,
    /// Login after login, and no session that holds.
    LoginLoop,
    /// The session does not fit into cookies.
    TooLarge,
    /// Our own fault.
    Internal,
}

impl LoginFailure {
    /// Every reason.
    pub const ALL: [Self; 12] = [
        Self::AccessDenied,
        Self::ProviderError,
        Self::BadCallback,
        Self::Expired,
        Self::CodeRefused,
        Self::InvalidToken,
        Self::ProviderUnavailable,
        Self::StoreUnavailable,
        Self::ProviderUnfit,
        Self::LoginLoop,
        Self::TooLarge,
        Self::Internal,
    ];

    /// As it stands in the metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::ProviderError => "provider_error",
            Self::BadCallback => "bad_callback",
            Self::Expired => "expired",
            Self::CodeRefused => "code_refused",
            Self::InvalidToken => "invalid_token",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::StoreUnavailable => "store_unavailable",
            Self::ProviderUnfit => "provider_unfit",
            Self::LoginLoop => "login_loop",
            Self::TooLarge => "too_large",
            Self::Internal => "internal",
        }
    }
}

impl EncodeLabelValue for LoginFailure {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.as_str().encode(encoder)
    }
}

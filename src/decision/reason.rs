//! Why a check ended as it did: a closed list.
//!
//! Pure: no I/O, no clock.

/// The reason of an answer. It stands in logs, metrics, metadata and error bodies.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// A Group of the caller grants it.
    Granted,
    /// Nobody has to be known here.
    Public,
    /// One of our own endpoints answered.
    Endpoint,
    /// No session, no credential.
    NoCredentials,
    /// A session cookie that does not hold.
    InvalidSession,
    /// A bearer that does not hold.
    InvalidToken,
    /// A bearer that held once.
    ExpiredToken,
    /// A known caller whom no Group grants it.
    NotGranted,
    /// The Portal wants a verified e-mail.
    EmailUnverified,
    /// The request could be read in two ways.
    AmbiguousRequest,
    /// Host, path or context lead to nothing that we know.
    NoRoute,
    /// A cookie, and no evidence that our own page sent the request.
    CrossSite,
    /// The issuer's signing keys cannot be had.
    KeysUnavailable,
    /// Sessions cannot be had.
    StoreUnavailable,
    /// The provider cannot be reached.
    ProviderUnavailable,
    /// A login that came back wrong.
    BadCallback,
    /// Login after login, and no session that holds.
    LoginLoop,
    /// Too many.
    Limit,
    /// Our own fault.
    Internal,
    /// The gateway was about to give up.
    DeadlineTooShort,
}

impl Reason {
    /// Every reason, in the order of the documentation.
    pub const ALL: [Self; 20] = [
        Self::Granted,
        Self::Public,
        Self::Endpoint,
        Self::NoCredentials,
        Self::InvalidSession,
        Self::InvalidToken,
        Self::ExpiredToken,
        Self::NotGranted,
        Self::EmailUnverified,
        Self::AmbiguousRequest,
        Self::NoRoute,
        Self::CrossSite,
        Self::KeysUnavailable,
        Self::StoreUnavailable,
        Self::ProviderUnavailable,
        Self::BadCallback,
        Self::LoginLoop,
        Self::Limit,
        Self::Internal,
        Self::DeadlineTooShort,
    ];

    /// As it is written everywhere.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Public => "public",
            Self::Endpoint => "endpoint",
            Self::NoCredentials => "no_credentials",
            Self::InvalidSession => "invalid_session",
            Self::InvalidToken => "invalid_token",
            Self::ExpiredToken => "expired_token",
            Self::NotGranted => "not_granted",
            Self::EmailUnverified => "email_unverified",
            Self::AmbiguousRequest => "ambiguous_request",
            Self::NoRoute => "no_route",
            Self::CrossSite => "cross_site",
            Self::KeysUnavailable => "keys_unavailable",
            Self::StoreUnavailable => "store_unavailable",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::BadCallback => "bad_callback",
            Self::LoginLoop => "login_loop",
            Self::Limit => "limit",
            Self::Internal => "internal",
            Self::DeadlineTooShort => "deadline_too_short",
        }
    }
}

/// The HTTP statuses that a denied check can have: none is missing, so none can be left unset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// 200: an endpoint of ours answers.
    Ok,
    /// 204
    NoContent,
    /// 302
    Found,
    /// 303
    SeeOther,
    /// 400
    BadRequest,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 422
    Unprocessable,
    /// 429
    TooManyRequests,
    /// 503
    ServiceUnavailable,
}

impl Status {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Ok => 200,
            Self::NoContent => 204,
            Self::Found => 302,
            Self::SeeOther => 303,
            Self::BadRequest => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Unprocessable => 422,
            Self::TooManyRequests => 429,
            Self::ServiceUnavailable => 503,
        }
    }

    /// What people call it (RFC 9110 §15).
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::NoContent => "No content",
            Self::Found => "Found",
            Self::SeeOther => "See other",
            Self::BadRequest => "Bad request",
            Self::Unauthorized => "Sign-in needed",
            Self::Forbidden => "No access",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::Unprocessable => "Unprocessable content",
            Self::TooManyRequests => "Too many requests",
            Self::ServiceUnavailable => "Not available right now",
        }
    }
}

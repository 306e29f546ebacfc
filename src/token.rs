//! Tokens: read, matched with keys, verified, judged.
//!
//! Pure: no I/O, no clock. The only door to jsonwebtoken, which checks signatures and nothing else.

mod algorithm;
mod claims;
mod error;
mod issuer;
mod judge;
mod jws;
mod keys;
mod self_test;
mod sign;
mod strict_json;
mod verify;

pub use algorithm::Algorithm;
pub use claims::Claims;
pub use error::TokenError;
pub use issuer::{Issuer, IssuerError};
pub use judge::{
    AccessToken, AccessTokenForm, AccessTokenRules, CLOCK_SKEW, GlobalRevocation,
    GlobalRevocationRules, IdToken, IdTokenRules, LogoutToken, LogoutTokenRules, PreviousIdToken,
    Principal, judge_access_token, judge_global_revocation_token, judge_id_token,
    judge_logout_token,
};
pub use jws::{Jws, TokenType};
pub use keys::{KeyAlarm, KeyFault, KeySet, KeySetError, VerificationKey};
pub use self_test::{SelfTestError, self_test};
pub use sign::{SignError, client_assertion};
pub(crate) use strict_json::parse_object;
pub(crate) use verify::claims_of_verified;
pub use verify::verify;

#[cfg(test)]
pub(crate) mod fixtures;

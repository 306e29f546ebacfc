//! What this service says of a token that a client shows: the steps of a bearer, in their order.

use super::draft::Kind;
use super::{AUDIENCE, CLIENT, ISSUER, NOW};
use portcullis::time::UnixTime;
use portcullis::token::{
    AccessTokenRules, IdTokenRules, Issuer, Jws, KeySet, TokenError, judge_access_token,
    judge_id_token, verify,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// The word for a token that holds.
pub(crate) const TAKEN: &str = "taken";
/// How much clocks may differ.
pub(crate) const SKEW: u64 = 60;
/// Most seconds from `iat` to `exp`.
pub(crate) const LIFETIME: u64 = 86_400;

/// [`TAKEN`], or the reason of the refusal.
pub(crate) fn of(kind: Kind, token: &str, keys: &KeySet) -> &'static str {
    judge(kind, token, keys).map_or_else(|error| error.reason(), |()| TAKEN)
}

fn judge(kind: Kind, token: &str, keys: &KeySet) -> Result<(), TokenError> {
    let issuer = Issuer::parse(ISSUER, false).map_err(|_wrong| TokenError::WrongIssuer)?;
    let jws = Jws::parse(token, 8192)?;
    // Whose keys are tried is said by the token.
    if jws.unverified_issuer()? != issuer.as_str() {
        return Err(TokenError::WrongIssuer);
    }
    let claims = verify(&jws, keys)?;
    let (skew, lifetime) = (Duration::from_secs(SKEW), Duration::from_secs(LIFETIME));
    match kind {
        Kind::Id => {
            let mut rules = IdTokenRules::new(&issuer, CLIENT);
            (rules.clock_skew, rules.max_lifetime) = (skew, lifetime);
            judge_id_token(&claims, &rules, UnixTime(NOW)).map(|_token| ())
        }
        Kind::Access => {
            let (audiences, clients) =
                (BTreeSet::from([AUDIENCE.to_owned()]), BTreeSet::from([CLIENT.to_owned()]));
            let mut rules = AccessTokenRules::new(&issuer, &audiences, &clients);
            (rules.clock_skew, rules.max_lifetime) = (skew, lifetime);
            judge_access_token(&claims, &rules, UnixTime(NOW)).map(|_token| ())
        }
    }
}

//! Whether a token is its issuer's.
//!
//! Pure: no I/O, no clock.

use super::{Claims, Jws, KeySet, TokenError, VerificationKey};

/// Checks the signature of `jws` with the key that its `kid` names among the `keys` of the issuer
/// that the token is expected from, and reads the claims. What they say is for the judges.
///
/// # Errors
///
/// The reasons from [`TokenError::UnknownKey`] to [`TokenError::BadClaim`].
pub fn verify(jws: &Jws<'_>, keys: &KeySet) -> Result<Claims, TokenError> {
    let key = keys.find(jws.kid()).ok_or(TokenError::UnknownKey)?;
    verify_signature(jws, key)?;
    Claims::parse(jws)
}

/// Reads the claims of a token once more whose signature was verified before, by keys that are still
/// in force.
///
/// # Errors
///
/// [`TokenError::BadPayload`] or [`TokenError::BadClaim`]; not where [`verify`] had none.
pub(crate) fn claims_of_verified(jws: &Jws<'_>) -> Result<Claims, TokenError> {
    Claims::parse(jws)
}

/// The signature alone: with this key, and with the algorithm that the key is for.
pub(super) fn verify_signature(jws: &Jws<'_>, key: &VerificationKey) -> Result<(), TokenError> {
    if jws.algorithm() != key.algorithm() {
        return Err(TokenError::OtherAlgorithm);
    }
    let signed = key.has_signed(jws.signed.as_bytes(), jws.signature());
    if signed { Ok(()) } else { Err(TokenError::BadSignature) }
}

#[cfg(test)]
mod tests;

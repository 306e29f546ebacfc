//! How the service proves itself with a key of its own: `private_key_jwt`.
//!
//! Pure: no I/O, no clock.

use super::Algorithm;
use crate::secret::Secret;
use crate::time::UnixTime;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;
use std::time::Duration;

/// How long an assertion holds: one call, clocks that differ included.
const LIFETIME: Duration = Duration::from_secs(60);

/// Why no assertion was made. No variant says anything of the key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SignError {
    /// Neither RSA (PKCS#1 or PKCS#8) nor EC on P-256 (PKCS#8), or no private key.
    #[error("the key is no PEM private key for RS256 or ES256")]
    BadKey,
}

/// Makes a client assertion (RFC 7523 §2.2, §3): `iss` and `sub` are the client, `aud` is the
/// endpoint, `jti` is `token_id`, `exp` is in 60 s.
///
/// RS256 for an RSA key, ES256 for a key on P-256. There is no `kid`: the provider knows one key of
/// this client, and a name that it does not know would be refused.
///
/// # Errors
///
/// [`SignError`].
pub fn client_assertion(
    key_pem: &Secret<String>,
    client_id: &str,
    endpoint: &str,
    token_id: &str,
    now: UnixTime,
) -> Result<Secret<String>, SignError> {
    let pem = key_pem.expose().as_bytes();
    let (algorithm, key) = match EncodingKey::from_rsa_pem(pem) {
        Ok(key) => (Algorithm::Rs256, key),
        Err(_not_rsa) => {
            let key = EncodingKey::from_ec_pem(pem).map_err(|_no_key| SignError::BadKey)?;
            (Algorithm::Es256, key)
        }
    };
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": endpoint,
        "jti": token_id,
        "iat": now.0,
        "exp": now.plus(LIFETIME).0,
    });
    jsonwebtoken::encode(&Header::new(algorithm.library()), &claims, &key)
        .map(Secret::new)
        .map_err(|_unsigned| SignError::BadKey)
}

#[cfg(test)]
mod tests;

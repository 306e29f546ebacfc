//! The only reader of randomness.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The system's source of randomness failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the system gives no randomness")]
pub struct NoRandomness;

/// `N` bytes that nobody can guess.
///
/// # Errors
///
/// [`NoRandomness`]: then nothing may be sealed or started.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_unspecified| NoRandomness)?;
    Ok(bytes)
}

/// 256 random bits as 43 characters of base64url: a `state`, `nonce`, code verifier or id.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn token() -> Result<String, NoRandomness> {
    bytes::<32>().map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
}

/// A sealing key as a key file has it: 32 bytes, base64.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn sealing_key() -> Result<String, NoRandomness> {
    bytes::<32>().map(|bytes| base64::engine::general_purpose::STANDARD.encode(bytes))
}

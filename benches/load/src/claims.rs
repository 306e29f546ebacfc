//! Who the callers are, and what Okta's ID tokens say of them.

use serde_json::{Value, json};

/// The demo's client.
pub const CLIENT: &str = "0oaPetstore";
/// The group that the demo's policy lets in.
pub const GROUP: &str = "PetstoreUsers";
/// How long a token lives: within `provider.max_id_token_lifetime`, and as long as a day's work.
pub const LIFETIME_SECONDS: u64 = 82_800;

/// `sub` of the caller with this number, in Okta's form.
#[must_use]
pub fn subject(number: usize) -> String {
    format!("00u{number:017}")
}

/// The caller's e-mail address.
#[must_use]
pub fn email(number: usize) -> String {
    format!("caller.{number:06}@petstore.example")
}

/// An ID token's claims: with the header and an RS256 signature it is 1.2 KB.
#[must_use]
pub fn id_token(issuer: &str, number: usize, groups: &[String], now: u64) -> Value {
    json!({
        "sub": subject(number),
        "name": format!("Caller Number {number:06}"),
        "email": email(number),
        "ver": 1,
        "iss": issuer,
        "aud": CLIENT,
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": format!("ID.k7Qx2mVt9Zr4Lw8Ns1Yc6Hb3Fj5Gd0Pa{number:08}"),
        "amr": ["pwd", "mfa", "otp"],
        "idp": "00oa1b2c3d4e5f6g7h8i",
        "preferred_username": email(number),
        "given_name": "Caller",
        "family_name": format!("Number {number:06}"),
        "updated_at": now - 86_400,
        "email_verified": true,
        "auth_time": now - 30,
        "at_hash": "preyBZjzL6RDMp5vYlJZ9w",
        "groups": groups,
    })
}

/// The groups of a caller who may: some of no concern, and the one that counts.
#[must_use]
pub fn groups_of_a_user() -> Vec<String> {
    ["Everyone", "Engineering", "Berlin", GROUP].map(str::to_owned).to_vec()
}

/// The groups of one who may not.
#[must_use]
pub fn groups_of_a_stranger() -> Vec<String> {
    ["Everyone", "Engineering", "Berlin", "BankTesters"].map(str::to_owned).to_vec()
}

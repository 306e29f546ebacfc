//! Sealed sessions, as the service gives them to browsers.

use crate::bundle::{Bundle, List};
use crate::claims::{CLIENT, GROUP, email, subject};
use crate::failure::{Outcome, expect};
use crate::rng::Rng;
use portcullis::session::{KeyRing, LastUse, Purpose, SEAL_NONCE_BYTES, SealNonce, Session};
use prost::Message as _;

/// The host name that the sessions are sealed for: cookies know no ports.
const HOST: &str = "api.petstore.localhost";
/// How long an identity holds before it is refreshed: nothing is refreshed during a measurement.
const IDENTITY_SECONDS: u64 = 8 * 3600;

/// The cookies of `count` callers, each signed in a moment ago.
///
/// # Errors
///
/// Where the cipher fails.
pub fn cookies(
    bundle: &Bundle,
    key_ring: &KeyRing,
    count: usize,
    now: u64,
    rng: &mut Rng,
) -> Outcome<Vec<String>> {
    let callers = bundle.tokens(List::Users).iter().take(count).enumerate();
    callers
        .map(|(number, _token)| {
            let session = session(bundle, number, now, rng);
            let last_use = LastUse { session: session.id.clone(), at: now };
            let session = seal(key_ring, Purpose::Session, &session.encode_to_vec(), rng)?;
            let last_use = seal(key_ring, Purpose::LastUse, &last_use.encode_to_vec(), rng)?;
            let name = "__Host-portcullis";
            Ok(format!("{name}-s=1.{session}; {name}-u={last_use}"))
        })
        .collect()
}

fn session(bundle: &Bundle, number: usize, now: u64, rng: &mut Rng) -> Session {
    Session {
        id: rng.text(22),
        generation: 1,
        portal: "petstore-portal.default".to_owned(),
        issuer: bundle.issuer.clone(),
        client_id: CLIENT.to_owned(),
        subject: subject(number),
        provider_session: format!("idx{}", rng.text(22)),
        email: email(number),
        email_verified: true,
        groups: vec![GROUP.to_owned()],
        groups_claimed: true,
        signed_in_at_ms: now * 1000,
        refreshed_at: now,
        identity_expires_at: now + IDENTITY_SECONDS,
        auth_time: now,
        nonce: rng.text(43),
        refresh_token: rng.text(43),
        // For the logout. A short one: with it, all cookies come to the 1.75 KB that
        // the method asks for.
        id_token: rng.text(449),
        scopes: ["openid", "groups", "email", "profile", "offline_access"]
            .map(str::to_owned)
            .into(),
        ..Session::default()
    }
}

fn seal(key_ring: &KeyRing, purpose: Purpose, plain: &[u8], rng: &mut Rng) -> Outcome<String> {
    let nonce: SealNonce = std::array::from_fn::<u8, SEAL_NONCE_BYTES, _>(|_| rng.below(256) as u8);
    expect(key_ring.seal(purpose, HOST, plain, nonce), "the cipher refuses a record")
}

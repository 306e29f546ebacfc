//! API keys: who shows one, and whether it opens this.

use super::call::Call;
use super::{answers, shadow};
use crate::api_key::{KeyDigest, MalformedKey};
use crate::config::Settings;
use crate::credential::CredentialKind;
use crate::decision::{Denied, Facts};
use crate::identity::Identity;
use crate::policy::{KnownKey, Route};
use crate::telemetry::KeyFailure;
use std::sync::Arc;

/// Why a key does not hold; the client hears the same of each.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Invalid {
    #[error("{0}")]
    Malformed(#[from] MalformedKey),
    #[error("no such API key")]
    Unknown,
    #[error("the API key has expired")]
    Expired,
}

/// Authenticates whoever shows `key`, and says whether it opens `route`: what it names, and nothing else. No
/// Group is asked.
pub(super) fn authenticate(
    call: &Call<'_>,
    route: &Route<'_>,
    key: &str,
    facts: &mut Facts,
) -> Result<Arc<Identity>, Denied> {
    facts.credential = CredentialKind::ApiKey;
    let known = find(call, key).map_err(|invalid| refuse(call, invalid, facts))?;
    let identity = known.made.once(|| identity(known, call.settings()));
    facts.tell(&identity);
    match known.opens(route) {
        Ok(()) => Ok(identity),
        Err(refused) => {
            facts.hint = Some(refused.into());
            Err(answers::key_not_granted())
        }
    }
}

fn find<'c>(call: &Call<'c>, key: &str) -> Result<&'c KnownKey, Invalid> {
    let digest = KeyDigest::of(key)?;
    let known = call.policy.api_keys.find(&digest).ok_or(Invalid::Unknown)?;
    // What was recorded was asked when it held.
    if known.is_expired(call.now) && !call.is_recorded() {
        return Err(Invalid::Expired);
    }
    Ok(known)
}

/// Counts the failure, and answers. Only what fails is ever limited: a key that holds has passed before it
/// comes to this, whatever others do from the same address.
fn refuse(call: &Call<'_>, invalid: Invalid, facts: &mut Facts) -> Denied {
    facts.hint = Some(invalid.to_string().into());
    // In shadow the clients of what was here before come with keys that nobody knows; they all pass.
    if call.is_recorded() || shadow::is_on(call) {
        return answers::invalid_key();
    }
    let metrics = &call.inner.parts.metrics;
    let attributes = call.attributes;
    let forwarded_for = call.settings().api_keys.forwarded_for;
    let network = attributes.source.network(attributes.headers, forwarded_for);
    match call.inner.failures.count(&network, call.now) {
        None => {
            metrics.key_failure(match invalid {
                Invalid::Malformed(_) => KeyFailure::Malformed,
                Invalid::Unknown => KeyFailure::Unknown,
                Invalid::Expired => KeyFailure::Expired,
            });
            answers::invalid_key()
        }
        Some(wait) => {
            metrics.key_failure(KeyFailure::Limited);
            answers::too_many_failures(wait)
        }
    }
}

/// Whom a key stands for: its Secret, as with Gloo, in its namespace.
fn identity(known: &KnownKey, settings: &Settings) -> Identity {
    let name = known.key.origin.name();
    let username = known
        .key
        .username
        .as_deref()
        .filter(|_| settings.identity_headers.iter().any(|(_header, claim)| claim == USERNAME));
    Identity {
        issuer: format!("api-key:{}", name.namespace()).into(),
        subject: name.name().into(),
        credential: CredentialKind::ApiKey,
        usage_plan: Some(known.key.terms.plan.as_str().into()),
        claims: username.map(|name| (USERNAME.to_owned(), name.to_owned())).into_iter().collect(),
        ..Identity::default()
    }
}

/// A claim that `identity_headers` may name.
const USERNAME: &str = "username";

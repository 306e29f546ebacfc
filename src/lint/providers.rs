//! Providers at which no login can begin, by what they said of themselves.
//!
//! Pure: no I/O, no clock.

use super::{Policy, warning};
use crate::problem::Problem;
use crate::provider::IssuerStatus;

/// Judges what the providers said. Those that said nothing are not judged: whether they can be reached
/// from here says little of where the service runs.
#[must_use]
pub fn lint_providers(policy: &Policy<'_>, heard: &[IssuerStatus]) -> Vec<Problem> {
    let mut found = Vec::new();
    for (_id, portal) in policy.snapshot.portals() {
        let Some(login) = &portal.login else { continue };
        let Some(held) = policy.held.portals.get(&portal.name) else { continue };
        let mut own = heard.iter().filter(|status| status.issuer == login.issuer);
        if own.any(|status| status.announces_s256 == Some(false)) {
            let message = "expected a provider that announces PKCE with S256 (in \
                           code_challenge_methods_supported): no login begins without";
            found.push(warning(&held.origin, &held.login_at, message));
        }
    }
    found
}

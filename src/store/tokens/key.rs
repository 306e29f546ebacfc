//! What a token is remembered by.

use crate::policy::{EnvironmentId, PortalId};
use crate::random::NoRandomness;
use crate::store::mac::{Mac, MacKey};
use std::hash::{Hash, Hasher};

/// Names a token, and what it was judged for, without holding it.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct TokenKey {
    /// The token's MAC.
    mac: Mac,
    /// What it is judged for; [`FIRST`]: whatever that was first.
    profile: u64,
}

/// No profile: where a token is kept for the first profile that it was judged for.
const FIRST: u64 = 0;

impl TokenKey {
    /// The place of the token's first profile.
    pub(super) const fn first(self) -> Self {
        Self { profile: FIRST, ..self }
    }

    /// What the token is judged for.
    pub(super) const fn profile(self) -> u64 {
        self.profile
    }

    /// A number that tokens share with few others.
    pub(super) fn lot(self, lots: usize) -> usize {
        usize::try_from(self.mac.bits() >> 40)
            .unwrap_or_default()
            .checked_rem(lots)
            .unwrap_or_default()
    }
}

impl Hash for TokenKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The MAC is as good as random, whatever clients send.
        state.write_u64(self.mac.bits() ^ self.profile);
    }
}

/// Makes keys, under a secret that this process alone has.
#[derive(Debug)]
pub(super) struct TokenKeys {
    mac: MacKey,
}

impl TokenKeys {
    pub(super) fn new() -> Result<Self, NoRandomness> {
        Ok(Self { mac: MacKey::new()? })
    }

    /// The key of `token` where it is judged for `environment` and `portal`.
    pub(super) fn of(
        &self,
        environment: Option<EnvironmentId>,
        portal: Option<PortalId>,
        token: &str,
    ) -> Option<TokenKey> {
        let profile = profile(environment, portal)?;
        Some(TokenKey { mac: self.mac.of(token)?, profile })
    }
}

/// A number that no other pair has under one policy. `None`: it has more of either than anybody counts.
fn profile(environment: Option<EnvironmentId>, portal: Option<PortalId>) -> Option<u64> {
    // None is zero, and so both of them [`FIRST`]: nothing is judged for that.
    let number = |id: Option<usize>| match id {
        Some(id) => u32::try_from(id).ok()?.checked_add(1),
        None => Some(0),
    };
    let environment = number(environment.map(|id| id.0))?;
    let portal = number(portal.map(|id| id.0))?;
    let profile = (u64::from(environment) << 32) | u64::from(portal);
    (profile != FIRST).then_some(profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_as_many_as_pairs() {
        let ids = [None, Some(0), Some(1), Some(usize::try_from(u32::MAX - 1).expect("fits"))];
        let mut seen = Vec::new();
        for environment in ids.map(|id| id.map(EnvironmentId)) {
            for portal in ids.map(|id| id.map(PortalId)) {
                seen.extend(profile(environment, portal));
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), ids.len() * ids.len() - 1);
        assert!(!seen.contains(&FIRST));
        let too_many = usize::try_from(u32::MAX).expect("fits");
        assert_eq!(profile(Some(EnvironmentId(too_many)), None), None);
        assert_eq!(profile(None, Some(PortalId(too_many))), None);
        assert_eq!(profile(Some(EnvironmentId(1 << 32)), Some(PortalId(0))), None);
    }
}

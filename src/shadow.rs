//! Says again and again which Portals stand in shadow, so that nobody forgets that they do.

use crate::clock::Clock;
use crate::name::ResourceName;
use crate::policy::Snapshot;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// How often it is looked whether one is over.
const LOOK: Duration = Duration::from_secs(60);
/// Looks from one warning to the next: an hour.
const LOOKS: u32 = 60;

/// Warns at once, with each policy and every hour, and says when it is over; until nobody publishes.
pub async fn remind(mut policy: watch::Receiver<Arc<Snapshot>>, clock: Clock) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut shadowed = BTreeSet::new();
    let mut looks = 0;
    loop {
        tokio::select! {
            changed = policy.changed() => match changed {
                Ok(()) => looks = 0,
                Err(_closed) => return,
            },
            _ = ticks.tick() => {}
        }
        let snapshot = Arc::clone(&policy.borrow_and_update());
        shadowed = look(&snapshot, &clock, &shadowed, looks == 0);
        looks = (looks + 1) % LOOKS;
    }
}

/// Says what is in shadow, where that is to be said or new, and what is no more; the Portals that are.
fn look(
    policy: &Snapshot,
    clock: &Clock,
    before: &BTreeSet<ResourceName>,
    warn: bool,
) -> BTreeSet<ResourceName> {
    let mut shadowed = BTreeSet::new();
    for (portal, until) in policy.shadows(clock.now()) {
        if warn || !before.contains(&portal.name) {
            tracing::warn!(
                portal = portal.name.as_str(),
                until = until.to_rfc3339(),
                "in shadow: nothing is enforced on this Portal and what it publishes"
            );
        }
        shadowed.insert(portal.name.clone());
    }
    for portal in before.difference(&shadowed) {
        tracing::warn!(portal = portal.as_str(), "out of shadow: everything is enforced again");
    }
    shadowed
}

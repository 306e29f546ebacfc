//! Judges API keys: for what each one counts, and whether its User still has that.
//!
//! Pure: no I/O, no clock.

use super::{Held, Input, settle};
use crate::api_key::KeyDigest;
use crate::document::At;
use crate::policy::api_keys::Made;
use crate::policy::resource::{ApiKey, ApiSelector, KeyTerms, User};
use crate::policy::snapshot::{EnvironmentId, Snapshot};
use crate::policy::{KeyRefused, KnownKey, ResourceName, Selector};
use crate::problem::{Problem, Severity};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Holds keys and Users, each in the version that is in force.
pub(super) fn hold(input: &Input<'_>, held: &mut Held, problems: &mut Vec<Problem>) {
    for slot in &input.resources.api_keys {
        let last = input.last.api_keys.get(&slot.name);
        let version = match (&slot.current, last) {
            // The same as before, and then the same in memory.
            (Some(current), Some(last)) if *current == **last => Some(Arc::clone(last)),
            (Some(current), _) => Some(Arc::new(current.clone())),
            (None, last) => last.cloned(),
        };
        held.api_keys.extend(version.map(|key| (slot.name.clone(), key)));
    }
    for slot in &input.resources.users {
        // What of it can be read may grant less than it did: the last whole version stays, if there was one.
        let judge = |user: &User| (user.is_whole.then(|| user.clone()), Vec::new());
        let version = settle(slot, input.last.users.get(&slot.name), judge, problems);
        let powerless = || slot.current.as_ref().map(powerless);
        held.users.extend(version.or_else(powerless).map(|user| (slot.name.clone(), user)));
    }
}

/// A User that could never be read: whoever has its name has nothing.
fn powerless(user: &User) -> Arc<User> {
    Arc::new(User { portals: Vec::new(), apis: Vec::new(), ..user.clone() })
}

/// The keys in force, and for what each of them counts. Of two Secrets with one key neither counts: who of
/// the two would it be?
pub(super) fn in_force(
    input: &Input<'_>,
    held: &Held,
    snapshot: &Snapshot,
    problems: &mut Vec<Problem>,
) -> Vec<KnownKey> {
    let mut owners: HashMap<KeyDigest, (&Arc<ApiKey>, bool)> =
        HashMap::with_capacity(held.api_keys.len());
    for key in held.api_keys.values() {
        let (first, shared) = owners.entry(key.digest).or_insert((key, false));
        if !Arc::ptr_eq(first, key) {
            if !*shared {
                problems.push(twice(first, key));
            }
            *shared = true;
            problems.push(twice(key, first));
        }
    }
    let mut judge = Judge::new(input, held, snapshot);
    let alone = held.api_keys.values();
    let alone = alone.filter(|key| owners.get(&key.digest).is_some_and(|(_, shared)| !shared));
    let mut keys = Vec::with_capacity(owners.len());
    for key in alone {
        let environment = judge.judge(key);
        if let Err(refused) = environment {
            let message = format!("{refused}: it is refused");
            problems.push(key.origin.problem(Severity::Warning, &key.origin.at(), message));
        }
        keys.push(KnownKey { key: Arc::clone(key), environment, made: Made::default() });
    }
    keys
}

fn twice(key: &ApiKey, other: &ApiKey) -> Problem {
    let message =
        format!("expected a key of its own; {} has the same: both are refused", other.origin.id);
    key.origin.problem(Severity::Error, &At { path: "data".to_owned(), ..key.origin.at() }, message)
}

/// Says for what keys count; the same terms, and the same User, are judged once.
struct Judge<'h> {
    held: &'h Held,
    snapshot: &'h Snapshot,
    users: HashMap<&'h str, Vec<&'h User>>,
    users_unknown: bool,
    places: HashMap<&'h KeyTerms, Result<EnvironmentId, KeyRefused>>,
    rights: HashMap<(&'h str, &'h KeyTerms), bool>,
}

impl<'h> Judge<'h> {
    fn new(input: &Input<'_>, held: &'h Held, snapshot: &'h Snapshot) -> Self {
        let mut users: HashMap<&str, Vec<&User>> = HashMap::new();
        for user in held.users.values() {
            users.entry(&user.username).or_default().push(user);
        }
        let users_unknown = input.resources.users_unknown;
        let (places, rights) = (HashMap::new(), HashMap::new());
        Self { held, snapshot, users, users_unknown, places, rights }
    }

    fn judge(&mut self, key: &'h ApiKey) -> Result<EnvironmentId, KeyRefused> {
        let Self { held, snapshot, users, places, rights, .. } = self;
        let terms = &*key.terms;
        let place = *places.entry(terms).or_insert_with(|| snapshot.place_of(terms));
        let environment = place?;
        let Some(username) = key.username.as_deref() else { return Ok(environment) };
        match users.get(username) {
            Some(users) => {
                // Of several with one name, which there should not be, the one with the least counts.
                let has_it =
                    || users.iter().all(|user| has(held, snapshot, user, (environment, terms)));
                let has_it = *rights.entry((username, terms)).or_insert_with(has_it);
                if has_it { Ok(environment) } else { Err(KeyRefused::UserLacksIt) }
            }
            None if self.users_unknown => Err(KeyRefused::UsersUnknown),
            None => Ok(environment),
        }
    }
}

/// Whether a User has a product: by an access level of its own or of a Group that it belongs to, and in an
/// Environment that a Portal publishes which these let it into.
fn has(
    held: &Held,
    snapshot: &Snapshot,
    user: &User,
    (environment, terms): (EnvironmentId, &KeyTerms),
) -> bool {
    let name = user.origin.name();
    let belongs = |users: &Option<Selector>, own: &str| {
        users.as_ref().is_some_and(|users| users.selects(own, name, &user.labels))
    };
    let groups = held.groups.values();
    let groups = groups.filter(|group| belongs(&group.users, group.origin.name().namespace()));
    let groups: Vec<_> = groups.collect();
    let of_groups = groups.iter().map(|group| (&group.apis, group.origin.name().namespace()));
    let mut apis = of_groups.chain([(&user.apis, name.namespace())]);
    let granted = apis.any(|(apis, own)| apis.iter().any(|api| grants(held, api, own, terms)));
    let portals = groups.iter().flat_map(|group| &group.portals).chain(&user.portals);
    let portals: BTreeSet<&ResourceName> = portals.map(|portal| &portal.value).collect();
    let publishes = |id| snapshot.portal(id).is_some_and(|portal| portals.contains(&portal.name));
    let place = snapshot.environment(environment);
    granted && place.is_some_and(|place| place.portals.iter().any(|id| publishes(*id)))
}

/// Whether an entry of an access level in namespace `own` grants what a key is for.
fn grants(held: &Held, api: &ApiSelector, own: &str, terms: &KeyTerms) -> bool {
    let product = held.products.get(&terms.product);
    let environment = held.environments.get(&terms.environment);
    let plans = &api.usage_plans;
    let has_plan = plans.is_empty() || plans.iter().any(|plan| *plan == terms.plan || plan == "*");
    has_plan
        && product.is_some_and(|found| api.products.selects(own, &terms.product, &found.labels))
        && environment
            .is_some_and(|found| api.environments.selects(own, &terms.environment, &found.labels))
}

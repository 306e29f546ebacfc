//! API keys that are in force, found by their digest.
//!
//! Pure: no I/O, no clock.

use super::resource::{ApiKey, KeyTerms};
use super::{EnvironmentId, PlanAuth, Product, ResourceName, Route, Snapshot};
use crate::api_key::KeyDigest;
use crate::time::UnixTime;
use hashbrown::HashTable;
use std::any::Any;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

/// Why a key that is known does not open what it is shown for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyRefused {
    /// It names an Environment that is not in force.
    #[error("the API key is for an Environment that is not in force")]
    NoEnvironment,
    /// It names a product that the Environment does not hold.
    #[error("the API key is for a product that its Environment does not hold")]
    NoProduct,
    /// It names a plan that the Environment does not define, or that the product does not have there.
    #[error("the API key is by a plan that its product does not have there")]
    NoPlan,
    /// Its plan takes another credential.
    #[error("the API key is by a plan that takes no API keys")]
    NotByKey,
    /// The User of its username has no access level that grants it.
    #[error("the User of the API key no longer has the product")]
    UserLacksIt,
    /// Nobody knows whether there is a User of its username.
    #[error("the API key has a username, and the Users cannot be listed")]
    UsersUnknown,
    /// It is for another product, or another Environment, or for a Portal.
    #[error("the API key is for something else")]
    OtherTerms,
}

/// A key in force.
#[derive(Debug)]
pub struct KnownKey {
    /// What is written of it.
    pub key: Arc<ApiKey>,
    /// Where it counts; `Err`: nowhere.
    pub(super) environment: Result<EnvironmentId, KeyRefused>,
    /// What is made of it when it comes for the first time.
    pub made: Made,
}

impl KnownKey {
    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: UnixTime) -> bool {
        self.key.expires.is_some_and(|end| now >= end)
    }

    /// Whether it opens a route: its own product in its own Environment, by its own plan, and nothing else.
    ///
    /// # Errors
    ///
    /// [`KeyRefused`], for the log.
    pub fn opens(&self, route: &Route<'_>) -> Result<(), KeyRefused> {
        let own = self.environment?;
        match route {
            Route::Product { id, product, .. } if *id == own => {
                if product.name != self.key.terms.product {
                    return Err(KeyRefused::OtherTerms);
                }
                // Below another base path it may be held by other plans.
                let has_plan = has_plan(product, &self.key.terms.plan);
                if has_plan { Ok(()) } else { Err(KeyRefused::NoPlan) }
            }
            Route::Product { .. } | Route::Portal(..) => Err(KeyRefused::OtherTerms),
        }
    }
}

fn has_plan(product: &Product, plan: &str) -> bool {
    product.usage_plans.iter().any(|own| own == plan)
}

/// Something that is made once, of a type that stands below this module, and shared from then on.
#[derive(Default)]
pub struct Made(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Made {
    /// What was made, by `make` if nobody was here before. One place makes one type.
    pub fn once<T: Any + Send + Sync>(&self, make: impl Fn() -> T) -> Arc<T> {
        let made = self.0.get_or_init(|| Arc::new(make()));
        Arc::clone(made).downcast().unwrap_or_else(|_other| Arc::new(make()))
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("is_there", &self.0.get().is_some()).finish()
    }
}

/// Keys by digest. A digest is looked up by a hash that is keyed by this process, so that the time that it
/// takes says nothing of the digests that are there; those that the hash leads to are compared whole.
#[derive(Debug, Default)]
pub struct ApiKeys {
    keys: Vec<KnownKey>,
    places: HashTable<u32>,
    hasher: RandomState,
}

impl ApiKeys {
    /// Indexes them. Of several with one digest the first would count; there are none.
    #[must_use]
    pub(super) fn new(keys: Vec<KnownKey>) -> Self {
        let hasher = RandomState::new();
        let mut places = HashTable::with_capacity(keys.len());
        let hash = |place: &u32| {
            let place = usize::try_from(*place).unwrap_or(usize::MAX);
            keys.get(place).map_or(0, |known| hasher.hash_one(known.key.digest))
        };
        for place in (0..keys.len()).map_while(|place| u32::try_from(place).ok()) {
            places.insert_unique(hash(&place), place, hash);
        }
        Self { keys, places, hasher }
    }

    /// The key with this digest.
    #[must_use]
    pub fn find(&self, digest: &KeyDigest) -> Option<&KnownKey> {
        let known = |place: &u32| self.keys.get(usize::try_from(*place).ok()?);
        let is_it = |place: &u32| known(place).is_some_and(|known| known.key.digest == *digest);
        self.places.find(self.hasher.hash_one(digest), is_it).and_then(known)
    }

    /// Which products they open, and where.
    pub fn grants(&self) -> impl Iterator<Item = (EnvironmentId, &ResourceName)> {
        let opens = |known: &'_ KnownKey| known.environment.ok();
        let keys = self.keys.iter().filter_map(move |known| Some((opens(known)?, known)));
        keys.map(|(environment, known)| (environment, &known.key.terms.product))
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl Snapshot {
    /// Where a key for these terms counts.
    pub(super) fn place_of(&self, terms: &KeyTerms) -> Result<EnvironmentId, KeyRefused> {
        let mut environments = self.environments();
        let named = environments.find(|(_, environment)| environment.name == terms.environment);
        let (id, environment) = named.ok_or(KeyRefused::NoEnvironment)?;
        let products = environment.products.named(terms.product.as_str());
        if products.is_empty() {
            return Err(KeyRefused::NoProduct);
        }
        let plan = environment.plans.get(&terms.plan).ok_or(KeyRefused::NoPlan)?;
        if plan.auth != PlanAuth::ApiKey {
            return Err(KeyRefused::NotByKey);
        }
        let has_it = products.iter().any(|product| has_plan(product, &terms.plan));
        if has_it { Ok(id) } else { Err(KeyRefused::NoPlan) }
    }

    /// Puts keys in force. Whoever has the snapshot already has it without them: it is done once, before.
    pub(super) fn with_keys(self, keys: Vec<KnownKey>) -> Self {
        Self { api_keys: ApiKeys::new(keys), ..self }
    }
}

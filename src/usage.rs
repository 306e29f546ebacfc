//! How often the products are used: counts that outlive the policy by which a request was granted.
//!
//! Pure: no I/O, no clock.

use crate::name::ResourceName;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What is counted together: one product of an Environment, under one plan.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct UsageOf {
    /// The Environment.
    pub environment: ResourceName,
    /// The product.
    pub product: ResourceName,
    /// The plan; `None`: the product has none.
    pub plan: Option<Arc<str>>,
}

/// Requests of one product, Environment and plan.
#[derive(Debug, Default)]
pub struct UsageCounts {
    granted: AtomicU64,
    limited: AtomicU64,
}

impl UsageCounts {
    /// Counts a request that passed.
    pub fn granted(&self) {
        self.granted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one that did not, because of the plan's limit.
    pub fn limited(&self) {
        self.limited.fetch_add(1, Ordering::Relaxed);
    }

    /// Both, so far: what passed, and what the limit refused.
    #[must_use]
    pub fn so_far(&self) -> (u64, u64) {
        (self.granted.load(Ordering::Relaxed), self.limited.load(Ordering::Relaxed))
    }
}

/// Equal where they have counted the same.
impl PartialEq for UsageCounts {
    fn eq(&self, other: &Self) -> bool {
        self.so_far() == other.so_far()
    }
}

impl Eq for UsageCounts {}

/// All counts of a process. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Usage(Arc<Mutex<BTreeMap<UsageOf, Arc<UsageCounts>>>>);

impl Usage {
    /// The counts of this product, Environment and plan: the same ones whenever it is asked.
    #[must_use]
    pub fn of(&self, of: UsageOf) -> Arc<UsageCounts> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(counts.entry(of).or_default())
    }

    /// Everything that was asked for so far.
    #[must_use]
    pub fn all(&self) -> Vec<(UsageOf, Arc<UsageCounts>)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(of, counts)| (of.clone(), Arc::clone(counts))).collect()
    }
}

/// A place beside a product in which its counts are kept once found, so that a check need not look for
/// them. It tells no two products apart.
#[derive(Clone, Debug, Default)]
pub struct UsageSlot(OnceLock<Arc<UsageCounts>>);

impl UsageSlot {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The counts, found by `find` the first time.
    pub fn counts(&self, find: impl FnOnce() -> Arc<UsageCounts>) -> &Arc<UsageCounts> {
        self.0.get_or_init(find)
    }
}

impl PartialEq for UsageSlot {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for UsageSlot {}

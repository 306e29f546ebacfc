//! What was asked, by kind, and what was answered wrongly.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts of a run.
#[derive(Default)]
pub(crate) struct Counts(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    kinds: BTreeMap<&'static str, BTreeMap<String, u64>>,
    wrong: BTreeMap<&'static str, Vec<String>>,
}

impl Counts {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One check of a kind, and what came of it.
    pub(crate) fn check(&self, kind: &'static str, outcome: &str) {
        *self.inner().kinds.entry(kind).or_default().entry(outcome.to_owned()).or_default() += 1;
    }

    /// One answer that must not be.
    pub(crate) fn wrong(&self, fault: &'static str, what: String) {
        self.inner().wrong.entry(fault).or_default().push(what);
    }

    pub(crate) fn checks(&self) -> u64 {
        self.inner().kinds.values().flat_map(BTreeMap::values).sum()
    }

    /// Prints everything. Whether nothing was wrong.
    pub(crate) fn report(&self) -> bool {
        let inner = self.inner();
        for (kind, outcomes) in &inner.kinds {
            let total: u64 = outcomes.values().sum();
            let parts: Vec<String> =
                outcomes.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
            println!("  {kind:<24} {total:>9}  {}", parts.join(", "));
        }
        for fault in ["wrongly allowed", "wrongly refused", "wrong answer", "RPC error"] {
            let found = inner.wrong.get(fault).map_or(&[][..], Vec::as_slice);
            println!("  {fault:<24} {:>9}", found.len());
            found.iter().take(10).for_each(|what| println!("    {what}"));
        }
        inner.wrong.values().all(Vec::is_empty)
    }
}

//! Lines to bill from: who has used which product how often (`log.usage`).
//!
//! Every line has the process and a number, each one more than the last: a number that is missing is a
//! line that was lost. With `minute`, a closing line says after each minute how many requests there were
//! in all, so that what a crash has taken can be told from what was never there.

use super::logs::hashed_subject;
use crate::clock::Clock;
use crate::config::UsageLog as Mode;
use crate::credential::CredentialKind;
use crate::decision::{Checked, Reason};
use crate::identity::Identity;
use crate::name::ResourceName;
use crate::policy::{DefaultHashBuilder, HashTable};
use crate::random::{self, NoRandomness};
use crate::time::UnixTime;
use std::fmt::{self, Write};
use std::hash::BuildHasher;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The target of the lines, which are written whatever the level of the log is.
pub(super) const TARGET: &str = "portcullis::usage";
/// How long requests are added up.
const MINUTE: u64 = 60;
/// Most that are added up side by side; when there are more, what there is is written early.
const MOST: usize = 100_000;

/// Writes the use of products. Clones share everything.
#[derive(Clone)]
pub struct UsageLog(Arc<Inner>);

struct Inner {
    mode: Mode,
    clock: Clock,
    process: String,
    lines: AtomicU64,
    requests: AtomicU64,
    hasher: DefaultHashBuilder,
    sums: Mutex<HashTable<Sum>>,
}

impl fmt::Debug for UsageLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UsageLog({:?})", self.0.mode)
    }
}

/// The requests of one caller in one minute, for one product under one plan.
struct Sum {
    minute: u64,
    environment: ResourceName,
    product: ResourceName,
    plan: Option<Arc<str>>,
    credential: CredentialKind,
    issuer: Arc<str>,
    subject: Box<str>,
    requests: u64,
}

/// What is added up, as long as it is only looked for.
#[derive(Clone, Copy, Hash)]
struct Of<'c> {
    minute: u64,
    environment: &'c str,
    product: &'c str,
    plan: Option<&'c str>,
    credential: &'static str,
    issuer: &'c str,
    subject: &'c str,
}

impl Sum {
    fn of(&self) -> Of<'_> {
        Of {
            minute: self.minute,
            environment: self.environment.as_str(),
            product: self.product.as_str(),
            plan: self.plan.as_deref(),
            credential: self.credential.as_str(),
            issuer: &self.issuer,
            subject: &self.subject,
        }
    }
}

impl UsageLog {
    /// Begins to write, as `mode` says; `None`: nothing is to be written.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn start(mode: Mode, clock: Clock) -> Result<Option<Self>, NoRandomness> {
        if mode == Mode::None {
            return Ok(None);
        }
        let mut process = String::new();
        for byte in random::bytes::<8>()? {
            // Writing to a String cannot fail.
            let _written = write!(process, "{byte:02x}");
        }
        let log = Self(Arc::new(Inner {
            mode,
            clock,
            process,
            lines: AtomicU64::default(),
            requests: AtomicU64::default(),
            hasher: DefaultHashBuilder::default(),
            sums: Mutex::default(),
        }));
        log.total("started");
        Ok(Some(log))
    }

    /// Takes a check in, if it is use of a product by a caller who is known.
    pub(super) fn ended(&self, checked: &Checked, request_id: &str) {
        let facts = &checked.facts;
        let (Some(environment), Some(product), Some(caller)) =
            (&facts.environment, &facts.product, &facts.caller)
        else {
            return;
        };
        if checked.reason != Reason::Granted {
            return;
        }
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        match self.0.mode {
            Mode::None => {}
            Mode::Each => tracing::info!(
                target: TARGET,
                process = self.0.process.as_str(),
                line = self.next_line(),
                request_id,
                environment = environment.as_str(),
                product = product.as_str(),
                plan = facts.usage_plan.as_deref(),
                subject = subject(&caller.issuer, &caller.subject).as_str(),
                credential = facts.credential.as_str(),
                requests = 1,
                "usage"
            ),
            Mode::Minute => self.add(environment, product, facts.usage_plan.as_ref(), caller),
        }
    }

    fn add(
        &self,
        environment: &ResourceName,
        product: &ResourceName,
        plan: Option<&Arc<str>>,
        caller: &Identity,
    ) {
        let now = self.0.clock.now().0;
        let of = Of {
            minute: now - now % MINUTE,
            environment: environment.as_str(),
            product: product.as_str(),
            plan: plan.map(|plan| &**plan),
            credential: caller.credential.as_str(),
            issuer: &caller.issuer,
            subject: &caller.subject,
        };
        let hash = self.0.hasher.hash_one(of);
        let mut sums = self.0.sums.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sum) = sums.find_mut(hash, |sum| same(sum.of(), of)) {
            sum.requests = sum.requests.saturating_add(1);
            return;
        }
        let sum = Sum {
            minute: of.minute,
            environment: environment.clone(),
            product: product.clone(),
            plan: plan.cloned(),
            credential: caller.credential,
            issuer: Arc::clone(&caller.issuer),
            subject: caller.subject.clone(),
            requests: 1,
        };
        sums.insert_unique(hash, sum, |sum| self.0.hasher.hash_one(sum.of()));
        if sums.len() > MOST {
            let early = mem::take(&mut *sums);
            drop(sums);
            self.write(early.into_iter().collect());
        }
    }

    /// Writes the sums of minutes that are over.
    pub fn minute(&self) {
        let now = self.0.clock.now().0;
        let current = now - now % MINUTE;
        let over: Vec<Sum> = {
            let mut sums = self.0.sums.lock().unwrap_or_else(PoisonError::into_inner);
            sums.extract_if(|sum| sum.minute != current).collect()
        };
        if !over.is_empty() {
            self.write(over);
            self.total("running");
        }
    }

    /// Writes what is left, and that nothing comes any more.
    pub fn finish(&self) {
        let left = mem::take(&mut *self.0.sums.lock().unwrap_or_else(PoisonError::into_inner));
        self.write(left.into_iter().collect());
        self.total("ended");
    }

    fn write(&self, mut sums: Vec<Sum>) {
        sums.sort_by_key(|sum| sum.minute);
        for sum in sums {
            tracing::info!(
                target: TARGET,
                process = self.0.process.as_str(),
                line = self.next_line(),
                minute = UnixTime(sum.minute).to_rfc3339().as_str(),
                environment = sum.environment.as_str(),
                product = sum.product.as_str(),
                plan = sum.plan.as_deref(),
                subject = subject(&sum.issuer, &sum.subject).as_str(),
                credential = sum.credential.as_str(),
                requests = sum.requests,
                "usage"
            );
        }
    }

    /// How many requests this process has seen so far.
    fn total(&self, state: &'static str) {
        tracing::info!(
            target: TARGET,
            process = self.0.process.as_str(),
            line = self.next_line(),
            state,
            requests = self.0.requests.load(Ordering::Relaxed),
            "usage_total"
        );
    }

    fn next_line(&self) -> u64 {
        self.0.lines.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

fn same(one: Of<'_>, other: Of<'_>) -> bool {
    let Of { minute, environment, product, plan, credential, issuer, subject } = one;
    subject == other.subject
        && minute == other.minute
        && issuer == other.issuer
        && product == other.product
        && environment == other.environment
        && plan == other.plan
        && credential == other.credential
}

fn subject(issuer: &str, subject: &str) -> String {
    let hex = hashed_subject(issuer, subject, &mut String::new());
    std::str::from_utf8(&hex).unwrap_or_default().to_owned()
}

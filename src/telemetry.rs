//! What the service says of itself: log lines, metrics and spans, their names in one place.

mod export;
mod lines;
mod login_failure;
mod logs;
mod metrics;
mod otlp;
mod shared;
mod spans;

pub use export::Exporter;
pub use login_failure::LoginFailure;
pub use logs::{dispatch, install, log_check, log_endpoint};
pub use metrics::{
    Loaded, LoginOutcome, Metrics, RefreshOutcome, RevocationOutcome, SignatureCheck,
};
pub use spans::{CHECK_SPAN, end_span};

use crate::attributes::Attributes;
use crate::decision::{Checked, Reason};
use crate::policy::Snapshot;
use std::sync::Arc;
use std::time::Duration;

/// Counts and logs the end of each check.
#[derive(Clone, Debug)]
pub struct CheckMetrics(Metrics);

impl CheckMetrics {
    /// Counts into `metrics`.
    #[must_use]
    pub const fn new(metrics: Metrics) -> Self {
        Self(metrics)
    }

    /// A check ended after `elapsed`. `policy` is what it was judged by, where that is still in force.
    pub fn ended(
        &self,
        checked: &Checked,
        asked: &Request<'_>,
        policy: impl Fn() -> Arc<Snapshot>,
        elapsed: Duration,
    ) {
        self.0.check(checked, elapsed);
        if checked.reason == Reason::Endpoint {
            log_endpoint(checked, asked.id, elapsed);
        } else {
            log_check(checked, asked, policy, elapsed);
        }
    }
}

/// What a line says of the request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// By what name people and the gateway speak of it.
    pub id: &'r str,
    /// The rest, where it could be read.
    pub attributes: Option<&'r Attributes<'r>>,
}

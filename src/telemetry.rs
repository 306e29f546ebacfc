//! What the service says of itself: log lines and metrics, their names in one place.

mod lines;
mod logs;
mod metrics;

pub use logs::{dispatch, install, log_check, log_endpoint};
pub use metrics::{LoginOutcome, Metrics, RefreshOutcome, RevocationOutcome, SignatureCheck};

use crate::decision::{Checked, Reason};
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

    /// A check ended after `elapsed`.
    pub fn ended(&self, checked: &Checked, request_id: &str, elapsed: Duration) {
        self.0.check(checked, elapsed);
        if checked.reason == Reason::Endpoint {
            log_endpoint(checked, request_id, elapsed);
        } else {
            log_check(checked, request_id, elapsed);
        }
    }
}

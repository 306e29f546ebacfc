//! What the service says of itself: log lines, metrics and spans, their names in one place.

mod export;
mod json_lines;
mod login_failure;
mod logs;
mod metrics;
mod otlp;
mod spans;

pub use export::Exporter;
pub use login_failure::LoginFailure;
pub use logs::{dispatch, install, log_check, log_endpoint};
pub use metrics::{
    Loaded, LoginOutcome, Metrics, RefreshOutcome, RevocationOutcome, SignatureCheck,
};
pub use spans::{CHECK_SPAN, end_span};

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

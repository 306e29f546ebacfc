//! What the service says of itself: log lines, metrics and spans, their names in one place.

mod export;
mod lines;
mod login_failure;
mod logs;
mod metrics;
mod otlp;
mod request_id;
mod shared;
mod spans;
mod usage_log;

pub use export::Exporter;
pub use login_failure::LoginFailure;
pub use logs::{dispatch, install, log_check, log_endpoint};
pub use metrics::{
    KeyFailure, Loaded, LoginOutcome, Metrics, RefreshOutcome, RevocationOutcome, SignatureCheck,
};
pub use request_id::{LazyRequestId, RequestId};
pub use spans::{CHECK_SPAN, end_span};
pub use usage_log::UsageLog;

use crate::attributes::Attributes;
use crate::decision::{Checked, Reason};
use crate::policy::Snapshot;
use std::sync::Arc;
use std::time::Duration;

/// Counts and logs the end of each check.
#[derive(Clone, Debug)]
pub struct CheckMetrics {
    metrics: Metrics,
    usage: Option<UsageLog>,
}

impl CheckMetrics {
    /// Counts into `metrics`.
    #[must_use]
    pub const fn new(metrics: Metrics) -> Self {
        Self { metrics, usage: None }
    }

    /// The same, and writes the use of products.
    #[must_use]
    pub fn with_usage(self, usage: Option<UsageLog>) -> Self {
        Self { usage, ..self }
    }

    /// A check ended after `elapsed`. `policy` is what it was judged by, where that is still in force.
    pub fn ended(
        &self,
        checked: &Checked,
        asked: &Request<'_>,
        policy: impl Fn() -> Arc<Snapshot>,
        elapsed: Duration,
    ) {
        self.metrics.check(checked, elapsed);
        if let Some(usage) = &checked.facts.usage {
            match checked.reason {
                Reason::Granted => usage.granted(),
                Reason::Limit => usage.limited(),
                _ => {}
            }
            if let Some(log) = &self.usage {
                log.ended(checked, asked.id.as_str());
            }
        }
        if checked.reason == Reason::Endpoint {
            log_endpoint(checked, asked.id.as_str(), elapsed);
        } else {
            log_check(checked, asked, policy, elapsed);
        }
    }
}

/// What a line says of the request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// By what name people and the gateway speak of it.
    pub id: &'r LazyRequestId<'r>,
    /// The rest, where it could be read.
    pub attributes: Option<&'r Attributes<'r>>,
}

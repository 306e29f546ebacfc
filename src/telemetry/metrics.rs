//! Metrics, in the text format of Prometheus. Labels come from closed lists and from names in the
//! policy, never from a request.

use crate::decision::{Checked, Reason};
use crate::manifest::WatchStatus;
use crate::name::ResourceName;
use crate::problem::{Problem, Severity};
use crate::provider::{Counts, IssuerStatus};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What became of a login.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LoginOutcome {
    /// The browser was sent to the provider.
    Started,
    /// A session was made.
    Completed,
    /// It came back wrong, or the provider said no.
    Failed,
}

/// What became of a refresh.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RefreshOutcome {
    /// New tokens.
    Refreshed,
    /// The session is over.
    Ended,
    /// The provider could not be reached.
    Unavailable,
}

/// What became of a refresh token that was taken back at the provider.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum RevocationOutcome {
    /// The provider took it.
    Revoked,
    /// It did not, or could not be reached.
    Failed,
}

/// Where the verdict on a bearer's signature came from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SignatureCheck {
    /// It was remembered.
    Remembered,
    /// It was verified, and holds.
    Verified,
    /// It was looked at, and does not hold.
    Refused,
}

macro_rules! label {
    ($type:ident { $($variant:ident = $text:literal),* }) => {
        impl EncodeLabelValue for $type {
            fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
                let text = match self { $(Self::$variant => $text),* };
                text.encode(encoder)
            }
        }
    };
}

label!(LoginOutcome { Started = "started", Completed = "completed", Failed = "failed" });
label!(RefreshOutcome { Refreshed = "refreshed", Ended = "ended", Unavailable = "unavailable" });
label!(RevocationOutcome { Revoked = "revoked", Failed = "failed" });
label!(SignatureCheck { Remembered = "remembered", Verified = "verified", Refused = "refused" });

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct SignatureLabels {
    outcome: SignatureCheck,
}

/// The labels of every check. A name is shared, not copied.
#[derive(Clone, Debug, EncodeLabelSet, Eq, PartialEq)]
struct CheckLabels {
    decision: &'static str,
    reason: ReasonLabel,
    portal: NameLabel,
    environment: NameLabel,
}

impl Hash for CheckLabels {
    /// By what tells them apart; nearly each reason has one decision.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.reason.hash(state);
        self.portal.hash(state);
        self.environment.hash(state);
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct ReasonLabel(Reason);

impl EncodeLabelValue for ReasonLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.0.as_str().encode(encoder)
    }
}

/// The name of a resource; empty where none is concerned.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
struct NameLabel(Option<ResourceName>);

impl EncodeLabelValue for NameLabel {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.0.as_ref().map_or("", ResourceName::as_str).encode(encoder)
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct LoginLabels {
    outcome: LoginOutcome,
    portal: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RefreshLabels {
    outcome: RefreshOutcome,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RevocationLabels {
    outcome: RevocationOutcome,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReloadLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct IssuerLabels {
    issuer: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct FetchLabels {
    issuer: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ProblemLabels {
    severity: &'static str,
    kind: &'static str,
    resource: String,
    field: String,
}

/// Most problems that have a series of their own; all of them are counted.
const MAX_PROBLEMS: usize = 100;
/// Longest path of a field in a label.
const MAX_FIELD: usize = 200;

/// All metrics; clones count into the same ones.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    checks: Family<CheckLabels, Counter>,
    duration: Histogram,
    logins: Family<LoginLabels, Counter>,
    refreshes: Family<RefreshLabels, Counter>,
    revocations: Family<RevocationLabels, Counter>,
    reloads: Family<ReloadLabels, Counter>,
    policy_problems: Gauge,
    resource_problems: Family<ProblemLabels, Gauge>,
    kubernetes_silence: Gauge,
    kubernetes_followed: Family<KindLabels, Gauge>,
    groups_maybe_truncated: Counter,
    bearer_signatures: Family<SignatureLabels, Counter>,
    keys: Family<IssuerLabels, Gauge>,
    keys_age: Family<IssuerLabels, Gauge>,
    provider_up: Family<IssuerLabels, Gauge>,
    provider_fetches: Family<FetchLabels, Counter>,
    key_alarms: Family<IssuerLabels, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers every metric.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("portcullis");
        let mut metrics = Self {
            registry: Arc::default(),
            checks: Family::default(),
            duration: Histogram::new(exponential_buckets(0.000_01, 2.0, 20)),
            logins: Family::default(),
            refreshes: Family::default(),
            revocations: Family::default(),
            reloads: Family::default(),
            policy_problems: Gauge::default(),
            resource_problems: Family::default(),
            kubernetes_silence: Gauge::default(),
            kubernetes_followed: Family::default(),
            groups_maybe_truncated: Counter::default(),
            bearer_signatures: Family::default(),
            keys: Family::default(),
            keys_age: Family::default(),
            provider_up: Family::default(),
            provider_fetches: Family::default(),
            key_alarms: Family::default(),
        };
        let r = &mut registry;
        r.register(
            "checks",
            "Checks by decision, reason, Portal and Environment",
            metrics.checks.clone(),
        );
        r.register_with_unit(
            "check_duration",
            "Time of a check",
            Unit::Seconds,
            metrics.duration.clone(),
        );
        r.register("logins", "Logins started, completed and failed", metrics.logins.clone());
        r.register("refreshes", "Sessions refreshed at the provider", metrics.refreshes.clone());
        r.register(
            "token_revocations",
            "Refresh tokens taken back at the provider",
            metrics.revocations.clone(),
        );
        r.register("reloads", "Loads of resources and keys", metrics.reloads.clone());
        r.register(
            "policy_problems",
            "Problems in the resources in force",
            metrics.policy_problems.clone(),
        );
        r.register(
            "resource_problems",
            "Problems of single resources at the last load, by field",
            metrics.resource_problems.clone(),
        );
        r.register_with_unit(
            "kubernetes_contact_age",
            "Time since the API server of Kubernetes was heard",
            Unit::Seconds,
            metrics.kubernetes_silence.clone(),
        );
        r.register(
            "kubernetes_followed",
            "Whether a kind is listed and watched in all namespaces",
            metrics.kubernetes_followed.clone(),
        );
        r.register(
            "groups_maybe_truncated",
            "Tokens with exactly 100 groups, which Okta may have cut",
            metrics.groups_maybe_truncated.clone(),
        );
        r.register(
            "bearer_signatures",
            "Bearer tokens whose signature was verified, refused, or remembered",
            metrics.bearer_signatures.clone(),
        );
        r.register("provider_keys", "Signing keys that are in force", metrics.keys.clone());
        r.register_with_unit(
            "provider_keys_age",
            "Time since the keys were fetched",
            Unit::Seconds,
            metrics.keys_age.clone(),
        );
        r.register(
            "provider_up",
            "Whether the provider could be reached",
            metrics.provider_up.clone(),
        );
        r.register(
            "provider_fetches",
            "Fetches of metadata and keys, well or not",
            metrics.provider_fetches.clone(),
        );
        r.register(
            "provider_key_alarms",
            "Keys left out of a set that should not have been in it",
            metrics.key_alarms.clone(),
        );
        metrics.registry = Arc::new(registry);
        metrics
    }

    /// Counts a check.
    pub fn check(&self, checked: &Checked, elapsed: Duration) {
        let labels = CheckLabels {
            decision: checked.decision(),
            reason: ReasonLabel(checked.reason),
            portal: NameLabel(checked.facts.portal.clone()),
            environment: NameLabel(checked.facts.environment.clone()),
        };
        self.checks.get_or_create(&labels).inc();
        self.duration.observe(elapsed.as_secs_f64());
    }

    /// Counts a login at `portal`.
    pub fn login(&self, portal: &ResourceName, outcome: LoginOutcome) {
        let labels = LoginLabels { outcome, portal: portal.to_string() };
        self.logins.get_or_create(&labels).inc();
    }

    /// Counts a refresh.
    pub fn refresh(&self, outcome: RefreshOutcome) {
        self.refreshes.get_or_create(&RefreshLabels { outcome }).inc();
    }

    /// Counts a refresh token that was taken back at the provider, or was to be.
    pub fn revocation(&self, outcome: RevocationOutcome) {
        self.revocations.get_or_create(&RevocationLabels { outcome }).inc();
    }

    /// Counts a load of the policy, in force or refused, and the problems that are left.
    pub fn reload(&self, in_force: bool, problems: &[Problem]) {
        let outcome = if in_force { "in_force" } else { "refused" };
        self.policy_problems.set(i64::try_from(problems.len()).unwrap_or(i64::MAX));
        self.resource_problems.clear();
        let severity = |problem: &Problem| match problem.severity {
            Severity::Error => Some("error"),
            Severity::Warning => Some("warning"),
            Severity::Notice => None,
        };
        let of_resources = problems.iter().filter_map(|problem| {
            let resource = problem.resource.as_ref()?;
            Some(ProblemLabels {
                severity: severity(problem)?,
                kind: resource.kind.as_str(),
                resource: resource.name.to_string(),
                field: problem.path.chars().take(MAX_FIELD).collect(),
            })
        });
        for labels in of_resources.take(MAX_PROBLEMS) {
            self.resource_problems.get_or_create(&labels).inc();
        }
        // Last, so that whoever sees that it is over sees the rest.
        self.reloads.get_or_create(&ReloadLabels { outcome }).inc();
    }

    /// Takes over how the API server of Kubernetes stands.
    pub fn kubernetes(&self, status: &WatchStatus) {
        let silence = i64::try_from(status.silent.as_secs()).unwrap_or(i64::MAX);
        self.kubernetes_silence.set(silence);
        for (kind, followed) in &status.followed {
            self.kubernetes_followed.get_or_create(&KindLabels { kind }).set(i64::from(*followed));
        }
    }

    /// Counts a token with as many groups as Okta lists at most.
    pub fn groups_maybe_truncated(&self) {
        self.groups_maybe_truncated.inc();
    }

    /// Counts a bearer by what became of its signature.
    pub fn bearer_signature(&self, outcome: SignatureCheck) {
        self.bearer_signatures.get_or_create(&SignatureLabels { outcome }).inc();
    }

    /// Takes over how the issuers stand.
    pub fn issuers(&self, statuses: &[IssuerStatus]) {
        for status in statuses {
            let Counts { fetched, not_fetched, key_alarms } = status.counts;
            for (outcome, count) in [("well", fetched), ("failed", not_fetched)] {
                let labels = FetchLabels { issuer: status.issuer.as_str().to_owned(), outcome };
                let counter = self.provider_fetches.get_or_create(&labels);
                counter.inner().store(count, Ordering::Relaxed);
            }
            let labels = IssuerLabels { issuer: status.issuer.as_str().to_owned() };
            let keys = i64::try_from(status.keys).unwrap_or(i64::MAX);
            self.keys.get_or_create(&labels).set(keys);
            let alarms = self.key_alarms.get_or_create(&labels);
            alarms.inner().store(key_alarms, Ordering::Relaxed);
            self.provider_up.get_or_create(&labels).set(i64::from(!status.down));
            if let Some(age) = status.keys_age {
                let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
                self.keys_age.get_or_create(&labels).set(age);
            }
        }
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _written = encode(&mut text, &self.registry);
        text
    }
}

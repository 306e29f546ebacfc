//! Metrics, in the text format of Prometheus. Labels come from closed lists and from names in the
//! policy, never from a request.

use super::LoginFailure;
use super::shared::SharedMetrics;
use crate::decision::{Checked, Reason};
use crate::documents::{DocumentCounts, DocumentStatus};
use crate::limits::Standing;
use crate::manifest::WatchStatus;
use crate::name::ResourceName;
use crate::policy::{Environment, Table};
use crate::problem::{Problem, Severity};
use crate::provider::{Counts, IssuerStatus};
use crate::redis::Redis;
use crate::replicas::Bus;
use crate::time::UnixTime;
use crate::trace::SpanCounts;
use crate::usage::{Usage, UsageOf};
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

/// What became of a login.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum LoginOutcome {
    /// The browser was sent to the provider.
    Started,
    /// A session was made.
    Completed,
    /// There is no session: [`LoginFailure`] says why.
    Failed,
}

/// What is loaded, and may be refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Loaded {
    /// The resources.
    Policy,
    /// The sealing keys.
    SealingKeys,
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

/// Why an API key was refused.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyFailure {
    /// No key looks like it.
    Malformed,
    /// There is none, or none any more.
    Unknown,
    /// Its time is over.
    Expired,
    /// Any of these, and too many came from the same address.
    Limited,
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
label!(Loaded { Policy = "policy", SealingKeys = "sealing_keys" });
label!(RefreshOutcome { Refreshed = "refreshed", Ended = "ended", Unavailable = "unavailable" });
label!(RevocationOutcome { Revoked = "revoked", Failed = "failed" });
label!(KeyFailure {
    Malformed = "malformed", Unknown = "unknown", Expired = "expired", Limited = "limited"
});
label!(SignatureCheck { Remembered = "remembered", Verified = "verified", Refused = "refused" });

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct SignatureLabels {
    outcome: SignatureCheck,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct KeyFailureLabels {
    reason: KeyFailure,
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
struct ShadowLabels {
    portal: NameLabel,
    reason: ReasonLabel,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct PortalLabels {
    portal: NameLabel,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct LoginLabels {
    outcome: LoginOutcome,
    portal: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct LoginFailureLabels {
    reason: LoginFailure,
    portal: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct LoadedLabels {
    what: Loaded,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct SpanLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct BuildLabels {
    version: &'static str,
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
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
struct DocLabels {
    api_doc: String,
}

#[derive(Clone, Debug, Eq, Hash, PartialEq, EncodeLabelSet)]
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

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct UsageLabels {
    environment: NameLabel,
    product: NameLabel,
    plan: String,
    outcome: &'static str,
}

/// Products whose use is told before there is any.
const MAX_PRODUCTS: usize = 1000;
/// Most problems that have a series of their own; all of them are counted.
const MAX_PROBLEMS: usize = 100;
/// Longest path of a field in a label.
const MAX_FIELD: usize = 200;

/// Of a metric that is there only once there is something to say.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct NoLabels {}

/// All metrics; clones count into the same ones.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    /// Held while what is told is taken over and written.
    telling: Arc<Mutex<()>>,
    build_info: Family<BuildLabels, Gauge>,
    checks: Family<CheckLabels, Counter>,
    /// The counters of `checks` once more, found by a cheaper hash: each check looks for one.
    kept_checks: Arc<RwLock<Table<CheckLabels, Counter>>>,
    duration: Histogram,
    shadow_checks: Family<ShadowLabels, Counter>,
    shadow_until: Family<PortalLabels, Gauge>,
    logins: Family<LoginLabels, Counter>,
    login_failures: Family<LoginFailureLabels, Counter>,
    refreshes: Family<RefreshLabels, Counter>,
    revocations: Family<RevocationLabels, Counter>,
    reloads: Family<ReloadLabels, Counter>,
    last_reload: Family<LoadedLabels, Gauge>,
    policy_problems: Gauge,
    resource_problems: Family<ProblemLabels, Gauge>,
    kubernetes_silence: Family<NoLabels, Gauge>,
    kubernetes_followed: Family<KindLabels, Gauge>,
    groups_maybe_truncated: Counter,
    bearer_signatures: Family<SignatureLabels, Counter>,
    remembered_signatures: Counter,
    key_failures: Family<KeyFailureLabels, Counter>,
    keys: Family<IssuerLabels, Gauge>,
    keys_age: Family<IssuerLabels, Gauge>,
    keys_overdue: Family<IssuerLabels, Gauge>,
    document_fetches: Family<OutcomeLabels, Counter>,
    documents: Family<StateLabels, Gauge>,
    document_age: Family<DocLabels, Gauge>,
    provider_up: Family<IssuerLabels, Gauge>,
    provider_fetches: Family<FetchLabels, Counter>,
    key_alarms: Family<IssuerLabels, Counter>,
    spans: Family<SpanLabels, Counter>,
    /// Counted beside the products; taken over when they are told.
    usage: Usage,
    product_requests: Family<UsageLabels, Counter>,
    /// The same for limits.
    limits: Arc<Standing>,
    limits_forgotten: Counter,
    limits_counted_alone: Counter,
    limits_alone: Gauge,
    shared: SharedMetrics,
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
            telling: Arc::default(),
            build_info: Family::default(),
            checks: Family::default(),
            kept_checks: Arc::default(),
            duration: Histogram::new(exponential_buckets(0.000_01, 2.0, 20)),
            shadow_checks: Family::default(),
            shadow_until: Family::default(),
            logins: Family::default(),
            login_failures: Family::default(),
            refreshes: Family::default(),
            revocations: Family::default(),
            reloads: Family::default(),
            last_reload: Family::default(),
            policy_problems: Gauge::default(),
            resource_problems: Family::default(),
            kubernetes_silence: Family::default(),
            kubernetes_followed: Family::default(),
            groups_maybe_truncated: Counter::default(),
            bearer_signatures: Family::default(),
            remembered_signatures: Counter::default(),
            key_failures: Family::default(),
            keys: Family::default(),
            keys_age: Family::default(),
            keys_overdue: Family::default(),
            document_fetches: Family::default(),
            documents: Family::default(),
            document_age: Family::default(),
            provider_up: Family::default(),
            provider_fetches: Family::default(),
            key_alarms: Family::default(),
            spans: Family::default(),
            usage: Usage::default(),
            product_requests: Family::default(),
            limits: Arc::default(),
            limits_forgotten: Counter::default(),
            limits_counted_alone: Counter::default(),
            limits_alone: Gauge::default(),
            shared: SharedMetrics::default(),
        };
        let r = &mut registry;
        r.register("build_info", "The version that runs", metrics.build_info.clone());
        metrics
            .build_info
            .get_or_create(&BuildLabels { version: env!("CARGO_PKG_VERSION") })
            .set(1);
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
        r.register(
            "shadow_checks",
            "Checks that passed only because their Portal stands in shadow",
            metrics.shadow_checks.clone(),
        );
        r.register_with_unit(
            "shadow_until_timestamp",
            "Until when a Portal stands in shadow, in seconds since 1970",
            Unit::Seconds,
            metrics.shadow_until.clone(),
        );
        r.register("logins", "Logins started, completed and failed", metrics.logins.clone());
        r.register(
            "login_failures",
            "Logins that failed, or could not begin, by reason",
            metrics.login_failures.clone(),
        );
        r.register("refreshes", "Sessions refreshed at the provider", metrics.refreshes.clone());
        r.register(
            "token_revocations",
            "Refresh tokens taken back at the provider",
            metrics.revocations.clone(),
        );
        r.register("reloads", "Loads of the resources", metrics.reloads.clone());
        r.register(
            "last_reload_successful",
            "Whether what was loaded last is in force",
            metrics.last_reload.clone(),
        );
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
        r.register(
            "api_key_failures",
            "API keys that did not hold, by reason",
            metrics.key_failures.clone(),
        );
        r.register("provider_keys", "Signing keys that are in force", metrics.keys.clone());
        r.register_with_unit(
            "provider_keys_age",
            "Time since the keys were fetched",
            Unit::Seconds,
            metrics.keys_age.clone(),
        );
        r.register_with_unit(
            "provider_keys_overdue",
            "Time since the keys should have been fetched anew",
            Unit::Seconds,
            metrics.keys_overdue.clone(),
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
        r.register(
            "document_fetches",
            "Fetches of documents that APIDocs name, by what they brought",
            metrics.document_fetches.clone(),
        );
        r.register(
            "documents",
            "Documents that are fetched, by whether their operations are known",
            metrics.documents.clone(),
        );
        r.register_with_unit(
            "document_age",
            "Time since a document was fetched, or heard to be unchanged",
            Unit::Seconds,
            metrics.document_age.clone(),
        );
        r.register_collector(Box::new(metrics.shared.clone()));
        r.register("spans", "Ended spans by what became of them", metrics.spans.clone());
        r.register(
            "product_requests",
            "Requests of known callers, by product and usage plan, granted or over the plan's limit",
            metrics.product_requests.clone(),
        );
        r.register(
            "limits_forgotten",
            "Callers whose use of a plan was forgotten within its window, for want of room",
            metrics.limits_forgotten.clone(),
        );
        r.register(
            "limits_counted_alone",
            "Requests that this process has counted by itself, for want of Redis",
            metrics.limits_counted_alone.clone(),
        );
        r.register(
            "limits_alone",
            "Whether this process counts limits of plans by itself, though it should not",
            metrics.limits_alone.clone(),
        );
        metrics.registry = Arc::new(registry);
        let outcome = SignatureCheck::Remembered;
        metrics.remembered_signatures =
            metrics.bearer_signatures.get_or_create_owned(&SignatureLabels { outcome });
        metrics.begin_at_zero();
        metrics
    }

    /// What is known to be counted some day is there from the start: the first event is else no increase,
    /// and wakes nobody.
    fn begin_at_zero(&self) {
        use RefreshOutcome::{Ended, Refreshed, Unavailable};
        for outcome in [Refreshed, Ended, Unavailable] {
            drop(self.refreshes.get_or_create(&RefreshLabels { outcome }));
        }
        use KeyFailure::{Expired, Limited, Malformed, Unknown};
        for reason in [Malformed, Unknown, Expired, Limited] {
            drop(self.key_failures.get_or_create(&KeyFailureLabels { reason }));
        }
        for outcome in [RevocationOutcome::Revoked, RevocationOutcome::Failed] {
            drop(self.revocations.get_or_create(&RevocationLabels { outcome }));
        }
        for outcome in
            [SignatureCheck::Remembered, SignatureCheck::Verified, SignatureCheck::Refused]
        {
            drop(self.bearer_signatures.get_or_create(&SignatureLabels { outcome }));
        }
        for outcome in ["in_force", "refused"] {
            drop(self.reloads.get_or_create(&ReloadLabels { outcome }));
        }
        // Of these nothing is known but the reason.
        for reason in [Reason::Internal, Reason::DeadlineTooShort] {
            let (portal, environment) = (NameLabel(None), NameLabel(None));
            let reason = ReasonLabel(reason);
            let labels = CheckLabels { decision: "deny", reason, portal, environment };
            drop(self.checks.get_or_create(&labels));
        }
    }

    /// The same for the logins of these Portals. Those that leave the policy keep their series until the
    /// process ends.
    pub fn portals<'p>(&self, portals: impl Iterator<Item = &'p ResourceName>) {
        for portal in portals.map(ToString::to_string) {
            for outcome in [LoginOutcome::Started, LoginOutcome::Completed, LoginOutcome::Failed] {
                let labels = LoginLabels { outcome, portal: portal.clone() };
                drop(self.logins.get_or_create(&labels));
            }
            for reason in LoginFailure::ALL {
                let labels = LoginFailureLabels { reason, portal: portal.clone() };
                drop(self.login_failures.get_or_create(&labels));
            }
        }
    }

    /// Counts a check.
    pub fn check(&self, checked: &Checked, elapsed: Duration) {
        let labels = CheckLabels {
            decision: checked.decision(),
            reason: ReasonLabel(checked.reason),
            portal: NameLabel(checked.facts.portal.clone()),
            environment: NameLabel(checked.facts.environment.clone()),
        };
        if checked.facts.shadow {
            let (portal, reason) = (labels.portal.clone(), labels.reason);
            self.shadow_checks.get_or_create(&ShadowLabels { portal, reason }).inc();
        }
        let kept = self.kept_checks.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = kept.get(&labels) {
            counter.inc();
        } else {
            drop(kept);
            let counter = self.checks.get_or_create_owned(&labels);
            counter.inc();
            let mut kept = self.kept_checks.write().unwrap_or_else(PoisonError::into_inner);
            kept.insert(labels, counter);
        }
        self.duration.observe(elapsed.as_secs_f64());
    }

    /// Takes over which Portals stand in shadow, and until when.
    pub fn shadows<'p>(&self, portals: impl IntoIterator<Item = (&'p ResourceName, UnixTime)>) {
        let _telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        self.shadow_until.clear();
        for (name, until) in portals {
            let labels = PortalLabels { portal: NameLabel(Some(name.clone())) };
            let until = i64::try_from(until.0).unwrap_or(i64::MAX);
            self.shadow_until.get_or_create(&labels).set(until);
        }
    }

    /// Counts a login at `portal`.
    pub fn login(&self, portal: &ResourceName, outcome: LoginOutcome) {
        let labels = LoginLabels { outcome, portal: portal.as_str().to_owned() };
        self.logins.get_or_create(&labels).inc();
    }

    /// Counts a login that failed, at `portal` where it is known.
    pub fn login_failed(&self, portal: Option<&ResourceName>, reason: LoginFailure) {
        let portal = portal.map(ToString::to_string).unwrap_or_default();
        let labels = LoginFailureLabels { reason, portal: portal.clone() };
        self.login_failures.get_or_create(&labels).inc();
        let labels = LoginLabels { outcome: LoginOutcome::Failed, portal };
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
        let _telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.loaded(Loaded::Policy, in_force);
    }

    /// What was loaded is in force, or was refused.
    pub fn loaded(&self, what: Loaded, in_force: bool) {
        self.last_reload.get_or_create(&LoadedLabels { what }).set(i64::from(in_force));
    }

    /// Takes over how the API server of Kubernetes stands.
    pub fn kubernetes(&self, status: &WatchStatus) {
        let silence = i64::try_from(status.silent.as_secs()).unwrap_or(i64::MAX);
        self.kubernetes_silence.get_or_create(&NoLabels {}).set(silence);
        for (kind, followed) in &status.followed {
            self.kubernetes_followed.get_or_create(&KindLabels { kind }).set(i64::from(*followed));
        }
    }

    /// Takes over how fetched documents stand; one that is named no more has no series any more.
    pub fn documents(&self, statuses: &[DocumentStatus], counts: DocumentCounts) {
        self.documents.clear();
        self.document_age.clear();
        if statuses.is_empty() {
            return;
        }
        let DocumentCounts { fetched, unchanged, failed } = counts;
        for (outcome, count) in [("well", fetched), ("unchanged", unchanged), ("failed", failed)] {
            let counter = self.document_fetches.get_or_create(&OutcomeLabels { outcome });
            counter.inner().store(count, Ordering::Relaxed);
        }
        let known = statuses.iter().filter(|status| status.operations.is_some()).count();
        let states = [("known", known), ("unknown", statuses.len().saturating_sub(known))];
        for (state, count) in states {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.documents.get_or_create(&StateLabels { state }).set(count);
        }
        for status in statuses {
            let Some(age) = status.age else { continue };
            let api_doc = status.doc.to_string();
            let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
            self.document_age.get_or_create(&DocLabels { api_doc }).set(age);
        }
    }

    /// Counts a token with as many groups as Okta lists at most.
    pub fn groups_maybe_truncated(&self) {
        self.groups_maybe_truncated.inc();
    }

    /// Counts a bearer by what became of its signature.
    pub fn bearer_signature(&self, outcome: SignatureCheck) {
        match outcome {
            SignatureCheck::Remembered => self.remembered_signatures.inc(),
            SignatureCheck::Verified | SignatureCheck::Refused => {
                self.bearer_signatures.get_or_create(&SignatureLabels { outcome }).inc()
            }
        };
    }

    /// Counts an API key that did not hold.
    pub fn key_failure(&self, reason: KeyFailure) {
        self.key_failures.get_or_create(&KeyFailureLabels { reason }).inc();
    }

    /// Has Redis told, and what replicas tell each other by it.
    pub fn share(&self, redis: Redis, bus: Bus) {
        self.shared.set(redis, bus);
    }

    /// The text that Prometheus reads, with what the issuers and the spans come to now.
    #[must_use]
    pub fn told(&self, statuses: &[IssuerStatus], spans: Option<&SpanCounts>) -> String {
        // Two who ask at a time would else see the issuers half taken over.
        let _telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        self.issuers(statuses);
        self.products();
        self.plans();
        if let Some(SpanCounts { exported, dropped, failed }) = spans {
            for (outcome, count) in
                [("exported", exported), ("dropped", dropped), ("failed", failed)]
            {
                let counter = self.spans.get_or_create(&SpanLabels { outcome });
                counter.inner().store(count.load(Ordering::Relaxed), Ordering::Relaxed);
            }
        }
        self.text()
    }

    /// What counts the use of products.
    #[must_use]
    pub const fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Has the use of the products of a policy told from the start, as [`Self::portals`] the logins: of
    /// the first few.
    pub fn used_products<'p>(&self, environments: impl IntoIterator<Item = &'p Environment>) {
        let known = environments.into_iter().flat_map(|environment| {
            environment.products.iter().flat_map(move |product| {
                let plans = product.plans.iter().map(|plan| Some(Arc::clone(&plan.name)));
                let none = product.plans.is_empty().then_some(None);
                plans.chain(none).map(move |plan| UsageOf {
                    environment: environment.name.clone(),
                    product: product.name.clone(),
                    plan,
                })
            })
        });
        for of in known.take(MAX_PRODUCTS) {
            drop(self.usage.of(of));
        }
    }

    /// What is told of the limits.
    #[must_use]
    pub const fn limits(&self) -> &Arc<Standing> {
        &self.limits
    }

    fn plans(&self) {
        self.limits_forgotten.inner().store(self.limits.forgotten(), Ordering::Relaxed);
        self.limits_counted_alone.inner().store(self.limits.alone(), Ordering::Relaxed);
        let alone = self.limits.alone_since().flatten().is_some();
        self.limits_alone.set(i64::from(alone));
    }

    fn products(&self) {
        for (of, counts) in self.usage.all() {
            let UsageOf { environment, product, plan } = of;
            let (granted, limited) = counts.so_far();
            for (outcome, count) in [("granted", granted), ("limited", limited)] {
                let labels = UsageLabels {
                    environment: NameLabel(Some(environment.clone())),
                    product: NameLabel(Some(product.clone())),
                    plan: plan.as_deref().unwrap_or_default().to_owned(),
                    outcome,
                };
                let counter = self.product_requests.get_or_create(&labels);
                counter.inner().store(count, Ordering::Relaxed);
            }
        }
    }

    /// Takes over how the issuers stand; one that the policy names no more has no series any more. Of an
    /// issuer with several sources of keys the worse is told, and counts are added up.
    fn issuers(&self, statuses: &[IssuerStatus]) {
        let gauges = [&self.keys, &self.keys_age, &self.keys_overdue, &self.provider_up];
        gauges.into_iter().for_each(Family::clear);
        self.provider_fetches.clear();
        self.key_alarms.clear();
        let mut issuers: BTreeMap<&str, Vec<&IssuerStatus>> = BTreeMap::new();
        for status in statuses {
            issuers.entry(status.issuer.as_str()).or_default().push(status);
        }
        for (issuer, sources) in issuers {
            self.issuer(issuer, &sources);
        }
    }

    fn issuer(&self, issuer: &str, sources: &[&IssuerStatus]) {
        let sum = |of: fn(&Counts) -> u64| {
            sources.iter().fold(0, |sum: u64, source| sum.saturating_add(of(&source.counts)))
        };
        let fetches =
            [("well", sum(|counts| counts.fetched)), ("failed", sum(|counts| counts.not_fetched))];
        for (outcome, count) in fetches {
            let labels = FetchLabels { issuer: issuer.to_owned(), outcome };
            let counter = self.provider_fetches.get_or_create(&labels);
            counter.inner().store(count, Ordering::Relaxed);
        }
        let labels = IssuerLabels { issuer: issuer.to_owned() };
        let alarms = self.key_alarms.get_or_create(&labels);
        alarms.inner().store(sum(|counts| counts.key_alarms), Ordering::Relaxed);
        let keys = sources.iter().map(|source| source.keys).min().unwrap_or_default();
        self.keys.get_or_create(&labels).set(i64::try_from(keys).unwrap_or(i64::MAX));
        let down = sources.iter().any(|source| source.down);
        self.provider_up.get_or_create(&labels).set(i64::from(!down));
        let oldest = |of: fn(&IssuerStatus) -> Option<Duration>,
                      gauge: &Family<IssuerLabels, Gauge>| {
            if let Some(age) = sources.iter().filter_map(|source| of(source)).max() {
                gauge.get_or_create(&labels).set(i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
            }
        };
        oldest(|source| source.keys_age, &self.keys_age);
        oldest(|source| source.keys_overdue, &self.keys_overdue);
    }

    /// The same without them.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _written = encode(&mut text, &self.registry);
        text
    }
}

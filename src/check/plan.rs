//! The usage plan of a request that is granted, and its limit: the last step of a check.

use super::answers;
use super::call::Call;
use super::shadow;
use crate::credential::CredentialKind;
use crate::decision::{Denied, Facts};
use crate::identity::Identity;
use crate::limits::{Counted, Quota, Shared, Window};
use crate::policy::{Grant, ProductPlan, RateLimit, Route, Shown};
use crate::usage::UsageOf;
use std::sync::Arc;

/// The plan by which the request passes, told in `facts`; `None`: the product has none.
pub(super) fn find<'c>(
    call: &Call<'c>,
    route: &Route<'c>,
    identity: &Identity,
    grant: &Grant,
    facts: &mut Facts,
) -> Result<Option<&'c ProductPlan>, Denied> {
    let Route::Product { environment, product, .. } = route else { return Ok(None) };
    let shown = match identity.credential {
        CredentialKind::ApiKey => Shown::Key(identity.usage_plan.as_deref()),
        _ => Shown::Login(&identity.issuer),
    };
    let plan = match call.policy.plan(&identity.membership, shown, route, grant) {
        Ok(plan) => plan,
        Err(no_plan) => {
            facts.usage_plan = None;
            facts.hint = Some(no_plan.to_string().into());
            return Err(answers::not_granted(call));
        }
    };
    let of = || {
        call.inner.parts.metrics.usage().of(UsageOf {
            environment: environment.name.clone(),
            product: product.name.clone(),
            plan: plan.map(|plan| Arc::clone(&plan.name)),
        })
    };
    let slot = plan.map_or(&product.usage, |plan| &plan.usage);
    facts.usage = Some(Arc::clone(slot.counts(of)));
    facts.usage_plan = plan.map(|plan| Arc::clone(&plan.name));
    facts.limit = plan.and_then(|plan| plan.rate_limit);
    Ok(plan.map(|plan| &**plan))
}

/// Counts the request against the limit of its plan. What comes before has decided that it passes
/// otherwise, and nothing waits after: so it is counted exactly once, or refused and not counted.
///
/// Whoever is only presumed, and everybody on a Portal in shadow, uses nothing up.
pub(super) async fn count(
    call: &Call<'_>,
    plan: Option<&ProductPlan>,
    identity: &Identity,
) -> Result<Option<Quota>, Denied> {
    let Some((plan, limit)) = plan.and_then(|plan| Some((plan, plan.rate_limit?))) else {
        return Ok(None);
    };
    if call.presumed.is_some() || shadow::is_on(call) {
        return Ok(None);
    }
    let window = Window::at(limit.unit, call.now);
    let counted = match &call.inner.shared_limits {
        Some(shared) => together(call, shared, plan, identity, limit, window).await,
        None => here(call, plan, identity, limit, window),
    };
    let quota = |remaining| Quota {
        limit: limit.requests_per_unit,
        remaining,
        reset: window.left(call.now),
        window: window.seconds(),
    };
    let shown = |quota| Some(quota).filter(|_| call.settings().limits.headers);
    match counted {
        Counted::Within(used) => Ok(shown(quota(limit.requests_per_unit.saturating_sub(used)))),
        Counted::Over => Err(answers::over_limit(quota(0), shown(quota(0)).is_some())),
    }
}

/// Counts in Redis, for all processes together. What is known of a caller there is known here as well from
/// then on: who is over the limit is not asked about again, and where Redis cannot be asked, this process
/// goes on from what it knows, and holds the whole limit by itself.
async fn together(
    call: &Call<'_>,
    shared: &Shared,
    plan: &ProductPlan,
    identity: &Identity,
    limit: RateLimit,
    window: Window,
) -> Counted {
    let table = &call.inner.limits;
    let key = table.key(plan, caller(identity));
    if table.is_over(key, most(limit), window) {
        return Counted::Over;
    }
    if shared.is_due(call.now_ms) {
        call.patience().await;
        let (most, until) = (limit.requests_per_unit, call.time_to_answer());
        // Boxed: what a check is made of has no room for what only limits of this kind wait for.
        let asked = shared.count(plan, identity, most, window, call.now_ms, until);
        if let Some(counted) = Box::pin(asked).await {
            let used = match counted {
                Counted::Within(used) => u32::try_from(used).unwrap_or(u32::MAX),
                Counted::Over => self::most(limit),
            };
            table.learn(key, used, self::most(limit), window, call.now);
            return counted;
        }
    }
    call.inner.parts.metrics.limits().count_alone();
    here(call, plan, identity, limit, window)
}

/// Counts in this process.
fn here(
    call: &Call<'_>,
    plan: &ProductPlan,
    identity: &Identity,
    limit: RateLimit,
    window: Window,
) -> Counted {
    let table = &call.inner.limits;
    let key = table.key(plan, caller(identity));
    table.count(key, most(limit), window, call.now)
}

/// Who uses the plan: whatever the credential, one caller has one limit; of API keys, each key.
fn caller(identity: &Identity) -> (&str, &str) {
    (&identity.issuer, &identity.subject)
}

/// The resources have no larger ones.
fn most(limit: RateLimit) -> u32 {
    u32::try_from(limit.requests_per_unit).unwrap_or(u32::MAX)
}

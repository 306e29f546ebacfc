//! Which usage plan a request falls under: one that the product has, that takes the caller's credential,
//! and that a Group of the caller allows.
//!
//! Pure: no I/O, no clock.

use super::snapshot::{Environment, Grant, LimitUnit, Membership, PlanAuth, RateLimit, Route};
use super::{PortalId, ResourceName, SharedSet, Snapshot};
use crate::usage::UsageSlot;
use aws_lc_rs::digest::{SHA256, digest};
use std::cmp::Reverse;
use std::fmt::Write;
use std::sync::Arc;

/// A usage plan as one product of an Environment has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProductPlan {
    /// Its name.
    pub name: Arc<str>,
    /// Which credential it takes.
    pub auth: PlanAuth,
    /// `jwtValidation.issuer`: it takes callers of this one alone.
    pub issuer: Option<Arc<str>>,
    /// How much it allows; `None`: without limit.
    pub rate_limit: Option<RateLimit>,
    /// Stands for Environment, product, plan and unit, in every process and after every reload alike.
    pub id: u64,
    /// Where its requests are counted.
    pub usage: UsageSlot,
}

/// What a caller shows, as far as plans take one or the other.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shown<'a> {
    /// An API key, and the plan that it names.
    Key(Option<&'a str>),
    /// A session or a bearer of this issuer.
    Login(&'a str),
}

/// Why no plan of a product is for a caller whom a Group grants it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NoPlan {
    /// No plan takes the credential.
    #[error("no usage plan of this product takes {0}")]
    TakesOther(String),
    /// A plan does, and no Group of the caller allows it.
    #[error(
        "none of the caller's Groups allows a usage plan of this product that takes the credential \
         (accessLevel.apis[].usagePlans): {0}"
    )]
    NotAllowed(String),
    /// The plan that the API key names is none of this product, or is not for API keys.
    #[error("the API key's usage plan is not one of this product that takes API keys")]
    OfKey,
}

impl ProductPlan {
    fn takes(&self, shown: Shown<'_>) -> bool {
        match (shown, self.auth) {
            (Shown::Key(named), PlanAuth::ApiKey | PlanAuth::Unsaid) => named == Some(&*self.name),
            (Shown::Login(issuer), PlanAuth::OAuth | PlanAuth::Unsaid) => {
                self.issuer.as_deref().is_none_or(|own| own == issuer)
            }
            (Shown::Key(_), PlanAuth::OAuth) | (Shown::Login(_), PlanAuth::ApiKey) => false,
        }
    }

    /// What it takes, as the resource says it.
    fn policy(&self) -> String {
        match (self.auth, &self.issuer) {
            (PlanAuth::ApiKey, _) => "apiKey".to_owned(),
            (PlanAuth::OAuth, Some(issuer)) => format!("oauth of {issuer}"),
            (PlanAuth::OAuth, None) => "oauth".to_owned(),
            (PlanAuth::Unsaid, _) => "any".to_owned(),
        }
    }
}

/// The plans that a product has in `environment`: those that are for one issuer first, and then the most
/// generous first; of two that allow the same, in the order of their names.
pub(super) fn of_product(
    environment: &Environment,
    product: &ResourceName,
    names: &[String],
) -> Vec<Arc<ProductPlan>> {
    let mut plans: Vec<ProductPlan> = names
        .iter()
        .filter_map(|name| {
            let plan = environment.plans.get(name)?;
            let issuers = &environment.plan_issuers;
            let issuer = issuers.iter().find(|issuer| *issuer.plan == **name);
            Some(ProductPlan {
                name: name.as_str().into(),
                auth: plan.auth,
                issuer: issuer.map(|issuer| issuer.issuer.shared()),
                rate_limit: plan.rate_limit,
                id: id(environment.name.as_str(), product.as_str(), name, plan.rate_limit),
                usage: UsageSlot::default(),
            })
        })
        .collect();
    let generosity = |plan: &ProductPlan| plan.rate_limit.map_or(u64::MAX, RateLimit::a_day);
    plans.sort_by(|left, right| {
        let key = |plan: &ProductPlan| (plan.issuer.is_none(), Reverse(generosity(plan)));
        key(left).cmp(&key(right)).then_with(|| left.name.cmp(&right.name))
    });
    plans.into_iter().map(Arc::new).collect()
}

/// 64 bits of SHA-256 over the names and the unit.
fn id(environment: &str, product: &str, plan: &str, limit: Option<RateLimit>) -> u64 {
    let unit = limit.map_or("", |limit| limit.unit.as_str());
    let mut text = String::new();
    for part in [environment, product, plan, unit] {
        // Writing to a String cannot fail.
        let _written = write!(text, "{}:{part}", part.len());
    }
    let hash = digest(&SHA256, text.as_bytes());
    let first = hash.as_ref().first_chunk().copied().unwrap_or_default();
    u64::from_be_bytes(first)
}

impl Snapshot {
    /// The plan of a request that is granted: of those of the product that take the credential and that
    /// a Group allows by which it is granted, one for the caller's own issuer, else the most generous.
    /// `None`: the product has no plans, or the route is a Portal's.
    ///
    /// # Errors
    ///
    /// [`NoPlan`]: it has plans, and none is for this caller.
    pub fn plan<'s>(
        &self,
        caller: &Membership,
        shown: Shown<'_>,
        route: &Route<'s>,
        grant: &Grant,
    ) -> Result<Option<&'s Arc<ProductPlan>>, NoPlan> {
        let Route::Product { product, .. } = route else { return Ok(None) };
        let plans = &product.plans;
        match shown {
            Shown::Key(None) if plans.is_empty() => return Ok(None),
            Shown::Login(_) if plans.is_empty() => return Ok(None),
            Shown::Key(_) => {
                let own = plans.iter().find(|plan| plan.takes(shown));
                return own.map(Some).ok_or(NoPlan::OfKey);
            }
            Shown::Login(_) => {}
        }
        let mut taking = plans.iter().filter(|plan| plan.takes(shown)).peekable();
        if taking.peek().is_none() {
            let policies = plans.iter().map(|plan| format!("{} ({})", plan.name, plan.policy()));
            let policies = policies.collect::<Vec<_>>().join(", ");
            return Err(NoPlan::TakesOther(format!(
                "a session or bearer of this login: {policies}"
            )));
        }
        let allowed = taking.find(|plan| self.allows(caller, route, grant, &plan.name));
        allowed.map(Some).ok_or_else(|| {
            let names = plans.iter().filter(|plan| plan.takes(shown)).map(|plan| &*plan.name);
            NoPlan::NotAllowed(names.collect::<Vec<_>>().join(", "))
        })
    }

    /// Whether one of the Groups by which `route` is granted allows the plan.
    fn allows(&self, caller: &Membership, route: &Route<'_>, grant: &Grant, plan: &str) -> bool {
        let Route::Product { id, environment, product, portal, .. } = route else { return false };
        if !self.grants.name_plans() {
            return true;
        }
        let through = |applies_to: &SharedSet<PortalId>| {
            let sets = [applies_to, &environment.portals];
            let is_meant = |found: &PortalId| portal.is_none_or(|portal| portal == *found);
            caller.portals.first_shared(&sets, is_meant).is_some()
        };
        let numbers = caller.groups.numbers_in(self).enumerate();
        numbers.filter(|(place, _)| grant.places.contains(*place)).any(|(_, value)| {
            value.is_some_and(|value| {
                self.grants.allow_plan(value, (product.number, *id), plan, through)
            })
        })
    }
}

impl RateLimit {
    /// How many requests that comes to in a day.
    const fn a_day(self) -> u64 {
        self.requests_per_unit.saturating_mul(LimitUnit::Day.seconds() / self.unit.seconds())
    }
}

#[cfg(test)]
mod tests;

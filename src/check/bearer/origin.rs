//! Where a bearer token comes from, by the issuer that it claims.

use super::Refused;
use crate::check::call::Call;
use crate::config::Settings;
use crate::policy::{Environment, EnvironmentId, PlanIssuer, PortalId, Route, Snapshot};
use crate::provider::IssuerSource;
use crate::token::Issuer;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock, Weak};

/// Origins that are kept, at most; there is one for each issuer, and for each Environment with it.
const KEPT: usize = 1024;

/// Where a token comes from; what it claims is believed once it is verified.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) issuer: Issuer,
    /// Where its keys are found.
    pub(super) source: Arc<IssuerSource>,
    /// Portals with this issuer.
    pub(super) portals: BTreeSet<PortalId>,
    /// The plan of this Environment with this issuer.
    pub(super) plan: Option<PlanIssuer>,
    /// Audiences of access tokens on a Portal's own host.
    pub(super) general_audiences: BTreeSet<String>,
    /// Clients of all logins.
    pub(super) client_ids: Arc<BTreeSet<String>>,
}

/// The origins of one policy that were asked for so far: putting one together looks at every Portal.
#[derive(Debug, Default)]
pub(in crate::check) struct Origins(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    policy: Weak<Snapshot>,
    client_ids: Arc<BTreeSet<String>>,
    by_place: HashMap<Option<EnvironmentId>, HashMap<String, Arc<Origin>>>,
    kept: usize,
}

impl Table {
    fn is_of(&self, policy: &Arc<Snapshot>) -> bool {
        std::ptr::eq(self.policy.as_ptr(), Arc::as_ptr(policy))
    }
}

impl Origins {
    /// The origin of a token that claims to be of `issuer`.
    pub(super) fn find(
        &self,
        call: &Call<'_>,
        route: &Route<'_>,
        issuer: &str,
    ) -> Result<Arc<Origin>, Refused> {
        let (place, environment) = match route {
            Route::Portal(..) => (None, None),
            Route::Product { id, environment, .. } => (Some(*id), Some(*environment)),
        };
        {
            let table = self.0.read().unwrap_or_else(PoisonError::into_inner);
            let origins = table.by_place.get(&place).filter(|_| table.is_of(call.policy));
            if let Some(origin) = origins.and_then(|origins| origins.get(issuer)) {
                return Ok(Arc::clone(origin));
            }
        }
        // Only what the policy names is kept: a token may claim anything.
        let (issuer, plan, is_login) =
            named(call.policy, environment, issuer).ok_or(Refused::UnknownIssuer)?;
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if !table.is_of(call.policy) {
            let client_ids = call.policy.client_ids().into_iter().map(str::to_owned).collect();
            let policy = Arc::downgrade(call.policy);
            *table = Table { policy, client_ids: Arc::new(client_ids), ..Table::default() };
        }
        if table.kept >= KEPT {
            table.by_place.clear();
            table.kept = 0;
        }
        table.kept = table.kept.saturating_add(1);
        let client_ids = Arc::clone(&table.client_ids);
        let origin = origin(call.policy, call.settings(), issuer, plan, is_login, client_ids);
        let origin = Arc::new(origin);
        let origins = table.by_place.entry(place).or_default();
        origins.insert(origin.issuer.as_str().to_owned(), Arc::clone(&origin));
        Ok(origin)
    }
}

/// The issuer of this name that counts here: its plan, and whether a Portal's login is there.
fn named<'p>(
    policy: &'p Snapshot,
    environment: Option<&'p Environment>,
    issuer: &str,
) -> Option<(&'p Issuer, Option<&'p PlanIssuer>, bool)> {
    let plan = environment.and_then(|environment| {
        environment.plan_issuers.iter().find(|plan| plan.issuer.as_str() == issuer)
    });
    let logins = policy.portals.iter().filter_map(|portal| portal.login.as_ref());
    let login = logins.map(|login| &login.issuer).find(|own| own.as_str() == issuer);
    let found = login.or_else(|| plan.map(|plan| &plan.issuer))?;
    Some((found, plan, login.is_some()))
}

fn origin(
    policy: &Snapshot,
    settings: &Settings,
    issuer: &Issuer,
    plan: Option<&PlanIssuer>,
    is_login: bool,
    client_ids: Arc<BTreeSet<String>>,
) -> Origin {
    // The provider of a Portal is found by its metadata, even where a plan names it as well.
    let jwks_url = plan.filter(|_| !is_login).map(|plan| plan.jwks_url.clone());
    Origin {
        issuer: issuer.clone(),
        source: Arc::new(IssuerSource { issuer: issuer.clone(), jwks_url }),
        portals: policy.portals_with_issuer(issuer),
        plan: plan.cloned(),
        general_audiences: settings.tokens.audiences.iter().cloned().collect(),
        client_ids,
    }
}

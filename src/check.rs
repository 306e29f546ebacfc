//! One check, from [`Attributes`] to an answer.

mod answers;
mod api_key;
mod authenticate;
mod bearer;
mod call;
mod callback;
mod ending;
mod endpoints;
mod exchange;
mod lease;
mod login;
mod logout;
mod origin;
mod plan;
mod refresh;
mod revoke;
mod said;
mod session;
mod shadow;
mod universal_logout;
mod userinfo;

use crate::attributes::Attributes;
use crate::clock::Clock;
use crate::config::{PortalAccess, Settings, StoreDown, StoreKind};
use crate::cookie::{CookieNames, CookiePrefix};
use crate::decision::{
    Allowed, Checked, Denied, Facts, HeaderPolicy, Hint, LazyClient, Reason, Status, Upstream,
};
use crate::identity::Identity;
use crate::limits;
use crate::policy::{Grant, NoRoute, Route, Snapshot};
use crate::provider::Providers;
use crate::random::NoRandomness;
use crate::redis::Redis;
use crate::replicas::{Bus, SharedSessions};
use crate::session::KeyRing;
use crate::store::{
    Completions, Failures, MemorySessions, OpenedSessions, Refreshes, Replays, Revocations,
    TokenCache, Users,
};
use crate::telemetry::Metrics;
use crate::trace;
use authenticate::{Authenticated, authenticate};
use call::Call;
use exchange::SignedIn;
use futures_util::FutureExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// How long the end of the process waits for Redis to take what was ended.
const TO_TELL: Duration = Duration::from_secs(5);
/// Longest life that a session can be given.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// What ended a session, or a token that may live as long, is remembered for longer than clocks differ.
const KEEP_REVOCATIONS: Duration = LONGEST_LIFE.saturating_add(Duration::from_secs(3600));

/// Decides on requests. Clones share everything.
#[derive(Clone, Debug)]
pub struct Checker(Arc<Inner>);

/// Who a caller is taken to be, whatever the request says.
#[derive(Clone, Debug)]
pub enum Presumed {
    /// This one, who asks now.
    Caller(Arc<Identity>),
    /// This one, or nobody who is known, who asked once: only the policy is asked, no login begins, no
    /// endpoint answers, and no Portal stands in shadow.
    Recorded(Option<Arc<Identity>>),
    /// The same for whom the request's token or session names: who signed it and until when it holds is
    /// not looked at, nobody is asked.
    AsSaid,
}

/// What a checker needs.
#[derive(Debug)]
pub struct Parts {
    /// Settings in force.
    pub settings: Arc<Settings>,
    /// The policy in force.
    pub policy: watch::Receiver<Arc<Snapshot>>,
    /// The sealing keys in force.
    pub key_ring: watch::Receiver<Arc<KeyRing>>,
    /// Providers.
    pub providers: Providers,
    /// What replicas share.
    pub redis: Option<Redis>,
    /// The present.
    pub clock: Clock,
    /// Metrics.
    pub metrics: Metrics,
}

#[derive(Debug)]
struct Inner {
    parts: Parts,
    headers: Arc<HeaderPolicy>,
    /// Names of our cookies on hosts that are reached over https, or count as such.
    secure_names: CookieNames,
    plain_names: CookieNames,
    cookie_prefix: CookiePrefix,
    tokens: TokenCache,
    sessions: MemorySessions,
    /// Sealed sessions, where they are in cookies.
    opened: OpenedSessions,
    /// Sessions in Redis, where they are there.
    shared: Option<SharedSessions>,
    /// What is over, told to other replicas, where there is a Redis.
    bus: Option<Bus>,
    refreshes: Refreshes,
    revocations: Revocations,
    completions: Completions<SignedIn>,
    replays: Replays,
    users: Users,
    failures: Failures,
    limits: limits::Table,
    /// Where limits are counted for all processes together, if they are.
    shared_limits: Option<limits::Shared>,
    /// Work that outlives its check.
    tasks: TaskTracker,
}

impl Inner {
    /// Has `work` done beside its check, which it outlives. What asks a provider runs where the
    /// connections to the providers are kept, and not on a thread that answers checks.
    fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(trace::inherit(work), self.parts.providers.runtime());
    }

    /// The same for what may be lost with the process.
    fn spawn_loosely(&self, work: impl Future<Output = ()> + Send + 'static) {
        let _task = self.parts.providers.runtime().spawn(work);
    }

    /// Whether what was ended elsewhere may be unknown here, and `mode` says that nobody passes then.
    fn is_in_the_dark(&self, mode: StoreDown) -> bool {
        self.bus.as_ref().is_some_and(|bus| match mode {
            StoreDown::Refuse => !bus.is_current(),
            // While nothing is known of what is over, anybody may be over: so it is until the log was read, and
            // for sessions that are in Redis always. Others go on where nobody can say.
            StoreDown::Local => !bus.is_loaded() && (self.shared.is_some() || !bus.is_hopeless()),
        })
    }

    /// Whether no session could be made now.
    fn is_store_down(&self) -> bool {
        self.shared.as_ref().is_some_and(|shared| !shared.is_up())
    }
}

impl Checker {
    /// A checker.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn new(parts: Parts) -> Result<Self, NoRandomness> {
        let settings = &parts.settings;
        let revocations = Revocations::new(KEEP_REVOCATIONS);
        let (shared, bus) = share(&parts, &revocations);
        Ok(Self(Arc::new(Inner {
            headers: HeaderPolicy::new(&settings.identity_headers, &settings.strip_headers)
                .keys_in(&settings.api_keys.header)
                .seeing_all(settings.sees_all_headers)
                .into(),
            secure_names: CookieNames::new(&settings.cookies.prefix, true),
            plain_names: CookieNames::new(&settings.cookies.prefix, false),
            cookie_prefix: CookiePrefix::new(&settings.cookies.prefix),
            tokens: TokenCache::new(settings.limits.max_cached_tokens)?,
            sessions: MemorySessions::default(),
            opened: OpenedSessions::new(settings.limits.max_cached_tokens)?,
            shared,
            bus,
            refreshes: Refreshes::new(LONGEST_LIFE),
            revocations,
            completions: Completions::default(),
            replays: Replays::default(),
            users: Users::default(),
            failures: Failures::new(settings.api_keys.max_failures),
            limits: limits::Table::new(
                settings.limits.max_counted_callers,
                Arc::clone(parts.metrics.limits()),
            ),
            shared_limits: parts
                .redis
                .clone()
                .filter(|_| settings.limits.shared)
                .map(|redis| limits::Shared::new(redis, Arc::clone(parts.metrics.limits()))),
            tasks: TaskTracker::new(),
            parts,
        })))
    }

    /// Routes, classifies, authenticates, authorizes. Only authentication and our own endpoints
    /// wait; they give up before `deadline`.
    ///
    /// Policy, keys and the time are read once, so that every step judges by the same ones.
    pub async fn check(
        &self,
        attributes: &Attributes<'_>,
        client: &LazyClient<'_>,
        deadline: Option<Instant>,
    ) -> Checked {
        let policy = Arc::clone(&self.0.parts.policy.borrow());
        let call = Call::new(&self.0, &policy, attributes, client, deadline);
        Self::concluded(&call).await
    }

    /// The same as [`Self::check`], at once, into `checked`: nothing where it would have to wait for somebody,
    /// and then nothing was begun. Nearly every check is answered by this, without a future that is kept.
    pub fn check_at_once(
        &self,
        attributes: &Attributes<'_>,
        client: &LazyClient<'_>,
        checked: &mut Option<Checked>,
    ) {
        let policy = Arc::clone(&self.0.parts.policy.borrow());
        let mut call = Call::new(&self.0, &policy, attributes, client, None);
        call.may_wait = false;
        let ended = async { *checked = Some(Self::concluded(&call).await) }.now_or_never();
        debug_assert_eq!(ended.is_some(), checked.is_some());
    }

    /// Waits until no call to a provider is under way beside its check: what it has answered would be
    /// lost with the process.
    pub async fn finish(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
        // What was ended here, and is not told yet, would be forgotten with the process.
        if let Some(bus) = &self.0.bus {
            let _told = tokio::time::timeout(TO_TELL, bus.settle()).await;
        }
    }

    /// The same for a caller who is taken to be `presumed`: what would this one be answered?
    pub async fn check_as(
        &self,
        attributes: &Attributes<'_>,
        client: &LazyClient<'_>,
        presumed: &Presumed,
    ) -> Checked {
        let policy = Arc::clone(&self.0.parts.policy.borrow());
        let mut call = Call::new(&self.0, &policy, attributes, client, None);
        call.presumed = Some(presumed);
        Self::concluded(&call).await
    }

    /// What replicas tell each other, where they do.
    #[must_use]
    pub fn bus(&self) -> Option<&Bus> {
        self.0.bus.as_ref()
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> Arc<Snapshot> {
        Arc::clone(&self.0.parts.policy.borrow())
    }

    async fn concluded(call: &Call<'_>) -> Checked {
        let mut facts = Facts::default();
        match decide(call, &mut facts).await {
            Ok((reason, allowed)) => Checked::allowed(reason, allowed, facts),
            Err(denied) if shadow::is_on(call) => shadow::conclude(call, denied, facts),
            Err(denied) => Checked::denied(denied, facts),
        }
    }
}

/// What is shared with other replicas, by what the settings say.
fn share(parts: &Parts, revocations: &Revocations) -> (Option<SharedSessions>, Option<Bus>) {
    let settings = &parts.settings.session;
    let Some((redis, shared)) = parts.redis.clone().zip(settings.redis.as_ref()) else {
        return (None, None);
    };
    let (key_ring, revocations) = (parts.key_ring.clone(), revocations.clone());
    let runtime = parts.providers.runtime();
    let bus = Bus::start(redis.clone(), shared, key_ring, revocations, KEEP_REVOCATIONS, runtime);
    // What is read is of use for longer than it is fresh where a Portal goes on by it.
    let portals = parts.settings.portals.values().filter_map(|portal| portal.store_down);
    let local = portals.chain([settings.limits.store_down]).any(|mode| mode == StoreDown::Local);
    let kept = if local { parts.settings.provider.max_id_token_lifetime } else { Duration::ZERO };
    let kept = kept.max(shared.cache_time).max(Duration::from_secs(1));
    let sessions =
        (settings.store == StoreKind::Redis).then(|| SharedSessions::new(redis, shared, kept));
    (sessions, Some(bus))
}

/// The straight line.
async fn decide(call: &Call<'_>, facts: &mut Facts) -> Result<(Reason, Allowed), Denied> {
    let unrouted = |facts: &mut Facts, no_route: NoRoute| {
        facts.hint = Some(no_route.into());
        match no_route {
            NoRoute::TwoReadings => Denied::ambiguous(),
            NoRoute::UnknownHost
            | NoRoute::UnknownContext
            | NoRoute::ContextDisagrees
            | NoRoute::ContextMissing
            | NoRoute::NoProduct
            | NoRoute::NotListed
            | NoRoute::SeveralProducts => answers::no_route(),
        }
    };
    let site = call.site.ok_or_else(|| unrouted(facts, NoRoute::UnknownHost))?;
    if let Some(endpoint) = endpoints::find(call) {
        call.tell(facts);
        let agrees = call.policy.agrees(site, call.attributes);
        agrees.map_err(|no_route| unrouted(facts, no_route))?;
        if call.is_recorded() {
            return Err(Denied::empty(Reason::Endpoint, Status::Ok));
        }
        call.patience().await;
        return Err(Box::pin(endpoints::answer(call, endpoint, facts)).await);
    }
    let route = call.policy.route(site, call.attributes);
    let route = route.map_err(|no_route| {
        // Where there is a route, it says more than the host.
        call.tell(facts);
        match unrouted(facts, no_route) {
            // No document lists what only browsers send ahead of a request.
            _ if no_route == NoRoute::NotListed && call.is_preflight() => answers::preflight(),
            denied => denied,
        }
    })?;
    tell_route(call, &route, facts);
    let access = access(call, &route, facts)?;
    if access == Access::Public {
        return Ok((Reason::Public, allow(call, &route, None, Vec::new())));
    }
    if call.is_preflight() {
        return Err(answers::preflight());
    }
    match authenticate(call, &route, facts).await? {
        Authenticated::Identity(identity, cookies) => {
            facts.tell(&identity);
            let granted = authorize(call, &route, &identity, facts)
                .and_then(|grant| Ok((plan::find(call, &route, &identity, &grant, facts)?, grant)));
            let (plan, grant) = match granted {
                Ok(granted) => granted,
                // A refreshed record is the browser's, whatever this page says.
                Err(denied) => return Err(denied.cookies(cookies)),
            };
            let allowed = allow(call, &route, Some((&identity, &grant)), cookies);
            facts.grant = grant;
            match plan::count(call, plan, &identity).await {
                Ok(quota) => Ok((Reason::Granted, Allowed { quota, ..allowed })),
                Err(denied) => Err(denied.cookies(allowed.cookies)),
            }
        }
        Authenticated::Key(identity) => {
            let grant = Grant::default();
            let plan = plan::find(call, &route, &identity, &grant, facts)?;
            let allowed = allow(call, &route, Some((&identity, &grant)), Vec::new());
            let quota = plan::count(call, plan, &identity).await?;
            Ok((Reason::Granted, Allowed { quota, ..allowed }))
        }
        Authenticated::Nobody { stale } => match access {
            Access::Required => Err(login::refuse_or_start(call, &route, stale, facts)),
            Access::Optional | Access::Public => {
                Ok((Reason::Public, allow(call, &route, None, stale.unwrap_or_default())))
            }
        },
        Authenticated::Unavailable(what) => match access {
            Access::Required => Err(what.answer(call)),
            Access::Optional | Access::Public => {
                Ok((Reason::Public, allow(call, &route, None, Vec::new())))
            }
        },
    }
}

/// Who has to be known on a route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Access {
    /// Nobody.
    Public,
    /// Nobody, but who is known passes as that.
    Optional,
    /// Everybody.
    Required,
}

/// The gateway's `access` on this route, else the Portal's.
fn access(call: &Call<'_>, route: &Route<'_>, facts: &mut Facts) -> Result<Access, Denied> {
    match call.attributes.context.get("access") {
        Some("public") => Ok(Access::Public),
        Some("optional") => Ok(Access::Optional),
        Some("required") => Ok(Access::Required),
        Some(_) => {
            facts.hint = Some("the gateway's context has an unknown access".into());
            Err(answers::no_route())
        }
        None => Ok(match route {
            Route::Portal(_, portal) if portal.access == PortalAccess::Optional => Access::Optional,
            Route::Portal(..) | Route::Product { .. } => Access::Required,
        }),
    }
}

/// Asks the policy, and then whether a Portal that wants a verified e-mail has one.
fn authorize(
    call: &Call<'_>,
    route: &Route<'_>,
    identity: &Identity,
    facts: &mut Facts,
) -> Result<Grant, Denied> {
    let grant = call.policy.authorize(&identity.membership, route).map_err(|not_granted| {
        let hint = if identity.groups_claimed { Hint::NotGranted } else { Hint::NoGroupsClaim };
        facts.hint = Some(hint(not_granted));
        answers::not_granted(call)
    })?;
    let portal = grant.portal.and_then(|id| call.policy.portal(id));
    if portal.is_some_and(|portal| portal.require_verified_email) && !identity.email_verified {
        return Err(answers::email_unverified(call));
    }
    Ok(grant)
}

/// The answer that lets a request pass: our headers in, forged ones, our cookies and perhaps the
/// credential out.
fn allow(
    call: &Call<'_>,
    route: &Route<'_>,
    caller: Option<(&Arc<Identity>, &Grant)>,
    cookies: Vec<crate::cookie::SetCookie>,
) -> Allowed {
    let portal = |id| call.policy.portal(id).map(|portal| portal.name.clone());
    let names = match route {
        Route::Portal(_, portal) => [Some(portal.name.clone()), None, None],
        Route::Product { environment, product, portal: named, .. } => [
            caller.and_then(|(_, grant)| grant.portal).or(*named).and_then(portal),
            Some(environment.name.clone()),
            Some(product.name.clone()),
        ],
    };
    let identity = caller.map(|(identity, _)| Arc::clone(identity));
    let headers = &call.attributes.headers;
    let mut upstream: Upstream = call.inner.headers.apply(headers, names, identity);
    if call.cookies.concern_us() {
        upstream.replace_cookie(call.cookies.for_upstream());
    }
    let forwarded = call.settings().forward_authorization;
    let forward = forwarded.unwrap_or(matches!(route, Route::Product { .. }));
    if !forward {
        upstream.remove_credential(call.attributes.headers);
    }
    Allowed { upstream, cookies, quota: None }
}

fn tell_route(call: &Call<'_>, route: &Route<'_>, facts: &mut Facts) {
    match route {
        Route::Portal(_, portal) => facts.portal = Some(portal.name.clone()),
        Route::Product { environment, product, portal, .. } => {
            facts.environment = Some(environment.name.clone());
            facts.product = Some(product.name.clone());
            let portal = portal.and_then(|id| call.policy.portal(id));
            facts.portal = portal.map(|portal| portal.name.clone());
        }
    }
}

#[cfg(test)]
mod tests;

//! What every step of one check needs.

use super::origin;
use super::{Inner, Presumed};
use crate::attributes::{Attributes, Method};
use crate::config::Settings;
use crate::cookie::{CookieNames, Cookies};
use crate::decision::{Facts, LazyClient};
use crate::policy::{Environment, Portal, PortalId, Site, Snapshot};
use crate::session::KeyRing;
use crate::time::UnixTime;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use url::Url;

/// What is left of the time for making the answer.
const TO_ANSWER: Duration = Duration::from_millis(20);

/// A request, the things it is judged by, and the present: one of each for the whole check.
#[derive(Debug)]
pub(super) struct Call<'c> {
    pub(super) inner: &'c Arc<Inner>,
    pub(super) policy: &'c Arc<Snapshot>,
    pub(super) key_ring: Arc<KeyRing>,
    pub(super) attributes: &'c Attributes<'c>,
    pub(super) client: &'c LazyClient<'c>,
    /// What the host stands for.
    pub(super) site: Option<Site>,
    /// Who the caller is taken to be, whatever the request says.
    pub(super) presumed: Option<&'c Presumed>,
    /// Whether this run of the check may wait for anybody; see [`Self::patience`].
    pub(super) may_wait: bool,
    pub(super) deadline: Option<Instant>,
    pub(super) cookies: Cookies<'c>,
    pub(super) names: &'c CookieNames,
    pub(super) now: UnixTime,
    pub(super) now_ms: u64,
}

impl<'c> Call<'c> {
    pub(super) fn new(
        inner: &'c Arc<Inner>,
        policy: &'c Arc<Snapshot>,
        attributes: &'c Attributes<'c>,
        client: &'c LazyClient<'c>,
        deadline: Option<Instant>,
    ) -> Self {
        let site = policy.site(attributes.host.name.as_str());
        let now_ms = inner.parts.clock.now_ms();
        // On a host that Portals over http and https share, the strict one decides.
        let mut portals = portals_of(policy, site).filter_map(|id| policy.portal(id)).peekable();
        let none = portals.peek().is_none();
        let secure = none || portals.any(|portal| portal.secure_cookies);
        Self {
            inner,
            policy,
            key_ring: Arc::clone(&inner.parts.key_ring.borrow()),
            attributes,
            client,
            site,
            presumed: None,
            may_wait: true,
            deadline,
            cookies: Cookies::read(attributes.headers, &inner.cookie_prefix),
            names: if secure { &inner.secure_names } else { &inner.plain_names },
            now: UnixTime(now_ms / 1000),
            now_ms,
        }
    }

    pub(super) fn settings(&self) -> &'c Settings {
        &self.inner.parts.settings
    }

    /// Whether the check is over long since, and judged again by the policy alone.
    pub(super) const fn is_recorded(&self) -> bool {
        matches!(self.presumed, Some(Presumed::Recorded(_) | Presumed::AsSaid))
    }

    /// The host name, to which cookies are bound; cookies ignore ports.
    pub(super) fn host(&self) -> &'c str {
        self.attributes.host.name.as_str()
    }

    /// The Environment that the host stands for.
    pub(super) fn environment(&self) -> Option<&'c Environment> {
        match self.site {
            Some(Site::Environment(id)) => self.policy.environment(id),
            Some(Site::Portal(_)) | None => None,
        }
    }

    /// Portals whose sessions hold on this host.
    pub(super) fn portals(&self) -> impl Iterator<Item = PortalId> + 'c {
        portals_of(self.policy, self.site)
    }

    /// The Portal whose login this host uses: its own, the one that the gateway names, or the only
    /// one that publishes the Environment.
    pub(super) fn login_portal(&self) -> Option<(PortalId, &'c Portal)> {
        let named = self.attributes.context.get("portal");
        let mut portals = self.portals().filter_map(|id| Some((id, self.policy.portal(id)?)));
        if let Some(name) = named {
            return portals.find(|(_, portal)| portal.name.as_str() == name);
        }
        let first = portals.next()?;
        portals.next().is_none().then_some(first)
    }

    /// This host's URL as the browser knows it, with the scheme of `portal`.
    pub(super) fn base_url(&self, portal: &Portal) -> Option<Url> {
        origin::base_url(&self.attributes.host, portal)
    }

    /// When to stop waiting, so that the answer is made before the deadline; `None`: there is none.
    pub(super) fn time_to_answer(&self) -> Option<Instant> {
        self.deadline.map(|deadline| deadline.checked_sub(TO_ANSWER).unwrap_or(deadline))
    }

    /// To be awaited where what follows waits for somebody, or changes what is remembered: a run of the
    /// check that may not wait ends here, with nothing begun, and is never continued.
    pub(super) async fn patience(&self) {
        if !self.may_wait {
            std::future::pending::<()>().await;
        }
    }

    /// What `future` comes to, if that is before [`Self::time_to_answer`].
    pub(super) async fn in_time<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        match self.time_to_answer() {
            Some(until) => timeout_at(until, future).await.ok(),
            None => Some(future.await),
        }
    }

    /// A CORS preflight (Fetch §4.8): sent without credentials, so there is nothing to judge by.
    pub(super) fn is_preflight(&self) -> bool {
        let headers = &self.attributes.headers;
        self.attributes.method == Method::Options
            && headers.has("origin")
            && headers.has("access-control-request-method")
    }

    /// Writes into `facts` what the host says.
    pub(super) fn tell(&self, facts: &mut Facts) {
        facts.environment = self.environment().map(|environment| environment.name.clone());
        facts.portal = self.login_portal().map(|(_, portal)| portal.name.clone());
    }
}

fn portals_of(policy: &Snapshot, site: Option<Site>) -> impl Iterator<Item = PortalId> {
    let (own, publishing) = match site {
        Some(Site::Portal(id)) => (Some(id), None),
        Some(Site::Environment(id)) => (None, policy.environment(id)),
        None => (None, None),
    };
    let publishing = publishing.into_iter().flat_map(|environment| environment.portals.iter());
    own.into_iter().chain(publishing.copied())
}

//! What is true at a time, and what may be answered then.

use crate::counts::Counts;
use crate::gateway::Gateway;
use crate::provider::Provider;
use crate::service::Service;
use crate::support::token::{Signer, with};
use crate::support::{Answer, Ask, Setup};
use crate::{API, CLIENT};
use serde_json::{Value, json};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an event may take to be felt, on a machine that does other things as well.
pub(crate) const FELT: Duration = Duration::from_secs(3);

/// Everything that the clients and the faults share.
pub(crate) struct World {
    pub(crate) provider: Provider,
    pub(crate) service: Service,
    pub(crate) gateway: Gateway,
    pub(crate) counts: Counts,
    pub(crate) setup: Setup,
    turns: Mutex<Turns>,
}

struct Turns {
    /// The provider is in trouble, or was until then.
    trouble: bool,
    trouble_changed: Option<Instant>,
    /// Whether testers may call the bank, and since when.
    bank: bool,
    bank_changed: Instant,
}

/// What may be answered.
pub(crate) enum May {
    /// The request passes, and nothing else.
    Pass,
    /// It is refused, by one of these reasons.
    Refuse(&'static [&'static str]),
    /// Either: something just changed.
    Either(&'static [&'static str]),
}

impl World {
    pub(crate) async fn new(setup: Setup, connections: usize) -> Self {
        let provider = Provider::start().await;
        let service = Service::start(setup.clone(), &provider.issuer).await;
        let gateway = Gateway::new(service.grpc, connections);
        let now = Instant::now();
        let turns = Turns { trouble: false, trouble_changed: None, bank: true, bank_changed: now };
        let (counts, turns) = (Counts::default(), Mutex::new(turns));
        Self { provider, service, gateway, counts, setup, turns }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The provider gets into trouble, or out of it.
    pub(crate) fn trouble(&self, begins: bool) {
        let mut turns = self.turns();
        (turns.trouble, turns.trouble_changed) = (begins, Some(Instant::now()));
    }

    /// Whether the provider has been well for as long.
    pub(crate) fn calm(&self, span: Duration) -> bool {
        let turns = self.turns();
        !turns.trouble && turns.trouble_changed.is_none_or(|at| at.elapsed() > span)
    }

    /// Testers may call the bank from now on, or may not.
    pub(crate) fn open_bank(&self, open: bool) {
        let mut turns = self.turns();
        if turns.bank != open {
            (turns.bank, turns.bank_changed) = (open, Instant::now());
        }
    }

    /// Whether testers may call the bank; `None`: it just changed.
    pub(crate) fn bank(&self) -> Option<bool> {
        let turns = self.turns();
        (turns.bank_changed.elapsed() > FELT).then_some(turns.bank)
    }

    /// A good ID token of `person`, and the key that it is signed with.
    pub(crate) fn bearer(
        &self,
        person: &str,
        groups: &[&str],
        changes: &Value,
    ) -> (String, Signer) {
        let now = crate::provider::now();
        let claims = json!({"iss": self.provider.issuer, "aud": CLIENT, "sub": person, "iat": now,
            "exp": now + 600, "groups": groups});
        let signer = self.provider.signer();
        (signer.sign(&with(claims, changes)), signer)
    }

    /// Asks, and holds the answer against what may be, before and after.
    pub(crate) async fn judge(
        &self,
        kind: &'static str,
        ask: Ask,
        may: impl Fn() -> May,
    ) -> Option<Answer> {
        let before = may();
        let answer = match self.gateway.ask(ask).await {
            Ok(answer) => answer,
            Err(status) => {
                self.counts.check(kind, "RPC error");
                self.counts.wrong("RPC error", format!("{kind}: {status:?}"));
                return None;
            }
        };
        let after = may();
        self.counts.check(kind, answer.reason());
        let told = || format!("{kind}: {} {:?}", answer.status, answer.metadata);
        let reason = answer.reason();
        let may_refuse = before.reasons().contains(&reason) || after.reasons().contains(&reason);
        match (before.passes(), after.passes()) {
            (Some(false), Some(false)) if answer.allowed => {
                self.counts.wrong("wrongly allowed", told());
            }
            (Some(true), Some(true)) if !answer.allowed => {
                self.counts.wrong("wrongly refused", told());
            }
            _ if !answer.allowed && !may_refuse => self.counts.wrong("wrong answer", told()),
            _ => {}
        }
        Some(answer)
    }
}

impl May {
    /// Whether the request has to pass; `None`: it may.
    const fn passes(&self) -> Option<bool> {
        match self {
            Self::Pass => Some(true),
            Self::Refuse(_) => Some(false),
            Self::Either(_) => None,
        }
    }

    const fn reasons(&self) -> &'static [&'static str] {
        match self {
            Self::Pass => &[],
            Self::Refuse(reasons) | Self::Either(reasons) => reasons,
        }
    }
}

/// A page of the petstore.
pub(crate) fn pets() -> Ask {
    Ask::get(&format!("{API}/pets"))
}

/// A page of the bank.
pub(crate) fn bank() -> Ask {
    Ask::get(&format!("{API}/bank"))
}

/// The guide's resources, and a bank beside the petstore, for testers. `open`: they may call it.
pub(crate) fn setup() -> Setup {
    let two = "apiProducts:
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [bank]}]
    basePath: /bank
    versions: {tags: [stable]}
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [petstore]}]
    basePath: /pets
    versions: {tags: [stable]}
";
    let one = "apiProducts:
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [petstore]}]
    versions: {tags: [stable]}
";
    Setup::default()
        .setting("session", "{keys_file: session.keys, outage_grace: 10m}")
        // Full within seconds, so that growth after that would be something else's.
        .setting("limits", "{max_cached_tokens: 500}")
        .setting("tokens", "{clock_skew: 1s}")
        .setting("provider", "{allow_http: true, allow_addresses: [127.0.0.0/8], timeout: 3s}")
        .edit(one, two)
        .add(
            "apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: {name: bank-product, namespace: default, labels: {app: bank}}
spec:
  versions:
  - name: v1
    apis: [{apiDoc: {name: petstore-schema, namespace: default}}]
    tags: {stable: {}}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: testers, namespace: default}
spec:
  accessLevel:
    apis:
    - products: {names: [bank-product], namespaces: [default]}
      environments: {names: [dev], namespaces: [default]}
    portals: [{name: petstore-portal, namespace: default}]
  oidcGroup: {groupNames: [Testers]}
",
        )
}

//! What is answered without opening a session again, beside what opening it comes to.

use super::*;
use crate::attributes::{Attributes, Context, Headers, Host, Method, RequestPath, Source};
use crate::check::{Checker, Parts};
use crate::clock::Clock;
use crate::config::{self, Base, Parsed};
use crate::decision::LazyClient;
use crate::manifest::{self, FileText, Manifests};
use crate::policy::{self, Held, Input, Snapshot};
use crate::provider::Providers;
use crate::session::KeyRing;
use crate::store::{Ended, Turn};
use crate::telemetry::Metrics;
use futures_util::FutureExt;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use tokio::sync::watch;

const START: u64 = 1_700_000_000;
const MINUTE: u64 = 60;
/// One session each: refreshable, not refreshable, and of a provider that says no `sid`.
const SESSIONS: usize = 3;
const HOSTS: [&str; 2] = ["portal.example.com", "api.example.com"];

const RESOURCES: &str = "
apiVersion: portal.gloo.solo.io/v1beta1
kind: APIProduct
metadata: {name: pets, namespace: default, labels: {app: pets}}
spec: {versions: [{name: v1}]}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Environment
metadata: {name: dev, namespace: default}
spec:
  domains: [api.example.com]
  apiProducts:
  - namespaces: ['*']
    labels: [{key: app, operator: Equals, values: [pets]}]
    versions: {names: [v1]}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {name: users, namespace: default}
spec:
  accessLevel:
    apis:
    - products: {names: [pets], namespaces: [default]}
      environments: {names: [dev], namespaces: [default]}
    portals: [{name: pets, namespace: default}]
  oidcGroup: {groupNames: [{GROUP}]}
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {name: pets, namespace: default}
spec:
  domains: [portal.example.com]
  portalUrlPrefix: https://portal.example.com/
  publishedEnvironments: [{PUBLISHED}]
  oidcAuth:
    clientId: {CLIENT}
    clientSecret: {name: pets, namespace: default, key: client_secret}
    groupClaimKey: groups
    issuer: https://id.example.com
    additionalScopes: [groups, email, offline_access]
---
apiVersion: v1
kind: Secret
metadata: {name: pets, namespace: default}
stringData: {client_secret: hush}
";

/// Client id, group, and whether the Environment is published.
const POLICIES: [(&str, &str, bool); 4] = [
    ("client", "Users", true),
    ("client", "Others", true),
    ("other-client", "Users", true),
    ("client", "Users", false),
];

fn parsed(store: &str) -> Parsed {
    let text = format!(
        "resources: {{paths: [portal]}}

session: {{store: {store}, lifetime: 8h, idle_timeout: 1h, refresh_before: 2min, outage_grace: 2h}}"
    );
    let base = Base {
        file: "portcullis.yaml".into(),
        folder: "/".into(),
        in_pod: false,
        now: UnixTime(START),
    };
    config::parse(&text, &base).expect("settings that hold")
}

fn snapshot(parsed: &Parsed, (client, group, published): (&str, &str, bool)) -> Arc<Snapshot> {
    let environment = if published { "{name: dev, namespace: default}" } else { "" };
    let text = RESOURCES.replace("{CLIENT}", client).replace("{GROUP}", group);
    let text = text.replace("{PUBLISHED}", environment);
    let file = FileText { name: "world.yaml".into(), text: Ok(text) };
    let held = Held::default();
    let (resources, _) =
        manifest::read(&Manifests { files: &[file], watched: &[], secrets: &[] }, &held);
    let compiled = policy::compile(&Input {
        settings: &parsed.settings,
        places: &parsed.places,
        resources: &resources,
        last: &held,
        known: &(),
    });
    assert_eq!(compiled.snapshot.portals.len(), 1);
    Arc::new(compiled.snapshot)
}

/// A ring of these keys.
fn ring(keys: &[u8]) -> Arc<KeyRing> {
    let key = |first: &u8| {
        let key: [u8; 32] = std::array::from_fn(|at| if at == 0 { *first } else { 9 });
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key)
    };
    let lines: Vec<String> = keys.iter().map(key).collect();
    Arc::new(KeyRing::parse(&lines.join("\n")).expect("keys"))
}

struct World {
    runtime: Runtime,
    checker: Checker,
    clock: Clock,
    parsed: Parsed,
    policy: watch::Sender<Arc<Snapshot>>,
    key_ring: watch::Sender<Arc<KeyRing>>,
    /// What the browsers have.
    sessions: [Session; SESSIONS],
    used_at: [u64; SESSIONS],
}

/// What a request shows.
#[derive(Clone, Copy, Debug)]
struct Show {
    session: usize,
    /// The host that it was sealed for, and the one that it is shown to.
    sealed_for: usize,
    host: usize,
    last_use: Shows,
    is_changed: bool,
    counts_logins: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shows {
    Own,
    OfAnother,
    Nothing,
}

const USUAL: Show = Show {
    session: 0,
    sealed_for: 0,
    host: 0,
    last_use: Shows::Own,
    is_changed: false,
    counts_logins: false,
};

/// What happens between two requests.
#[derive(Clone, Debug)]
enum Step {
    Ask(Show),
    Later(u64),
    /// The last use is now.
    Use(usize),
    /// The process knows a newer record.
    Refresh(usize),
    /// The browser has it as well.
    TakeNewest(usize),
    End(Ended),
    Keys(&'static [u8]),
    Policy(usize),
}

fn session(number: usize) -> Session {
    Session {
        id: format!("session-{number}"),
        generation: 1,
        portal: "pets.default".to_owned(),
        issuer: "https://id.example.com".to_owned(),
        client_id: "client".to_owned(),
        subject: format!("subject-{number}"),
        provider_session: if number == 2 { String::new() } else { format!("sid-{number}") },
        email: format!("{number}@example.com"),
        email_verified: true,
        groups: vec!["Users".to_owned(), "Others".to_owned()],
        groups_claimed: true,
        signed_in_at_ms: START * 1000,
        refreshed_at: START,
        identity_expires_at: START + 60 * MINUTE,
        refresh_token: if number == 1 { String::new() } else { "refresh".to_owned() },
        id_token: "token".to_owned(),
        ..Session::default()
    }
}

impl World {
    fn new() -> Self {
        Self::of("cookie")
    }

    /// Sessions are kept there.
    fn of(store: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let parsed = parsed(store);
        let clock = Clock::manual(UnixTime(START));
        let (policy, policy_in_force) = watch::channel(snapshot(&parsed, POLICIES[0]));
        let (key_ring, key_ring_in_force) = watch::channel(ring(&[1]));
        let checker = runtime.block_on(async {
            let settings = Arc::new(self::parsed(store).settings);
            Checker::new(Parts {
                policy: policy_in_force,
                key_ring: key_ring_in_force,
                providers: Providers::new(&parsed.settings.provider, clock.clone()).expect("some"),
                redis: None,
                settings,
                clock: clock.clone(),
                metrics: Metrics::new(),
            })
        });
        Self {
            runtime,
            checker: checker.expect("randomness"),
            clock,
            parsed,
            policy,
            key_ring,
            sessions: std::array::from_fn(session),
            used_at: [START; SESSIONS],
        }
    }

    fn cookie(&self, show: Show) -> String {
        let key_ring = self.key_ring.borrow();
        // One nonce, so that a browser shows the same text again.
        let seal = |purpose, plain: &[u8]| {
            key_ring.seal(purpose, HOSTS[show.sealed_for], plain, [7; 12]).expect("sealed")
        };
        let own = &self.sessions[show.session];
        let reference = SessionReference { id: own.id.clone() };
        let mut text = match self.parsed.settings.session.store {
            StoreKind::Cookie => seal(Purpose::Session, &own.encode_to_vec()),
            _ => seal(Purpose::Reference, &reference.encode_to_vec()),
        };
        if show.is_changed {
            let at = text.len() / 2;
            let other = if text.get(at..=at) == Some("A") { "B" } else { "A" };
            text.replace_range(at..=at, other);
        }
        let of = if show.last_use == Shows::OfAnother { "another" } else { own.id.as_str() };
        let last_use = LastUse { session: of.to_owned(), at: self.used_at[show.session] };
        let last_use = seal(Purpose::LastUse, &last_use.encode_to_vec());
        let mut cookie = format!("a=1; __Host-portcullis-s=1.{text}");
        if show.last_use != Shows::Nothing {
            cookie += &format!("; __Host-portcullis-u={last_use}");
        }
        if show.counts_logins {
            cookie += "; __Host-portcullis-c=x";
        }
        cookie
    }

    /// Asks for the caller, and whether that was answered without opening the session. Either way has to come to
    /// the same.
    fn ask(&self, show: Show) -> bool {
        let _entered = self.runtime.enter();
        let mut headers = Headers::default();
        headers.add("cookie", self.cookie(show));
        let attributes = Attributes {
            source: Source::default(),
            host: Host::parse(HOSTS[show.host]).expect("a host"),
            method: Method::Get,
            path: RequestPath::parse("/").expect("a path"),
            headers: &headers,
            context: Context::default(),
            body: &[],
        };
        let client = LazyClient::of(attributes.method, attributes.headers);
        let inner = &self.checker.0;
        let policy = self.checker.policy();
        let mut call = Call::new(inner, &policy, &attributes, &client, None);
        call.may_wait = false;
        let own = &self.sessions[show.session];
        let was_known = inner.users.knows(&own.issuer, &own.subject);
        let shown = Shown::read(&call);
        let at_once = shown.and_then(|shown| shown.caller(&call));
        let found = find(&call, &mut Facts::default()).now_or_never();
        let Some(Found::Live(live)) = found else {
            assert_eq!(at_once, None, "{show:?}");
            return false;
        };
        let caller = identity(&call, &live.session);
        if let Some(at_once) = &at_once {
            assert_eq!(*at_once, caller, "{show:?}");
            assert_eq!(live.cookies, [], "{show:?}");
            assert!(*live.session == self.sessions[show.session], "{show:?}");
            assert!(was_known, "{show:?}: nobody would find the user by e-mail");
            let portal = policy.portal(PortalId(0)).expect("a Portal");
            let facts = StandingFacts {
                limits: &portal.session,
                last_use: live.last_use,
                clock_skew: self.parsed.settings.tokens.clock_skew,
                provider_down: false,
                now: call.now,
            };
            let standing = standing(live.session.times(), facts);
            assert_eq!(standing, Standing::Current, "{show:?}: nobody would refresh it");
        }
        if let Some(shown) = shown {
            shown.remember(&call, &live, &caller);
        }
        at_once.is_some()
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Ask(show) => {
                self.ask(*show);
                self.ask(*show);
            }
            Step::Later(seconds) => self.clock.advance(Duration::from_secs(*seconds)),
            Step::Use(number) => self.used_at[*number] = self.clock.now().0,
            Step::Refresh(number) => self.refresh(*number),
            Step::TakeNewest(number) => {
                let own = &self.sessions[*number];
                let newest = self.checker.0.refreshes.newest(own);
                if let Some(newest) = newest {
                    self.sessions[*number] = (*newest).clone();
                }
            }
            Step::End(ended) => self.checker.0.revocations.apply(ended, self.clock.now_ms()),
            Step::Keys(keys) => drop(self.key_ring.send_replace(ring(keys))),
            Step::Policy(number) => {
                drop(self.policy.send_replace(snapshot(&self.parsed, POLICIES[*number])));
            }
        }
    }

    fn refresh(&self, number: usize) {
        let now = self.clock.now();
        let own = &self.sessions[number];
        let Turn::Running(_, Some(sender)) = self.checker.0.refreshes.turn(own, now) else {
            return;
        };
        let newer = Session {
            generation: own.generation + 1,
            email: format!("newer-{number}@example.com"),
            refreshed_at: now.0,
            identity_expires_at: now.0 + 60 * MINUTE,
            ..own.clone()
        };
        let newer = Refresh::Refreshed(Arc::new(newer));
        self.checker.0.refreshes.finish(&own.id, &sender, newer, 0, now);
    }
}

fn shows() -> impl Strategy<Value = Show> {
    let last_use =
        prop_oneof![8 => Just(Shows::Own), 1 => Just(Shows::OfAnother), 1 => Just(Shows::Nothing)];
    let rare = || prop::bool::weighted(0.1);
    (0..SESSIONS, 0..2_usize, rare(), last_use, rare(), rare()).prop_map(
        |(session, host, is_elsewhere, last_use, is_changed, counts_logins)| {
            let sealed_for = if is_elsewhere { 1 - host } else { host };
            Show { session, sealed_for, host, last_use, is_changed, counts_logins }
        },
    )
}

fn endings() -> impl Strategy<Value = Ended> {
    let issuer = || "https://id.example.com".to_owned();
    (0..SESSIONS, 0..5).prop_map(move |(number, kind)| {
        let (sid, subject) = (format!("sid-{number}"), format!("subject-{number}"));
        match kind {
            0 => Ended::Session(format!("session-{number}")),
            1 => Ended::ProviderSession { issuer: issuer(), sid },
            2 => Ended::Subject { issuer: issuer(), subject },
            3 => Ended::SubjectWithoutSession { issuer: issuer(), subject },
            _ => Ended::Everybody,
        }
    })
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        10 => shows().prop_map(Step::Ask),
        2 => prop::sample::select(vec![1, 5 * MINUTE, 6 * MINUTE, 20 * MINUTE, 58 * MINUTE, 61 * MINUTE]).prop_map(Step::Later),
        2 => (0..SESSIONS).prop_map(Step::Use),
        1 => (0..SESSIONS).prop_map(Step::Refresh),
        1 => (0..SESSIONS).prop_map(Step::TakeNewest),
        1 => endings().prop_map(Step::End),
        1 => prop::sample::select(vec![&[1_u8][..], &[2, 1], &[2]]).prop_map(Step::Keys),
        1 => (0..POLICIES.len()).prop_map(Step::Policy),
    ]
}

#[test]
fn a_session_is_opened_once_and_again_when_anything_changed_that_it_depends_on() {
    let mut world = World::new();
    let is_at_once = |world: &World| world.ask(USUAL);
    assert!(!is_at_once(&world) && is_at_once(&world));
    let changes = [
        Step::Keys(&[1]),
        Step::Policy(0),
        Step::Policy(1),
        Step::Refresh(0),
        Step::TakeNewest(0),
        Step::Later(6 * MINUTE),
        Step::Use(0),
    ];
    for change in changes {
        world.take(&change);
        assert!(!is_at_once(&world), "{change:?}");
        let holds = !matches!(change, Step::Refresh(_) | Step::Later(_));
        assert_eq!(is_at_once(&world), holds, "{change:?}");
    }
    // Another request of the same browser, of another one, and of one that was changed on the way.
    assert!(!world.ask(Show { counts_logins: true, ..USUAL }));
    assert!(!world.ask(Show { session: 1, ..USUAL }));
    assert!(!world.ask(Show { is_changed: true, ..USUAL }));
    assert!(!world.ask(Show { host: 1, ..USUAL }));
    assert!(!world.ask(Show { last_use: Shows::Nothing, ..USUAL }));
    assert!(is_at_once(&world));
    // A key that was taken out.
    world.take(&Step::Keys(&[2]));
    assert!(!world.ask(USUAL));
}

#[test]
fn a_session_that_was_ended_is_not_answered_for_at_once() {
    let issuer = || "https://id.example.com".to_owned();
    let endings = [
        Ended::Session("session-0".to_owned()),
        Ended::ProviderSession { issuer: issuer(), sid: "sid-0".to_owned() },
        Ended::Subject { issuer: issuer(), subject: "subject-0".to_owned() },
        Ended::Everybody,
    ];
    for ended in endings {
        let mut world = World::new();
        assert!(!world.ask(USUAL) && world.ask(USUAL));
        world.take(&Step::End(ended.clone()));
        assert!(!world.ask(USUAL) && !world.ask(USUAL), "{ended:?}");
    }
}

#[test]
fn nothing_is_remembered_that_would_not_hold() {
    let mut world = World::new();
    // Its identity is to be refreshed.
    world.take(&Step::Later(59 * MINUTE));
    world.take(&Step::Use(0));
    assert!(!world.ask(USUAL) && !world.ask(USUAL));
    assert_eq!(world.checker.0.opened.len(), 0);
    let mut world = World::new();
    assert!(!world.ask(USUAL) && world.ask(USUAL));
    assert_eq!(world.checker.0.opened.len(), 1);
    world.take(&Step::End(Ended::Everybody));
    assert!(!world.ask(USUAL));
    assert_eq!(world.checker.0.opened.len(), 0);
}

#[test]
fn a_session_in_memory_is_looked_up_every_time() {
    let world = World::of("memory");
    world.checker.0.sessions.put(Arc::new(world.sessions[0].clone()));
    for _time in 0..3 {
        assert!(!world.ask(USUAL));
    }
}

#[test]
fn a_newer_record_that_does_not_fit_is_not_taken_for_the_one_that_is_shown() {
    let mut world = World::new();
    let kept = world.sessions[0].clone();
    world.sessions[0].refresh_token = "r".repeat(9000);
    world.refresh(0);
    world.sessions[0] = kept;
    assert!(!world.ask(USUAL) && !world.ask(USUAL));
}

#[test]
fn a_user_who_was_forgotten_is_remembered_again() {
    let mut world = World::new();
    assert!(!world.ask(USUAL) && world.ask(USUAL));
    let inner = Arc::get_mut(&mut world.checker.0).expect("nobody else has it");
    inner.users = inner.users.emptied();
    assert!(!world.ask(USUAL) && world.ask(USUAL));
}

proptest! {
    #[test]
    fn at_once_is_as_opened(steps in prop::collection::vec(steps(), 1..40)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
    }
}

//! The provider is out of reach: what goes on, what does not, and how it ends.

use crate::support::eventually;
use crate::support::knobs::Raw;
use crate::support::{API, Answer, Ask, Browser, Gateway, Line, PORTAL, Provider, Setup, Trouble};
use axum::body::Body;
use axum::response::Response;
use portcullis::token::Issuer;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const SESSION: &str = "__Host-portcullis-s";
const LONG: &str = "{petstore-portal.default: {session: {idle_timeout: 12h}}}";
/// Short limits, so that what hangs is over soon.
const QUICK: &str =
    "{allow_http: true, allow_addresses: [127.0.0.0/8], connect_timeout: 1s, timeout: 1s}";
const DAY: u64 = 24 * 60 * 60;

fn home() -> String {
    format!("{PORTAL}/home")
}

fn setup() -> Setup {
    Setup::default().setting("portals", LONG).setting("provider", QUICK)
}

fn issuer(gateway: &Gateway) -> Issuer {
    gateway.providers.report()[0].issuer.clone()
}

async fn page(gateway: &Gateway, browser: &Browser) -> Answer {
    gateway.ask(browser.dress(Ask::get(&home()))).await
}

async fn bearer(gateway: &Gateway, token: &str) -> Answer {
    gateway.ask(Ask::get(&format!("{API}/pets")).bearer(token)).await
}

fn refreshes(gateway: &Gateway) -> usize {
    gateway.provider.calls("/token", "refresh_token")
}

/// A line in trouble, and a service that has found out.
async fn in_trouble(setup: Setup, trouble: Trouble) -> (Gateway, Line) {
    let (gateway, line) = Gateway::behind_a_line(setup).await;
    line.trouble(trouble).await;
    assert!(gateway.providers.refresh_keys(&issuer(&gateway)).await.is_err(), "{trouble:?}");
    (gateway, line)
}

#[tokio::test]
async fn through_an_hour_of_any_trouble_who_is_signed_in_goes_on_and_then_all_is_well_again() {
    let troubles = [Trouble::Refused, Trouble::Reset, Trouble::Alert, Trouble::Hung, Trouble::Drip];
    for trouble in troubles {
        let (gateway, line) = Gateway::behind_a_line(setup()).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let hours = json!({"exp": gateway.clock.now().0 + 3 * 3600});
        let (token, unknown) = (gateway.provider.id_token(&hours), gateway.provider.signer());
        let claims = gateway.provider.bearer_claims(&hours);
        let unknown = unknown.sign_as(&json!({"alg": "ES256", "kid": "key-9"}), &claims);
        gateway.later(3600);
        line.trouble(trouble).await;
        for minute in (2..62).step_by(if trouble == Trouble::Refused { 1 } else { 6 }) {
            gateway.later(if trouble == Trouble::Refused { 60 } else { 360 });
            let answer = browser.send(&gateway, Ask::get(&home())).await;
            assert!(answer.allowed, "{trouble:?} {minute}: {answer:?}");
            bearer(&gateway, &token).await.granted();
        }
        eventually(|| gateway.providers.is_down(&issuer(&gateway))).await;
        // Whoever comes new hears what is the matter, and nobody is let in by it.
        let answer = gateway.ask(Ask::get(&home()).navigate()).await;
        assert!(answer.refused(503, "provider_unavailable").is_page(), "{trouble:?}");
        assert!(answer.body.contains("Signing in is not possible right now"), "{}", answer.body);
        assert!(answer.body.contains("href=\"/home\""), "a link to try again");
        gateway.ask(Ask::get(&home())).await.refused(401, "no_credentials");
        bearer(&gateway, &unknown).await.refused(503, "keys_unavailable");
        let issuer = issuer(&gateway);
        let up = format!("portcullis_provider_up{{issuer=\"{issuer}\"}}");
        assert_eq!(gateway.metric(&up).await, 0);
        let failed = "portcullis_refreshes_total{outcome=\"unavailable\"}";
        assert!(gateway.metric(failed).await > 0);
        // And back, without a restart.
        line.trouble(Trouble::None).await;
        gateway.later(31);
        let answer = browser.send(&gateway, Ask::get(&home())).await;
        answer.granted();
        assert!(answer.set_cookie(SESSION).is_some(), "{trouble:?}: refreshed");
        assert!(!gateway.providers.is_down(&issuer));
        Browser::signed_in(&gateway, &home()).await;
        eventually(|| gateway.providers.report()[0].last_error.is_none()).await;
        assert_eq!(gateway.metric(&up).await, 1);
    }
}

#[tokio::test]
async fn an_outage_of_an_hour_costs_the_provider_few_calls_however_many_sessions_there_are() {
    let gateway = Gateway::with(setup()).await;
    let mut browsers = Vec::new();
    for _person in 0..10 {
        browsers.push(Browser::signed_in(&gateway, &home()).await);
    }
    gateway.provider.turn(|knobs| knobs.token_error = Some((503, "temporarily_unavailable")));
    gateway.later(3600);
    for _minute in 0..60 {
        gateway.later(60);
        for browser in &browsers {
            page(&gateway, browser).await.granted();
        }
    }
    let calls = refreshes(&gateway);
    println!("refreshes tried in an hour by 10 sessions, 600 checks: {calls}");
    assert!((30..=125).contains(&calls), "{calls}");
    gateway.provider.turn(|knobs| knobs.token_error = None);
    gateway.later(31);
    for browser in &mut browsers {
        assert!(browser.load(&gateway, &home()).await.set_cookie(SESSION).is_some());
    }
    assert_eq!(refreshes(&gateway), calls + 10, "each of them once");
}

#[tokio::test]
async fn an_outage_makes_no_page_slow() {
    let slow = "{allow_http: true, allow_addresses: [127.0.0.0/8], timeout: 3s}";
    let (gateway, line) = Gateway::behind_a_line(setup().setting("provider", slow)).await;
    let first = Browser::signed_in(&gateway, &home()).await;
    let second = Browser::signed_in(&gateway, &home()).await;
    gateway.later(3660);
    line.trouble(Trouble::Reset).await;
    page(&gateway, &first).await.granted();
    line.trouble(Trouble::Hung).await;
    let started = tokio::time::Instant::now();
    page(&gateway, &second).await.granted();
    assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
}

#[tokio::test]
async fn past_its_grace_a_session_waits_and_is_not_lost() {
    // The keys can still be fetched: the refresh itself says that its endpoint is out of reach.
    let gateway = Gateway::with(setup()).await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    gateway.provider.turn(|knobs| knobs.token_error = Some((502, "")));
    gateway.later(3600 + 7200);
    let answer = browser.send(&gateway, Ask::get(&home()).navigate()).await;
    assert!(answer.refused(503, "provider_unavailable").is_page());
    assert!(answer.body.contains("You stay signed in"), "{}", answer.body);
    assert!(answer.set_cookies().is_empty(), "{answer:?}");
    let answer = browser.send(&gateway, Ask::get(&home())).await;
    answer.refused(503, "provider_unavailable");
    gateway.provider.turn(|knobs| knobs.token_error = None);
    gateway.later(31);
    browser.load(&gateway, &home()).await.granted();
}

#[tokio::test]
async fn a_refresh_that_fails_alone_keeps_nobody_from_signing_in() {
    let gateway = Gateway::with(setup()).await;
    let browser = Browser::signed_in(&gateway, &home()).await;
    gateway.provider.turn(|knobs| knobs.token_error = Some((500, "server_error")));
    gateway.later(3660);
    // A bearer uses up the fetch for unknown keys at the same time.
    let claims = gateway.provider.bearer_claims(&json!({}));
    let header = json!({"alg": "ES256", "kid": "key-9"});
    let unknown = gateway.provider.signer().sign_as(&header, &claims);
    bearer(&gateway, &unknown).await.refused(401, "invalid_token");
    gateway.later(5);
    page(&gateway, &browser).await.granted();
    assert!(refreshes(&gateway) > 0);
    gateway.later(120);
    let start = format!("{}/authorize", gateway.provider.issuer);
    let answer = gateway.ask(Ask::get(&home()).navigate()).await;
    answer.sent_to(&start, "no_credentials");
}

#[tokio::test]
async fn a_new_login_is_refused_after_a_minute_without_a_fetch_and_not_before() {
    let (gateway, line) = in_trouble(setup(), Trouble::Refused).await;
    let start = format!("{}/authorize", gateway.provider.issuer);
    gateway.later(59);
    gateway.ask(Ask::get(&home()).navigate()).await.sent_to(&start, "no_credentials");
    gateway.later(1);
    for path in ["/home", "/.auth/login", "/.auth/signup"] {
        let answer = gateway.ask(Ask::get(&format!("{PORTAL}{path}")).navigate()).await;
        assert!(answer.refused(503, "provider_unavailable").is_page(), "{path}");
        assert!(answer.set_cookies().is_empty(), "no login is under way");
    }
    // A refused login has a fetch find out: the next one goes through.
    line.trouble(Trouble::None).await;
    gateway.later(31);
    let ask = || gateway.ask(Ask::get(&home()).navigate());
    let again = async { while ask().await.status != 302 {} };
    tokio::time::timeout(Duration::from_secs(10), again).await.expect("it is back");
}

#[tokio::test]
async fn an_outage_that_no_call_of_a_person_meets_is_known_all_the_same() {
    let (gateway, line) = Gateway::behind_a_line(setup().without_refresh()).await;
    let browser = Browser::signed_in(&gateway, &home()).await;
    gateway.later(3600);
    line.trouble(Trouble::Refused).await;
    // Half a minute for whoever sleeps, though no moment of it passes here.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(30)).await;
    tokio::time::resume();
    eventually(|| gateway.providers.is_failing(&issuer(&gateway))).await;
    gateway.later(60);
    // Without a refresh token there is grace only because it is known.
    page(&gateway, &browser).await.granted();
    let answer = gateway.ask(Ask::get(&home()).navigate()).await;
    answer.refused(503, "provider_unavailable");
}

#[tokio::test]
async fn while_nobody_knows_yet_how_the_provider_is_there_is_no_grace_without_a_refresh_token() {
    let patient = "{allow_http: true, allow_addresses: [127.0.0.0/8], timeout: 60s}";
    let setup = || setup().without_refresh().setting("provider", patient);
    let gateway = Gateway::with(setup()).await;
    let browser = Browser::signed_in(&gateway, &home()).await;
    let (provider, clock) = (Arc::clone(&gateway.provider), gateway.clock.clone());
    drop(gateway);
    let endless: Raw = Arc::new(|| {
        let never = futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>();
        Response::new(Body::from_stream(never))
    });
    let discovery = "/.well-known/openid-configuration".to_owned();
    provider.turn(|knobs| drop(knobs.raw.insert(discovery, endless)));
    let gateway = Gateway::starting(provider, clock, setup()).await;
    page(&gateway, &browser).await.granted();
    gateway.later(3660);
    assert!(!gateway.providers.first_fetches_over());
    page(&gateway, &browser).await.refused(401, "invalid_session");
}

#[tokio::test]
async fn cached_keys_go_on_to_their_hard_limit_and_no_further() {
    let (gateway, line) = in_trouble(setup(), Trouble::Refused).await;
    // Five minutes, less up to a tenth by chance, and a day.
    gateway.later(269 + DAY);
    bearer(&gateway, &gateway.provider.id_token(&json!({}))).await.granted();
    gateway.later(31);
    let token = gateway.provider.id_token(&json!({}));
    let answer = bearer(&gateway, &token).await;
    answer.refused(503, "keys_unavailable");
    let (status, ready) = gateway.admin("/readyz").await;
    assert!(status == 200 && ready.contains(&format!("keys of {}", gateway.provider.issuer)));
    line.trouble(Trouble::None).await;
    let back = async { while !bearer(&gateway, &token).await.allowed {} };
    tokio::time::timeout(Duration::from_secs(20), back).await.expect("it is back by itself");
}

#[tokio::test]
async fn a_busy_provider_is_asked_again_when_it_says_and_not_before() {
    let at = crate::support::NOW + 3660;
    let fields = [
        ("x-rate-limit-reset", (at + 90).to_string()),
        ("retry-after", "90".to_owned()),
        // 1_800_003_750: the same moment.
        ("retry-after", "Fri, 15 Jan 2027 09:02:30 GMT".to_owned()),
    ];
    for (name, value) in fields {
        let gateway = Gateway::with(setup()).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let mut other = Browser::signed_in(&gateway, &home()).await;
        gateway.later(3660);
        gateway.provider.turn(|knobs| {
            knobs.token_error = Some((429, "slow_down"));
            knobs.token_error_headers = vec![(name, value.clone())];
        });
        browser.load(&gateway, &home()).await.granted();
        assert_eq!(refreshes(&gateway), 1, "{name}: a 429 is never tried again at once");
        gateway.provider.turn(|knobs| knobs.token_error = None);
        for _look in 0..8 {
            browser.load(&gateway, &home()).await.granted();
            other.load(&gateway, &home()).await.granted();
            gateway.later(11);
        }
        assert_eq!(refreshes(&gateway), 1, "{name}: it asked to wait, whoever it is for");
        gateway.later(2 + 15);
        assert!(browser.load(&gateway, &home()).await.set_cookie(SESSION).is_some(), "{name}");
        assert!(other.load(&gateway, &home()).await.set_cookie(SESSION).is_some(), "{name}");
    }
}

#[tokio::test]
async fn a_login_that_a_busy_provider_turns_away_says_when_to_come_back() {
    let gateway = Gateway::with(setup()).await;
    let mut browser = Browser::default();
    let callback = browser.callback(&gateway, &home()).await;
    gateway.provider.turn(|knobs| {
        knobs.token_error = Some((429, "slow_down"));
        knobs.token_error_headers = vec![("retry-after", "42".to_owned())];
    });
    let answer = browser.load(&gateway, &callback).await;
    assert!(answer.refused(503, "provider_unavailable").is_page());
    assert_eq!(answer.header("retry-after"), Some("42"));
    assert!(answer.body.contains("href=\"/.auth/login\""), "{}", answer.body);
    assert_eq!(gateway.provider.calls("/token", "authorization_code"), 1);
    // Anybody can bring codes: who is signed in does not suffer for it.
    gateway.provider.turn(|knobs| knobs.token_error = None);
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    gateway.later(3660);
    assert!(browser.load(&gateway, &home()).await.set_cookie(SESSION).is_some());
}

#[tokio::test]
async fn the_outage_of_one_provider_is_not_another_s() {
    let clock = portcullis::clock::Clock::manual(portcullis::time::UnixTime(crate::support::NOW));
    let (dead, line) = Provider::behind_a_line(clock.clone()).await;
    let second = format!(
        "apiVersion: portal.gloo.solo.io/v1beta1
kind: Portal
metadata: {{name: other-portal, namespace: default}}
spec:
  domains: [other.petstore.localhost, 'other.petstore.localhost:10000']
  portalUrlPrefix: http://other.petstore.localhost:10000/
  oidcAuth:
    clientId: 0oaPetstore
    clientSecret: {{name: petstore-secret, namespace: default, key: client_secret}}
    groupClaimKey: groups
    issuer: '{}'
    additionalScopes: [groups, email, offline_access]
---
apiVersion: portal.gloo.solo.io/v1beta1
kind: Group
metadata: {{name: other-group, namespace: default}}
spec:
  accessLevel: {{portals: [{{name: other-portal, namespace: default}}]}}
  oidcGroup: {{groupNames: [PetstoreUsers]}}
",
        dead.issuer
    );
    let well = Provider::start(clock.clone()).await;
    let lives = "{petstore-portal.default: {session: {idle_timeout: 12h}}, \
        other-portal.default: {session: {idle_timeout: 12h}}}";
    let setup = setup().setting("portals", lives).add(&second);
    let gateway = Gateway::beside(well.into(), clock, setup).await;
    let other = "http://other.petstore.localhost:10000/home";
    let start = gateway.ask(Ask::get(other).navigate()).await;
    start.sent_to(&dead.issuer, "no_credentials");
    let mut browser = Browser::default();
    browser.keep("other.petstore.localhost", &start);
    let callback = dead.authorize(start.location());
    assert_eq!(browser.load(&gateway, &callback).await.location(), "/home");
    browser.load(&gateway, other).await.granted();
    let mut ann = Browser::signed_in(&gateway, &home()).await;

    line.trouble(Trouble::Hung).await;
    let sick = Issuer::parse(&dead.issuer, true).expect("an issuer");
    assert!(gateway.providers.refresh_keys(&sick).await.is_err());
    gateway.later(3660);
    // Many wait for the one that hangs; nobody waits for the other.
    let claims = dead.bearer_claims(&json!({}));
    let header = json!({"alg": "ES256", "kid": "key-9"});
    let unknown = dead.signer().sign_as(&header, &claims);
    let many = (0..50).map(|_at| gateway.ask(Ask::get(other).bearer(&unknown)));
    let ((), waited) = tokio::join!(
        async {
            ann.load(&gateway, &home()).await.granted();
            Browser::signed_in(&gateway, &home()).await;
        },
        futures_util::future::join_all(many)
    );
    for answer in waited {
        answer.refused(503, "keys_unavailable");
    }
    gateway.ask(Ask::get(other).navigate()).await.refused(503, "provider_unavailable");
    browser.load(&gateway, other).await.granted();
    assert_eq!(refreshes(&gateway), 1);
    let (status, ready) = gateway.admin("/readyz").await;
    assert!(status == 200 && ready.contains(&format!("{sick} cannot be reached")), "{ready}");
}

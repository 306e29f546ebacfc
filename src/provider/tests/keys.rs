//! Keys and metadata: fetched, kept, withdrawn, looked for.

use super::fake::{DISCOVERY, Fake, NOW, Reply, eventually};
use crate::provider::{IssuerSource, Providers};
use crate::token::fixtures::{ec, jwks};
use crate::token::{Algorithm, Issuer};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;
use url::Url;

fn key(kid: &str) -> Value {
    ec(kid, Algorithm::Es256).jwk()
}

/// The names of the keys that are known.
fn kids(providers: &Providers, issuer: &Issuer) -> Vec<String> {
    let keys = providers.keys(issuer);
    keys.map(|keys| keys.kids().map(str::to_owned).collect()).unwrap_or_default()
}

#[tokio::test]
async fn fetches_metadata_and_keys() {
    let fake = Fake::start(&[key("a")]).await;
    let (providers, _) = fake.known().await;
    assert_eq!(kids(&providers, &fake.issuer), ["a"]);
    let metadata = providers.metadata(&fake.issuer).expect("metadata");
    assert_eq!(metadata.jwks_uri.as_str(), format!("{}/keys", fake.issuer));
    assert!(!providers.is_down(&fake.issuer));
    let report = providers.report();
    assert_eq!((report.len(), report[0].keys, report[0].down), (1, 1, false));
    assert_eq!((report[0].keys_age, &report[0].last_error), (Some(Duration::ZERO), &None));
    assert!(providers.keys_for_kid(&fake.issuer, "a").await.is_ok());
    assert_eq!((fake.count(DISCOVERY), fake.count("/keys")), (1, 1));
}

#[tokio::test]
async fn looks_for_an_unknown_key_once_for_all_and_once_in_30_seconds() {
    let fake = Fake::start(&[key("a")]).await;
    let (providers, clock) = fake.known().await;
    fake.keys(&[key("a"), key("b")]);
    let searches = (0..100).map(|_| providers.keys_for_kid(&fake.issuer, "b"));
    for found in futures_util::future::join_all(searches).await {
        assert!(found.expect("keys").find("b").is_some());
    }
    assert_eq!((fake.count(DISCOVERY), fake.count("/keys")), (1, 2));

    for kid in ["c", "d", "../../../../dev/null"] {
        let keys = providers.keys_for_kid(&fake.issuer, kid).await.expect("the provider answers");
        assert!(keys.find(kid).is_none());
    }
    assert_eq!(fake.count("/keys"), 2);
    clock.advance(Duration::from_secs(30));
    assert!(providers.keys_for_kid(&fake.issuer, "c").await.is_ok());
    assert_eq!(fake.count("/keys"), 3);
}

#[tokio::test]
async fn bounds_how_many_wait_for_a_key_and_how_long() {
    let fake = Fake::start(&[key("a")]).await;
    let (providers, clock) = fake.known().await;
    let gate = Arc::new(Semaphore::new(0));
    fake.on("/keys", Reply { gate: Some(Arc::clone(&gate)), ..Reply::text(&jwks(&[key("b")])) });
    let refused = AtomicUsize::new(0);
    let searches = (0..300).map(|_| async {
        let found = providers.keys_for_kid(&fake.issuer, "b").await.is_ok();
        refused.fetch_add(usize::from(!found), Ordering::SeqCst);
    });
    let release = async {
        // Those beyond the bound hear it at once, the others when the fetch is over.
        eventually(|| refused.load(Ordering::SeqCst) == 44).await;
        gate.add_permits(1);
    };
    tokio::join!(futures_util::future::join_all(searches), release);
    assert_eq!((refused.into_inner(), fake.count("/keys")), (44, 2));
    assert_eq!(kids(&providers, &fake.issuer), ["b"]);

    clock.advance(Duration::from_secs(30));
    // The gate is closed: nobody waits longer than a second.
    assert!(providers.keys_for_kid(&fake.issuer, "a").await.is_err());
    assert!(providers.keys_for_kid(&fake.issuer, "b").await.is_ok());
    assert_eq!(fake.count("/keys"), 3);
}

#[tokio::test]
async fn forgets_a_withdrawn_key_with_the_next_set() {
    let fake = Fake::start(&[key("a"), key("b")]).await;
    let (providers, _) = fake.known().await;
    let before = providers.keys(&fake.issuer).expect("keys");
    providers.refresh_keys(&fake.issuer).await.expect("fetched");
    assert!(Arc::ptr_eq(&before, &providers.keys(&fake.issuer).expect("keys")));
    assert_eq!(providers.generation(&fake.issuer), Some(1));
    fake.keys(&[key("b")]);
    providers.refresh_keys(&fake.issuer).await.expect("fetched");
    assert_eq!(kids(&providers, &fake.issuer), ["b"]);
    assert_eq!(providers.generation(&fake.issuer), Some(2));
}

#[tokio::test]
async fn keeps_the_last_good_keys_when_a_set_is_broken() {
    let fake = Fake::start(&[key("a")]).await;
    let (providers, clock) = fake.known().await;
    let many: Vec<Value> = (0..65).map(|at| key(&at.to_string())).collect();
    let broken = [
        Reply::text("{}"),
        Reply::text("{\"keys\":null}"),
        Reply::text("{\"keys\":[]}"),
        Reply::text("[]"),
        Reply::text("<html></html>"),
        Reply::text(&"x".repeat(300 * 1024)),
        Reply::text(&jwks(&many)),
        Reply::text("{\"keys\":[]}").header("content-encoding", "gzip"),
        Reply::status(500),
        Reply::status(404),
        Reply::status(302).header("location", "/other"),
        Reply::status(307).header("location", "http://169.254.169.254/"),
    ];
    for reply in broken {
        fake.on("/keys", reply);
        assert!(providers.refresh_keys(&fake.issuer).await.is_err());
        assert_eq!(kids(&providers, &fake.issuer), ["a"]);
        assert!(providers.report()[0].last_error.is_some());
        // Nobody can say whether there is a key b.
        clock.advance(Duration::from_secs(30));
        assert!(providers.keys_for_kid(&fake.issuer, "a").await.is_ok());
        assert!(providers.keys_for_kid(&fake.issuer, "b").await.is_err());
    }
    assert_eq!(fake.count("/other"), 0);
    clock.advance(Duration::from_secs(300 + 24 * 60 * 60));
    assert!(providers.keys(&fake.issuer).is_err());
    fake.keys(&[key("a")]);
    providers.refresh_keys(&fake.issuer).await.expect("fetched");
    assert_eq!(kids(&providers, &fake.issuer), ["a"]);
}

#[tokio::test]
async fn refuses_metadata_of_somebody_else() {
    let fake = Fake::start(&[key("a")]).await;
    let elsewhere = Fake::start(&[key("evil")]).await;
    for (name, value) in [
        ("issuer", json!(format!("{}/", fake.issuer))),
        ("jwks_uri", json!(format!("{}/keys", elsewhere.issuer))),
        ("token_endpoint", json!("https://evil.example/token")),
    ] {
        let mut document = fake.document();
        document[name] = value;
        fake.on(DISCOVERY, Reply::json(&document));
        let (providers, _) = fake.known().await;
        assert!(providers.keys(&fake.issuer).is_err(), "{name}");
        assert!(providers.metadata(&fake.issuer).is_none() && providers.is_down(&fake.issuer));
        assert!(providers.first_fetches_over());
    }
    assert_eq!((fake.count("/keys"), elsewhere.count("/keys")), (0, 0));
}

#[tokio::test]
async fn says_when_a_provider_is_down_and_when_it_is_back() {
    let fake = Fake::start(&[key("a")]).await;
    fake.on(DISCOVERY, Reply::status(503));
    let (providers, clock) = fake.known().await;
    assert!(providers.is_down(&fake.issuer));
    assert!(providers.keys_for_kid(&fake.issuer, "a").await.is_err());
    let report = &providers.report()[0];
    assert_eq!((report.keys, report.first_fetch_over, report.down), (0, true, true));
    // It comes back by itself.
    fake.on(DISCOVERY, Reply::json(&fake.document()));
    eventually(|| !providers.is_down(&fake.issuer)).await;
    assert_eq!(kids(&providers, &fake.issuer), ["a"]);
    fake.on(DISCOVERY, Reply::status(503));
    assert!(providers.refresh_keys(&fake.issuer).await.is_err());
    assert!(!providers.is_down(&fake.issuer));
    clock.advance(Duration::from_secs(60));
    assert!(providers.is_down(&fake.issuer));
    assert_eq!(kids(&providers, &fake.issuer), ["a"]);
}

#[tokio::test]
async fn notices_that_a_provider_is_down_whose_keys_are_good_for_a_day() {
    let fake = Fake::start(&[key("a")]).await;
    let good = Reply::text(&jwks(&[key("a")])).header("cache-control", "max-age=86400");
    fake.on("/keys", good);
    let (providers, clock) = fake.known().await;
    let half_a_minute = async || {
        clock.advance(Duration::from_secs(30));
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(30)).await;
        tokio::time::resume();
    };
    let mut document = fake.document();
    document["prompt_values_supported"] = json!(["create"]);
    fake.on(DISCOVERY, Reply::json(&document));
    half_a_minute().await;
    let metadata = || providers.metadata(&fake.issuer).expect("metadata");
    eventually(|| metadata().supports_prompt_create).await;
    assert_eq!((fake.count(DISCOVERY), fake.count("/keys")), (2, 1), "keys are good still");
    // Nobody asks for anything, and it is seen all the same; one slip is none.
    fake.on(DISCOVERY, Reply::status(503));
    half_a_minute().await;
    eventually(|| providers.is_failing(&fake.issuer)).await;
    assert!(!providers.is_down(&fake.issuer));
    clock.advance(Duration::from_secs(30));
    assert!(providers.is_down(&fake.issuer));
    assert_eq!(kids(&providers, &fake.issuer), ["a"]);
    fake.on(DISCOVERY, Reply::json(&fake.document()));
    eventually(|| !providers.is_down(&fake.issuer)).await;
}

#[tokio::test]
async fn asks_no_sooner_than_a_busy_provider_says() {
    let fake = Fake::start(&[key("a")]).await;
    let reset = (NOW.0 + 120).to_string();
    for (name, value) in [("x-rate-limit-reset", reset.as_str()), ("retry-after", "120")] {
        fake.on("/keys", Reply::status(429).header(name, value));
        let before = fake.count("/keys");
        let (providers, clock) = fake.known().await;
        clock.advance(Duration::from_secs(119));
        assert!(providers.keys_for_kid(&fake.issuer, "a").await.is_err());
        assert_eq!(fake.count("/keys"), before + 1, "{name}");
        clock.advance(Duration::from_secs(1));
        fake.keys(&[key("a")]);
        assert!(providers.keys_for_kid(&fake.issuer, "a").await.is_ok());
    }
}

#[tokio::test]
async fn keeps_the_keys_of_a_plan_from_those_of_a_portal() {
    let fake = Fake::start(&[key("a")]).await;
    fake.on("/plan", Reply::text(&jwks(&[key("p")])));
    let at = Url::parse(&format!("{}/plan", fake.issuer)).expect("a URL");
    let plan = IssuerSource { issuer: fake.issuer.clone(), jwks_url: Some(at) };
    let (providers, _) = fake.known().await;
    let portal = providers.keys(&fake.issuer).expect("keys");
    providers.set_issuers(vec![(&fake.issuer).into(), plan.clone(), plan.clone()]);
    eventually(|| providers.first_fetches_over()).await;
    let keys = providers.keys(&plan).expect("keys");
    assert_eq!(keys.kids().collect::<Vec<_>>(), ["p"]);
    assert!(Arc::ptr_eq(&portal, &providers.keys(&fake.issuer).expect("keys")));
    assert_eq!((fake.count(DISCOVERY), fake.count("/keys"), fake.count("/plan")), (1, 1, 1));

    providers.set_issuers(vec![plan.clone()]);
    assert!(providers.keys(&fake.issuer).is_err() && providers.keys(&plan).is_ok());
    assert!(providers.keys_for_kid(&fake.issuer, "a").await.is_err());
    assert_eq!(providers.report().len(), 1);
    providers.set_issuers(Vec::new());
    assert!(providers.report().is_empty() && providers.first_fetches_over());
}

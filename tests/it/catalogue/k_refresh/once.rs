//! One refresh for a session, whoever asks and however late the answer is.

use super::{SESSION, home, plain, refreshes, setup};
use crate::support::{Answer, Ask, Browser, Gateway, PORTAL, eventually};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tonic::transport::Channel;

/// Answers of the token endpoint wait for permits from now on.
fn gate(gateway: &Gateway) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    gateway.provider.turn(|knobs| knobs.gate = Some(Arc::clone(&gate)));
    gate
}

/// A check under way, on a connection of its own.
fn under_way(gateway: &Gateway, ask: Ask) -> tokio::task::JoinHandle<Answer> {
    let address = format!("http://{}", gateway.grpc.expect("TCP"));
    let message = ask.message();
    tokio::spawn(async move {
        let channel = Channel::from_shared(address).expect("an address").connect_lazy();
        let answer = AuthorizationClient::new(channel).check(message).await;
        Answer::read(answer.expect("never an RPC error").into_inner())
    })
}

#[tokio::test]
async fn k07_many_checks_tabs_and_connections_refresh_a_session_once() {
    let gateway = Gateway::with(setup()).await;
    gateway.provider.turn(|knobs| knobs.rotation = Some(0));
    let browser = Browser::signed_in(&gateway, &home()).await;
    for round in 1..=3 {
        gateway.later(3660);
        let asks = (0..60).map(|_at| under_way(&gateway, browser.dress(Ask::get(&home()))));
        for answer in futures_util::future::join_all(asks.collect::<Vec<_>>()).await {
            // Each tab has the very first cookie still, and gets the newest record.
            let answer = answer.expect("answered");
            assert!(answer.granted().set_cookie(SESSION).is_some());
        }
        assert_eq!((refreshes(&gateway), gateway.provider.reuses()), (round, 0));
    }
}

#[tokio::test]
async fn k07_an_answer_after_the_longest_wait_is_kept_for_who_comes_next() {
    let gateway = Gateway::with(setup()).await;
    gateway.provider.turn(|knobs| knobs.rotation = Some(0));
    let browser = Browser::signed_in(&gateway, &home()).await;
    gateway.later(3660);
    let gate = gate(&gateway);
    for _check in 0..3 {
        let ask = browser.dress(Ask::get(&home()));
        let answer = gateway.ask_within(ask, Duration::from_millis(300)).await;
        assert!(answer.granted().set_cookie(SESSION).is_none(), "the old record, in its grace");
    }
    gate.add_permits(9);
    let name = "portcullis_refreshes_total{outcome=\"refreshed\"}";
    let refreshed = async { while gateway.metric(name).await == 0 {} };
    tokio::time::timeout(Duration::from_secs(10), refreshed).await.expect("refreshed");
    assert!(plain(&gateway, &browser).await.granted().set_cookie(SESSION).is_some());
    assert_eq!((refreshes(&gateway), gateway.provider.reuses()), (1, 0));
}

#[tokio::test]
async fn k07_an_answer_after_the_logout_revives_nothing() {
    for memory in [false, true] {
        let setup = if memory { setup().in_memory() } else { setup() };
        let gateway = Gateway::with(setup).await;
        let mut browser = Browser::signed_in(&gateway, &home()).await;
        let tab = browser.clone();
        gateway.later(3660);
        let gate = gate(&gateway);
        let late = under_way(&gateway, tab.dress(Ask::get(&home())));
        eventually(|| refreshes(&gateway) == 1).await;
        let logout = Ask::post(&format!("{PORTAL}/.auth/logout")).fetch();
        assert_eq!(browser.send(&gateway, logout).await.status, 200);
        gate.add_permits(9);
        let answer = late.await.expect("answered");
        answer.refused(401, "invalid_session");
        plain(&gateway, &tab).await.refused(401, "invalid_session");
        gateway.later(20);
        plain(&gateway, &tab).await.refused(401, "invalid_session");
        assert_eq!(refreshes(&gateway), 1);
    }
}

#[tokio::test]
async fn k07_an_answer_after_a_newer_login_leaves_that_login_alone() {
    let gateway = Gateway::with(setup()).await;
    let mut browser = Browser::signed_in(&gateway, &home()).await;
    gateway.later(3660);
    let (tab, gate) = (browser.clone(), gate(&gateway));
    let late = under_way(&gateway, tab.dress(Ask::get(&home())));
    eventually(|| refreshes(&gateway) == 1).await;
    // Another tab of the same browser signs in anew meanwhile.
    let login = format!("{PORTAL}/.auth/signup?return_to=/home");
    let mut other = browser.clone();
    other.cookies("portal.petstore.localhost").retain(|name, _| !name.ends_with("-s"));
    let callback = other.callback(&gateway, &login).await;
    for (name, value) in other.cookies("portal.petstore.localhost").clone() {
        browser.cookies("portal.petstore.localhost").insert(name, value);
    }
    gateway.provider.turn(|knobs| knobs.gate = None);
    assert_eq!(browser.load(&gateway, &callback).await.location(), "/home");
    gate.add_permits(9);
    let answer = late.await.expect("answered");
    answer.refused(401, "invalid_session");
    assert!(answer.set_cookies().is_empty(), "it would clear the new session: {answer:?}");
    browser.keep("portal.petstore.localhost", &answer);
    browser.load(&gateway, &home()).await.granted();
    plain(&gateway, &tab).await.refused(401, "invalid_session");
}

#[tokio::test]
async fn k11_sessions_that_end_together_are_refreshed_ten_at_a_time_and_each_once() {
    let gateway = Gateway::with(setup()).await;
    let mut browsers = Vec::new();
    for _person in 0..30 {
        browsers.push(Browser::signed_in(&gateway, &home()).await);
    }
    // As after a restart: nothing is known but what the cookies say.
    let gateway = gateway.restarted(setup()).await;
    gateway.later(3660);
    let gate = gate(&gateway);
    let asks: Vec<_> = browsers
        .iter()
        .map(|browser| under_way(&gateway, browser.dress(Ask::get(&home()))))
        .collect();
    eventually(|| refreshes(&gateway) == 10).await;
    for _look in 0..20 {
        gateway.ask(Ask::get(&home())).await.refused(401, "no_credentials");
    }
    assert_eq!(refreshes(&gateway), 10, "no more than ten at a time");
    gate.add_permits(1000);
    for answer in futures_util::future::join_all(asks).await {
        answer.expect("answered").granted();
    }
    assert_eq!(refreshes(&gateway), 30);
}

#[tokio::test]
async fn k13_two_replicas_that_refresh_the_same_session_lock_nobody_out() {
    let one = Gateway::with(setup()).await;
    one.provider.turn(|knobs| knobs.rotation = Some(30));
    let (provider, clock) = (Arc::clone(&one.provider), one.clock.clone());
    let other = Gateway::beside(provider, clock, setup()).await;
    let mut browser = Browser::signed_in(&one, &home()).await;
    for _hour in 0..4 {
        one.later(3660);
        // Two tabs at the same moment, by two replicas: both within the provider's grace.
        let (first, second) = tokio::join!(plain(&one, &browser), plain(&other, &browser));
        assert!(first.granted().set_cookie(SESSION).is_some());
        assert!(second.granted().set_cookie(SESSION).is_some());
        browser.keep("portal.petstore.localhost", &first);
        browser.keep("portal.petstore.localhost", &second);
        // Afterwards either replica takes what the browser has.
        plain(&one, &browser).await.granted();
        plain(&other, &browser).await.granted();
    }
    assert_eq!((refreshes(&one), one.provider.reuses()), (8, 0));
}

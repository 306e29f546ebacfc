//! Redis is gone, stands still, is full, comes back: nobody is signed out by that, and nobody let in.

use super::fleet::{Fleet, home, plain};
use crate::support::{API, Answer, Ask, Browser, PORTAL, RedisServer, Setup};
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

const LOCAL: &str = "{petstore-portal.default: {session: {store_down: local, idle_timeout: 12h}}}";

fn post(path: &str) -> Ask {
    Ask::post(&format!("{PORTAL}/.auth/{path}")).header("sec-fetch-site", "same-origin")
}

/// A server whose data outlive it.
fn durable() -> RedisServer {
    RedisServer::with(&["--appendonly", "yes", "--appendfsync", "always"])
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Killed,
    StandsStill,
    Paused,
}

impl Fault {
    fn begin(self, redis: &RedisServer) {
        match self {
            Self::Killed => redis.kill(),
            Self::StandsStill => redis.freeze(),
            Self::Paused => drop(redis.cli(&["client", "pause", "4000"])),
        }
    }

    fn end(self, redis: &RedisServer) {
        match self {
            Self::Killed => redis.start_again(),
            Self::StandsStill => redis.thaw(),
            // By itself: a server that is paused takes no word.
            Self::Paused => {}
        }
    }
}

#[tokio::test]
async fn i20_while_the_store_is_down_it_is_503_in_time_and_nobody_is_signed_out() {
    for fault in [Fault::Killed, Fault::StandsStill, Fault::Paused] {
        let fleet = Fleet::with(2, "store: redis", Setup::default(), durable()).await;
        let mut browser = fleet.signed_in().await;
        fleet.all_grant(&browser).await;
        fault.begin(&fleet.redis);
        fleet.later(2);
        let (mut sent, mut wrongly_allowed, mut wrongly_out) = (0, 0, 0);
        for round in 0..10 {
            for replica in &fleet.replicas {
                let began = Instant::now();
                let ask = browser.dress(Ask::get(&home()).navigate());
                let answer = replica.ask_within(ask, Duration::from_millis(500)).await;
                sent += 1;
                wrongly_allowed += usize::from(answer.allowed);
                wrongly_out +=
                    usize::from(answer.status != 503 || !answer.set_cookies().is_empty());
                answer.refused(503, "store_unavailable");
                assert!(answer.header("retry-after").is_some());
                assert!(
                    began.elapsed() < Duration::from_millis(500),
                    "{round} {:?}",
                    began.elapsed()
                );
            }
        }
        println!(
            "redis {fault:?}, refuse: {sent} checks, wrongly allowed {wrongly_allowed}, wrongly logged \
             out {wrongly_out}"
        );
        // No login begins, and none of them goes round in circles.
        let stranger = fleet.replicas[0].ask(Ask::get(&home()).navigate()).await;
        stranger.refused(503, "store_unavailable");
        let login = browser.load(&fleet.replicas[0], &format!("{PORTAL}/.auth/login")).await;
        login.refused(503, "store_unavailable");
        fault.end(&fleet.redis);
        fleet.recovered().await;
        fleet.all_grant(&browser).await;
    }
}

#[tokio::test]
async fn i20_local_sessions_go_on_until_their_identity_ends_and_no_longer() {
    for fault in [Fault::Killed, Fault::StandsStill] {
        let setup = Setup::default().setting("portals", LOCAL);
        let fleet = Fleet::with(2, "store: redis", setup, durable()).await;
        let browser = fleet.signed_in().await;
        let mut elsewhere = Browser::default();
        elsewhere.visit(&fleet.replicas[0], &home()).await.1.granted();
        fleet.all_grant(&browser).await;
        fault.begin(&fleet.redis);
        fleet.later(1800);
        let mut sent = 0;
        for _round in 0..5 {
            fleet.all_grant(&browser).await;
            sent += 2;
        }
        println!("redis {fault:?}, local: {sent} checks, wrongly allowed 0, wrongly logged out 0");
        // One that this replica never saw, and one whose identity is over.
        plain(&fleet.replicas[1], &elsewhere).await.refused(503, "store_unavailable");
        fleet.later(1800 + 59);
        fleet.all_grant(&browser).await;
        fleet.later(1);
        for answer in fleet.ask_all(&browser).await {
            answer.refused(503, "store_unavailable");
            assert!(answer.set_cookies().is_empty());
        }
        assert_eq!(fleet.refreshes(), 0);
        fault.end(&fleet.redis);
        fleet.recovered().await;
        fleet.all_grant(&browser).await;
        assert_eq!(fleet.refreshes(), 1);
    }
}

/// A bearer whose holder may have signed out elsewhere, where the Portal that vouches for it says `refuse`.
#[tokio::test]
async fn i20_without_the_log_a_bearer_id_token_is_refused_where_sessions_are() {
    for (mode, passes) in [("refuse", false), ("local", true)] {
        let session = format!("store: redis, store_down: {mode}, redis: {{cache_time: 0s}}");
        let redis = RedisServer::start();
        let session = session.replace("redis: {", &format!("redis: {{{}, ", redis.place()));
        let setup =
            Setup::default().setting("session", &format!("{{keys_file: session.keys, {session}}}"));
        let fleet = Fleet::over(1, setup, redis).await;
        let token = fleet.provider.id_token(&json!({"groups": ["PetstoreUsers"]}));
        let ask = || fleet.replicas[0].ask(Ask::get(&format!("{API}/pets")).bearer(&token));
        ask().await.granted();
        fleet.redis.kill();
        let answer = once_noticed(passes, &ask).await;
        assert_eq!(answer.allowed, passes, "{mode}");
        if !passes {
            answer.refused(503, "store_unavailable");
        }
    }
}

/// What is answered once it can be noticed that Redis is gone.
async fn once_noticed(passes: bool, ask: impl AsyncFn() -> Answer) -> Answer {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) && ask().await.allowed {
        if passes && began.elapsed() > Duration::from_secs(5) {
            break;
        }
        tokio::task::yield_now().await;
    }
    ask().await
}

/// The same for a sealed session: this replica has opened it before, and could go on by that.
#[tokio::test]
async fn i20_without_the_log_a_sealed_session_that_was_seen_is_refused_all_the_same() {
    for (mode, passes) in [("refuse", false), ("local", true)] {
        let session = format!("store: cookie, store_down: {mode}");
        let fleet = Fleet::with(1, &session, Setup::default(), durable()).await;
        let browser = fleet.signed_in().await;
        let ask = || plain(&fleet.replicas[0], &browser);
        ask().await.granted();
        ask().await.granted();
        fleet.redis.kill();
        let answer = once_noticed(passes, &ask).await;
        assert_eq!(answer.allowed, passes, "{mode}");
        if !passes {
            answer.refused(503, "store_unavailable");
            fleet.redis.start_again();
            fleet.recovered().await;
            fleet.all_grant(&browser).await;
        }
    }
}

/// A replica that starts knows nothing of earlier logouts: a sealed cookie says nothing of them. It waits for the
/// log, and goes on without it only where Redis is away, and `store_down` says `local`.
#[tokio::test]
async fn i20_a_replica_that_has_not_read_what_is_over_lets_no_sealed_session_pass() {
    for (mode, away) in [("local", 200), ("refuse", 503)] {
        let session = format!("store: cookie, store_down: {mode}");
        let mut fleet = Fleet::with(1, &session, Setup::default(), durable()).await;
        let browser = fleet.signed_in().await;
        fleet.all_grant(&browser).await;
        fleet.redis.kill();
        fleet.begin().await;
        plain(&fleet.replicas[1], &browser).await.refused(503, "store_unavailable");
        let settled = async {
            while plain(&fleet.replicas[1], &browser).await.status == 503 && away == 200 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), settled).await.expect("settled at last");
        let answer = plain(&fleet.replicas[1], &browser).await;
        assert_eq!(answer.status == 503, away == 503, "{mode}");
        assert!(answer.set_cookies().is_empty());
        fleet.redis.start_again();
        fleet.recovered().await;
        fleet.all_grant(&browser).await;
    }
}

#[tokio::test]
async fn i20_an_optional_portal_lets_pass_as_nobody_while_the_store_is_down() {
    let setup =
        Setup::default().setting("portals", "{petstore-portal.default: {access: optional}}");
    let fleet = Fleet::with(1, "store: redis", setup, durable()).await;
    let mut browser = Browser::default();
    let login = format!("{PORTAL}/.auth/login?return_to=/home");
    browser.visit(&fleet.replicas[0], &login).await.1.granted();
    assert_eq!(plain(&fleet.replicas[0], &browser).await.reason(), "granted");
    fleet.redis.kill();
    fleet.later(2);
    let answer = plain(&fleet.replicas[0], &browser).await;
    assert!(answer.allowed && answer.reason() == "public", "{}", answer.reason());
    assert!(!answer.set.contains_key("x-user-id") && answer.set_cookies().is_empty());
}

#[tokio::test]
async fn i20_a_store_that_is_full_takes_no_login_and_takes_nobody_out() {
    let fleet = Fleet::new(2, "store: redis, idle_timeout: 12h").await;
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    fleet.redis.cli(&["config", "set", "maxmemory", "1"]);
    fleet.later(600);
    fleet.all_grant(&browser).await;
    let mut stranger = Browser::default();
    let answer = stranger.load(&fleet.replicas[0], &home()).await;
    assert_eq!(answer.status, 302);
    let at = stranger.next(&fleet.replicas[0], &home(), &answer);
    let refused = stranger.load(&fleet.replicas[0], &at).await;
    refused.refused(503, "store_unavailable");
    // Whoever loads the page again when there is room is in, with the same code.
    fleet.redis.cli(&["config", "set", "maxmemory", "0"]);
    let done = stranger.load(&fleet.replicas[0], &at).await;
    assert_eq!((done.status, done.location()), (302, "/home"));
    stranger.load(&fleet.replicas[1], &home()).await.granted();
    fleet.all_grant(&browser).await;
}

#[tokio::test]
async fn j20_a_logout_of_the_provider_while_the_store_is_down_is_503_and_done_when_it_comes_again()
{
    for store in ["store: redis", "store: cookie"] {
        let fleet = Fleet::with(2, store, Setup::default(), durable()).await;
        let browser = fleet.signed_in().await;
        fleet.all_grant(&browser).await;
        fleet.redis.kill();
        let token = fleet.provider.logout_token(&json!({}));
        let body = format!("logout_token={token}");
        let notice = || post("backchannel-logout").body(&body);
        let answer = fleet.replicas[0].ask(notice()).await;
        answer.refused(503, "store_unavailable");
        assert!(answer.header("retry-after").is_some());
        fleet.redis.start_again();
        fleet.recovered().await;
        assert_eq!(fleet.replicas[0].ask(notice()).await.status, 200, "{store}");
        assert_eq!(fleet.replicas[0].ask(notice()).await.status, 400, "{store}: but once");
        for replica in &fleet.replicas {
            super::fleet::out_after(replica, &browser).await;
        }
    }
}

#[tokio::test]
async fn j20_what_could_not_be_told_is_told_when_the_store_is_back() {
    let fleet = Fleet::new(2, "store: cookie").await;
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    fleet.redis.kill();
    let answer = fleet.replicas[0].ask(browser.dress(post("logout"))).await;
    assert_eq!(answer.status, 200, "the person is signed out");
    assert!(!plain(&fleet.replicas[0], &browser).await.allowed);
    plain(&fleet.replicas[1], &browser).await.granted();
    fleet.redis.start_again();
    let took = super::fleet::out_after(&fleet.replicas[1], &browser).await;
    println!("a logout during an outage reached the other replica {took:?} after its end");
}

#[tokio::test]
async fn i20_sealed_sessions_go_on_without_the_bus_unless_a_portal_refuses() {
    let refuse = "{petstore-portal.default: {session: {store_down: refuse}}}";
    for (portals, granted) in [("{}", true), (refuse, false)] {
        let setup = Setup::default().setting("portals", portals);
        let fleet = Fleet::with(1, "store: cookie", setup, durable()).await;
        let browser = fleet.signed_in().await;
        fleet.redis.kill();
        if granted {
            plain(&fleet.replicas[0], &browser).await.granted();
            continue;
        }
        // For some seconds what is over is known well enough.
        let dark = async { while plain(&fleet.replicas[0], &browser).await.allowed {} };
        tokio::time::timeout(Duration::from_secs(20), dark).await.expect("refuses at last");
        plain(&fleet.replicas[0], &browser).await.refused(503, "store_unavailable");
        fleet.redis.start_again();
        fleet.recovered().await;
        plain(&fleet.replicas[0], &browser).await.granted();
    }
}

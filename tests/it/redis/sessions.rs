//! Sessions in Redis, and three replicas that have the same ones.

use super::fleet::{Fleet, home, out_after, plain};
use crate::support::{Ask, Browser, PORTAL};
use serde_json::json;
use std::time::Duration;

const SESSION: &str = "__Host-portcullis-s";
const SECOND: Duration = Duration::from_secs(1);

fn post(path: &str) -> Ask {
    Ask::post(&format!("{PORTAL}/.auth/{path}")).header("sec-fetch-site", "same-origin")
}

#[tokio::test]
async fn a_login_on_one_replica_counts_on_all_and_the_browser_has_an_id_alone() {
    let fleet = Fleet::new(3, "store: redis").await;
    let mut browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    let cookies = browser.cookies("portal.petstore.localhost").clone();
    assert!(cookies[SESSION].len() < 150, "{}", cookies[SESSION].len());
    // What is there says nothing: neither the id nor the person, and it ends by itself.
    let keys = fleet.redis.cli(&["keys", "*"]);
    let key = keys.lines().find(|key| key.ends_with(":session")).expect("a record");
    let record = fleet.redis.cli(&["get", key]);
    for secret in fleet.provider.secrets().iter().chain([&"00u1".to_owned()]) {
        assert!(!record.contains(secret) && !key.contains(secret), "{secret}");
    }
    let left: u64 = fleet.redis.cli(&["ttl", key]).parse().expect("a number");
    // Twice the idle time, and the grace of an outage.
    assert!((4 * 3600 - 60..=4 * 3600).contains(&left), "{left}");
}

#[tokio::test]
async fn a_check_asks_redis_once_at_most_and_within_the_caches_time_not_at_all() {
    let fleet = Fleet::new(1, "store: redis").await;
    let browser = fleet.signed_in().await;
    let replica = &fleet.replicas[0];
    let reads = || {
        let stats = fleet.redis.cli(&["info", "commandstats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_get:calls="));
        line.and_then(|line| line.split(',').next()?.parse::<u64>().ok()).unwrap_or_default()
    };
    let before = reads();
    for _check in 0..10 {
        plain(replica, &browser).await.granted();
    }
    assert_eq!(reads(), before);
    fleet.later(2);
    for _check in 0..10 {
        plain(replica, &browser).await.granted();
    }
    assert_eq!(reads(), before + 1);
}

#[tokio::test]
async fn a_logout_on_one_replica_ends_it_on_all_within_a_second_and_for_those_that_start() {
    for store in ["store: redis", "store: cookie"] {
        let mut fleet = Fleet::new(3, store).await;
        let browser = fleet.signed_in().await;
        fleet.all_grant(&browser).await;
        let answer = fleet.replicas[1].ask(browser.dress(post("logout"))).await;
        assert_eq!(answer.status, 200, "{store}");
        for replica in &fleet.replicas {
            let took = out_after(replica, &browser).await;
            println!("{store}: a logout reached a replica within {took:?}");
            assert!(took < SECOND, "{store}: {took:?}");
        }
        fleet.join().await;
        assert!(!plain(&fleet.replicas[3], &browser).await.allowed, "{store}: after a restart");
    }
}

#[tokio::test]
async fn what_the_provider_ends_is_over_on_all_replicas_and_for_those_that_start() {
    for store in ["store: redis", "store: cookie", "store: memory"] {
        let mut fleet = Fleet::new(2, store).await;
        let browser = fleet.signed_in().await;
        let mut other = Browser::default();
        other.visit(&fleet.replicas[1], &home()).await.1.granted();
        let token = fleet.provider.logout_token(&json!({"sid": null}));
        let body = format!("logout_token={token}");
        let answer = fleet.replicas[0].ask(post("backchannel-logout").body(&body)).await;
        assert_eq!(answer.status, 200, "{store}");
        for (replica, browser) in [(0, &browser), (1, &other)] {
            let took = out_after(&fleet.replicas[replica], browser).await;
            println!("{store}: back-channel logout reached a replica within {took:?}");
            assert!(took < SECOND, "{store}: {took:?}");
        }
        fleet.join().await;
        assert!(!plain(&fleet.replicas[2], &browser).await.allowed, "{store}: after a restart");
        // Who signs in again is in, everywhere but with sessions in memory.
        fleet.later(1);
        let mut again = Browser::default();
        again.visit(&fleet.replicas[2], &home()).await.1.granted();
        if store != "store: memory" {
            fleet.all_grant(&again).await;
        }
    }
}

#[tokio::test]
async fn universal_logout_reaches_all_replicas() {
    let fleet = Fleet::new(2, "store: redis").await;
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    let token = fleet.provider.revocation_token(&json!({}));
    let issuer = &fleet.provider.issuer;
    let body = json!({"sub_id": {"format": "iss_sub", "iss": issuer, "sub": "00u1"}});
    let ask = post("global-token-revocation").bearer(&token).body(&body.to_string());
    assert_eq!(fleet.replicas[1].ask(ask).await.status, 204);
    for replica in &fleet.replicas {
        assert!(out_after(replica, &browser).await < SECOND);
    }
}

#[tokio::test]
async fn what_was_missed_while_nobody_listened_is_read_again() {
    for store in ["store: redis", "store: cookie"] {
        let fleet = Fleet::new(2, store).await;
        let browser = fleet.signed_in().await;
        fleet.all_grant(&browser).await;
        // Nobody hears anything by message: the log alone tells.
        fleet.redis.cli(&["acl", "setuser", "default", "resetchannels"]);
        fleet.redis.cli(&["client", "kill", "type", "pubsub"]);
        let answer = fleet.replicas[0].ask(browser.dress(post("logout"))).await;
        assert!([200, 503].contains(&answer.status), "{store}: {}", answer.status);
        fleet.redis.cli(&["acl", "setuser", "default", "allchannels"]);
        let took = out_after(&fleet.replicas[1], &browser).await;
        println!("{store}: without messages a logout reached a replica within {took:?}");
    }
}

#[tokio::test]
async fn what_somebody_without_keys_writes_counts_for_nothing() {
    let fleet = Fleet::new(2, "store: redis, idle_timeout: 12h").await;
    fleet.provider.turn(|knobs| knobs.id_token = json!({"sid": "session-1"}));
    let browser = fleet.signed_in().await;
    fleet.provider.turn(|knobs| knobs.id_token = json!({"sid": "session-2"}));
    let mut other = Browser::default();
    other.visit(&fleet.replicas[0], &home()).await.1.granted();
    fleet.all_grant(&browser).await;
    fleet.redis.cli(&["xadd", "portcullis:ended", "*", "e", "AQIDBA"]);
    fleet.redis.cli(&["publish", "portcullis:ended", "1-1 AQIDBA"]);
    let keys = fleet.redis.cli(&["keys", "*:session"]);
    let keys: Vec<&str> = keys.lines().collect();
    assert_eq!(keys.len(), 2);
    // Another session's record under this one's key is none of it.
    let records = [fleet.redis.cli(&["get", keys[0]]), fleet.redis.cli(&["get", keys[1]])];
    fleet.all_grant(&browser).await;
    fleet.redis.cli(&["set", keys[0], &records[1]]);
    fleet.redis.cli(&["set", keys[1], &records[0]]);
    fleet.later(2);
    for browser in [&browser, &other] {
        for answer in fleet.ask_all(browser).await {
            answer.refused(401, "invalid_session");
        }
    }
    // Put back as they were they count again: nothing was revoked by that.
    fleet.redis.cli(&["set", keys[0], &records[0]]);
    fleet.redis.cli(&["set", keys[1], &records[1]]);
    fleet.all_grant(&browser).await;
    // After a logout the old record is over, wherever it is put back.
    fleet.replicas[0].ask(browser.dress(post("logout"))).await;
    fleet.redis.cli(&["set", keys[0], &records[0]]);
    fleet.redis.cli(&["set", keys[1], &records[1]]);
    fleet.later(2);
    for replica in &fleet.replicas {
        out_after(replica, &browser).await;
    }
    fleet.all_grant(&other).await;
}

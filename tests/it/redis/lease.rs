//! One refresh for a session, however many replicas there are.

use super::fleet::{Fleet, plain};
use crate::support::{Answer, eventually};
use std::sync::Arc;
use tokio::sync::Semaphore;

const LONG: &str = "store: redis, idle_timeout: 12h";

#[tokio::test]
async fn two_hundred_checks_on_three_replicas_refresh_a_session_once() {
    let fleet = Fleet::new(3, LONG).await;
    // A refresh token that comes again costs the session.
    fleet.provider.turn(|knobs| knobs.rotation = Some(0));
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    fleet.later(3660);
    let asks = (0..200).map(|at| plain(&fleet.replicas[at % 3], &browser));
    for answer in futures_util::future::join_all(asks).await {
        answer.granted();
    }
    println!("calls of the token endpoint by 200 checks on 3 replicas: {}", fleet.refreshes());
    assert_eq!(fleet.refreshes(), 1);
    // And they all go on with the token that came of it.
    fleet.later(3660);
    fleet.all_grant(&browser).await;
    assert_eq!(fleet.refreshes(), 2);
}

#[tokio::test]
async fn a_holder_that_dies_is_followed_by_another_and_the_session_lives() {
    let mut fleet = Fleet::new(2, LONG).await;
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    fleet.later(3660);
    let gate = Arc::new(Semaphore::new(0));
    fleet.provider.turn(|knobs| knobs.gate = Some(Arc::clone(&gate)));
    // The first one asks, and dies before it is answered: its lease is left behind, as by a process that
    // was killed.
    let key = fleet.redis.cli(&["keys", "*:session"]).replace(":session", ":lease");
    fleet.redis.cli(&["set", &key, "of-somebody-who-died", "px", "1500"]);
    gate.add_permits(100);
    let answers: Vec<Answer> = fleet.ask_all(&browser).await;
    for answer in answers {
        answer.granted();
    }
    assert_eq!(fleet.refreshes(), 1);
    assert_eq!(fleet.redis.cli(&["exists", &key]), "0", "given back");
    drop(fleet.replicas.remove(0));
    fleet.all_grant(&browser).await;
}

#[tokio::test]
async fn a_late_holder_overwrites_nothing_and_ends_nothing() {
    let fleet = Fleet::new(2, LONG).await;
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    fleet.later(3660);
    let gate = Arc::new(Semaphore::new(0));
    fleet.provider.turn(|knobs| {
        knobs.gate = Some(Arc::clone(&gate));
        knobs.rotation = Some(0);
    });
    let keys = fleet.redis.cli(&["keys", "*:session"]);
    let lease = keys.replace(":session", ":lease");
    let first = plain(&fleet.replicas[0], &browser);
    let second = async {
        eventually(|| fleet.refreshes() == 1).await;
        // The first one's lease lapses under it.
        fleet.redis.cli(&["del", &lease]);
        let second = plain(&fleet.replicas[1], &browser);
        let opened = async {
            eventually(|| fleet.refreshes() == 2).await;
            // Both had the same token; one of them is told that it was used.
            fleet.later(1);
            gate.add_permits(100);
        };
        tokio::join!(second, opened).0
    };
    let (first, second) = tokio::join!(first, second);
    println!("late holder: {} and {}", first.reason(), second.reason());
    assert!(first.allowed && second.allowed, "{} {}", first.reason(), second.reason());
    let record = fleet.redis.cli(&["get", &keys]);
    assert!(record.starts_with("2:"), "not the first refreshed record");
}

#[tokio::test]
async fn what_failed_on_one_replica_is_not_tried_at_once_on_the_next() {
    let fleet = Fleet::new(3, LONG).await;
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    fleet.provider.turn(|knobs| knobs.token_error = Some((503, "temporarily_unavailable")));
    fleet.later(3660);
    plain(&fleet.replicas[0], &browser).await.granted();
    let asked = fleet.refreshes();
    fleet.all_grant(&browser).await;
    assert_eq!(fleet.refreshes(), asked);
    fleet.provider.turn(|knobs| knobs.token_error = None);
    fleet.later(16);
    fleet.all_grant(&browser).await;
    assert_eq!(fleet.refreshes(), asked + 1);
}

#[tokio::test]
async fn what_the_provider_ends_at_a_refresh_is_over_everywhere() {
    let fleet = Fleet::new(3, LONG).await;
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    fleet.provider.turn(|knobs| knobs.token_error = Some((400, "invalid_grant")));
    fleet.later(3660);
    plain(&fleet.replicas[2], &browser).await.refused(401, "invalid_session");
    for answer in fleet.ask_all(&browser).await {
        answer.refused(401, "invalid_session");
    }
    assert_eq!(fleet.refreshes(), 1);
    assert_eq!(fleet.redis.cli(&["keys", "*:session"]), "");
}

//! What `/metrics` and `/readyz` say of Redis.

use super::fleet::Fleet;
use std::time::Duration;

#[tokio::test]
async fn redis_and_the_bus_are_told_and_an_outage_is_seen() {
    let fleet = Fleet::new(2, "store: redis").await;
    let browser = fleet.signed_in().await;
    fleet.all_grant(&browser).await;
    let ask = crate::support::Ask::post(&format!("{}/.auth/logout", crate::support::PORTAL));
    let ask = browser.dress(ask.header("sec-fetch-site", "same-origin"));
    assert_eq!(fleet.replicas[0].ask(ask).await.status, 200);
    super::fleet::out_after(&fleet.replicas[1], &browser).await;
    let (_, text) = fleet.replicas[0].admin("/metrics").await;
    for line in [
        "portcullis_redis_up 1",
        "portcullis_redis_connections_total 1",
        "portcullis_redis_commands_total{outcome=\"answered\"} ",
        "portcullis_redis_commands_total{outcome=\"timed_out\"} 0",
        "portcullis_redis_commands_total{outcome=\"down\"} ",
        "portcullis_redis_commands_total{outcome=\"refused\"} 0",
        "portcullis_redis_round_trip_seconds_bucket{le=\"0.25\"} ",
        "portcullis_redis_round_trip_seconds_bucket{le=\"+Inf\"} ",
        "portcullis_redis_round_trip_seconds_count ",
        "portcullis_redis_round_trip_seconds_sum ",
        "portcullis_bus_loaded 1",
        "portcullis_bus_behind_seconds ",
        "portcullis_bus_waiting 0",
        "portcullis_bus_endings_total{outcome=\"told\"} 1",
        "portcullis_bus_endings_total{outcome=\"heard\"} ",
        "portcullis_bus_endings_total{outcome=\"refused\"} 0",
        "portcullis_bus_endings_total{outcome=\"dropped\"} 0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    fleet.redis.kill();
    let down = async {
        while !fleet.replicas[0].admin("/metrics").await.1.contains("portcullis_redis_up 0") {}
    };
    tokio::time::timeout(Duration::from_secs(10), down).await.expect("seen");
    let stranger = crate::support::Ask::get(&super::fleet::home()).navigate();
    fleet.replicas[0].ask(stranger).await.refused(503, "store_unavailable");
    let (_, text) = fleet.replicas[0].admin("/metrics").await;
    let counted = |line: &&str| {
        let failed = line.starts_with("portcullis_login_failures_total{");
        failed && line.contains("reason=\"store_unavailable\"")
    };
    let failed = text.lines().find(counted);
    assert!(failed.is_some_and(|line| line.ends_with(" 1")), "{failed:?}");
    // An outage takes no replica out, and one that starts meanwhile is ready too.
    let (status, body) = fleet.replicas[0].admin("/readyz").await;
    assert!(status == 200 && body.contains("Redis cannot be reached"), "{status} {body}");
}

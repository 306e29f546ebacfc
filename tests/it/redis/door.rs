//! The client: what it promises whoever asks, while the server is well and while it is not.

use crate::support::RedisServer;
use portcullis::config::{RedisNode, RedisSettings};
use portcullis::redis::{Event, Redis, RedisFault, Reply, Script};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

fn settings(server: &RedisServer) -> RedisSettings {
    RedisSettings { nodes: vec![RedisNode::Unix(server.socket())], ..RedisSettings::default() }
}

async fn connected(settings: &RedisSettings) -> Redis {
    let redis = Redis::start(settings, Handle::current()).expect("starts");
    assert!(redis.ready(Duration::from_secs(10)).await, "connects");
    redis
}

#[tokio::test]
async fn keeps_bytes_for_a_time_and_runs_scripts() {
    let server = RedisServer::start();
    let redis = connected(&settings(&server)).await;
    let key = redis.key("a");
    assert_eq!(redis.get(&key, None).await, Ok(None));
    let bytes = [0, 255, 13, 10, 36];
    redis.put(&key, &bytes, MINUTE, None).await.expect("kept");
    assert_eq!(redis.get(&key, None).await, Ok(Some(bytes.to_vec())));
    assert_eq!(server.cli(&["exists", "portcullis:a"]), "1");
    let left: u64 = server.cli(&["pttl", "portcullis:a"]).parse().expect("a number");
    assert!((1..=60_000).contains(&left), "{left}");
    assert_eq!(redis.remove(&key, None).await, Ok(true));
    assert_eq!(redis.remove(&key, None).await, Ok(false));
    let add = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
    for want in [5, 10] {
        let sum = redis.run_script(&add, &[&key], &[b"5"], None).await;
        assert_eq!(sum, Ok(Reply::Number(want)));
    }
    // A server that was emptied knows no script, and is told once more.
    server.cli(&["script", "flush"]);
    assert_eq!(redis.run_script(&add, &[&key], &[b"1"], None).await, Ok(Reply::Number(11)));
    let refused = redis.run_script(&Script::new("return nosuch()"), &[], &[], None).await;
    assert!(matches!(refused, Err(RedisFault::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn a_connection_that_is_cut_costs_nobody_an_answer() {
    let server = RedisServer::start();
    let redis = connected(&settings(&server)).await;
    let key = redis.key("a");
    redis.put(&key, b"1", MINUTE, None).await.expect("kept");
    for _cut in 0..20 {
        server.cli(&["client", "kill", "type", "normal"]);
        assert_eq!(redis.get(&key, None).await, Ok(Some(b"1".to_vec())));
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_down_at_once_and_back_by_itself() {
    let server = RedisServer::start();
    let redis = connected(&settings(&server)).await;
    let key = redis.key("a");
    server.kill();
    assert_eq!(redis.get(&key, None).await, Err(RedisFault::Down));
    // Whoever comes soon waits a moment for the next connection. After that nobody waits at all.
    let hopeless = async {
        loop {
            let began = Instant::now();
            assert_eq!(redis.get(&key, None).await, Err(RedisFault::Down));
            if began.elapsed() < Duration::from_millis(20) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), hopeless).await.expect("at once at last");
    assert!(!redis.health().is_up());
    server.start_again();
    assert!(redis.ready(Duration::from_secs(10)).await);
    assert_eq!(redis.get(&key, None).await, Ok(None));
}

#[tokio::test]
async fn a_server_that_stands_still_is_given_up_in_time() {
    let server = RedisServer::start();
    let redis = connected(&settings(&server)).await;
    let key = redis.key("a");
    server.freeze();
    let began = Instant::now();
    let until = Instant::now() + Duration::from_millis(50);
    assert_eq!(redis.get(&key, Some(until)).await, Err(RedisFault::TimedOut));
    assert!(began.elapsed() < Duration::from_millis(200), "{:?}", began.elapsed());
    let began = Instant::now();
    let faults = [redis.get(&key, None).await, redis.get(&key, None).await];
    assert!(faults.iter().all(Result::is_err), "{faults:?}");
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    server.thaw();
    assert!(redis.ready(Duration::from_secs(10)).await);
    assert_eq!(redis.get(&key, None).await, Ok(None));
}

#[tokio::test]
async fn a_server_without_memory_says_so_and_is_read_on() {
    let server = RedisServer::start();
    let redis = connected(&settings(&server)).await;
    let key = redis.key("a");
    redis.put(&key, b"1", MINUTE, None).await.expect("kept");
    server.cli(&["config", "set", "maxmemory", "1"]);
    assert_eq!(redis.put(&key, b"2", MINUTE, None).await, Err(RedisFault::Full));
    assert_eq!(redis.get(&key, None).await, Ok(Some(b"1".to_vec())));
    assert!(redis.health().is_up());
}

#[tokio::test]
async fn hears_what_is_told_and_when_it_may_have_missed_something() {
    let server = RedisServer::start();
    let redis = connected(&settings(&server)).await;
    let channel = redis.key("told");
    let mut heard = redis.subscribe(&channel);
    assert_eq!(heard.next().await, Some(Event::Connected));
    redis.publish(&channel, b"one", None).await.expect("told");
    assert_eq!(heard.next().await, Some(Event::Message(b"one".to_vec())));
    server.kill();
    assert_eq!(heard.next().await, Some(Event::Lost));
    server.start_again();
    assert_eq!(heard.next().await, Some(Event::Connected));
    assert!(redis.ready(Duration::from_secs(10)).await);
    redis.publish(&channel, b"two", None).await.expect("told");
    assert_eq!(heard.next().await, Some(Event::Message(b"two".to_vec())));
    // One that stands still says nothing; that is found out as well.
    server.freeze();
    assert_eq!(heard.next().await, Some(Event::Lost));
    server.thaw();
    assert_eq!(heard.next().await, Some(Event::Connected));
}

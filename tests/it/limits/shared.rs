//! Limits that several processes count together in a real Redis, which fails and comes back.

use super::{five_a_minute, passing, pets, token, with_plans};
use crate::support::{Answer, Ask, Gateway, NOW, Provider, Setup};
use portcullis::clock::Clock;
use portcullis::time::UnixTime;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

use crate::support::RedisServer;

/// Two services beside one provider, one clock and one Redis.
struct Replicas {
    redis: RedisServer,
    all: [Gateway; 2],
}

impl Replicas {
    /// Where exactly so many pass, nobody may count alone because the machine is busy.
    async fn patient(setup: Setup) -> Self {
        Self::with(setup, ", command_timeout: 5s").await
    }

    async fn of(setup: Setup) -> Self {
        Self::with(setup, "").await
    }

    async fn with(setup: Setup, further: &str) -> Self {
        let redis = RedisServer::start();
        let session = format!(
            "{{keys_file: session.keys, redis: {{url: 'unix:{}'{further}}}}}",
            redis.socket().display()
        );
        let setup = setup.setting("session", &session).setting("limits", "{shared: true}");
        let clock = Clock::manual(UnixTime(NOW));
        let provider = Arc::new(Provider::start(clock.clone()).await);
        let one = Gateway::beside(Arc::clone(&provider), clock.clone(), setup.clone()).await;
        let other = Gateway::beside(provider, clock, setup).await;
        one.ready().await;
        other.ready().await;
        let replicas = Self { redis, all: [one, other] };
        replicas.shared(true).await;
        replicas
    }

    fn ask(&self, caller: &str) -> Ask {
        pets().bearer(&token(&self.all[0], caller))
    }

    /// Waits until each process says of itself that it counts with the others, or alone; somebody who is
    /// not counted elsewhere asks meanwhile.
    async fn shared(&self, want: bool) {
        for gateway in &self.all {
            let reached = async {
                for number in 0.. {
                    gateway.later(1);
                    gateway.ask(self.ask(&format!("00u-{number}"))).await;
                    let told = gateway.metric("portcullis_limits_alone").await == 0;
                    let (_, ready) = gateway.admin("/readyz").await;
                    let ready: Value = serde_json::from_str(&ready).expect("JSON");
                    assert_eq!(ready["ready"], true, "no limit takes a replica out");
                    assert_eq!(ready["limits"]["alone_since"].is_null(), ready["limits"]["shared"]);
                    if told == want && ready["limits"]["shared"] == want {
                        break;
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(20), reached).await.expect("in time");
        }
    }

    /// The beginning of a minute.
    fn next_window(&self) {
        let now = self.all[0].clock.now().0;
        self.all[0].later(60 - now % 60);
    }

    /// How many of `tries` pass, asked in turn.
    async fn in_turn(&self, ask: &Ask, tries: usize) -> usize {
        let mut passed = 0;
        for turn in 0..tries {
            passed += passing(&self.all[turn % 2], ask, 1).await;
        }
        passed
    }
}

#[tokio::test]
async fn five_a_minute_on_two_replicas_are_exactly_five() {
    let replicas = Replicas::patient(five_a_minute()).await;
    for _window in 0..3 {
        replicas.next_window();
        assert_eq!(replicas.in_turn(&replicas.ask("00u-anna"), 12).await, 5);
        assert_eq!(replicas.in_turn(&replicas.ask("00u-ben"), 12).await, 5, "another caller");
    }
    replicas.next_window();
    let anna = replicas.ask("00u-anna");
    assert_eq!(passing(&replicas.all[0], &anna, 5).await, 5);
    // The other one has not heard of it yet, and asks.
    let refused = replicas.all[1].ask(anna).await;
    refused.refused(429, "limit");
    assert_eq!(refused.header("retry-after"), Some("60"));
    for gateway in &replicas.all {
        assert_eq!(gateway.metric("portcullis_limits_counted_alone_total").await, 0);
    }
    println!(
        "limits: a plan of 5 a minute on two replicas with Redis: exactly 5 of 12 pass, in 3 windows"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_at_once_exactly_as_many_pass_on_all_together() {
    let plan = "{gold: {rateLimit: {requestsPerUnit: 37, unit: DAY}}}";
    let replicas = Replicas::patient(with_plans(plan, "[gold]", "[]")).await;
    let anna = replicas.ask("00u-anna");
    let checks = (0..200).map(|turn| replicas.all[turn % 2].ask(anna.clone()));
    let answers: Vec<Answer> = futures_util::future::join_all(checks).await;
    assert_eq!(answers.iter().filter(|answer| answer.allowed).count(), 37);
}

#[tokio::test]
async fn while_redis_is_gone_each_process_holds_the_whole_limit_by_itself() {
    let replicas = Replicas::of(five_a_minute()).await;
    let anna = replicas.ask("00u-anna");
    replicas.next_window();
    assert_eq!(replicas.in_turn(&anna, 3).await, 3);
    replicas.redis.kill();
    // The one knows of three, the other of two.
    assert_eq!(passing(&replicas.all[0], &anna, 12).await, 2);
    assert_eq!(passing(&replicas.all[1], &anna, 12).await, 3);
    for _window in 0..2 {
        replicas.next_window();
        for gateway in &replicas.all {
            assert_eq!(passing(gateway, &anna, 12).await, 5);
        }
    }
    for gateway in &replicas.all {
        assert!(gateway.metric("portcullis_limits_counted_alone_total").await >= 10);
    }
    replicas.shared(false).await;
    replicas.redis.start_again();
    replicas.shared(true).await;
    replicas.next_window();
    assert_eq!(replicas.in_turn(&anna, 12).await, 5, "together again");
    println!("limits: Redis killed: 5 of 12 pass on each replica; back: 5 of 12 on both together");
}

#[tokio::test]
async fn a_redis_that_does_not_answer_holds_up_nobody_for_long_and_refuses_nobody() {
    let replicas = Replicas::of(five_a_minute()).await;
    let anna = replicas.ask("00u-anna");
    replicas.next_window();
    replicas.redis.freeze();
    // Shorter than a command may take: answered before that, and counted here.
    let hurried = replicas.all[0].ask_within(anna.clone(), Duration::from_millis(200)).await;
    hurried.granted();
    assert_eq!(passing(&replicas.all[0], &anna, 12).await, 4);
    assert_eq!(passing(&replicas.all[1], &anna, 12).await, 5);
    replicas.redis.thaw();
    replicas.shared(true).await;
    replicas.next_window();
    assert_eq!(replicas.in_turn(&anna, 12).await, 5);
}

/// What the keys in Redis say of callers: nothing.
#[tokio::test]
async fn names_of_callers_do_not_leave_the_process() {
    let replicas = Replicas::of(five_a_minute()).await;
    assert_eq!(passing(&replicas.all[0], &replicas.ask("00u-anna"), 1).await, 1);
    let keys = replicas.redis.cli(&["KEYS", "*limit:*"]);
    assert!(keys.lines().count() >= 2, "{keys}");
    assert!(
        !keys.contains("anna") && !keys.contains("oauth2") && !keys.contains("petstore"),
        "{keys}"
    );
    for key in keys.lines() {
        let left: i64 = replicas.redis.cli(&["PTTL", key]).parse().expect("a number");
        assert!((1..=180_000).contains(&left), "{key} is kept for {left} ms");
    }
}

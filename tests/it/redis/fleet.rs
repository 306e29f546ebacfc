//! Several replicas beside one provider, with one clock and one Redis.

use crate::support::{Answer, Ask, Browser, Gateway, NOW, PORTAL, Provider, RedisServer, Setup};
use portcullis::clock::Clock;
use portcullis::time::UnixTime;
use std::sync::Arc;
use std::time::Duration;

/// Replicas.
pub(super) struct Fleet {
    pub(super) redis: Arc<RedisServer>,
    pub(super) provider: Arc<Provider>,
    pub(super) clock: Clock,
    pub(super) replicas: Vec<Gateway>,
    setup: Setup,
}

impl Fleet {
    /// So many replicas, with this in section `session` besides where Redis is.
    pub(super) async fn new(many: usize, session: &str) -> Self {
        Self::with(many, session, Setup::default(), RedisServer::start()).await
    }

    /// The same with another setup and server.
    pub(super) async fn with(many: usize, session: &str, setup: Setup, redis: RedisServer) -> Self {
        let redis = Arc::new(redis);
        Self::of(many, setup.beside(&redis, session), redis).await
    }

    /// The same with all that section `session` says.
    pub(super) async fn over(many: usize, mut setup: Setup, redis: RedisServer) -> Self {
        let redis = Arc::new(redis);
        setup.redis = Some(Arc::clone(&redis));
        Self::of(many, setup, redis).await
    }

    async fn of(many: usize, setup: Setup, redis: Arc<RedisServer>) -> Self {
        let clock = Clock::manual(UnixTime(NOW));
        let provider = Arc::new(Provider::start(clock.clone()).await);
        let mut fleet = Self { redis, provider, clock, replicas: Vec::new(), setup };
        for _replica in 0..many {
            fleet.join().await;
        }
        fleet
    }

    /// One replica more.
    pub(super) async fn join(&mut self) {
        let (provider, clock) = (Arc::clone(&self.provider), self.clock.clone());
        self.replicas.push(Gateway::beside(provider, clock, self.setup.clone()).await);
    }

    /// One replica more, which nobody waits for.
    pub(super) async fn begin(&mut self) {
        let (provider, clock) = (Arc::clone(&self.provider), self.clock.clone());
        self.replicas.push(Gateway::starting(provider, clock, self.setup.clone()).await);
    }

    pub(super) async fn signed_in(&self) -> Browser {
        Browser::signed_in(&self.replicas[0], &home()).await
    }

    /// What each replica answers to this browser.
    pub(super) async fn ask_all(&self, browser: &Browser) -> Vec<Answer> {
        let asked = self.replicas.iter().map(|replica| plain(replica, browser));
        futures_util::future::join_all(asked).await
    }

    pub(super) async fn all_grant(&self, browser: &Browser) {
        for answer in self.ask_all(browser).await {
            answer.granted();
        }
    }

    pub(super) fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    pub(super) fn refreshes(&self) -> usize {
        self.provider.calls("/token", "refresh_token")
    }

    /// Waits until each replica has Redis again, and knows what is over.
    pub(super) async fn recovered(&self) {
        for replica in &self.replicas {
            let well = async {
                loop {
                    let (_, body) = replica.admin("/readyz").await;
                    if body.contains("\"missing\":[]") {
                        return;
                    }
                }
            };
            tokio::time::timeout(Duration::from_secs(20), well).await.expect("well at last");
        }
    }
}

pub(super) fn home() -> String {
    format!("{PORTAL}/home")
}

/// A fetch of a script with the browser's cookies.
pub(super) async fn plain(gateway: &Gateway, browser: &Browser) -> Answer {
    gateway.ask(browser.dress(Ask::get(&home()))).await
}

/// Waits until `replica` refuses this browser, and returns how long that took.
pub(super) async fn out_after(replica: &Gateway, browser: &Browser) -> Duration {
    let began = tokio::time::Instant::now();
    let out = async { while plain(replica, browser).await.allowed {} };
    tokio::time::timeout(Duration::from_secs(10), out).await.expect("out at last");
    began.elapsed()
}

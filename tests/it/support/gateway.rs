//! The service in this process, and what speaks to it in Envoy's place.

use super::token::Signer;
use super::{Answer, Ask, Line, NOW, Provider, RedisServer, Setup};
use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use portcullis::app::App;
use portcullis::clock::Clock;
use portcullis::config;
use portcullis::problem::Problem;
use portcullis::provider::Providers;
use portcullis::time::UnixTime;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};

/// A service, its provider and its clock; all ends with the value.
pub(crate) struct Gateway {
    pub(crate) client: AuthorizationClient<Channel>,
    pub(crate) channel: Channel,
    pub(crate) provider: Arc<Provider>,
    pub(crate) clock: Clock,
    pub(crate) folder: TempDir,
    pub(crate) problems: Vec<Problem>,
    pub(crate) reload: Arc<Notify>,
    pub(crate) providers: Providers,
    pub(crate) grpc: Option<SocketAddr>,
    pub(crate) admin: SocketAddr,
    /// Where its sessions are, if that is a Redis.
    pub(crate) redis: Option<Arc<RedisServer>>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Gateway {
    /// A service by the guide's resources.
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    /// A service with this setup, whose provider is well.
    pub(crate) async fn with(setup: Setup) -> Self {
        let clock = Clock::manual(UnixTime(NOW));
        let provider = Provider::start(clock.clone()).await;
        Self::beside(Arc::new(provider), clock, setup).await
    }

    /// A service whose provider is reached by a line that may have troubles.
    pub(crate) async fn behind_a_line(setup: Setup) -> (Self, Line) {
        let clock = Clock::manual(UnixTime(NOW));
        let (provider, line) = Provider::behind_a_line(clock.clone()).await;
        let gateway = Self::beside(Arc::new(provider), clock, setup).await;
        // Its limits of time may be short, and this machine busy.
        while let Some(missing) = gateway.providers.report().iter().find(|one| one.keys == 0) {
            let _fetched = gateway.providers.refresh_keys(&missing.issuer).await;
        }
        (gateway, line)
    }

    /// A service beside a provider; its first fetch is over.
    pub(crate) async fn beside(provider: Arc<Provider>, clock: Clock, setup: Setup) -> Self {
        let gateway = Self::starting(provider, clock, setup).await;
        eventually(|| gateway.providers.first_fetches_over()).await;
        if gateway.redis.is_some() {
            gateway.ready().await;
        }
        gateway
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&self) {
        let ready = async { while self.admin("/readyz").await.0 != 200 {} };
        tokio::time::timeout(Duration::from_secs(10), ready).await.expect("ready at last");
    }

    /// A service beside a provider that it has not heard yet.
    pub(crate) async fn starting(provider: Arc<Provider>, clock: Clock, setup: Setup) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        setup.write(folder.path(), &provider.issuer);
        let parsed = config::load_at(&folder.path().join("portcullis.yaml"), clock.now());
        let mut parsed = parsed.expect("settings that hold");
        if let Some(places) = &mut parsed.settings.resources.kubernetes {
            places.pace = super::cluster::PACE;
        }
        let (app, problems) = App::start(&parsed, clock.clone()).await.expect("starts");
        let grpc = app.grpc_address();
        let admin = app.admin_address().expect("an address");
        let (reload, providers) = (app.reload(), app.providers());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async {
                let _told = stopped.await;
            };
            app.run(stopped).await.expect("runs");
        });
        let address = grpc.map_or_else(
            || format!("unix:{}", folder.path().join("authz.sock").display()),
            |address| format!("http://{address}"),
        );
        let channel = Endpoint::from_shared(address).expect("an address").connect_lazy();
        let client = AuthorizationClient::new(channel.clone());
        let stop = Some(stop);
        Self {
            client,
            channel,
            provider,
            clock,
            folder,
            problems,
            reload,
            providers,
            grpc,
            admin,
            redis: setup.redis,
            stop,
            task,
        }
    }

    /// Another service with the same provider and clock, such as after a restart.
    pub(crate) async fn restarted(self, setup: Setup) -> Self {
        let (provider, clock) = (Arc::clone(&self.provider), self.clock.clone());
        drop(self);
        Self::beside(provider, clock, setup).await
    }

    /// Asks. An RPC error fails the test: no refusal is one.
    pub(crate) async fn ask(&self, ask: Ask) -> Answer {
        self.send(ask.message()).await
    }

    pub(crate) async fn send(&self, message: CheckRequest) -> Answer {
        let response = self.client.clone().check(message).await;
        Answer::read(response.expect("never an RPC error").into_inner())
    }

    /// Asks as a gateway that waits for `timeout`.
    pub(crate) async fn ask_within(&self, ask: Ask, timeout: Duration) -> Answer {
        let mut request = tonic::Request::new(ask.message());
        request.set_timeout(timeout);
        let response = self.client.clone().check(request).await;
        Answer::read(response.expect("never an RPC error").into_inner())
    }

    /// The provider publishes these keys from now on, others beside them, and signs with the first;
    /// the service has fetched them.
    pub(crate) async fn publish(&self, signers: &[Signer], beside: &[Value]) {
        self.provider.turn(|knobs| {
            knobs.signer = signers[0].clone();
            knobs.published = signers.to_vec();
            knobs.published_beside = beside.to_vec();
        });
        self.fetch_keys().await;
    }

    /// The next refresh of the provider's keys, now.
    pub(crate) async fn fetch_keys(&self) {
        let issuer = self.providers.report()[0].issuer.clone();
        self.providers.refresh_keys(&issuer).await.expect("the provider is well");
    }

    pub(crate) fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// GET of the admin listener: status line and body.
    pub(crate) async fn admin(&self, path: &str) -> (u16, String) {
        http_get(self.admin, path).await
    }

    /// A counter, by its name and labels as `/metrics` has them; 0 where it is not there.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        let (_, text) = self.admin("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_default()
    }

    /// Loads that are over, well or not.
    pub(crate) async fn reloads(&self) -> u64 {
        let name = |outcome: &str| format!("portcullis_reloads_total{{outcome=\"{outcome}\"}}");
        self.metric(&name("in_force")).await + self.metric(&name("refused")).await
    }

    /// Has the resources and keys loaded again; ready when the policy that they make, if any, is in force.
    pub(crate) async fn load(&self) {
        let before = self.reloads().await;
        self.reload.notify_one();
        let over = async { while self.reloads().await == before {} };
        tokio::time::timeout(Duration::from_secs(10), over).await.expect("loads again");
    }

    /// Asks the service to stop; ready when it has.
    pub(crate) fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).expect("it runs");
        }
    }

    /// Waits for the end.
    pub(crate) async fn ended(&mut self) {
        (&mut self.task).await.expect("ended well");
    }
}

/// GET over HTTP/1.1.
pub(crate) async fn http_get(to: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(to).await.expect("connects");
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("answered");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status = text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    (status, body)
}

/// Waits until `holds` does.
pub(crate) async fn eventually(holds: impl Fn() -> bool + Send + Sync) {
    let mut looks = tokio::time::interval(Duration::from_millis(2));
    let wait = async {
        while !holds() {
            looks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), wait).await.expect("holds at last");
}

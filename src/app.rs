//! Builds everything from the settings, and runs it. The only file that knows all.

use crate::admin::{self, Admin};
use crate::check::{Checker, Parts};
use crate::clock::Clock;
use crate::config::Parsed;
use crate::envoy::AuthorizationService;
use crate::manifest::{Watch, WatchError};
use crate::name::ResourceName;
use crate::policy::Snapshot;
use crate::problem::Problem;
use crate::provider::{Collector, IssuerSource, Providers, ProvidersError};
use crate::random::{self, NoRandomness};
use crate::redis::{self, Redis};
use crate::reload::{self, Loaded, Loader, Reload};
use crate::server::{self, ListenError, Listener, Tls, Workers};
use crate::session::{KeyRing, KeyRingError};
use crate::shadow;
use crate::telemetry::{self, CheckMetrics, Exporter, Metrics};
use crate::token::{self, SelfTestError};
use crate::trace::Tracer;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// Why the service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No policy can be made of the resources.
    #[error("no policy: {} problems", .0.len())]
    NoPolicy(Vec<Problem>),
    /// The key file cannot be read.
    #[error("session.keys_file: cannot read {}: {source}", path.display())]
    KeysFile {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key file does not hold.
    #[error("session.keys_file: {}: {source}", path.display())]
    Keys {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: KeyRingError,
    },
    /// The system gives no randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// Signatures cannot be verified in this process.
    #[error(transparent)]
    SelfTest(#[from] SelfTestError),
    /// Settings of section `provider` cannot be followed.
    #[error(transparent)]
    Providers(#[from] ProvidersError),
    /// Files of section `session.redis`.
    #[error(transparent)]
    Redis(#[from] redis::StartError),
    /// It is not known how to reach Kubernetes.
    #[error(transparent)]
    Kubernetes(#[from] WatchError),
    /// A listener.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// The service, listening already.
#[derive(Debug)]
pub struct App {
    listener: Listener,
    tls: Option<Tls>,
    admin_address: Option<SocketAddr>,
    /// Answers on the admin listener until the value is gone.
    _admin: AbortOnDropHandle<()>,
    providers: Providers,
    checker: Checker,
    metrics: Metrics,
    tracing: Option<(Tracer, Exporter)>,
    reload: Arc<Notify>,
}

impl App {
    /// Loads the policy and the keys, begins to fetch from the providers, and binds the listeners.
    /// The problems are of resources that were left out.
    ///
    /// With resources in Kubernetes it waits until there is a policy, and is not ready, nor listens for
    /// checks, meanwhile.
    ///
    /// # Errors
    ///
    /// [`StartError`].
    pub async fn start(parsed: &Parsed, clock: Clock) -> Result<(Self, Vec<Problem>), StartError> {
        token::self_test()?;
        let settings = Arc::new(parsed.settings.clone());
        let key_ring = Arc::new(load_keys(settings.session.keys_file.as_deref())?);
        let metrics = Metrics::new();
        let reload = Arc::new(Notify::new());
        let endpoint = settings.telemetry.otlp_endpoint.as_ref();
        let collector = endpoint.map(Collector::new).transpose()?;
        let tracing = collector.map(|collector| {
            let (tracer, queue) = Tracer::new(clock.clone());
            (tracer, Exporter::start(queue, collector))
        });
        let kubernetes = match &settings.resources.kubernetes {
            Some(places) => Some(Watch::start(places, clock.clone(), Arc::clone(&reload)).await?),
            None => None,
        };
        let mut loader = Loader::new(parsed).beside(kubernetes.clone());
        // Before there is any policy, so that whoever waits for one can see what is missing.
        let kept = Arc::new(OnceLock::new());
        let admin = Admin {
            loaded: Arc::clone(&kept),
            kubernetes: kubernetes.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            spans: tracing.as_ref().map(|(tracer, _)| Arc::clone(tracer.counts())),
        };
        let (admin, admin_address) = serve_admin(admin, settings.listen.admin).await?;
        let seen = loader.fingerprint();
        let loaded = match &settings.resources.kubernetes {
            Some(places) => first_policy(&mut loader, &reload, places.pace.patience).await,
            None => loader.load().map_err(StartError::NoPolicy)?,
        };
        metrics.reload(true, &loaded.problems);
        if let Some(kubernetes) = &kubernetes {
            kubernetes.tell(&loaded.problems);
        }
        metrics.loaded(telemetry::Loaded::SealingKeys, true);
        let providers = Providers::new(&settings.provider, clock.clone())?;
        providers.set_issuers(sources(&loaded.snapshot));
        metrics.portals(logins(&loaded.snapshot));
        let shared = settings.session.redis.as_ref();
        let redis = shared.map(|shared| Redis::start(shared, providers.runtime().clone()));
        let redis = redis.transpose()?;
        let (publish, policy) = watch::channel(loaded.snapshot);
        let (publish_keys, key_ring) = watch::channel(key_ring);
        let checker = Checker::new(Parts {
            settings: Arc::clone(&settings),
            policy: policy.clone(),
            key_ring,
            providers: providers.clone(),
            redis: redis.clone(),
            clock: clock.clone(),
            metrics: metrics.clone(),
        })?;
        let bus = checker.bus().cloned();
        if let Some((redis, bus)) = redis.zip(bus.clone()) {
            metrics.share(redis, bus);
        }
        let tls = settings.listen.tls.as_ref().map(Tls::read).transpose()?;
        let listener = Listener::bind(&settings.listen.grpc).await?;
        let keys_file = settings.session.keys_file.clone();
        let told = metrics.clone();
        let report = move |result: &Reload| {
            report_reload(result, &told);
            if let Some(kubernetes) = &kubernetes {
                kubernetes.tell(result.problems());
            }
            let keys = reload_keys(keys_file.as_deref(), &publish_keys);
            told.loaded(telemetry::Loaded::SealingKeys, keys);
        };
        tokio::spawn(reload::watch(loader, seen, Arc::clone(&reload), publish, report));
        tokio::spawn(follow(policy.clone(), providers.clone(), metrics.clone()));
        tokio::spawn(shadow::remind(policy.clone(), clock));
        // Nobody else sets it.
        let _set = kept.set(admin::Loaded { policy, providers: providers.clone(), bus });
        let app = Self {
            listener,
            tls,
            admin_address,
            _admin: admin,
            providers,
            checker,
            metrics,
            tracing,
            reload,
        };
        Ok((app, loaded.problems))
    }

    /// Where checks come in, if that is TCP.
    #[must_use]
    pub fn grpc_address(&self) -> Option<SocketAddr> {
        self.listener.tcp_address()
    }

    /// Where `/livez`, `/readyz` and `/metrics` are.
    #[must_use]
    pub const fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_address
    }

    /// Notified, resources and keys are read again.
    #[must_use]
    pub fn reload(&self) -> Arc<Notify> {
        Arc::clone(&self.reload)
    }

    /// The providers, to have keys fetched at once.
    #[must_use]
    pub fn providers(&self) -> Providers {
        self.providers.clone()
    }

    /// As [`Self::run_on`], all in the runtime that this is called in.
    ///
    /// # Errors
    ///
    /// [`StartError::Listen`].
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), StartError> {
        self.run_on(Workers::none(), stop).await
    }

    /// Answers until `stop` is ready and what runs then has ended. Checks are answered by `workers`; all
    /// else, such as calls to providers and reloads, goes on in the runtime that the service was started
    /// in.
    ///
    /// # Errors
    ///
    /// [`StartError::Listen`].
    pub async fn run_on(
        self,
        workers: Workers,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<(), StartError> {
        let checks = CheckMetrics::new(self.metrics);
        let (tracer, exporter) = self.tracing.unzip();
        let service = AuthorizationService::new(self.checker.clone(), checks).traced(tracer);
        let ended = server::serve(self.listener, self.tls, service, workers, stop).await;
        // Each call to a provider has its own limit of time; this is the limit of them all.
        let _finished = tokio::time::timeout(server::DRAIN, self.checker.finish()).await;
        if let Some(exporter) = exporter {
            exporter.finish().await;
        }
        Ok(ended?)
    }
}

/// Binds the admin listener, and answers there.
async fn serve_admin(
    admin: Admin,
    address: SocketAddr,
) -> Result<(AbortOnDropHandle<()>, Option<SocketAddr>), StartError> {
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|source| ListenError::Admin { address, source })?;
    let address = listener.local_addr().ok();
    let answers = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, admin.router()).await {
            tracing::error!(%error, "the admin listener is closed");
        }
    });
    Ok((AbortOnDropHandle::new(answers), address))
}

/// Waits until what is known of Kubernetes, and the files, make a policy. What is missing is said after
/// `patience`, and again when it is another, or a while has passed.
async fn first_policy(loader: &mut Loader, changed: &Notify, patience: Duration) -> Loaded {
    let mut said: Option<(Vec<Problem>, Instant)> = None;
    let began = Instant::now();
    loop {
        loader.rest().await;
        let problems = match loader.load() {
            Ok(loaded) => return loaded,
            Err(problems) => problems,
        };
        let news = said.as_ref().is_none_or(|(before, when)| {
            *before != problems || when.elapsed() >= patience.saturating_mul(6)
        });
        if began.elapsed() >= patience && news {
            tracing::warn!("no policy yet: waiting for resources");
            for problem in &problems {
                tracing::warn!(%problem, "resource");
            }
            said = Some((problems, Instant::now()));
        }
        let _changed = tokio::time::timeout(patience, changed.notified()).await;
    }
}

/// The keys of the file; without one, a random key that ends with the process.
pub(crate) fn load_keys(path: Option<&Path>) -> Result<KeyRing, StartError> {
    let Some(path) = path else {
        tracing::warn!("no session.keys_file: sessions end with this process");
        let key = random::bytes()?;
        return KeyRing::of(&key)
            .map_err(|source| StartError::Keys { path: PathBuf::new(), source });
    };
    let text = std::fs::read_to_string(path)
        .map_err(|source| StartError::KeysFile { path: path.to_owned(), source })?;
    KeyRing::parse(&text).map_err(|source| StartError::Keys { path: path.to_owned(), source })
}

/// Puts the keys of the file in force; the last good ones stay where it does not hold. Returns whether it
/// does.
fn reload_keys(path: Option<&Path>, publish: &watch::Sender<Arc<KeyRing>>) -> bool {
    if path.is_none() {
        return true;
    }
    match load_keys(path) {
        Ok(key_ring) => {
            publish.send_replace(Arc::new(key_ring));
            true
        }
        Err(error) => {
            tracing::error!(%error, "the last sealing keys stay in force");
            false
        }
    }
}

fn report_reload(result: &Reload, metrics: &Metrics) {
    let (in_force, problems) = (matches!(result, Reload::Applied(_)), result.problems());
    metrics.reload(in_force, problems);
    for problem in problems {
        tracing::warn!(%problem, "resource");
    }
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let problems = problems.len();
    match (in_force, errors) {
        (true, 0) => tracing::info!(problems, "reload: a new policy is in force"),
        (true, _) => tracing::warn!(
            problems,
            errors,
            "reload: a new policy is in force; resources with errors stay as they last held, or are \
             left out"
        ),
        (false, _) => tracing::error!(problems, errors, "reload: the last policy stays in force"),
    }
}

/// Has the providers fetched that the policy names, and the logins of its Portals counted, whenever it
/// changes.
async fn follow(
    mut policy: watch::Receiver<Arc<Snapshot>>,
    providers: Providers,
    metrics: Metrics,
) {
    while policy.changed().await.is_ok() {
        let snapshot = Arc::clone(&policy.borrow_and_update());
        providers.set_issuers(sources(&snapshot));
        metrics.portals(logins(&snapshot));
    }
}

/// The Portals that have a login.
fn logins(snapshot: &Snapshot) -> impl Iterator<Item = &ResourceName> {
    let portals = snapshot.portals.iter().filter(|portal| portal.login.is_some());
    portals.map(|portal| &portal.name)
}

/// The issuers of a policy, as the providers know them.
fn sources(snapshot: &Snapshot) -> Vec<IssuerSource> {
    snapshot.issuers().into_iter().map(IssuerSource::from).collect()
}

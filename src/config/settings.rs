//! The settings in force: every value holds, every default is filled in.
//!
//! Pure: no I/O, no clock.

use super::RedisSettings;
use crate::name::ResourceName;
use crate::time::UnixTime;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that the settings file says.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the service listens.
    pub listen: Listen,
    /// Where the policy comes from.
    pub resources: ResourcePlaces,
    /// How sessions are kept; each portal may say otherwise.
    pub session: SessionSettings,
    /// Names and attributes of cookies.
    pub cookies: CookieSettings,
    /// What a bearer token must satisfy.
    pub tokens: TokenSettings,
    /// Header name (lower case) and the claim whose value it carries upstream, in the file's order.
    pub identity_headers: Vec<(String, String)>,
    /// Header names (lower case) that never pass from a client; a final `*` stands for any rest.
    pub strip_headers: Vec<String>,
    /// Whether the gateway shows us every header of a request, so that only those which came are removed.
    pub sees_all_headers: bool,
    /// Whether the caller's credential goes upstream; `None`: yes on Environments, no on Portals.
    pub forward_authorization: Option<bool>,
    /// Paths that the service answers itself.
    pub endpoints: Endpoints,
    /// How OpenID providers are reached.
    pub provider: ProviderSettings,
    /// How the documents of APIDocs are fetched.
    pub documents: DocumentSettings,
    /// Bounds.
    pub limits: Limits,
    /// API keys.
    pub api_keys: ApiKeySettings,
    /// Overrides by Portal.
    pub portals: BTreeMap<ResourceName, PortalOverride>,
    /// Overrides by Environment.
    pub environments: BTreeMap<ResourceName, EnvironmentOverride>,
    /// Logs.
    pub log: LogSettings,
    /// Traces.
    pub telemetry: TelemetrySettings,
}

/// Section `listen`.
#[derive(Clone, Debug)]
pub struct Listen {
    /// For Envoy's checks.
    pub grpc: GrpcAddress,
    /// For `/livez`, `/readyz` and `/metrics`.
    pub admin: SocketAddr,
    /// TLS on the gRPC listener.
    pub tls: Option<TlsSettings>,
}

/// Where Envoy connects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GrpcAddress {
    /// `127.0.0.1:9001`
    Tcp(SocketAddr),
    /// `unix:/run/portcullis/authz.sock`
    Unix(PathBuf),
}

/// Section `listen.tls`.
#[derive(Clone, Debug)]
pub struct TlsSettings {
    /// PEM certificate chain.
    pub cert_file: PathBuf,
    /// PEM private key.
    pub key_file: PathBuf,
    /// PEM certificates; with it, a client must show a certificate that one of them signed.
    pub client_ca_file: Option<PathBuf>,
}

/// Section `resources`.
#[derive(Clone, Debug)]
pub struct ResourcePlaces {
    /// Files, or folders of them, absolute; none where only the API server is read.
    pub paths: Vec<PathBuf>,
    /// What is read from the API server of Kubernetes.
    pub kubernetes: Option<KubernetesPlaces>,
    /// `<namespace>/<name>/<key>` files of Secrets, as Kubernetes mounts them.
    pub secrets_dir: Option<PathBuf>,
    /// Pairs of namespaces: a resource in the first may name a Secret in the second.
    pub allow_cross_namespace: Vec<(String, String)>,
}

/// Section `resources.kubernetes`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KubernetesPlaces {
    /// The namespaces that are read; none means all.
    pub namespaces: Vec<String>,
    /// Which Secrets of them.
    pub secrets: WatchedSecrets,
    /// Whether API keys are asked for beside those.
    pub api_keys: bool,
    /// How the API server is reached; none: as a pod, else by `KUBECONFIG`.
    pub kubeconfig: Option<PathBuf>,
    /// How long to wait for what. Not from the file: tests are in a hurry.
    pub pace: Pace,
}

/// Which Secrets are asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WatchedSecrets {
    /// All of the namespaces.
    All,
    /// Those with these labels.
    Selected(String),
    /// These; what a role can be limited to.
    Named(Vec<ResourceName>),
}

/// How long the source in Kubernetes waits for what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// For a page of a list.
    pub list: Duration,
    /// How long a watch is asked to last; then it is asked for again.
    pub watch: Duration,
    /// What a watch may be silent beyond that, before it counts as cut.
    pub silence: Duration,
    /// Before the first try after a failure; each further one waits twice as long,
    pub retry_first: Duration,
    /// and at most this.
    pub retry_most: Duration,
    /// Before a kind that the cluster does not serve is asked for again.
    pub unserved: Duration,
    /// Before a problem that still holds is told as an Event again.
    pub retell: Duration,
    /// Before it is said what the first lists still lack.
    pub patience: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            list: Duration::from_secs(30),
            watch: Duration::from_secs(50),
            silence: Duration::from_secs(10),
            retry_first: Duration::from_millis(200),
            retry_most: Duration::from_secs(30),
            unserved: Duration::from_secs(30),
            // The API server forgets Events after an hour, unless it is told otherwise.
            retell: Duration::from_secs(30 * 60),
            patience: Duration::from_secs(10),
        }
    }
}

/// Where sessions live.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreKind {
    /// In the browser, sealed.
    Cookie,
    /// In this process.
    Memory,
    /// In Redis, sealed.
    Redis,
}

/// What becomes of sessions while Redis cannot be asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreDown {
    /// Nobody is let in by one; nobody is signed out either.
    Refuse,
    /// Those that this process knows go on until their identity ends.
    Local,
}

/// Section `session`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionSettings {
    /// Where sessions live.
    pub store: StoreKind,
    /// Sealing keys; none: a random key of this process.
    pub keys_file: Option<PathBuf>,
    /// Limits of a session that no portal overrides.
    pub limits: SessionLimits,
    /// What replicas share; none: nothing.
    pub redis: Option<RedisSettings>,
}

/// How long a session holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SessionLimits {
    /// From login to the end, whatever happens; at most 30 days.
    pub lifetime: Duration,
    /// Without a request.
    pub idle_timeout: Duration,
    /// How long before the identity's end it is refreshed.
    pub refresh_before: Duration,
    /// How long an identity outlives its end while the provider cannot be reached.
    pub outage_grace: Duration,
    /// What becomes of it while Redis cannot be asked.
    pub store_down: StoreDown,
}

/// When cookies are `Secure` and `__Host-`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SecureCookies {
    /// Unless the portal's own URL is http and not under `.localhost`.
    Auto,
    /// On every host.
    Always,
    /// On none.
    Never,
}

/// Section `cookies`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieSettings {
    /// Begins the name of each of our cookies; an RFC 6265 token.
    pub prefix: String,
    /// `Secure` and the `__Host-` prefix.
    pub secure: SecureCookies,
}

/// Which claim names the caller.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PrincipalClaim {
    /// `sub`; of an Okta access token `uid`.
    Auto,
    /// This one.
    Named(String),
}

/// Section `tokens`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TokenSettings {
    /// Tolerance of clocks; at most 120 s.
    pub clock_skew: Duration,
    /// Audiences of access tokens, for every Environment.
    pub audiences: Vec<String>,
    /// Whether an ID token may be a bearer.
    pub bearer_id_tokens: bool,
    /// Longest token that is looked at.
    pub max_bytes: usize,
    /// Which claim names the caller.
    pub principal_claim: PrincipalClaim,
    /// Whether an e-mail goes out although it is not verified.
    pub send_unverified_email: bool,
}

/// Section `endpoints`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoints {
    /// Begins with a slash, has no final one.
    pub base: String,
    /// Begins with a slash; on Portal hosts.
    pub callback: String,
}

/// Whether an ID token that came with an access token needs `at_hash`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RequireAtHash {
    /// When the provider is known to send it: required where both tokens were issued.
    Auto,
    /// Always.
    Always,
    /// Checked where present.
    Never,
}

/// Section `provider`.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// To connect.
    pub connect_timeout: Duration,
    /// For a whole exchange.
    pub timeout: Duration,
    /// Whether `http` issuers are taken.
    pub allow_http: bool,
    /// Addresses besides public ones that a provider's name may resolve to.
    pub allow_addresses: Vec<IpNet>,
    /// Hosts besides the issuer's that its metadata may name.
    pub extra_hosts: Vec<String>,
    /// A proxy; the environment's is never taken.
    pub proxy: Option<url::Url>,
    /// PEM certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// `exp` less `iat` of an ID token.
    pub max_id_token_lifetime: Duration,
    /// Whether `at_hash` must be there.
    pub require_at_hash: RequireAtHash,
}

/// Where the requests of a product lead while an APIDoc of it was never read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum UnknownDocuments {
    /// Everything below its base path is the product's.
    BasePath,
    /// Only what its other APIDocs list is.
    Refuse,
}

/// Section `documents`.
#[derive(Clone, Debug)]
pub struct DocumentSettings {
    /// Whether `http` is taken: a `fetchUrl` is a Service of the cluster more often than not.
    pub allow_http: bool,
    /// Addresses besides public ones that a name may resolve to.
    pub allow_addresses: Vec<IpNet>,
    /// PEM certificates that are trusted besides the system's.
    pub ca_file: Option<PathBuf>,
    /// For a whole exchange.
    pub timeout: Duration,
    /// How long after a fetch the next one is.
    pub refresh: Duration,
    /// Longest document, wherever it comes from.
    pub max_bytes: usize,
    /// What holds before a document was read first.
    pub unknown: UnknownDocuments,
}

/// Section `limits`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Logins that one browser may have under way on one host.
    pub max_pending_logins: usize,
    /// Verified bearer tokens that are remembered.
    pub max_cached_tokens: u64,
    /// Callers whose requests are counted against the limits of usage plans.
    pub max_counted_callers: usize,
    /// Whether those limits are counted in Redis, for all processes together.
    pub shared: bool,
    /// Whether answers tell the client how it stands to its limit.
    pub headers: bool,
}

/// Section `api_keys`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiKeySettings {
    /// The header that carries a key; lower case.
    pub header: String,
    /// Whether a bearer that is no JWT is a key.
    pub bearer: bool,
    /// Keys that do not hold, from one address, that are answered 401 within a minute; more are answered 429.
    pub max_failures: u32,
    /// Which address of `x-forwarded-for` is the client's, counted from the end; 0: none, the gateway's peer
    /// is.
    pub forwarded_for: usize,
}

/// Whether a portal's pages need a login.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PortalAccess {
    /// Yes.
    Required,
    /// Visitors pass without identity.
    Optional,
}

/// How the service proves itself at the token endpoint (OpenID Connect Core 1.0 §9).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ClientAuthentication {
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
    /// `private_key_jwt`; the client secret is then a PEM private key.
    PrivateKeyJwt,
    /// A public client, by PKCE alone.
    None,
}

/// One entry of section `portals`; what is `None` is not overridden.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PortalOverride {
    /// `access`
    pub access: Option<PortalAccess>,
    /// `client_authentication`
    pub client_authentication: Option<ClientAuthentication>,
    /// `require_verified_email`
    pub require_verified_email: Option<bool>,
    /// `shadow_until`, where that is still to come.
    pub shadow_until: Option<UnixTime>,
    /// `session.lifetime`
    pub lifetime: Option<Duration>,
    /// `session.idle_timeout`
    pub idle_timeout: Option<Duration>,
    /// `session.refresh_before`
    pub refresh_before: Option<Duration>,
    /// `session.outage_grace`
    pub outage_grace: Option<Duration>,
    /// `session.store_down`
    pub store_down: Option<StoreDown>,
}

/// How an Environment finds the product of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Routing {
    /// By context extensions where they are set, else by host and path.
    Auto,
    /// By context extensions alone.
    Context,
}

/// One entry of section `environments`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct EnvironmentOverride {
    /// `routing`
    pub routing: Option<Routing>,
    /// `audiences`: of access tokens, here only.
    pub audiences: Vec<String>,
    /// `portal`: vouches for the tokens of a plan's own issuer.
    pub portal: Option<ResourceName>,
    /// `group_claim`: where access tokens carry groups; else the portal's `groupClaimKey`.
    pub group_claim: Option<String>,
}

/// How logs are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Section `log`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LogSettings {
    /// How.
    pub format: LogFormat,
    /// How much.
    pub level: tracing::Level,
    /// What is written of the use of products.
    pub usage: UsageLog,
}

/// What is written of the use of products.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum UsageLog {
    /// Nothing.
    #[default]
    None,
    /// A line for each request.
    Each,
    /// A line a minute for each caller, product and plan.
    Minute,
}

/// Section `telemetry`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TelemetrySettings {
    /// The base URL of an OTLP collector, to which spans go over HTTP; none: there are no spans.
    pub otlp_endpoint: Option<url::Url>,
}

//! Connections, by what the settings say.

use crate::config::{RedisCredentials, RedisMode, RedisNode, RedisSettings};
use redis::aio::{ConnectionLike, MultiplexedConnection, PubSub};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{RoutingInfo, SingleNodeRoutingInfo};
use redis::sentinel::{SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind,
    IntoConnectionInfo, RedisConnectionInfo, RedisError, RedisResult, TlsCertificates, TlsMode,
    Value,
};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Why nothing can be connected to, whatever the server does.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file of section `session.redis` cannot be read.
    #[error("session.redis.{field}: cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which field names it.
        field: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file of section `session.redis` holds nothing that could be used.
    #[error("session.redis.{field}: expected {expected} in {}", path.display())]
    Empty {
        /// Which field names it.
        field: &'static str,
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        expected: &'static str,
    },
}

/// A connection that many commands use at once; clones are the same one.
#[derive(Clone)]
pub(super) struct Connection {
    number: u64,
    link: Link,
}

#[derive(Clone)]
enum Link {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}", self.number)
    }
}

impl PartialEq for Connection {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Connection {
    pub(super) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        // The server's own errors come as values.
        let answer = match &self.link {
            Link::Server(link) => link.clone().req_packed_command(command).await,
            Link::Cluster(link) => link.clone().req_packed_command(command).await,
        };
        answer?.extract_error()
    }

    /// Whether anybody is there. Of a cluster one node is enough: of another's keys that node's own
    /// commands will tell.
    pub(super) async fn ping(&self) -> RedisResult<()> {
        let ping = redis::cmd("PING");
        let answer = match &self.link {
            Link::Server(_) => return self.send(&ping).await.map(drop),
            Link::Cluster(link) => {
                let anyone = RoutingInfo::SingleNode(SingleNodeRoutingInfo::Random);
                link.clone().route_command(ping, anyone).await
            }
        };
        answer?.extract_error().map(drop)
    }
}

/// Makes connections.
pub(super) struct Connector {
    settings: RedisSettings,
    certificates: Option<TlsCertificates>,
    made: AtomicU64,
    /// The node of a cluster at which the next subscription tries first.
    turn: AtomicUsize,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Connector {
    pub(super) fn new(settings: RedisSettings) -> Result<Self, StartError> {
        let certificates = settings.ca_file.as_deref().map(certificates).transpose()?;
        // Now, so that a wrong path is found when the service starts and not at night.
        settings.credentials.read("password_file")?;
        settings.sentinel_credentials.read("sentinel_password_file")?;
        Ok(Self { settings, certificates, made: AtomicU64::new(0), turn: AtomicUsize::new(0) })
    }

    /// A connection for commands.
    pub(super) async fn connect(&self) -> RedisResult<Connection> {
        let link = match &self.settings.mode {
            RedisMode::Standalone | RedisMode::Sentinel(_) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(self.settings.connect_timeout))
                    // Whoever asks has the limit of time.
                    .set_response_timeout(None);
                let client = self.server().await?;
                Link::Server(client.get_multiplexed_async_connection_with_config(&config).await?)
            }
            RedisMode::Cluster => Link::Cluster(self.cluster().await?),
        };
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        Ok(Connection { number, link })
    }

    /// A connection for messages. In a cluster each node tells all of them.
    pub(super) async fn listen(&self) -> RedisResult<PubSub> {
        self.server().await?.get_async_pubsub().await
    }

    /// The server; the master that sentinels name; one node of a cluster, another each time.
    async fn server(&self) -> RedisResult<Client> {
        let user = self.user()?;
        let address = match &self.settings.mode {
            RedisMode::Sentinel(master) => return self.master(master, &user).await,
            RedisMode::Standalone => self.settings.nodes.first(),
            RedisMode::Cluster => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                self.settings.nodes.get(turn.checked_rem(self.settings.nodes.len()).unwrap_or(0))
            }
        };
        let address = address.map(|node| self.address(node)).ok_or_else(no_nodes)?;
        let user = user.set_db(self.settings.db.into());
        let info = address.into_connection_info()?.set_redis_settings(user);
        match self.certificates.clone().filter(|_| self.settings.tls) {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
    }

    async fn master(&self, master: &str, user: &RedisConnectionInfo) -> RedisResult<Client> {
        let sentinels = self.settings.nodes.iter().map(|node| self.address(node));
        let mut builder =
            SentinelClientBuilder::new(sentinels, master, SentinelServerType::Master)?;
        builder = builder.set_client_to_redis_db(self.settings.db.into());
        if let Some(name) = user.username() {
            builder = builder.set_client_to_redis_username(name);
        }
        if let Some(password) = user.password() {
            builder = builder.set_client_to_redis_password(password);
        }
        let sentinels = self.settings.sentinel_credentials.read("sentinel_password_file");
        let password = sentinels.map_err(|error| failed(&error))?;
        if let Some(name) = &self.settings.sentinel_credentials.username {
            builder = builder.set_client_to_sentinel_username(name);
        }
        if let Some(password) = password {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if self.settings.tls {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            if let Some(certificates) = &self.certificates {
                builder = builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates.clone());
            }
        }
        builder.build()?.async_get_client().await
    }

    async fn cluster(&self) -> RedisResult<ClusterConnection> {
        let user = self.user()?;
        let nodes: RedisResult<Vec<ConnectionInfo>> = self
            .settings
            .nodes
            .iter()
            .map(|node| {
                Ok(self.address(node).into_connection_info()?.set_redis_settings(user.clone()))
            })
            .collect();
        let mut builder = ClusterClientBuilder::new(nodes?)
            .connection_timeout(self.settings.connect_timeout)
            .response_timeout(self.settings.command_timeout)
            .overall_response_timeout(Some(self.settings.command_timeout))
            .retries(2);
        if self.settings.tls {
            builder = builder.tls(TlsMode::Secure);
            if let Some(certificates) = &self.certificates {
                builder = builder.certs(certificates.clone());
            }
        }
        builder.build()?.get_async_connection().await
    }

    fn address(&self, node: &RedisNode) -> ConnectionAddr {
        match node {
            RedisNode::Unix(path) => ConnectionAddr::Unix(path.clone()),
            RedisNode::Tcp(host, port) if self.settings.tls => ConnectionAddr::TcpTls {
                host: host.clone(),
                port: *port,
                insecure: false,
                tls_params: None,
            },
            RedisNode::Tcp(host, port) => ConnectionAddr::Tcp(host.clone(), *port),
        }
    }

    /// Who we are, by the password of now.
    fn user(&self) -> RedisResult<RedisConnectionInfo> {
        let mut user = RedisConnectionInfo::default().set_lib_name("portcullis", crate_version());
        let credentials = &self.settings.credentials;
        if let Some(name) = &credentials.username {
            user = user.set_username(name);
        }
        if let Some(password) = credentials.read("password_file").map_err(|error| failed(&error))? {
            user = user.set_password(password);
        }
        Ok(user)
    }
}

const fn crate_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

fn no_nodes() -> RedisError {
    (ErrorKind::InvalidClientConfig, "session.redis names no server").into()
}

fn failed(error: &StartError) -> RedisError {
    (ErrorKind::InvalidClientConfig, "session.redis", error.to_string()).into()
}

impl RedisCredentials {
    /// The password, from its file where there is one.
    fn read(&self, field: &'static str) -> Result<Option<String>, StartError> {
        let Some(path) = &self.password_file else {
            return Ok(self.password.as_ref().map(|password| password.expose().clone()));
        };
        let text = std::fs::read_to_string(path).map_err(|source| StartError::Unreadable {
            field,
            path: path.clone(),
            source,
        })?;
        let password = text.trim_end();
        if password.is_empty() {
            let expected = "a password";
            return Err(StartError::Empty { field, path: path.clone(), expected });
        }
        Ok(Some(password.to_owned()))
    }
}

fn certificates(path: &Path) -> Result<TlsCertificates, StartError> {
    let field = "ca_file";
    let pem = std::fs::read(path).map_err(|source| StartError::Unreadable {
        field,
        path: path.to_owned(),
        source,
    })?;
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(pem) };
    let address =
        ConnectionAddr::TcpTls { host: String::new(), port: 0, insecure: false, tls_params: None };
    let read = address.into_connection_info();
    let read = read.and_then(|info| Client::build_with_tls(info, certificates.clone()));
    let holds = certificates.root_cert.as_deref().is_some_and(|pem| {
        pem.windows(b"BEGIN CERTIFICATE".len()).any(|text| text == b"BEGIN CERTIFICATE")
    });
    if read.is_err() || !holds {
        let expected = "PEM certificates";
        return Err(StartError::Empty { field, path: path.to_owned(), expected });
    }
    Ok(certificates)
}

//! Section `session.redis`.
//!
//! Pure: no I/O, no clock.

use super::bounds;
use super::read::{Base, finish, optional, path, value};
use crate::document::Field;
use crate::secret::Secret;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use url::{Host, Url};

/// Where Redis listens, unless the URL says otherwise.
const PORT: u16 = 6379;
/// Where its sentinels do.
const SENTINEL_PORT: u16 = 26379;
/// Longest that anybody waits for it.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Longest that a session is answered for without another look.
const LONGEST_CACHE: Duration = Duration::from_secs(60);
/// Number of the last database that is taken; Redis has 16 of them unless told otherwise.
const LAST_DB: u64 = 1023;
/// Longest beginning of a key.
const LONGEST_PREFIX: usize = 64;

/// Section `session.redis`: how replicas share what they know. Valkey is the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RedisSettings {
    /// One server, or who knows of it.
    pub mode: RedisMode,
    /// The server; the sentinels; nodes of the cluster. Never empty.
    pub nodes: Vec<RedisNode>,
    /// Whether connections are TLS, to sentinels too.
    pub tls: bool,
    /// PEM certificates that are trusted instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Who we are there (ACL).
    pub credentials: RedisCredentials,
    /// The same at the sentinels.
    pub sentinel_credentials: RedisCredentials,
    /// The database.
    pub db: u32,
    /// Begins every key and every channel.
    pub key_prefix: String,
    /// To connect, and to be known there.
    pub connect_timeout: Duration,
    /// For each command.
    pub command_timeout: Duration,
    /// How long a session that was read is good without another look; nothing: each check looks.
    pub cache_time: Duration,
    /// Sessions that are remembered for that long.
    pub cache_entries: u64,
}

/// Who knows where to write.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RedisMode {
    /// One server.
    Standalone,
    /// Sentinels, which know this master by this name.
    Sentinel(String),
    /// The nodes of a cluster.
    Cluster,
}

/// Where somebody listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum RedisNode {
    /// Host and port.
    Tcp(String, u16),
    /// A socket of this machine.
    Unix(PathBuf),
}

impl fmt::Display for RedisNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// A user and a password, neither of which has to be.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RedisCredentials {
    /// The user; none: the default one.
    pub username: Option<String>,
    /// The password, where the URL has it.
    pub password: Option<Secret<String>>,
    /// The file that has it; read again for each connection.
    pub password_file: Option<PathBuf>,
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self {
            mode: RedisMode::Standalone,
            nodes: vec![RedisNode::Tcp("127.0.0.1".to_owned(), PORT)],
            tls: false,
            ca_file: None,
            credentials: RedisCredentials::default(),
            sentinel_credentials: RedisCredentials::default(),
            db: 0,
            key_prefix: "portcullis".to_owned(),
            connect_timeout: Duration::from_secs(1),
            command_timeout: Duration::from_millis(250),
            cache_time: Duration::from_secs(2),
            cache_entries: 100_000,
        }
    }
}

/// What a URL says.
#[derive(Default)]
struct Address {
    node: Option<RedisNode>,
    tls: bool,
    credentials: RedisCredentials,
    db: Option<u32>,
}

/// Reads the section. `needed`: whether there has to be a Redis; else there is one only where the section
/// says where.
pub(super) fn read(field: &Field<'_>, base: &Base, needed: bool) -> Option<RedisSettings> {
    let default = RedisSettings::default();
    let mut section = field.fields();
    let modes = [("standalone", 0_u8), ("sentinel", 1), ("cluster", 2)];
    let mode = value(&mut section, "mode", |field| field.one_of(&modes), 0);
    let given = section.as_mut().and_then(|fields| fields.take("url"));
    let port = if mode == 1 { SENTINEL_PORT } else { PORT };
    let address = given.as_ref().and_then(|field| address(field, port, base));
    let address = address.unwrap_or_default();
    let more = section.as_mut().and_then(|fields| fields.take("nodes"));
    let more = match &more {
        Some(field) if mode == 0 => {
            field.error("expected no nodes with mode standalone: url names its one server");
            Vec::new()
        }
        Some(field) => field.list().iter().filter_map(|field| node(field, port)).collect(),
        None => Vec::new(),
    };
    let mut nodes: Vec<RedisNode> = address.node.into_iter().chain(more).collect();
    let named = given.is_some() || !nodes.is_empty();
    if nodes.is_empty() {
        nodes.clone_from(&default.nodes);
    }
    let master = section.as_mut().and_then(|fields| fields.take("master"));
    let mode = match (mode, master) {
        (1, None) => {
            field.error("expected master, the sentinels' name for it, with mode sentinel");
            RedisMode::Standalone
        }
        (1, Some(name)) => RedisMode::Sentinel(name.string().unwrap_or_default()),
        (_, Some(name)) => {
            name.error("expected no master: it is for mode sentinel");
            RedisMode::Standalone
        }
        (2, None) => RedisMode::Cluster,
        (_, None) => RedisMode::Standalone,
    };
    if mode != RedisMode::Standalone && nodes.iter().any(|node| matches!(node, RedisNode::Unix(_)))
    {
        field.error("expected host names: sentinels and nodes of a cluster are not behind sockets");
    }
    let wait = |field: &Field<'_>| field.duration(LONGEST_WAIT);
    let settings = RedisSettings {
        tls: address.tls,
        ca_file: optional(&mut section, "ca_file", |field| path(field, base)),
        credentials: RedisCredentials {
            username: optional(&mut section, "username", Field::string)
                .or(address.credentials.username),
            password: address.credentials.password,
            password_file: optional(&mut section, "password_file", |field| path(field, base)),
        },
        sentinel_credentials: RedisCredentials {
            username: optional(&mut section, "sentinel_username", Field::string),
            password: None,
            password_file: optional(&mut section, "sentinel_password_file", |field| {
                path(field, base)
            }),
        },
        db: value(&mut section, "db", db, address.db.unwrap_or(default.db)),
        key_prefix: value(&mut section, "key_prefix", prefix, default.key_prefix),
        connect_timeout: value(&mut section, "connect_timeout", wait, default.connect_timeout),
        command_timeout: value(&mut section, "command_timeout", wait, default.command_timeout),
        cache_time: value(&mut section, "cache_time", cache_time, default.cache_time),
        cache_entries: value(
            &mut section,
            "cache_entries",
            |field| field.integer(1..=10_000_000),
            default.cache_entries,
        ),
        nodes,
        mode,
    };
    finish(section);
    agree(field, &settings);
    if !named && !needed {
        field.error("expected url: without it, and without session.store redis, there is no Redis");
    }
    (named || needed).then_some(settings)
}

/// What does not go together.
fn agree(field: &Field<'_>, settings: &RedisSettings) {
    let RedisSettings { credentials, sentinel_credentials, .. } = settings;
    if credentials.password.is_some() && credentials.password_file.is_some() {
        field.error("expected one password: in the url, or better in password_file");
    }
    let named = |user: &RedisCredentials| user.username.is_some() && !user.has_password();
    if named(credentials) {
        field.error("expected password_file beside username");
    }
    if named(sentinel_credentials) {
        field.error("expected sentinel_password_file beside sentinel_username");
    }
    if settings.ca_file.is_some() && !settings.tls {
        field.error("expected a url with rediss:// where ca_file is given");
    }
    let remote = settings.nodes.iter().any(|node| !node.is_here());
    if remote && !settings.tls {
        field.warn(
            "expected a url with rediss://: without TLS whoever is on the way can end sessions, read \
             the password, and see which sessions are in use",
        );
    }
    if settings.mode == RedisMode::Cluster && settings.db != 0 {
        field.error("expected db 0: a cluster has no other");
    }
}

impl RedisCredentials {
    fn has_password(&self) -> bool {
        self.password.is_some() || self.password_file.is_some()
    }
}

impl RedisNode {
    /// Whether nothing leaves this machine.
    fn is_here(&self) -> bool {
        match self {
            Self::Tcp(host, _) => {
                let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
                host == "localhost" || address.is_ok_and(|address| address.is_loopback())
            }
            Self::Unix(_) => true,
        }
    }
}

/// A URL may hold a password, so no message shows it.
fn address(field: &Field<'_>, port: u16, base: &Base) -> Option<Address> {
    let text = field.string()?;
    if let Some(socket) = text.strip_prefix("unix:") {
        let socket = socket.strip_prefix("//").unwrap_or(socket);
        if socket.is_empty() {
            field.error("expected a path behind unix:");
            return None;
        }
        let node = Some(RedisNode::Unix(base.path(socket)));
        return Some(Address { node, ..Address::default() });
    }
    let url = Url::parse(&text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "redis" | "rediss"));
    let read = url.and_then(|url| {
        let host = match url.host()? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let decoded = |text: &str| {
            percent_encoding::percent_decode_str(text)
                .decode_utf8()
                .ok()
                .map(std::borrow::Cow::into_owned)
        };
        let username = match url.username() {
            "" => None,
            name => Some(decoded(name)?),
        };
        let password = match url.password() {
            Some(password) => Some(Secret::new(decoded(password)?)),
            None => None,
        };
        let db = match url.path().trim_matches('/') {
            "" => None,
            number => Some(number.parse().ok().filter(|db| u64::from(*db) <= LAST_DB)?),
        };
        let bare = url.query().is_none() && url.fragment().is_none() && !host.is_empty();
        let node = Some(RedisNode::Tcp(host, url.port().unwrap_or(port)));
        let credentials = RedisCredentials { username, password, password_file: None };
        bare.then(|| Address { node, tls: url.scheme() == "rediss", credentials, db })
    });
    if read.is_none() {
        field.error(
            "expected a URL such as redis://127.0.0.1:6379, rediss://redis.example.com:6379/0 or \
             unix:/run/redis/redis.sock",
        );
    }
    read
}

/// `host`, `host:port`, `[::1]:port`.
fn node(field: &Field<'_>, port: u16) -> Option<RedisNode> {
    let text = field.string()?;
    let url = Url::parse(&format!("redis://{text}")).ok();
    let node = url.and_then(|url| {
        let bare = url.username().is_empty() && url.password().is_none();
        let bare = bare && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|host| bare && !host.is_empty() && url.path().is_empty());
        let host = host?.trim_matches(['[', ']']).to_owned();
        Some(RedisNode::Tcp(host, url.port().unwrap_or(port)))
    });
    if node.is_none() {
        field.error("expected a host, or host:port");
    }
    node
}

fn db(field: &Field<'_>) -> Option<u32> {
    field.integer(0..=LAST_DB).and_then(|db| db.try_into().ok())
}

/// What keys begin with. Braces would have a cluster put all of them into one slot.
fn prefix(field: &Field<'_>) -> Option<String> {
    let text = field.string()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if text.is_empty() || text.len() > LONGEST_PREFIX || !text.bytes().all(fits) {
        field
            .error(format!("expected letters, digits and - _ . : alone, {LONGEST_PREFIX} at most"));
        return None;
    }
    Some(text)
}

/// As [`Field::duration`], and `0s`: no cache.
fn cache_time(field: &Field<'_>) -> Option<Duration> {
    let none = field.node().text().is_some_and(|text| matches!(text, "0s" | "0"));
    if none { Some(Duration::ZERO) } else { field.duration(LONGEST_CACHE.min(bounds::LIFETIME)) }
}

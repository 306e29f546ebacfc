//! Sessions that live in Redis, and whose turn it is to refresh one.
//!
//! | key | value |
//! |---|---|
//! | `<prefix>:{<hash of the id>}:session` | generation, `:`, the sealed record; as long as the session can live |
//! | `<prefix>:{<hash of the id>}:lease` | the token of whoever refreshes it, for seconds; or `-` and until when nobody tries again |
//!
//! The generation stands in front of the seal for the scripts alone: a record of another one than its own
//! is read as it is sealed. Both keys of a session have one slot of a cluster.

use crate::config::RedisSettings;
use crate::random;
use crate::redis::{Redis, RedisFault, Reply, Script};
use crate::session::{KeyRing, Purpose, Session};
use aws_lc_rs::digest::{SHA256, digest};
use moka::sync::Cache;
use prost::Message;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long a lease holds that nobody renews: whoever had it has died, or stands still.
const LEASE: Duration = Duration::from_secs(5);
/// How often it is renewed.
pub const RENEW_EVERY: Duration = Duration::from_secs(1);

/// Keys: record, lease. Arguments: the generation that is known, our token, milliseconds of a lease, now
/// in milliseconds.
const CLAIM: &str = r"
local record = redis.call('GET', KEYS[1])
if not record then return {'gone'} end
local generation = tonumber(string.match(record, '^(%d+):'))
if generation and generation > tonumber(ARGV[1]) then return {'newer', record} end
local lease = redis.call('GET', KEYS[2])
if lease and lease ~= ARGV[2] then
  local how, rest = string.match(lease, '^%-(%a):(%d+)$')
  if not rest then return {'taken'} end
  if tonumber(ARGV[4]) < tonumber(rest) then return {'failed', how} end
end
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
return {'yours'}
";

/// Keys: lease. Arguments: our token, milliseconds.
const RENEW: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
";

/// Keys: lease. Arguments: our token; and where nobody is to try again for now, what to leave instead and
/// for how many milliseconds.
const RELEASE: &str = r"
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
";

/// Keys: record. Arguments: generation, sealed record, milliseconds. Never over a newer record, and never
/// where there is none any more: that one was ended meanwhile.
const ADVANCE: &str = r"
local record = redis.call('GET', KEYS[1])
if not record then return {'gone'} end
local generation = tonumber(string.match(record, '^(%d+):'))
if generation and generation >= tonumber(ARGV[1]) then return {'newer', record} end
redis.call('SET', KEYS[1], ARGV[1] .. ':' .. ARGV[2], 'PX', ARGV[3])
return {'written'}
";

/// Keys: record. Arguments: milliseconds. Never shorter: a clock may be behind.
const TOUCH: &str = r"
if redis.call('PTTL', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[1])
";

type Hash = [u8; 32];

/// A record, and when it was read.
#[derive(Clone)]
struct Kept {
    session: Arc<Session>,
    read_ms: u64,
}

/// Sessions by the hash of their id, and those that were read a moment ago.
///
/// When a session ends is judged by its record and the present, never by Redis.
#[derive(Clone)]
pub struct SharedSessions {
    redis: Redis,
    cached: Cache<Hash, Kept>,
    cache_ms: u64,
    scripts: Arc<Scripts>,
}

struct Scripts {
    claim: Script,
    renew: Script,
    release: Script,
    advance: Script,
    touch: Script,
}

impl fmt::Debug for SharedSessions {
    /// Shows nothing: these are people's sessions.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedSessions")
    }
}

/// What Redis has under an id.
#[derive(Clone, Debug)]
pub enum Read {
    /// This record.
    Session(Arc<Session>),
    /// Nothing.
    Gone,
    /// Something that does not open, or is of another session.
    Unreadable,
}

/// Whose turn it is to refresh a session.
#[derive(Clone, Debug)]
pub enum Claimed {
    /// Ours, for seconds, and as long as it is renewed.
    Ours,
    /// There is a newer record already.
    Newer(Arc<Session>),
    /// Another replica is at it.
    Taken,
    /// A moment ago the provider could not be reached (`true`), or had no word about the session.
    Failed(bool),
    /// The session is over, and its record gone.
    Gone,
}

/// What became of a newer record.
#[derive(Clone, Debug)]
pub enum Advanced {
    /// It is what everybody has.
    Written,
    /// There is one that is newer still, or as new.
    Newer(Arc<Session>),
    /// The session is over, and its record gone.
    Gone,
}

impl SharedSessions {
    /// `kept` is how long a session that was read may be of use where Redis cannot be asked.
    #[must_use]
    pub fn new(redis: Redis, settings: &RedisSettings, kept: Duration) -> Self {
        let cache_ms = u64::try_from(settings.cache_time.as_millis()).unwrap_or(u64::MAX);
        let scripts = Scripts {
            claim: Script::new(CLAIM),
            renew: Script::new(RENEW),
            release: Script::new(RELEASE),
            advance: Script::new(ADVANCE),
            touch: Script::new(TOUCH),
        };
        Self {
            redis,
            cached: crate::store::lru(settings.cache_entries).time_to_live(kept).build(),
            cache_ms,
            scripts: Arc::new(scripts),
        }
    }

    /// Whether Redis answers, as far as is known.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.redis.health().is_up()
    }

    /// Waits until Redis answers, for `longest` at most. Returns whether it does.
    pub async fn ready(&self, longest: Duration) -> bool {
        self.redis.ready(longest).await
    }

    /// The session, if it was read so short a time ago that it needs no other look.
    #[must_use]
    pub fn fresh(&self, id: &str, now_ms: u64) -> Option<Arc<Session>> {
        let kept = self.cached.get(&hash(id))?;
        // A clock that was set back makes nothing younger.
        let age = now_ms.checked_sub(kept.read_ms)?;
        (age < self.cache_ms).then_some(kept.session)
    }

    /// The session as it was read last, however long ago, for as long as that is kept.
    #[must_use]
    pub fn last_known(&self, id: &str) -> Option<Arc<Session>> {
        Some(self.cached.get(&hash(id))?.session)
    }

    /// What Redis has.
    ///
    /// # Errors
    ///
    /// [`RedisFault`].
    pub async fn read(
        &self,
        key_ring: &KeyRing,
        id: &str,
        now_ms: u64,
        until: Option<Instant>,
    ) -> Result<Read, RedisFault> {
        let hash = hash(id);
        let Some(value) = self.redis.get(&self.record_key(&hash), until).await? else {
            self.cached.invalidate(&hash);
            return Ok(Read::Gone);
        };
        let Some(session) = self.open(key_ring, id, &hash, &value) else {
            return Ok(Read::Unreadable);
        };
        self.keep(&session, now_ms);
        Ok(Read::Session(session))
    }

    /// Keeps a new session. It is nobody's yet, so there is nothing that it could overwrite.
    ///
    /// # Errors
    ///
    /// [`RedisFault`]: it is not kept, or nobody knows.
    pub async fn put(
        &self,
        key_ring: &KeyRing,
        session: &Arc<Session>,
        ttl: Duration,
        now_ms: u64,
        until: Option<Instant>,
    ) -> Result<(), RedisFault> {
        let hash = hash(&session.id);
        let sealed = self.seal(key_ring, &hash, session)?;
        let value = format!("{}:{sealed}", session.generation);
        self.redis.put(&self.record_key(&hash), value.as_bytes(), ttl, until).await?;
        self.keep(session, now_ms);
        Ok(())
    }

    /// Forgets the session here, and there.
    ///
    /// # Errors
    ///
    /// [`RedisFault`]: there it may live on, until its time is over.
    pub async fn remove(&self, id: &str, until: Option<Instant>) -> Result<(), RedisFault> {
        let hash = hash(id);
        self.cached.invalidate(&hash);
        self.redis.remove(&self.record_key(&hash), until).await.map(drop)
    }

    /// Has Redis keep the session for at least `ttl` more.
    ///
    /// # Errors
    ///
    /// [`RedisFault`].
    pub async fn touch(&self, id: &str, ttl: Duration) -> Result<(), RedisFault> {
        let key = self.record_key(&hash(id));
        self.redis.run_script(&self.scripts.touch, &[&key], &[&number(ttl)], None).await.map(drop)
    }

    /// Asks for the turn to refresh `session`, by a token of one's own.
    ///
    /// # Errors
    ///
    /// [`RedisFault`]: it is not ours, or nobody knows.
    pub async fn claim(
        &self,
        key_ring: &KeyRing,
        session: &Session,
        token: &str,
        now_ms: u64,
    ) -> Result<Claimed, RedisFault> {
        let hash = hash(&session.id);
        let (record, lease) = (self.record_key(&hash), self.lease_key(&hash));
        let generation = session.generation.to_string();
        let (term, now) = (number(LEASE), now_ms.to_string());
        let arguments = [generation.as_bytes(), token.as_bytes(), &term, now.as_bytes()];
        let script = &self.scripts.claim;
        let reply = self.redis.run_script(script, &[&record, &lease], &arguments, None).await?;
        let (word, rest) = words(reply)?;
        match word.as_slice() {
            b"yours" => Ok(Claimed::Ours),
            b"taken" => Ok(Claimed::Taken),
            b"failed" => Ok(Claimed::Failed(rest == b"u")),
            b"gone" => Ok(Claimed::Gone),
            b"newer" => Ok(match self.newer(key_ring, &session.id, &hash, &rest, now_ms) {
                Some(newer) => Claimed::Newer(newer),
                None => Claimed::Gone,
            }),
            _ => Err(RedisFault::Malformed),
        }
    }

    /// Renews a lease. Returns whether it was still ours.
    ///
    /// # Errors
    ///
    /// [`RedisFault`].
    pub async fn renew(&self, id: &str, token: &str) -> Result<bool, RedisFault> {
        let key = self.lease_key(&hash(id));
        let arguments: [&[u8]; 2] = [token.as_bytes(), &number(LEASE)];
        let reply = self.redis.run_script(&self.scripts.renew, &[&key], &arguments, None).await?;
        Ok(reply.number()? == 1)
    }

    /// Gives a lease back, if it is still ours. `failed`: nobody is to try again until then, and whether
    /// the provider could not be reached.
    ///
    /// # Errors
    ///
    /// [`RedisFault`]: it lapses by itself.
    pub async fn release(
        &self,
        id: &str,
        token: &str,
        failed: Option<(bool, u64)>,
        longest: Duration,
    ) -> Result<(), RedisFault> {
        let key = self.lease_key(&hash(id));
        let left = failed.map(|(unavailable, until_ms)| {
            format!("-{}:{until_ms}", if unavailable { 'u' } else { 's' })
        });
        let left = left.unwrap_or_default();
        let arguments: [&[u8]; 3] = [token.as_bytes(), left.as_bytes(), &number(longest)];
        let script = &self.scripts.release;
        self.redis.run_script(script, &[&key], &arguments, None).await.map(drop)
    }

    /// Puts `newer` in the place of an older record of its session.
    ///
    /// # Errors
    ///
    /// [`RedisFault`]: nobody knows.
    pub async fn advance(
        &self,
        key_ring: &KeyRing,
        newer: &Arc<Session>,
        ttl: Duration,
        now_ms: u64,
    ) -> Result<Advanced, RedisFault> {
        let hash = hash(&newer.id);
        let sealed = self.seal(key_ring, &hash, newer)?;
        let (key, generation) = (self.record_key(&hash), newer.generation.to_string());
        let arguments: [&[u8]; 3] = [generation.as_bytes(), sealed.as_bytes(), &number(ttl)];
        let reply = self.redis.run_script(&self.scripts.advance, &[&key], &arguments, None).await?;
        let (word, rest) = words(reply)?;
        match word.as_slice() {
            b"written" => {
                self.keep(newer, now_ms);
                Ok(Advanced::Written)
            }
            b"newer" => Ok(match self.newer(key_ring, &newer.id, &hash, &rest, now_ms) {
                Some(newer) => Advanced::Newer(newer),
                None => Advanced::Gone,
            }),
            b"gone" => Ok(Advanced::Gone),
            _ => Err(RedisFault::Malformed),
        }
    }

    fn newer(
        &self,
        key_ring: &KeyRing,
        id: &str,
        hash: &Hash,
        value: &[u8],
        now_ms: u64,
    ) -> Option<Arc<Session>> {
        let session = self.open(key_ring, id, hash, value)?;
        self.keep(&session, now_ms);
        Some(session)
    }

    fn keep(&self, session: &Arc<Session>, now_ms: u64) {
        let kept = Kept { session: Arc::clone(session), read_ms: now_ms };
        self.cached.insert(hash(&session.id), kept);
    }

    fn seal(
        &self,
        key_ring: &KeyRing,
        hash: &Hash,
        session: &Session,
    ) -> Result<String, RedisFault> {
        let nonce = random::bytes().map_err(|_none| RedisFault::Malformed)?;
        let plain = session.encode_to_vec();
        let sealed = key_ring.seal(Purpose::Stored, &self.record_key(hash), &plain, nonce);
        sealed.ok_or(RedisFault::Malformed)
    }

    /// `None`: it is sealed with another key, or was not sealed for this place, or not by us.
    fn open(
        &self,
        key_ring: &KeyRing,
        id: &str,
        hash: &Hash,
        value: &[u8],
    ) -> Option<Arc<Session>> {
        let (_, sealed) = std::str::from_utf8(value).ok()?.split_once(':')?;
        let plain = key_ring.open(Purpose::Stored, &self.record_key(hash), sealed).ok()?;
        let session = Session::read(&plain).ok()?;
        (session.id == id).then(|| Arc::new(session))
    }

    fn record_key(&self, hash: &Hash) -> String {
        self.key(hash, "session")
    }

    fn lease_key(&self, hash: &Hash) -> String {
        self.key(hash, "lease")
    }

    fn key(&self, hash: &Hash, what: &str) -> String {
        self.redis.key(&format!("{{{}}}:{what}", crate::base64url::encode(hash)))
    }
}

/// A word, and what follows it.
fn words(reply: Reply) -> Result<(Vec<u8>, Vec<u8>), RedisFault> {
    let mut items = reply.list()?.into_iter();
    let mut next = || items.next().map_or(Ok(None), Reply::bytes);
    let word = next()?.ok_or(RedisFault::Malformed)?;
    Ok((word, next()?.unwrap_or_default()))
}

/// Milliseconds, as an argument.
fn number(span: Duration) -> Vec<u8> {
    let milliseconds = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    milliseconds.clamp(1, 1 << 52).to_string().into_bytes()
}

fn hash(id: &str) -> Hash {
    digest(&SHA256, id.as_bytes()).as_ref().first_chunk().copied().unwrap_or_default()
}

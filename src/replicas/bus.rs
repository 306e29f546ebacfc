//! What is over, told to every replica, and kept for those that start.
//!
//! The log is a stream: `<prefix>:ended`, one sealed [`Ending`] an entry, as long as a session could live.
//! What is written there is told on the channel of the same name at once. A replica reads the log when it
//! starts, whenever its subscription begins anew, and every so often besides, each time from a little
//! before the last entry that it has.

use crate::config::RedisSettings;
use crate::random;
use crate::redis::{Event, Health, Redis, RedisFault, Reply, Script, Subscription};
use crate::session::{Ending, EndingKind, EndingOf, KeyRing, Purpose};
use crate::store::{Ended, Revocations};
use prost::Message;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, interval, sleep};
use tokio_util::task::AbortOnDropHandle;

/// Entries of the log at most; beyond that a tenth goes, and whoever signed in before its newest signs in
/// once more, as in the memory of each replica.
const CAPACITY: i64 = 500_000;
/// The part that goes.
const TENTH: i64 = 10;
/// Entries that are read at once.
const PAGE: usize = 1000;
/// Whoever became master of late may have given out ids again: so much is read twice.
const AGAIN_MS: u64 = 60_000;
/// Endings that wait until Redis can be told.
const WAITING: usize = 10_000;
/// How soon what failed is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// How long a Redis that does not answer may be one that is only being connected to.
const FIRST_MOMENT: Duration = Duration::from_secs(3);
/// Seals of the log are for this place.
const PLACE: &str = "ended";

/// Keys: the log. Arguments: the sealed entry, milliseconds that entries are kept, the channel.
const TELL: &str = r"
local time = redis.call('TIME')
local oldest = tonumber(time[1]) * 1000 - tonumber(ARGV[2])
if oldest > 0 then redis.call('XTRIM', KEYS[1], 'MINID', '~', string.format('%.0f', oldest)) end
local id = redis.call('XADD', KEYS[1], '*', 'e', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], id .. ' ' .. ARGV[1])
return redis.call('XLEN', KEYS[1])
";

/// Keys: the log. Arguments: from where, how many.
const RANGE: &str = r"
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
local found = {}
for _, entry in ipairs(entries) do
  found[#found + 1] = entry[1]
  found[#found + 1] = entry[2][2]
end
return found
";

/// Keys: the log. Arguments: the first id that stays.
const TRIM: &str = r"return redis.call('XTRIM', KEYS[1], 'MINID', ARGV[1])";

/// What the bus did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BusCounts {
    /// Whether the log was read as a whole.
    pub loaded: bool,
    /// How long ago the log was known to its end.
    pub behind: Option<Duration>,
    /// Endings that Redis has taken.
    pub told: u64,
    /// That wait until it does.
    pub waiting: u64,
    /// That were given up, since too many wait.
    pub dropped: u64,
    /// Entries that were taken over from the log.
    pub heard: u64,
    /// Entries whose seal does not verify, or that say nothing that is understood.
    pub refused: u64,
}

/// The bus. Clones share everything.
#[derive(Clone)]
pub struct Bus {
    shared: Arc<Shared>,
    _task: Arc<AbortOnDropHandle<()>>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bus").field(&self.counts()).finish()
    }
}

struct Shared {
    redis: Redis,
    key_ring: watch::Receiver<Arc<KeyRing>>,
    revocations: Revocations,
    key: String,
    keep: Duration,
    /// A log that was read longer ago is not known.
    stale_after: Duration,
    scripts: [Script; 3],
    began: Instant,
    /// Milliseconds from `began` to when the log was last known to its end, and one more; 0: never.
    current: AtomicU64,
    waiting: Mutex<VecDeque<Ending>>,
    more: Notify,
    told: AtomicU64,
    dropped: AtomicU64,
    heard: AtomicU64,
    refused: AtomicU64,
}

impl Bus {
    /// Begins to listen, on `runtime`. What is heard goes into `revocations`, which keep it for `keep`.
    #[must_use]
    pub fn start(
        redis: Redis,
        settings: &RedisSettings,
        key_ring: watch::Receiver<Arc<KeyRing>>,
        revocations: Revocations,
        keep: Duration,
        runtime: &Handle,
    ) -> Self {
        let key = redis.key(PLACE);
        let pace = settings.cache_time.clamp(Duration::from_millis(500), Duration::from_secs(5));
        let patience = settings.command_timeout.saturating_mul(4) + Duration::from_secs(2);
        let shared = Arc::new(Shared {
            stale_after: pace + patience,
            redis,
            key_ring,
            revocations,
            key,
            keep,
            scripts: [TELL, RANGE, TRIM].map(Script::new),
            began: Instant::now(),
            current: AtomicU64::new(0),
            waiting: Mutex::default(),
            more: Notify::new(),
            told: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            heard: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        });
        let subscription = shared.redis.subscribe(&shared.key);
        let task = runtime.spawn(run(Arc::clone(&shared), subscription, pace));
        Self { shared, _task: Arc::new(AbortOnDropHandle::new(task)) }
    }

    /// Tells everybody that `ended` is over, as far as it began until `at_ms`. Returns whether Redis has
    /// it; else it waits here until that is so.
    pub async fn tell(&self, ended: &[Ended], at_ms: u64, until: Option<Instant>) -> bool {
        let of = ended.iter().map(write).collect();
        // Whoever asked may go away meanwhile, and this with it: then it is told all the same.
        let mut unsaid = Unsaid { shared: &self.shared, ending: Some(Ending { at_ms, of }) };
        let Some(ending) = &unsaid.ending else { return true };
        match self.shared.tell(ending, until).await {
            Ok(()) => {
                unsaid.ending = None;
                true
            }
            Err(fault) => {
                tracing::warn!(%fault, "replicas are not told yet of what is over");
                false
            }
        }
    }

    /// Whether the log was read as a whole, once.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.shared.current.load(Ordering::Acquire) > 0
    }

    /// Whether what is over is known, but for the last moments.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.shared.behind().is_some_and(|behind| behind <= self.shared.stale_after)
    }

    /// Tells what waits, and tries until it is told; to be given up by whoever has no more time.
    pub async fn settle(&self) {
        while self.shared.catch_up().await.is_err() {
            sleep(RETRY).await;
        }
    }

    /// Whether Redis answers, as far as is known.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.shared.redis.health().is_up()
    }

    /// Whether whoever waits for the log would wait in vain: Redis does not answer, and this is not the
    /// first moment.
    #[must_use]
    pub fn is_hopeless(&self) -> bool {
        match self.shared.redis.health() {
            Health::Up(_) => false,
            Health::Down(since) => since.elapsed() >= FIRST_MOMENT,
        }
    }

    /// What it did, for `/metrics`.
    #[must_use]
    pub fn counts(&self) -> BusCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner).len();
        BusCounts {
            loaded: self.is_loaded(),
            behind: self.shared.behind(),
            told: read(&self.shared.told),
            waiting: waiting.try_into().unwrap_or(u64::MAX),
            dropped: read(&self.shared.dropped),
            heard: read(&self.shared.heard),
            refused: read(&self.shared.refused),
        }
    }
}

/// What is not told yet: it waits from the end of this value on.
struct Unsaid<'s> {
    shared: &'s Shared,
    ending: Option<Ending>,
}

impl Drop for Unsaid<'_> {
    fn drop(&mut self) {
        if let Some(ending) = self.ending.take() {
            self.shared.wait(ending);
        }
    }
}

impl Shared {
    fn behind(&self) -> Option<Duration> {
        let current = self.current.load(Ordering::Acquire).checked_sub(1)?;
        Some(self.began.elapsed().saturating_sub(Duration::from_millis(current)))
    }

    async fn tell(&self, ending: &Ending, until: Option<Instant>) -> Result<(), RedisFault> {
        let nonce = random::bytes().map_err(|_none| RedisFault::Malformed)?;
        let key_ring = Arc::clone(&self.key_ring.borrow());
        let sealed = key_ring.seal(Purpose::Ending, PLACE, &ending.encode_to_vec(), nonce);
        let sealed = sealed.ok_or(RedisFault::Malformed)?;
        let keep = self.keep.as_millis().to_string();
        let arguments = [sealed.as_bytes(), keep.as_bytes(), self.key.as_bytes()];
        let [script, ..] = &self.scripts;
        let reply = self.redis.run_script(script, &[&self.key], &arguments, until).await?;
        self.told.fetch_add(1, Ordering::Relaxed);
        if reply.number().unwrap_or_default() > CAPACITY {
            self.more.notify_one();
        }
        Ok(())
    }

    fn wait(&self, ending: Ending) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING {
            waiting.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::error!(
                "too much that is over waits for Redis: other replicas never hear of some"
            );
        }
        waiting.push_back(ending);
        self.more.notify_one();
    }

    /// Tells what waits, in its order.
    async fn catch_up(&self) -> Result<(), RedisFault> {
        loop {
            let next = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(ending) = next else { return Ok(()) };
            if let Err(fault) = self.tell(&ending, None).await {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.push_front(ending);
                return Err(fault);
            }
        }
    }

    /// Takes over what the log has from `last` on, to its end. `last` is the last id that was seen.
    async fn read_on(&self, last: &mut String) -> Result<(), RedisFault> {
        let began = self.began.elapsed();
        let mut from = a_little_before(last);
        loop {
            let count = PAGE.to_string();
            let arguments = [from.as_bytes(), count.as_bytes()];
            let [_, script, _] = &self.scripts;
            let reply = self.redis.run_script(script, &[&self.key], &arguments, None).await?;
            let items = reply.list()?;
            let full = items.len() >= PAGE.saturating_mul(2);
            for pair in items.chunks(2) {
                let [Reply::Bytes(id), Reply::Bytes(sealed)] = pair else { continue };
                let (id, sealed) = (String::from_utf8_lossy(id), String::from_utf8_lossy(sealed));
                self.take(&sealed);
                // Everything from here on, this one aside.
                from = format!("({id}");
                if is_later(&id, last) {
                    *last = id.into_owned();
                }
            }
            if !full {
                break;
            }
        }
        let current = u64::try_from(began.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        self.current.fetch_max(current, Ordering::AcqRel);
        Ok(())
    }

    /// Takes over one entry. What is taken twice is as good as once.
    fn take(&self, sealed: &str) {
        let key_ring = Arc::clone(&self.key_ring.borrow());
        let plain = key_ring.open(Purpose::Ending, PLACE, sealed).ok();
        let ending = plain.and_then(|plain| Ending::decode(plain.as_slice()).ok());
        let Some(ending) = ending else {
            if self.refused.fetch_add(1, Ordering::Relaxed) == 0 {
                tracing::error!(
                    "the log of what is over has an entry that does not open: are the sealing keys the \
                     same everywhere?"
                );
            }
            return;
        };
        self.heard.fetch_add(1, Ordering::Relaxed);
        for of in &ending.of {
            match read(of) {
                Some(ended) => self.revocations.apply(&ended, ending.at_ms),
                None => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }

    /// Where the log is too long its oldest part goes, and with it whoever began until then.
    async fn make_room(&self) -> Result<(), RedisFault> {
        let count = CAPACITY.checked_div(TENTH).unwrap_or_default().to_string();
        let [_, range, trim] = &self.scripts;
        let arguments: [&[u8]; 2] = [b"-", count.as_bytes()];
        let reply = self.redis.run_script(range, &[&self.key], &arguments, None).await?;
        let items = reply.list()?;
        let key_ring = Arc::clone(&self.key_ring.borrow());
        let mut floor_ms = 0;
        let mut last = None;
        for pair in items.chunks(2) {
            let [Reply::Bytes(id), Reply::Bytes(sealed)] = pair else { continue };
            let sealed = String::from_utf8_lossy(sealed);
            let plain = key_ring.open(Purpose::Ending, PLACE, &sealed).ok();
            let ending = plain.and_then(|plain| Ending::decode(plain.as_slice()).ok());
            floor_ms = ending.map_or(0, |ending| ending.at_ms).max(floor_ms);
            last = Some(String::from_utf8_lossy(id).into_owned());
        }
        let Some(last) = last else { return Ok(()) };
        tracing::error!("too many logouts to keep in Redis: sessions that began before are over");
        let everybody = Ending { at_ms: floor_ms, of: vec![write(&Ended::Everybody)] };
        self.revocations.apply(&Ended::Everybody, floor_ms);
        self.tell(&everybody, None).await?;
        let trimmed = self.redis.run_script(trim, &[&self.key], &[last.as_bytes()], None).await;
        trimmed.map(drop)
    }
}

/// Listens, reads on, and tells what waits.
async fn run(shared: Arc<Shared>, mut subscription: Subscription, pace: Duration) {
    let mut looks = interval(pace);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = "0-0".to_owned();
    loop {
        let full = tokio::select! {
            event = subscription.next() => match event {
                None => return,
                Some(Event::Message(message)) => {
                    // The id is not taken over: an entry before it may still be on its way.
                    let message = String::from_utf8_lossy(&message);
                    if let Some((_, sealed)) = message.split_once(' ') {
                        shared.take(sealed);
                    }
                    continue;
                }
                Some(Event::Lost) => continue,
                Some(Event::Connected) => false,
            },
            _tick = looks.tick() => false,
            () = shared.more.notified() => true,
        };
        let caught_up = shared.catch_up().await;
        let read = shared.read_on(&mut last).await;
        if full && let Ok(()) = caught_up {
            shared.trim_if_full().await;
        }
        if let Err(fault) = caught_up.and(read) {
            tracing::debug!(%fault, "the log of what is over cannot be read for now");
            // Soon, but not at once: what failed fails most often again.
            sleep(RETRY).await;
            shared.redis.ready(pace).await;
            looks.reset_immediately();
        }
    }
}

impl Shared {
    async fn trim_if_full(&self) {
        let length = Script::new("return redis.call('XLEN', KEYS[1])");
        let length = self.redis.run_script(&length, &[&self.key], &[], None).await;
        if length.and_then(|reply| reply.number()).is_ok_and(|length| length > CAPACITY)
            && let Err(fault) = self.make_room().await
        {
            tracing::warn!(%fault, "the log of what is over cannot be made shorter for now");
        }
    }
}

/// The id from which to read on after `last`, with [`AGAIN_MS`] read twice.
fn a_little_before(last: &str) -> String {
    let time = last.split_once('-').and_then(|(time, _)| time.parse::<u64>().ok());
    format!("{}-0", time.unwrap_or_default().saturating_sub(AGAIN_MS))
}

fn is_later(id: &str, than: &str) -> bool {
    let parts = |id: &str| {
        let (time, number) = id.split_once('-')?;
        Some((time.parse::<u64>().ok()?, number.parse::<u64>().ok()?))
    };
    parts(id) > parts(than)
}

fn write(ended: &Ended) -> EndingOf {
    let of = |kind, issuer: &str, name: &str| {
        let mut of = EndingOf { issuer: issuer.to_owned(), name: name.to_owned(), kind: 0 };
        of.set_kind(kind);
        of
    };
    match ended {
        Ended::Session(id) => of(EndingKind::Session, "", id),
        Ended::ProviderSession { issuer, sid } => of(EndingKind::ProviderSession, issuer, sid),
        Ended::Subject { issuer, subject } => of(EndingKind::Subject, issuer, subject),
        Ended::SubjectWithoutSession { issuer, subject } => {
            of(EndingKind::SubjectWithoutSession, issuer, subject)
        }
        Ended::Everybody => of(EndingKind::Everybody, "", ""),
    }
}

/// `None`: a newer version than this one wrote it.
fn read(of: &EndingOf) -> Option<Ended> {
    let (issuer, name) = (of.issuer.clone(), of.name.clone());
    Some(match of.kind() {
        EndingKind::Session => Ended::Session(name),
        EndingKind::ProviderSession => Ended::ProviderSession { issuer, sid: name },
        EndingKind::Subject => Ended::Subject { issuer, subject: name },
        EndingKind::SubjectWithoutSession => Ended::SubjectWithoutSession { issuer, subject: name },
        EndingKind::Everybody => Ended::Everybody,
        EndingKind::Unspecified => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_to_others_what_it_hears() {
        let issuer = || "https://issuer.example".to_owned();
        for ended in [
            Ended::Session("s".to_owned()),
            Ended::ProviderSession { issuer: issuer(), sid: "p".to_owned() },
            Ended::Subject { issuer: issuer(), subject: "ann".to_owned() },
            Ended::SubjectWithoutSession { issuer: issuer(), subject: "ann".to_owned() },
            Ended::Everybody,
        ] {
            assert_eq!(read(&write(&ended)), Some(ended));
        }
        assert_eq!(read(&EndingOf { kind: 99, ..EndingOf::default() }), None);
    }

    #[test]
    fn reads_on_from_a_minute_before() {
        assert_eq!(a_little_before("1800000000000-3"), "1799999940000-0");
        assert_eq!(a_little_before("0-0"), "0-0");
        assert!(is_later("10-0", "9-9") && is_later("9-10", "9-9") && !is_later("9-9", "9-9"));
    }
}

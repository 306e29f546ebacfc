//! Log lines: one a denied check, login, logout, reload; never a token, code, cookie, key or secret.

use super::lines::Lines;
use super::{Request, usage_log};
use crate::config::LogSettings;
use crate::decision::{Checked, Facts, FieldValue};
use crate::name::ResourceName;
use crate::policy::{Membership, Snapshot};
use aws_lc_rs::digest::{SHA256, digest};
use std::cell::Cell;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;
use tracing::{Dispatch, Level};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

/// Sends log lines to stdout from now on; a second call changes nothing.
pub fn install(settings: LogSettings) {
    if tracing::dispatcher::set_global_default(dispatch(settings, std::io::stdout)).is_err() {
        tracing::debug!("a log subscriber is installed already");
    }
}

/// Writes log lines as the settings say.
///
/// Of other crates only warnings are written, whatever the level: the traces of an HTTP library show
/// header fields, and with them cookies and tokens.
#[must_use]
pub fn dispatch<W>(settings: LogSettings, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let own = LevelFilter::from_level(settings.level);
    let filter = Targets::new()
        .with_target(env!("CARGO_CRATE_NAME"), own)
        .with_target(usage_log::TARGET, LevelFilter::INFO)
        .with_default(own.min(LevelFilter::WARN));
    let registry = tracing_subscriber::registry().with(filter);
    registry.with(Lines::new(settings.format, writer)).into()
}

/// A decision: denied ones, and those that pass in shadow alone, at `info`, allowed ones at `debug`.
pub fn log_check(
    checked: &Checked,
    request: &Request<'_>,
    policy: impl Fn() -> Arc<Snapshot>,
    elapsed: Duration,
) {
    let attributes = request.attributes;
    // The gateway's word, in visible ASCII whatever it is.
    let context = |key| {
        let value = attributes?.context.get(key)?;
        Some(FieldValue::Encoded(value).to_text())
    };
    macro_rules! decision {
        ($level:ident) => {
            with_line(checked, elapsed, |line| {
                let judged_by = JudgedBy::of(checked, &policy);
                tracing::$level!(
                    request_id = request.id.as_str(),
                    decision = checked.decision(),
                    shadow = checked.facts.shadowed(),
                    reason = checked.reason.as_str(),
                    method = attributes.map(|attributes| attributes.method.as_str()),
                    host = attributes.map(|attributes| attributes.host.name.as_str()),
                    portal = line.portal,
                    environment = line.environment,
                    product = line.product,
                    subject = line.subject,
                    credential = checked.facts.credential.as_str(),
                    groups = line.groups,
                    issuer = judged_by.issuer,
                    login_portals = judged_by.login_portals,
                    caller_groups = judged_by.caller_groups,
                    email_verified = judged_by.email_verified,
                    context_portal = context("portal"),
                    context_environment = context("environment"),
                    context_product = context("product"),
                    context_access = context("access"),
                    microseconds = line.microseconds,
                    hint = line.hint,
                    "check"
                );
            })
        };
    }
    if checked.outcome.is_err() || checked.facts.shadow {
        decision!(info);
    } else if tracing::enabled!(Level::DEBUG) {
        decision!(debug);
    }
}

/// An answer of one of our own endpoints.
pub fn log_endpoint(checked: &Checked, request_id: &str, elapsed: Duration) {
    with_line(checked, elapsed, |line| {
        tracing::info!(
            request_id,
            decision = checked.decision(),
            reason = checked.reason.as_str(),
            portal = line.portal,
            environment = line.environment,
            product = line.product,
            subject = line.subject,
            credential = checked.facts.credential.as_str(),
            groups = line.groups,
            microseconds = line.microseconds,
            hint = line.hint,
            "endpoint"
        );
    });
}

/// What of a known caller the policy has judged by: with it, another policy can judge again.
#[derive(Default)]
struct JudgedBy<'l> {
    issuer: Option<&'l str>,
    /// Portals that vouch for the caller, the first few.
    login_portals: Option<String>,
    /// All of the caller's groups that some Group names, each encoded as in the upstream's header.
    caller_groups: Option<String>,
    email_verified: Option<bool>,
}

/// Portals that a line names at most: those that share a login.
const MOST_PORTALS: usize = 8;

impl<'l> JudgedBy<'l> {
    fn of(checked: &'l Checked, policy: &impl Fn() -> Arc<Snapshot>) -> Self {
        let Some(caller) = checked.facts.caller.as_deref() else { return Self::default() };
        let Membership { portals, groups } = &*caller.membership;
        // Ids count for the policy that gave them. After a reload that came just now, nothing is said.
        let policy = Some(policy()).filter(|policy| groups.are_numbered_in(policy));
        let login_portals = policy.map(|policy| {
            let names = portals.iter().filter_map(|id| policy.portal(*id));
            let names = names.take(MOST_PORTALS).map(|portal| portal.name.as_str());
            names.collect::<Vec<_>>().join(",")
        });
        Self {
            issuer: Some(&caller.issuer),
            login_portals,
            caller_groups: Some(FieldValue::List(groups).to_text()),
            email_verified: Some(caller.email_verified),
        }
    }
}

/// The parts of a line that need some work.
struct Line<'l> {
    portal: Option<&'l str>,
    environment: Option<&'l str>,
    product: Option<&'l str>,
    subject: Option<&'l str>,
    groups: Option<String>,
    microseconds: u64,
    hint: Option<&'l str>,
}

thread_local! {
    /// Where this thread puts hints and subjects into words; see `lines`.
    static WORDS: Cell<String> = const { Cell::new(String::new()) };
}

fn with_line(checked: &Checked, elapsed: Duration, log: impl FnOnce(Line<'_>)) {
    let Facts { portal, environment, product, caller, hint, .. } = &checked.facts;
    let mut groups = checked.facts.groups().peekable();
    let mut words = WORDS.take();
    let subject =
        caller.as_deref().map(|caller| hashed_subject(&caller.issuer, &caller.subject, &mut words));
    words.clear();
    if let Some(hint) = hint {
        // Writing to a String cannot fail.
        let _written = write!(words, "{hint}");
    }
    log(Line {
        portal: portal.as_ref().map(ResourceName::as_str),
        environment: environment.as_ref().map(ResourceName::as_str),
        product: product.as_ref().map(ResourceName::as_str),
        subject: subject.as_ref().and_then(|hex| std::str::from_utf8(hex).ok()),
        groups: groups.peek().is_some().then(|| groups.collect::<Vec<_>>().join(",")),
        microseconds: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        hint: hint.as_ref().map(|_| words.as_str()),
    });
    WORDS.set(words);
}

/// 64 bits of SHA-256 over issuer and subject, in hex: the same caller has the same one, and nobody
/// reads a name from it.
pub(super) fn hashed_subject(issuer: &str, subject: &str, words: &mut String) -> [u8; 16] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    words.clear();
    // Writing to a String cannot fail.
    let _written = write!(words, "{}:{issuer}{subject}", issuer.len());
    let hash = digest(&SHA256, words.as_bytes());
    let halves = hash.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    let mut hex = [0; 16];
    for (digit, half) in hex.iter_mut().zip(halves) {
        *digit = DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    }
    hex
}

//! Log lines: one a denied check, login, logout, reload; never a token, code, cookie, key or secret.

use crate::config::{LogFormat, LogSettings};
use crate::decision::{Checked, Facts};
use crate::identity::Identity;
use crate::name::ResourceName;
use aws_lc_rs::digest::{SHA256, digest};
use std::fmt::Write;
use std::time::Duration;
use tracing::Dispatch;
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
        .with_default(own.min(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer().with_target(false).with_writer(writer);
    let registry = tracing_subscriber::registry().with(filter);
    match settings.format {
        LogFormat::Json => {
            registry.with(lines.json().flatten_event(true).with_current_span(false)).into()
        }
        LogFormat::Text => registry.with(lines.with_ansi(false)).into(),
    }
}

/// A decision: denied ones at `info`, allowed ones at `debug`.
pub fn log_check(checked: &Checked, request_id: &str, elapsed: Duration) {
    let line = Line::of(checked, elapsed);
    macro_rules! decision {
        ($level:ident) => {
            tracing::$level!(
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
                hint = checked.facts.hint,
                "check"
            )
        };
    }
    if checked.outcome.is_ok() {
        decision!(debug);
    } else {
        decision!(info);
    }
}

/// An answer of one of our own endpoints.
pub fn log_endpoint(checked: &Checked, request_id: &str, elapsed: Duration) {
    let line = Line::of(checked, elapsed);
    tracing::info!(
        request_id,
        decision = checked.decision(),
        reason = checked.reason.as_str(),
        portal = line.portal,
        environment = line.environment,
        subject = line.subject,
        microseconds = line.microseconds,
        hint = checked.facts.hint,
        "endpoint"
    );
}

/// The parts of a line that need some work.
struct Line {
    portal: Option<String>,
    environment: Option<String>,
    product: Option<String>,
    subject: Option<String>,
    groups: Option<String>,
    microseconds: u64,
}

impl Line {
    fn of(checked: &Checked, elapsed: Duration) -> Self {
        let Facts { portal, environment, product, groups, .. } = &checked.facts;
        let named = |name: &Option<ResourceName>| name.as_ref().map(ToString::to_string);
        Self {
            portal: named(portal),
            environment: named(environment),
            product: named(product),
            subject: hashed_subject(&checked.facts),
            groups: (!groups.is_empty()).then(|| groups.join(",")),
            microseconds: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        }
    }
}

/// 64 bits of SHA-256 over issuer and subject, in hex: the same caller has the same one, and nobody
/// reads a name from it.
fn hashed_subject(facts: &Facts) -> Option<String> {
    let Identity { issuer, subject, .. } = facts.caller.as_deref()?;
    let hash = digest(&SHA256, format!("{}:{issuer}{subject}", issuer.len()).as_bytes());
    let mut text = String::with_capacity(16);
    for byte in hash.as_ref().iter().take(8) {
        // Writing to a String cannot fail.
        let _written = write!(text, "{byte:02x}");
    }
    Some(text)
}

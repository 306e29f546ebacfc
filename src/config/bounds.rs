//! The bounds of settings.
//!
//! Pure: no I/O, no clock.

use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest `session.lifetime`, and longest of whatever else is counted in hours.
pub(super) const LIFETIME: Duration = DAY.saturating_mul(30);
/// Longest that a Portal may stand in shadow: `portals.*.shadow_until` lies no further ahead.
pub const SHADOW: Duration = DAY.saturating_mul(14);
/// Largest `tokens.clock_skew`.
pub(super) const CLOCK_SKEW: Duration = Duration::from_secs(120);
/// Longest that an exchange with a provider may take.
pub(super) const EXCHANGE: Duration = Duration::from_secs(60);

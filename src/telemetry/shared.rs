//! What is told of Redis and of what replicas tell each other; nothing where there is no Redis.

use crate::redis::{Redis, RedisCounts};
use crate::replicas::{Bus, BusCounts};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// What is told, once it is there.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedMetrics(Arc<OnceLock<(Redis, Bus)>>);

impl SharedMetrics {
    /// These are told from now on. Only the first ones count.
    pub(super) fn set(&self, redis: Redis, bus: Bus) {
        // Nobody sets it twice.
        let _set = self.0.set((redis, bus));
    }
}

impl Collector for SharedMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some((redis, bus)) = self.0.get() else { return Ok(()) };
        encode_redis(&mut encoder, &redis.counts())?;
        encode_bus(&mut encoder, &bus.counts())
    }
}

fn encode_redis(encoder: &mut DescriptorEncoder<'_>, counts: &RedisCounts) -> fmt::Result {
    gauge(encoder, "redis_up", "Whether Redis answers", i64::from(counts.up))?;
    let help = "Connections to Redis that were made";
    let connections = ConstCounter::new(counts.connected);
    connections.encode(encoder.encode_descriptor(
        "redis_connections",
        help,
        None,
        connections.metric_type(),
    )?)?;
    let RedisCounts { answered, timed_out, down, refused, .. } = *counts;
    counters(
        encoder,
        "redis_commands",
        "Commands to Redis by what came of them",
        &[("answered", answered), ("timed_out", timed_out), ("down", down), ("refused", refused)],
    )?;
    let mut below = 0;
    let mut buckets = Vec::with_capacity(counts.round_trips.len());
    for (bound, up_to) in &counts.round_trips {
        buckets.push((*bound, up_to.saturating_sub(below)));
        below = *up_to;
    }
    buckets.push((f64::INFINITY, answered.saturating_sub(below)));
    encoder
        .encode_descriptor(
            "redis_round_trip",
            "How long commands took that Redis answered",
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?
        .encode_histogram::<NoLabelSet>(counts.seconds, answered, &buckets, None)
}

fn encode_bus(encoder: &mut DescriptorEncoder<'_>, counts: &BusCounts) -> fmt::Result {
    let BusCounts { loaded, behind, told, waiting, dropped, heard, refused } = *counts;
    let help = "Whether the log of what is over was read as a whole";
    gauge(encoder, "bus_loaded", help, i64::from(loaded))?;
    if let Some(behind) = behind {
        let help = "Time since the log of what is over was known to its end";
        let behind = ConstGauge::new(behind.as_secs_f64());
        let unit = Some(&Unit::Seconds);
        let kind = behind.metric_type();
        behind.encode(encoder.encode_descriptor("bus_behind", help, unit, kind)?)?;
    }
    let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
    let help = "Endings that wait until Redis takes them";
    gauge(encoder, "bus_waiting", help, waiting)?;
    counters(
        encoder,
        "bus_endings",
        "Endings told to other replicas, heard of, refused and given up",
        &[("told", told), ("heard", heard), ("refused", refused), ("dropped", dropped)],
    )
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> fmt::Result {
    let gauge = ConstGauge::new(value);
    gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counts: &[(&str, u64)],
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (outcome, count) in counts {
        let counter = ConstCounter::new(*count);
        counter.encode(family.encode_family(&[("outcome", *outcome)])?)?;
    }
    Ok(())
}

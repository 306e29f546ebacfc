//! Caches, failure, logs, config: group P.

mod caches;
mod config;
mod logs;
mod metrics;
mod restored;
mod secrets;

//! Caches, failure, logs, config: group P.

mod caches;
mod config;
mod logs;
mod metrics;
mod remembered;
mod restored;
mod secrets;

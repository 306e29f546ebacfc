//! What the tests are made of.

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod browser;
pub(crate) mod cluster;
pub(crate) mod collector;
pub(crate) mod gateway;
pub(crate) mod knobs;
pub(crate) mod line;
pub(crate) mod process;
pub(crate) mod log;
pub(crate) mod provider;
pub(crate) mod raw;
pub(crate) mod redis_server;
pub(crate) mod setup;
pub(crate) mod token;
pub(crate) mod ways;

pub(crate) use answer::Answer;
pub(crate) use ask::Ask;
pub(crate) use browser::Browser;
pub(crate) use cluster::{Cluster, Fate};
pub(crate) use gateway::{Gateway, eventually};
pub(crate) use line::{Line, Trouble};
pub(crate) use log::Log;
pub(crate) use provider::Provider;
pub(crate) use redis_server::RedisServer;
pub(crate) use setup::Setup;
pub(crate) use ways::Ways;

/// When the tests begin.
pub(crate) const NOW: u64 = 1_800_000_000;
/// The Portal.
pub(crate) const PORTAL: &str = "http://portal.petstore.localhost:10000";
/// The Environment that it publishes.
pub(crate) const API: &str = "http://api.petstore.localhost:10000";
/// Our client id at the provider.
pub(crate) const CLIENT: &str = "0oaPetstore";
/// And its secret.
pub(crate) const SECRET: &str = "hush hush";

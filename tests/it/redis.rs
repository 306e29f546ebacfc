//! The door to Redis, and what replicas share by it, with a real redis-server.

mod door;
mod fleet;
mod lease;
mod metrics;
mod modes;
mod outage;
mod sessions;

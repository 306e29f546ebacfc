//! The door to Redis, and what replicas share by it, with a real redis-server.

mod door;
mod fleet;
mod lease;
mod outage;
mod sessions;

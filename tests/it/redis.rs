//! The door to Redis, and what replicas share by it, with a real redis-server.

mod door;

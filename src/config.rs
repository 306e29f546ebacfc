//! The settings file: parsed, judged as a whole, every default filled in.
//!
//! Pure: no I/O, no clock; [`load`] alone reads the file.

mod bounds;
mod endpoints;
mod headers;
mod listen;
mod load;
mod overrides;
mod places;
mod provider;
mod read;
mod redis;
mod session;
mod settings;
mod tokens;

pub use bounds::SHADOW as LONGEST_SHADOW;
pub use load::{LoadError, load, load_at};
pub use read::{Base, Parsed, Places, parse};
pub use redis::{RedisCredentials, RedisMode, RedisNode, RedisSettings};
pub use settings::*;

#[cfg(test)]
mod tests;

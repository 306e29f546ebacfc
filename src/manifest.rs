//! Gloo Portal's resources as people write them, read into [`crate::policy::resource`].
//!
//! Pure: no I/O, no clock; [`files`] alone reads the disk, and [`watch`] alone speaks to Kubernetes.

mod access_level;
mod api_doc;
mod api_key;
mod config_map;
mod environment;
pub mod files;
mod group;
mod metadata;
mod plan;
mod portal;
mod product;
mod reading;
mod reference;
mod secret;
mod selector;
mod user;
pub mod watch;

pub use files::{FileText, SecretFile};
pub use reading::{Manifests, read};
pub use watch::{Watch, WatchError, WatchStatus, Watched};

#[cfg(test)]
mod tests;

//! Gloo Portal's resources as people write them, read into [`crate::policy::resource`].
//!
//! Pure: no I/O, no clock; [`files`] alone reads the disk.

mod access_level;
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

pub use files::{FileText, SecretFile};
pub use reading::{Manifests, read};

#[cfg(test)]
mod tests;

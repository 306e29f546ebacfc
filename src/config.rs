//! The settings file.

mod settings;

pub use settings::*;

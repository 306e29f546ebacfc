//! The kit of the measurements: a provider, tokens, sessions and messages for the demo's policy, the
//! servers as child processes, and a loader that judges every answer.
//!
//! Everything stays on loopback, ends by itself, and takes down what it started.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]

pub mod failure;
pub mod rng;
pub mod keys;
pub mod claims;
pub mod provider;
pub mod bundle;
pub mod message;
pub mod sessions;
pub mod kind;
pub mod answer;
pub mod place;
pub mod process;
pub mod huffman;
pub mod hpack;
pub mod connection;
pub mod histogram;
pub mod stats;
pub mod mix;
pub mod drive;
pub mod stage;
pub mod compare;
pub mod report;
pub mod ghz;
pub mod scale;

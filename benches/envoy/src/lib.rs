//! What an authorizer costs behind a real Envoy: one thread is client and upstream, and judges every
//! answer; Envoy and the authorizers share the other core.

#![expect(clippy::disallowed_methods, reason = "a measurement reads the real clock")]

pub mod settings;
pub mod variant;
pub mod http;
pub mod callers;
pub mod upstream;
pub mod client;
pub mod engine;
pub mod gateway;
pub mod ratio;
pub mod rounds;
pub mod report;

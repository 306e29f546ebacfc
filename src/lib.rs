//! Portcullis: an Envoy `ext_authz` service that turns Okta groups into access to API products.
//!
//! The modules stand from the bottom up: each names only those above it in this list.

pub mod time;
pub mod secret;
pub mod clock;
pub mod random;
pub mod attributes;
pub mod token;
pub mod name;
pub mod problem;
pub mod document;
pub mod config;
pub mod policy;
pub mod manifest;
pub mod lint;
pub mod reload;

//! Portcullis: an Envoy `ext_authz` service that turns Okta groups into access to API products.
//!
//! A check is a straight line: [`envoy`] decodes it, [`policy`] routes it, [`credential`] says what
//! the client brought, [`check`] authenticates, the only step that waits, [`policy`] authorizes, and
//! [`envoy`] encodes the answer.
//!
//! The modules stand from the bottom up: each names only those above it in this list.

pub mod time;
pub mod secret;
pub mod base64url;
pub mod clock;
pub mod random;
pub mod trace;
pub mod attributes;
pub mod cookie;
pub mod token;
pub mod name;
pub mod problem;
pub mod document;
pub mod config;
pub mod policy;
pub mod manifest;
pub mod reload;
pub mod session;
pub mod oidc;
pub mod credential;
pub mod identity;
pub mod decision;
pub mod provider;
pub mod redis;
pub mod lint;
pub mod store;
pub mod replicas;
pub mod telemetry;
pub mod shadow;
pub mod check;
pub mod envoy;
pub mod admin;
pub mod server;
pub mod app;
pub mod explain;
pub mod replay;

//! HTTP to OpenID providers: discovery, keys, tokens; and to a collector of traces. The only door to reqwest.
//!
//! Each issuer has one task that fetches its metadata and keys and keeps them; a check reads what
//! is there and waits only for a key that nobody knows yet.

mod address;
mod answer;
mod calls;
mod client;
mod collector;
mod documents;
mod fetch;
mod metadata;
mod registry;
mod resolver;
mod state;
mod token_endpoint;

pub use calls::CodeGrant;
pub use client::{ClientError, ProvidersError};
pub use collector::Collector;
pub use documents::DocumentFetcher;
pub use metadata::{EndpointRules, MetadataError, ProviderMetadata};
pub use registry::{IssuerSource, IssuerStatus, KeysUnavailable, Providers};
pub use state::Counts;
pub use token_endpoint::{RelyingParty, TokenEndpointError, TokenResponse};

#[cfg(test)]
mod tests;

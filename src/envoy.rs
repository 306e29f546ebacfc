//! Envoy's side: `envoy.service.auth.v3`. The only door to envoy-types.

mod decode;
mod encode;
mod service;

pub use decode::{Ambiguous, decode};
pub use encode::encode;
pub use service::AuthorizationService;

/// The gRPC service, ready for a server.
pub type Server =
    envoy_types::pb::envoy::service::auth::v3::authorization_server::AuthorizationServer<
        AuthorizationService,
    >;

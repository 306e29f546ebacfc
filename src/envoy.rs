//! Envoy's side: `envoy.service.auth.v3`. The only door to envoy-types.

mod decode;
mod door;
mod encode;
mod service;
mod view;
mod wire;

pub use decode::{Ambiguous, decode};
pub use door::Server;
pub use encode::encode;
pub use service::AuthorizationService;

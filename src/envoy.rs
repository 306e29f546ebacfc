//! Envoy's side: `envoy.service.auth.v3`. The only door to envoy-types.

mod decode;
mod door;
mod encode;
mod service;
mod wire;

pub use decode::{Ambiguous, decode};
pub use door::Server;
pub use encode::{encode, encode_to};
pub use service::AuthorizationService;

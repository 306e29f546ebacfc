//! Envoy's side: `envoy.service.auth.v3`. The only door to envoy-types.

mod decode;
mod door;
mod encode;
mod head;
mod message;
mod metadata;
mod others;
mod receive;
mod reply;
mod service;
mod view;
mod wire;
mod writer;

pub use decode::{Ambiguous, decode};
pub(crate) use door::Waits;
pub use door::{Answering, Handler, Server};
pub use encode::{encode, encode_to};
pub(crate) use message::Framed;
pub use metadata::Metadata;
pub use service::AuthorizationService;

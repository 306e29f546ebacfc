//! Envoy's side: `envoy.service.auth.v3`. The only door to envoy-types.

mod body;
mod decode;
mod door;
mod encode;
mod message;
mod receive;
mod service;
mod view;
mod wire;
mod writer;

pub use body::Answer;
pub use decode::{Ambiguous, decode};
pub use door::{Answering, Handler, Server};
pub use encode::{encode, encode_to};
pub use message::Framed;
pub use service::AuthorizationService;

//! What the transport costs by itself: a constant answer behind the product's own door.

use bytes::Bytes;
use portcullis::config::GrpcAddress;
use portcullis::envoy::{Answering, Handler, Metadata};
use portcullis::server::{self, Listener, Workers};
use std::error::Error;
use std::future::pending;

/// An answer of OK, as small as there is one: `CheckResponse {status {}, ok_response {}}`.
const OK: Bytes = Bytes::from_static(&[0x0a, 0, 0x1a, 0]);

struct Echo;

impl Handler for Echo {
    fn answer(&self, message: Option<Bytes>, _metadata: Metadata<'_>) -> Answering<'_> {
        drop(message);
        Answering::Ready(OK)
    }

    fn answer_to_panic(&self) -> Bytes {
        Bytes::new()
    }
}

/// Answers at `address` until the process ends.
pub(crate) async fn serve(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = Listener::bind(&GrpcAddress::Tcp(address.parse()?)).await?;
    let workers = Workers::one_a_core()?;
    Ok(server::serve(listener, None, Echo, workers, pending()).await?)
}

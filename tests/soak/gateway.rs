//! Envoy's place: several connections to the service.

use crate::support::{Answer, Ask};
use envoy_types::pb::envoy::service::auth::v3::CheckRequest;
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};

/// Connections, used in turn.
pub(crate) struct Gateway {
    clients: Vec<AuthorizationClient<Channel>>,
    next: AtomicUsize,
}

impl Gateway {
    pub(crate) fn new(to: SocketAddr, connections: usize) -> Self {
        let connect = || {
            let endpoint = Endpoint::from_shared(format!("http://{to}")).expect("an address");
            AuthorizationClient::new(endpoint.connect_lazy())
        };
        let clients = std::iter::repeat_with(connect).take(connections).collect();
        Self { clients, next: AtomicUsize::new(0) }
    }

    /// Sends a check. Its answer is read, and with that the form of it judged.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Answer, tonic::Status> {
        self.send(ask.message(), Duration::from_secs(10)).await
    }

    pub(crate) async fn send(
        &self,
        message: CheckRequest,
        timeout: Duration,
    ) -> Result<Answer, tonic::Status> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.clients.len();
        let mut request = tonic::Request::new(message);
        request.set_timeout(timeout);
        let response = self.clients[turn].clone().check(request).await?;
        Ok(Answer::read(response.into_inner()))
    }
}

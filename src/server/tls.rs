//! TLS on the listener.

use super::ListenError;
use crate::config::TlsSettings;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a client may take for its part.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Certificate, key and client CA, read.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Why what was read does not hold.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// It is no PEM, or holds nothing that is looked for.
    #[error("no PEM of what is needed: {0}")]
    Pem(#[from] pem::Error),
    /// Certificate and key do not go together, or are not understood.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
    /// Nobody could be verified by it.
    #[error(transparent)]
    ClientCa(#[from] VerifierBuilderError),
}

impl Tls {
    /// Reads certificate, key and client CA.
    ///
    /// # Errors
    ///
    /// [`ListenError::TlsFile`], [`ListenError::Tls`].
    pub fn read(settings: &TlsSettings) -> Result<Self, ListenError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let of = |path: &Path| {
            let path = path.to_owned();
            |fault: TlsFault| ListenError::Tls { path, fault }
        };
        let builder = builder.with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| of(&settings.cert_file)(error.into()))?;
        let builder = match &settings.client_ca_file {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(certificates(path)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
                let verifier = verifier.build().map_err(|error| of(path)(error.into()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = certificates(&settings.cert_file)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&settings.key_file)?);
        let key = key.map_err(|error| of(&settings.key_file)(error.into()))?;
        let config = builder.with_single_cert(chain, key);
        let mut config = config.map_err(|error| of(&settings.cert_file)(error.into()))?;
        config.alpn_protocols.push(b"h2".to_vec());
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// The server's part of the handshake.
    pub(super) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        tokio::time::timeout(HANDSHAKE_TIMEOUT, self.0.accept(stream)).await?
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ListenError> {
    let pem = read(path)?;
    let fault = |error: pem::Error| ListenError::Tls { path: path.to_owned(), fault: error.into() };
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates.map_err(fault)?;
    if certificates.is_empty() { Err(fault(pem::Error::NoItemsFound)) } else { Ok(certificates) }
}

fn read(path: &Path) -> Result<Vec<u8>, ListenError> {
    std::fs::read(path).map_err(|source| ListenError::TlsFile { path: path.to_owned(), source })
}

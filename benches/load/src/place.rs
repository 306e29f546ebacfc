//! A folder with the demo's settings and resources, for one service: addresses and ports are
//! changed, and nothing else.

use crate::failure::Outcome;
use portcullis::random;
use portcullis::session::KeyRing;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where a server listens for checks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    /// A port on loopback.
    Tcp(SocketAddr),
    /// A socket in a folder.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    /// As the settings write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Over what a server is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Transport {
    /// TCP on loopback.
    Tcp,
    /// A unix socket.
    Unix,
}

/// The folder. It goes with the value.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    /// Where the service listens for checks.
    pub grpc: Address,
    /// Where it answers `/readyz` and `/metrics`.
    pub admin: SocketAddr,
}

/// A port that nobody listens on a moment ago.
///
/// # Errors
///
/// The system's.
pub fn free_port() -> Outcome<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// The root of the project's sources.
#[must_use]
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Place {
    /// Lays the folder: the demo's settings and resources with the provider at `provider_port`.
    ///
    /// # Errors
    ///
    /// Of files.
    pub fn lay(transport: Transport, provider_port: u16) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let grpc = match transport {
            Transport::Tcp => Address::Tcp(free_port()?),
            Transport::Unix => Address::Unix(folder.path().join("checks.sock")),
        };
        let place = Self { folder, grpc, admin: free_port()? };
        let demo = repository().join("deploy/demo");
        let settings = std::fs::read_to_string(demo.join("portcullis.yaml"))?;
        let settings = replace(&settings, "127.0.0.1:9001", &format!("'{}'", place.grpc))?;
        let settings = replace(&settings, "127.0.0.1:9002", &format!("'{}'", place.admin))?;
        std::fs::write(place.settings(), settings)?;
        std::fs::create_dir(place.resources())?;
        for entry in std::fs::read_dir(demo.join("resources"))? {
            let (from, text) = {
                let path = entry?.path();
                (path.clone(), std::fs::read_to_string(path)?)
            };
            let name = from.file_name().ok_or("a file has a name")?;
            let text =
                text.replace("okta.localhost:10100", &format!("okta.localhost:{provider_port}"));
            std::fs::write(place.resources().join(name), text)?;
        }
        std::fs::write(place.folder.path().join("session.keys"), random::sealing_key()?)?;
        Ok(place)
    }

    /// The settings file.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.folder.path().join("portcullis.yaml")
    }

    /// The folder of the resources: what is put there is loaded within moments.
    #[must_use]
    pub fn resources(&self) -> PathBuf {
        self.folder.path().join("resources")
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The service's sealing keys.
    ///
    /// # Errors
    ///
    /// Of the file.
    pub fn key_ring(&self) -> Outcome<KeyRing> {
        Ok(KeyRing::parse(&std::fs::read_to_string(self.folder.path().join("session.keys"))?)?)
    }
}

/// Replaces what has to be there: the demo's files change now and then.
fn replace(text: &str, old: &str, new: &str) -> Outcome<String> {
    if !text.contains(old) {
        return Err(format!("deploy/demo/portcullis.yaml does not have {old}").into());
    }
    Ok(text.replace(old, new))
}

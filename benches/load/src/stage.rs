//! Everything that a run needs, made ready in order: tokens and their provider, a place for the
//! service, and the programs.

use crate::bundle::{Amounts, Bundle};
use crate::failure::Outcome;
use crate::place::{Place, Transport};
use crate::process::Server;
use crate::provider::Provider;
use portcullis::session::KeyRing;
use std::num::NonZero;
use std::path::{Path, PathBuf};

/// The stage. What runs on it ends with the value.
#[derive(Debug)]
pub struct Stage {
    /// Tokens, and whose they are.
    pub bundle: Bundle,
    /// The service's settings and resources.
    pub place: Place,
    /// The service's sealing keys.
    pub key_ring: KeyRing,
    /// Over what the servers are asked.
    pub transport: Transport,
    programs: PathBuf,
    provider: Provider,
}

/// Which core does what. On a machine with one core nothing is pinned.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cores {
    /// The server's.
    pub server: Option<usize>,
    /// The loader's.
    pub loader: Option<usize>,
}

impl Cores {
    /// The first for the loader, the second for the server.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let several = std::thread::available_parallelism().is_ok_and(|count| count.get() > 1);
        if several && crate::process::has_taskset() {
            Self { server: Some(1), loader: Some(0) }
        } else {
            Self { server: None, loader: None }
        }
    }

    /// How many cores this machine has.
    #[must_use]
    pub fn count() -> usize {
        std::thread::available_parallelism().map_or(1, NonZero::get)
    }
}

/// The folder of the programs: where this one is, or above it where this one is a test.
///
/// # Errors
///
/// The system's.
pub fn programs() -> Outcome<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.parent().ok_or("a program is in a folder")?;
    let folder = if folder.ends_with("deps") { folder.parent() } else { Some(folder) };
    Ok(folder.ok_or("a program is in a folder")?.to_owned())
}

impl Stage {
    /// Makes everything ready but the servers. Tokens are kept in the target folder.
    ///
    /// # Errors
    ///
    /// Of files, sockets and keys.
    pub fn ready(amounts: Amounts, transport: Transport) -> Outcome<Self> {
        let programs = programs()?;
        let kept = programs.parent().unwrap_or(&programs).join("load");
        let (bundle, provider) =
            Bundle::ready(&kept.join(format!("tokens-{}.txt", amounts.users)), amounts)?;
        let place = Place::lay(transport, provider.port())?;
        let key_ring = place.key_ring()?;
        Ok(Self { bundle, place, key_ring, transport, programs, provider })
    }

    /// Starts the service by the settings of `place`: the stage's own, or another one.
    ///
    /// # Errors
    ///
    /// Where it does not start.
    pub fn portcullis(&self, place: &Place, core: Option<usize>) -> Outcome<Server> {
        Server::portcullis(&self.program("portcullis")?, place, core)
    }

    /// Starts the reference: one runtime, as the service has one on one core.
    ///
    /// # Errors
    ///
    /// Where it does not start.
    pub fn reference(&self, runtimes: usize, core: Option<usize>) -> Outcome<Server> {
        Server::reference(&self.program("reference")?, self.transport, runtimes, core)
    }

    /// Where the provider listens.
    #[must_use]
    pub const fn provider_port(&self) -> u16 {
        self.provider.port()
    }

    /// The path of a program of the same build.
    ///
    /// # Errors
    ///
    /// Where it was not built.
    pub fn program(&self, name: &str) -> Outcome<PathBuf> {
        let path = self.programs.join(name);
        if !Path::new(&path).exists() {
            return Err(
                format!("{} is not there: build it in the same profile", path.display()).into()
            );
        }
        Ok(path)
    }
}

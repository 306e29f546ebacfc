//! The gateways that are compared: listeners of one Envoy that differ in who decides.

use portcullis_load::place::Transport;

/// Who decides behind a listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Variant {
    /// Nobody.
    Open,
    /// A server that decodes the question and says OK.
    Reference(Transport, Sent),
    /// Portcullis.
    Portcullis(Transport, Sent),
    /// Envoy's own `jwt_authn` with its token cache, and `rbac`.
    InProcess,
}

/// What Envoy sends of a request's headers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sent {
    /// All of them.
    All,
    /// Those that Portcullis reads (`allowed_headers`).
    Read,
}

/// All, in the order in which they are printed.
pub const ALL: [Variant; 8] = [
    Variant::Open,
    Variant::Reference(Transport::Tcp, Sent::All),
    Variant::Portcullis(Transport::Tcp, Sent::All),
    Variant::Reference(Transport::Unix, Sent::All),
    Variant::Portcullis(Transport::Unix, Sent::All),
    Variant::Reference(Transport::Tcp, Sent::Read),
    Variant::Portcullis(Transport::Tcp, Sent::Read),
    Variant::InProcess,
];

impl Variant {
    /// What it is called in Envoy's configuration and in the results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "none",
            Self::Reference(Transport::Tcp, Sent::All) => "noop-tcp",
            Self::Reference(Transport::Tcp, Sent::Read) => "noop-tcp-allowed",
            Self::Reference(Transport::Unix, Sent::All) => "noop-unix",
            Self::Reference(Transport::Unix, Sent::Read) => "noop-unix-allowed",
            Self::Portcullis(Transport::Tcp, Sent::All) => "portcullis-tcp",
            Self::Portcullis(Transport::Tcp, Sent::Read) => "portcullis-tcp-allowed",
            Self::Portcullis(Transport::Unix, Sent::All) => "portcullis-unix",
            Self::Portcullis(Transport::Unix, Sent::Read) => "portcullis-unix-allowed",
            Self::InProcess => "jwt-authn-rbac",
        }
    }

    /// Whether the upstream has to see who the caller is.
    #[must_use]
    pub const fn identifies(self) -> bool {
        matches!(self, Self::Portcullis(..) | Self::InProcess)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_variant_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = ALL.iter().map(|variant| variant.name()).collect();
        assert_eq!(names.len(), ALL.len());
    }
}

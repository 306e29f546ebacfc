//! Section `listen`.
//!
//! Pure: no I/O, no clock.

use super::read::{Base, finish, optional, path, value};
use super::{GrpcAddress, Listen, TlsSettings};
use crate::document::{Field, Fields};
use crate::problem::Severity;
use std::net::{Ipv4Addr, SocketAddr};

const GRPC_PORT: u16 = 9001;
const ADMIN_PORT: u16 = 9002;

pub(super) fn read(mut section: Option<Fields<'_>>, base: &Base) -> Listen {
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let default = GrpcAddress::Tcp(loopback(GRPC_PORT));
    let grpc = value(&mut section, "grpc", |field| grpc(field, base), default);
    let admin = value(&mut section, "admin", address, loopback(ADMIN_PORT));
    if let (Some(fields), GrpcAddress::Tcp(grpc)) = (&section, &grpc)
        && *grpc == admin
        && admin.port() != 0
    {
        fields.field().error("expected two addresses; grpc and admin are the same");
    }
    let tls = optional(&mut section, "tls", |field| tls(field, base));
    finish(section);
    Listen { grpc, admin, tls }
}

fn grpc(field: &Field<'_>, base: &Base) -> Option<GrpcAddress> {
    let text = field.string()?;
    match text.strip_prefix("unix:") {
        Some("") => {
            field.error("expected a path behind unix:");
            None
        }
        Some(path) => Some(GrpcAddress::Unix(base.path(path))),
        None => address(field).map(GrpcAddress::Tcp),
    }
}

fn address(field: &Field<'_>) -> Option<SocketAddr> {
    let address = field.string()?.parse().ok();
    if address.is_none() {
        field.error("expected an address and a port such as 127.0.0.1:9001 or [::1]:9001");
    }
    address
}

fn tls(field: &Field<'_>, base: &Base) -> Option<TlsSettings> {
    let mut fields = field.fields()?;
    let cert_file = fields.require("cert_file").and_then(|field| path(&field, base));
    let key_file = fields.require("key_file").and_then(|field| path(&field, base));
    let client_ca_file = fields.take("client_ca_file").and_then(|field| path(&field, base));
    fields.finish(Severity::Error);
    Some(TlsSettings { cert_file: cert_file?, key_file: key_file?, client_ca_file })
}

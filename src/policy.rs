//! Who may go where: the portal's own resources, compiled into one snapshot.
//!
//! Pure: no I/O, no clock.

mod access;
mod route;
mod snapshot;

pub use crate::name::{Kind, ResourceId, ResourceName};
pub use access::{KeySource, NotGranted};
pub use route::NoRoute;
pub use snapshot::{
    Environment, EnvironmentId, Grant, Group, Login, Membership, PlanAuth, PlanIssuer, Portal,
    PortalId, Product, RateLimit, Route, Site, Snapshot, UsagePlan,
};

#[cfg(test)]
mod tests;

//! Who may go where: the portal's own resources, compiled into one snapshot.
//!
//! Pure: no I/O, no clock.

mod name;
mod snapshot;

pub use name::ResourceName;
pub use snapshot::{
    Environment, EnvironmentId, Grant, Group, Login, Membership, PlanAuth, PlanIssuer, Portal,
    PortalId, Product, RateLimit, Route, Site, Snapshot, UsagePlan,
};

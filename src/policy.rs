//! Who may go where: the portal's own resources, compiled into one snapshot.
//!
//! Pure: no I/O, no clock.

mod access;
mod compile;
pub mod resource;
mod route;
mod selector;
mod snapshot;

pub use crate::name::{Kind, ResourceId, ResourceName};
pub use access::{KeySource, NotGranted};
pub use compile::{Compiled, Held, HeldEnvironment, HeldGroup, HeldPortal, Input, compile};
pub use route::NoRoute;
pub use selector::{LabelRule, Operator, Selector};
pub use snapshot::{
    Environment, EnvironmentId, Grant, Group, Login, Membership, PlanAuth, PlanIssuer, Portal,
    PortalId, Product, RateLimit, Route, Site, Snapshot, UsagePlan,
};

#[cfg(test)]
mod tests;

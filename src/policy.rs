//! Who may go where: the portal's own resources, compiled into one snapshot.
//!
//! Pure: no I/O, no clock.

mod access;
mod api_keys;
mod catalogue;
mod compile;
mod grants;
mod hosts;
mod caller_groups;
mod logins;
mod operations;
mod plans;
mod products;
pub mod resource;
mod route;
mod router;
mod selector;
mod shared_set;
mod snapshot;

pub use crate::name::{Kind, ResourceId, ResourceName};
pub use access::{KeySource, NotGranted};
pub use api_keys::{ApiKeys, KeyRefused, KnownKey};
pub use caller_groups::CallerGroups;
pub use catalogue::Catalogue;
pub use compile::{
    Compiled, Held, HeldDoc, HeldEnvironment, HeldGroup, HeldPortal, Input, Known, compile,
};
/// Tables of the policy's kind, for what else is looked up on every check.
pub use hashbrown::{DefaultHashBuilder, HashTable};
pub use hosts::Hosts;
pub use logins::{LoginIssuer, authorization_query};
pub use plans::{NoPlan, ProductPlan, Shown};
pub use products::{Product, Products, Rest};
pub use route::NoRoute;
pub use selector::{LabelRule, Operator, Selector};
pub use shared_set::SharedSet;
pub use snapshot::{
    Environment, EnvironmentId, Grant, Granted, Group, LimitUnit, Login, Membership, Parts,
    PlanAuth, PlanIssuer, Portal, PortalId, RateLimit, Route, Site, Snapshot, UsagePlan,
};

/// Things by a text. The hash is keyed by the process and fast: no client can put a key in, so that
/// none can choose which keys collide (of `hashbrown`, with `foldhash`).
type Texts<V> = Table<Box<str>, V>;

/// A table whose keys come from the policy, never from a client: its hash is quick, and no defence.
pub type Table<K, V> = hashbrown::HashMap<K, V>;

#[cfg(test)]
mod tests;

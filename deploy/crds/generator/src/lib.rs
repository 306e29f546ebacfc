//! The CustomResourceDefinitions of `portal.gloo.solo.io/v1beta1`, from Rust types.
//!
//! For clusters without Gloo Portal: the same group, version, kinds and fields, so that its resources
//! apply unchanged. Fields that nothing here describes are kept as they are.

#![allow(clippy::duplicated_attributes, reason = "printer columns of one type are taken for that")]

mod access_level;
mod api_doc;
mod api_product;
mod environment;
mod group;
mod portal;
mod render;
mod rule;
mod shared;
mod usage_plan;
mod user;
mod yaml;

pub use render::{Rendered, all};

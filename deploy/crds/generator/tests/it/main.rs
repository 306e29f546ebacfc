//! The definitions: what is applied today still is, and what must not be wrong is refused.

mod accepted;
mod files;
mod reader;
mod refused;
mod structure;
mod support;

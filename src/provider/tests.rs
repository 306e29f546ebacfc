//! Providers against one on loopback.

mod calls;
mod fake;
mod keys;
mod reach;

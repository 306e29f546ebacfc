//! Resources from an API server of Kubernetes, which fails in every way in which one can.

mod service;
mod watch;

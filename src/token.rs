//! Tokens.

mod issuer;

pub use issuer::{Issuer, IssuerError};

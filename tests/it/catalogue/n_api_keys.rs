//! API keys: group N.

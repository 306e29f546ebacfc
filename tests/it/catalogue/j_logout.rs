//! Logout: group J.

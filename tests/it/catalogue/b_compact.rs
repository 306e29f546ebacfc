//! Compact form and the Authorization header: group B.

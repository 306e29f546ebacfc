//! Authorization code flow: group G.

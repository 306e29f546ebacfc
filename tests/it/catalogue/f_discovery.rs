//! Discovery and JWKS: group F.

//! Token substitution and type confusion: group E.

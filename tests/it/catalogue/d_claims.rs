//! Claims: group D.

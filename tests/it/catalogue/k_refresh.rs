//! Refresh: group K.

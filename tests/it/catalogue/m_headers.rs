//! Identity headers: group M.

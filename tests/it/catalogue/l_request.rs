//! Host, path, method, route policy: group L.

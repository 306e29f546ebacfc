//! Caches, failure, logs, configuration: group P.

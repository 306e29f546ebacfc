//! Return URL: group H.

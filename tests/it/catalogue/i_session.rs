//! Cookies and session: group I.

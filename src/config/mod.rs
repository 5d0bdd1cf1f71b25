//! The configuration and the trust in it.

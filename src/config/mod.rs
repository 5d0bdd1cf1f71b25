//! The configuration and the trust in it.

mod trust;

pub use trust::{Trust, TrustError};

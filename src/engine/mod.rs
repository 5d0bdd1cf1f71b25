//! What makes each service different.

//! Endpoints and what lets a client in.

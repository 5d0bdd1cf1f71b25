//! The only way in for users: listeners of the host, each leading to one port inside of a branch.
//!
//! The supervisor (room `runtime`) starts it as a process of its own when a branch is published, and never
//! before. It is root for as long as it takes to bind and to enter the branch's network; then it is nobody.
//! It looks at no byte that passes: passwords are the service's own business.

mod relay;
mod serve;

pub use serve::serve;

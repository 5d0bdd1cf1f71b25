//! What envclone remembers.

//! Steps with undo, and their journal.

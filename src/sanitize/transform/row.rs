//! What a transform may know of the row beside the value that it replaces.

/// Another column of the same row that a transform reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The column.
    pub column: String,
    /// Which of its values.
    pub state: State,
}

/// Before or after masking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As the source has it.
    Original,
    /// As the branch will have it.
    Masked,
}

impl Read {
    /// The value of a column as the source has it.
    pub(super) fn original(column: impl Into<String>) -> Self {
        Self {
            column: column.into(),
            state: State::Original,
        }
    }

    /// The value of a column as the branch will have it.
    pub(super) fn masked(column: impl Into<String>) -> Self {
        Self {
            column: column.into(),
            state: State::Masked,
        }
    }
}

/// The values that a transform asked for by [`super::Transform::reads`], in that order; `None` for NULL.
pub type Row<'a> = &'a [Option<&'a str>];

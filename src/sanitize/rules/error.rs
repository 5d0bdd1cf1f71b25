//! What is wrong with rules, shown with file, line and caret.

use std::fmt;

use super::Place;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong and what to do, without the place.
    pub message: String,
    /// Where.
    pub at: Place,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n{}", self.at, self.message, self.at.excerpt())
    }
}

/// The rule files cannot be used as they are; nothing was done. Exit code 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesError {
    /// Every problem found, at least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.problems.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for RulesError {}

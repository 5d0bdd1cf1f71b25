//! What is wrong with rules, shown with file, line and caret.

use std::fmt;

use super::Problem;

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

//! Where something stands in a file: line, column, and the line itself for the caret.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// A place in a configuration or rule file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as messages name it.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// How many characters the caret underlines, at least 1.
    width: usize,
    /// The line.
    text: Arc<str>,
}

impl Place {
    /// The place of the bytes `span` of `text`, which is the content of `file`.
    pub fn new(file: &Arc<Path>, text: &str, span: &Range<usize>) -> Self {
        let start = floor_char(text, span.start);
        let end = floor_char(text, span.end).max(start);
        let line_start = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let underlined = text[start..end.min(line_end)].trim_end();
        Self {
            file: Arc::clone(file),
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            width: underlined.chars().count().max(1),
            text: line
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect::<String>()
                .into(),
        }
    }

    /// The line with a caret below the place, as several lines without a last line break.
    pub fn excerpt(&self) -> String {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let indent = " ".repeat(self.column - 1);
        let caret = "^".repeat(self.width);
        format!("{gutter} |\n{number} | {}\n{gutter} | {indent}{caret}", self.text)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// The greatest boundary of a character in `text` that is not after `at`.
fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, span: Range<usize>) -> Place {
        Place::new(&Arc::from(Path::new("r.toml")), text, &span)
    }

    #[test]
    fn the_caret_stands_below_the_characters_of_the_span() {
        let text = "a = 1\r\nü = \"x\"\r\n";
        let at = text.find('"').unwrap();
        let here = place(text, at..at + 3);
        assert_eq!(here.to_string(), "r.toml:2:5");
        assert_eq!(here.excerpt(), "  |\n2 | ü = \"x\"\n  |     ^^^");
    }

    #[test]
    fn a_span_past_the_end_or_over_lines_still_gives_a_place() {
        assert_eq!(place("", 0..9).excerpt(), "  |\n1 | \n  | ^");
        assert_eq!(place("a\nb", 0..3).excerpt(), "  |\n1 | a\n  | ^");
        assert_eq!(place("a\n", 2..2).to_string(), "r.toml:2:1");
    }
}

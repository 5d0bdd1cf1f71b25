//! Rules of a `files` service: globs that say which files go and which may stay.
//!
//! A glob is matched against the whole path of a file below the service's volume, from the first character to the
//! last. `*` is any run of characters but `/`, `?` one of them, `[a-z]` and `[!a-z]` one of a class; `**` alone
//! between slashes is any number of directories, also none; a backslash takes the next character literally. Dot
//! files are files like any other, and case counts. Links, sockets and other special files are decided by their own
//! path; what they point to is never looked at.
//!
//! Paths and globs are compared in NFC; bytes that are no UTF-8 count as one replacement character each, so that
//! `*` and `?` take them.

use std::borrow::Cow;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use regex::Regex;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::rules::Place;

/// Why a text is no glob.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// It cannot match the path of a file.
    #[error("the glob {glob:?} matches no file: {reason}")]
    NoPath {
        /// The glob.
        glob: String,
        /// Which part of it, and what to write instead.
        reason: &'static str,
    },
    /// A sign that means something elsewhere, or an unfinished class.
    #[error("the glob {glob:?} {reason}")]
    Syntax {
        /// The glob.
        glob: String,
        /// What is wrong, and what to write instead.
        reason: &'static str,
    },
}

/// A glob that was understood.
#[derive(Debug, Clone)]
pub struct Glob {
    text: String,
    regex: Regex,
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Glob {}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Glob {
    /// Understands a glob.
    ///
    /// # Errors
    /// When it can match no path below a volume, or holds a sign of another glob language that would silently
    /// match nothing.
    pub fn compile(text: &str) -> Result<Self, GlobError> {
        let no_path = |reason| GlobError::NoPath {
            glob: text.to_owned(),
            reason,
        };
        let syntax = |reason| GlobError::Syntax {
            glob: text.to_owned(),
            reason,
        };
        if text.is_empty() {
            return Err(no_path("it is empty"));
        }
        if text.starts_with('/') {
            return Err(no_path("paths begin below the volume, without a slash"));
        }
        if text.ends_with('/') {
            return Err(no_path("for all that lies below a directory, add **"));
        }
        if text.starts_with('!') {
            return Err(syntax(
                "begins with !, which negates nothing here; for the character write \\!",
            ));
        }
        let normal: String = text.nfc().collect();
        let parts: Vec<&str> = normal.split('/').collect();
        let mut regex = String::from("(?s)^");
        for (number, part) in parts.iter().enumerate() {
            let last = number + 1 == parts.len();
            match *part {
                "" => return Err(no_path("it has an empty part between two slashes")),
                "." | ".." => return Err(no_path("paths have no . or .. in them")),
                "**" if last => regex.push_str(".+"),
                "**" => regex.push_str("(?:[^/]+/)*"),
                part => {
                    translate(part, &mut regex).map_err(syntax)?;
                    if !last {
                        regex.push('/');
                    }
                }
            }
        }
        regex.push('$');
        let regex = Regex::new(&regex).map_err(|_| syntax("is too long"))?;
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }

    /// The directories at its beginning that stand for themselves, from the top.
    pub fn directories(&self) -> Vec<String> {
        let mut parts: Vec<&str> = self.text.split('/').collect();
        parts.pop();
        let plain = |part: &&str| !part.contains(['*', '?', '[', '\\']);
        parts.into_iter().take_while(plain).map(str::to_owned).collect()
    }

    /// The glob as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Appends what one part of a glob, between two slashes, is as a regular expression.
fn translate(part: &str, regex: &mut String) -> Result<(), &'static str> {
    let mut rest = part.chars();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.as_str().starts_with('*') => {
                return Err("has ** beside other characters; it must stand alone between slashes");
            }
            '*' => regex.push_str("[^/]*"),
            '?' => regex.push_str("[^/]"),
            '[' => class(&mut rest, regex)?,
            '{' | '}' => {
                return Err("has a brace; write one glob for each alternative, or \\{ for the character");
            }
            '\\' => match rest.next() {
                Some(c) => literal(c, regex),
                None => return Err("ends in a backslash"),
            },
            c => literal(c, regex),
        }
    }
    Ok(())
}

fn literal(c: char, regex: &mut String) {
    regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

/// The class whose opening bracket was read.
fn class(rest: &mut std::str::Chars<'_>, regex: &mut String) -> Result<(), &'static str> {
    const UNCLOSED: &str = "has a [ without its ] in the same part; for the character write \\[";
    let negated = rest.as_str().starts_with(['!', '^']);
    if negated {
        rest.next();
    }
    let mut items: Vec<(char, char)> = Vec::new();
    loop {
        let low = match rest.next().ok_or(UNCLOSED)? {
            ']' if !items.is_empty() => break,
            '\\' => rest.next().ok_or(UNCLOSED)?,
            c => c,
        };
        let mut ahead = rest.clone();
        let high = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(high)) if high != ']' => {
                *rest = ahead;
                if high == '\\' {
                    rest.next().ok_or(UNCLOSED)?
                } else {
                    high
                }
            }
            _ => low,
        };
        if low > high {
            return Err("has a class with a range that runs backwards");
        }
        items.push((low, high));
    }
    regex.push_str(if negated { "[^/" } else { "[" });
    for (low, high) in items {
        literal_in_class(low, regex);
        regex.push('-');
        literal_in_class(high, regex);
    }
    regex.push_str(if negated { "]" } else { "--/]" });
    Ok(())
}

fn literal_in_class(c: char, regex: &mut String) {
    let code = format!("\\x{{{:X}}}", u32::from(c));
    regex.push_str(&code);
}

/// One glob of a rule file.
#[derive(Debug, Clone)]
pub struct FileRule {
    /// Which files.
    pub glob: Glob,
    /// Why they may stay; `None` for files that are deleted.
    pub reason: Option<String>,
    /// Where the rule stands.
    pub at: Place,
}

/// What the rules say about one file. The number is the place of the rule in [`FileRules::delete`] or
/// [`FileRules::keep`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It goes.
    Delete(usize),
    /// It stays, for that rule's reason.
    Keep(usize),
    /// No rule names it: it blocks the branch.
    Unruled,
}

/// All rules of one `files` service.
#[derive(Debug, Clone)]
pub struct FileRules {
    delete: Vec<FileRule>,
    keep: Vec<FileRule>,
}

impl FileRules {
    /// The rules, in the order of the files.
    pub(super) fn new(delete: Vec<FileRule>, keep: Vec<FileRule>) -> Self {
        Self { delete, keep }
    }

    /// The rules that delete.
    pub fn delete(&self) -> &[FileRule] {
        &self.delete
    }

    /// The rules that keep.
    pub fn keep(&self) -> &[FileRule] {
        &self.keep
    }

    /// What happens to the file at `path`, relative to the volume and without a leading slash. A rule that deletes
    /// wins over one that keeps; of several, the first counts.
    pub fn decide(&self, path: &[u8]) -> Decision {
        let path = normal(path);
        let first = |rules: &[FileRule]| rules.iter().position(|rule| rule.glob.regex.is_match(&path));
        if let Some(rule) = first(&self.delete) {
            Decision::Delete(rule)
        } else if let Some(rule) = first(&self.keep) {
            Decision::Keep(rule)
        } else {
            Decision::Unruled
        }
    }

    /// Whether a rule's glob spells out the directory at `path`, from the volume down: it is the owner's, and may be empty.
    pub fn spell_out(&self, path: &Path) -> bool {
        let path = normal(path.as_os_str().as_bytes());
        let names: Vec<&str> = path.split('/').collect();
        self.delete.iter().chain(&self.keep).any(|rule| {
            rule.glob
                .directories()
                .iter()
                .map(|name| normal(name.as_bytes()))
                .take(names.len())
                .eq(names.iter().copied())
        })
    }
}

fn normal(path: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(path);
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text,
        _ => Cow::Owned(text.nfc().collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    fn rule(glob: &str, reason: Option<&str>) -> FileRule {
        FileRule {
            glob: Glob::compile(glob).unwrap(),
            reason: reason.map(str::to_owned),
            at: Place::new(&Arc::from(Path::new("r.toml")), "", &(0..0)),
        }
    }

    fn rules(delete: &[&str], keep: &[&str]) -> FileRules {
        let delete = delete.iter().map(|glob| rule(glob, None)).collect();
        let keep = keep.iter().map(|glob| rule(glob, Some("why"))).collect();
        FileRules::new(delete, keep)
    }

    fn matches(glob: &str, path: &str) -> bool {
        rules(&[glob], &[]).decide(path.as_bytes()) == Decision::Delete(0)
    }

    #[test]
    fn two_stars_are_any_number_of_directories() {
        for path in ["a", ".hidden", "a/b/c.jpg", ".git/config", "new\nline"] {
            assert!(matches("**", path), "{path:?}");
            assert!(matches("**/*", path), "{path:?}");
        }
        assert!(matches("private/**", "private/a") && matches("private/**", "private/a/b"));
        assert!(!matches("private/**", "private") && !matches("private/**", "x/private/a"));
        assert!(matches("**/id.pdf", "id.pdf") && matches("**/id.pdf", "a/b/id.pdf"));
        assert!(!matches("**/id.pdf", "a/xid.pdf"));
        assert!(matches("a/**/z", "a/z") && matches("a/**/z", "a/b/c/z") && !matches("a/**/z", "a/bz"));
    }

    #[test]
    fn a_star_and_a_question_mark_stay_inside_one_directory() {
        assert!(matches("*.jpg", ".jpg") && matches("*.jpg", "é ü.jpg"));
        assert!(!matches("*.jpg", "a/b.jpg") && !matches("*.jpg", "a.jpg.bak") && !matches("*.jpg", "axjpg"));
        assert!(matches("?.txt", "é.txt") && !matches("?.txt", "/.txt") && !matches("?.txt", "ab.txt"));
        assert!(matches("Report (1)+.pdf", "Report (1)+.pdf") && !matches("a.pdf", "A.pdf"));
    }

    #[test]
    fn classes_hold_characters_ranges_and_their_opposites_but_never_a_slash() {
        assert!(matches("[a-c0]x", "bx") && matches("[a-c0]x", "0x") && !matches("[a-c0]x", "dx"));
        assert!(matches("[!a-c]x", "dx") && !matches("[!a-c]x", "ax") && matches("[^a]x", "dx"));
        assert!(
            matches("[]]", "]") && matches("[a-]", "-") && matches("[\\]]", "]") && matches("[&~^]", "^")
        );
        assert!(!matches("a[!b]c", "a/c") && !matches("a[.-0]c", "a/c"));
        assert!(matches("\\*\\[\\{\\!", "*[{!") && !matches("\\*", "x"));
    }

    #[test]
    fn names_that_are_no_utf8_or_not_composed_are_matched_too() {
        let all = rules(&["*.bin"], &["**"]);
        assert_eq!(all.decide(b"\xff\xfe.bin"), Decision::Delete(0));
        assert_eq!(all.decide(b"\xff"), Decision::Keep(0));
        assert!(matches("caf\u{e9}", "cafe\u{301}") && matches("cafe\u{301}", "caf\u{e9}"));
    }

    #[test]
    fn delete_wins_over_keep_and_what_neither_names_is_unruled() {
        let both = rules(
            &["private/**", "**/*.sql"],
            &["public/**", "**/*.sql", "private/**"],
        );
        assert_eq!(both.decide(b"private/a"), Decision::Delete(0));
        assert_eq!(both.decide(b"public/dump.sql"), Decision::Delete(1));
        assert_eq!(both.decide(b"public/a.jpg"), Decision::Keep(0));
        assert_eq!(both.decide(b"other"), Decision::Unruled);
        assert_eq!(rules(&[], &[]).decide(b"other"), Decision::Unruled);
    }

    #[test]
    fn globs_that_would_silently_match_nothing_are_refused_with_what_to_write() {
        let say = |glob: &str| Glob::compile(glob).unwrap_err().to_string();
        assert_eq!(say(""), "the glob \"\" matches no file: it is empty");
        assert_eq!(
            say("/srv/x"),
            "the glob \"/srv/x\" matches no file: paths begin below the volume, without a slash"
        );
        assert_eq!(
            say("private/"),
            "the glob \"private/\" matches no file: for all that lies below a directory, add **"
        );
        assert!(say("a//b").contains("empty part between two slashes"));
        assert!(say("./a").contains(". or ..") && say("a/../b").contains(". or .."));
        assert!(say("a**").contains("** beside other characters"));
        assert!(say("*.{sql,gz}").contains("one glob for each alternative"));
        assert!(say("!a").contains("negates nothing"));
        assert!(say("[a").contains("without its ]") && say("[]").contains("without its ]"));
        assert!(say("a\\").contains("ends in a backslash") && say("[z-a]").contains("runs backwards"));
        assert!(say("a[/]b").contains("without its ]"));
    }

    proptest! {
        #[test]
        fn any_path_written_literally_matches_itself_alone(path in "[a-zA-Z0-9é .+()^$*?\\[\\]{}\\\\!-]{1,12}") {
            let escaped: String = path.chars().flat_map(|c| ['\\', c]).collect();
            prop_assume!(path != "." && path != "..");
            prop_assert!(matches(&escaped, &path));
            let longer = format!("{path}x");
            prop_assert!(!matches(&escaped, &longer));
        }

        #[test]
        fn no_text_makes_a_glob_that_panics_or_fails_later(text in ".{0,16}", path in any::<Vec<u8>>()) {
            if let Ok(glob) = Glob::compile(&text) {
                let at = rule("x", None).at;
                let rules = FileRules::new(vec![FileRule { glob, reason: None, at }], Vec::new());
                rules.decide(&path);
            }
        }
    }
}

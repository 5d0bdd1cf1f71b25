//! Paths into documents: `$.contacts[*].email`, as RFC 9535 (`JSONPath`) writes them, without filters and slices.

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// The member of this name; of a PHP array also the one of this number.
    Key(String),
    /// The element of this number, from 0.
    Index(u64),
    /// Every member or element: `.*`, `[*]`.
    Any,
    /// Whatever depth: `..`.
    Deep,
}

/// One step into a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Into a member of an object.
    Key(&'a str),
    /// Into an element of an array.
    Index(u64),
    /// Into an entry of a PHP array that has a number: it is a list and a map in one.
    Number(i64),
}

impl Segment {
    fn matches(&self, step: Step<'_>) -> bool {
        match (self, step) {
            (Self::Any, _) => true,
            (Self::Key(key), Step::Key(step)) => key == step,
            (Self::Key(key), Step::Number(step)) => *key == step.to_string(),
            (Self::Index(index), Step::Index(step)) => *index == step,
            (Self::Index(index), Step::Number(step)) => i64::try_from(*index) == Ok(step),
            _ => false,
        }
    }
}

/// Why a text is no path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoPath(pub(super) &'static str);

/// A path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern {
    segments: Vec<Segment>,
    /// Steps that name exactly one thing: of two paths that meet, the one with more of them decides.
    named: usize,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, NoPath> {
        let mut rest = text
            .strip_prefix('$')
            .ok_or(NoPath("a path begins with $, such as $.contacts[*].email"))?;
        let mut segments = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix("..") {
                segments.push(Segment::Deep);
                if after.starts_with('[') {
                    rest = after;
                    continue;
                }
                rest = dotted(after, &mut segments)?;
            } else if let Some(after) = rest.strip_prefix('.') {
                rest = dotted(after, &mut segments)?;
            } else if let Some(after) = rest.strip_prefix('[') {
                rest = bracketed(after, &mut segments)?;
            } else {
                return Err(NoPath("after $ or a step there is . or ["));
            }
        }
        if segments.last() == Some(&Segment::Deep) {
            return Err(NoPath(".. needs a name after it"));
        }
        let named = |segment: &&Segment| matches!(segment, Segment::Key(_) | Segment::Index(_));
        Ok(Self {
            named: segments.iter().filter(named).count(),
            segments,
        })
    }
}

/// A step after a dot, and what follows it.
fn dotted<'t>(text: &'t str, segments: &mut Vec<Segment>) -> Result<&'t str, NoPath> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() {
        return Err(NoPath("a step is empty"));
    }
    if name.contains([']', '"', '\'']) {
        return Err(NoPath("a name with brackets or quotes is written [\"…\"]"));
    }
    segments.push(match name {
        "*" => Segment::Any,
        name => Segment::Key(name.to_owned()),
    });
    Ok(rest)
}

/// A step in brackets, and what follows it.
fn bracketed<'t>(text: &'t str, segments: &mut Vec<Segment>) -> Result<&'t str, NoPath> {
    const OPEN: NoPath = NoPath("a bracket or a quote does not close");
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let mut name = String::new();
        let mut chars = text.char_indices().skip(1);
        loop {
            match chars.next().ok_or(OPEN)? {
                (_, '\\') => name.push(chars.next().ok_or(OPEN)?.1),
                (at, c) if c == quote => {
                    segments.push(Segment::Key(name));
                    return text
                        .get(at + 1..)
                        .and_then(|rest| rest.strip_prefix(']'))
                        .ok_or(OPEN);
                }
                (_, c) => name.push(c),
            }
        }
    }
    let (name, rest) = text.split_once(']').ok_or(OPEN)?;
    segments.push(match name {
        "*" => Segment::Any,
        number => Segment::Index(
            number
                .parse()
                .map_err(|_| NoPath("in brackets there is *, a number from 0, or a name in quotes"))?,
        ),
    });
    Ok(rest)
}

/// Paths that are followed into a document at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Paths {
    patterns: Vec<Pattern>,
}

/// Where in a document one is.
#[derive(Debug, Clone, Default)]
pub(super) struct Cursor {
    /// Paths that can still match below: their number, and how many of their segments are done.
    live: Vec<(usize, usize)>,
    /// The path that decides here: the last one that was met on the way.
    pub(super) rule: Option<usize>,
}

impl Cursor {
    /// Whether no path names anything here or below.
    pub(super) fn is_free(&self) -> bool {
        self.rule.is_none() && self.live.is_empty()
    }

    /// Whether paths name something below that is not named here.
    pub(super) fn leads_on(&self) -> bool {
        !self.live.is_empty()
    }
}

impl Paths {
    /// Adds a path; its number is the count of those before.
    pub(super) fn add(&mut self, text: &str) -> Result<(), NoPath> {
        let pattern = Pattern::parse(text)?;
        if self.patterns.contains(&pattern) {
            return Err(NoPath("the same path is written twice"));
        }
        self.patterns.push(pattern);
        Ok(())
    }

    /// The root of a document.
    pub(super) fn root(&self) -> Cursor {
        let mut cursor = Cursor::default();
        let mut best = None;
        for number in 0..self.patterns.len() {
            self.stand(number, 0, &mut cursor, &mut best);
        }
        cursor.rule = best.map(|(_, number)| number);
        cursor
    }

    /// One step further.
    pub(super) fn step(&self, from: &Cursor, step: Step<'_>) -> Cursor {
        let mut cursor = Cursor::default();
        let mut best = None;
        for (number, done) in &from.live {
            let Some(segment) = self.segment(*number, *done) else {
                continue;
            };
            if *segment == Segment::Deep {
                push(&mut cursor.live, (*number, *done));
                let next = self.segment(*number, done + 1);
                if next.is_some_and(|next| next.matches(step)) {
                    self.stand(*number, done + 2, &mut cursor, &mut best);
                }
            } else if segment.matches(step) {
                self.stand(*number, done + 1, &mut cursor, &mut best);
            }
        }
        cursor.rule = best.map(|(_, number)| number).or(from.rule);
        cursor
    }

    fn segment(&self, number: usize, at: usize) -> Option<&Segment> {
        self.patterns.get(number)?.segments.get(at)
    }

    /// Notes that `done` segments of a path lead here.
    fn stand(&self, number: usize, done: usize, cursor: &mut Cursor, best: &mut Option<(usize, usize)>) {
        let Some(pattern) = self.patterns.get(number) else {
            return;
        };
        if done < pattern.segments.len() {
            push(&mut cursor.live, (number, done));
        } else if best.is_none_or(|(named, _)| pattern.named > named) {
            *best = Some((pattern.named, number));
        }
    }
}

fn push(live: &mut Vec<(usize, usize)>, one: (usize, usize)) {
    if !live.contains(&one) {
        live.push(one);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(texts: &[&str]) -> Paths {
        let mut paths = Paths::default();
        for text in texts {
            paths.add(text).unwrap();
        }
        paths
    }

    /// The path that decides after these steps; names are keys, numbers are elements.
    fn rule(paths: &Paths, steps: &str) -> Option<usize> {
        let mut cursor = paths.root();
        for step in steps.split('/').filter(|step| !step.is_empty()) {
            let step = step.parse().map_or(Step::Key(step), Step::Index);
            cursor = paths.step(&cursor, step);
        }
        cursor.rule
    }

    #[test]
    fn names_numbers_and_wildcards_lead_where_they_say() {
        let paths = paths(&["$.contacts[*].email", "$.a['b.c'][2]", "$.x.*.y", "$[\"q\\\"\"]"]);
        assert_eq!(rule(&paths, "contacts/0/email"), Some(0));
        assert_eq!(rule(&paths, "contacts/home/email"), Some(0));
        assert_eq!(rule(&paths, "contacts/email"), None);
        assert_eq!(rule(&paths, "a/b.c/2"), Some(1));
        assert_eq!(rule(&paths, "a/b.c/1"), None);
        assert_eq!(rule(&paths, "x/any/y"), Some(2));
        assert_eq!(rule(&paths, "x/7/y"), Some(2));
        assert_eq!(rule(&paths, "q\""), Some(3));
    }

    #[test]
    fn what_lies_below_a_path_follows_it_until_a_closer_one() {
        let paths = paths(&["$.a", "$.a.b", "$..email", "$.*.c", "$.a.c"]);
        assert_eq!(rule(&paths, "a/x/y"), Some(0));
        assert_eq!(rule(&paths, "a/b/z"), Some(1));
        assert_eq!(rule(&paths, "deep/1/2/3/email"), Some(2));
        assert_eq!(rule(&paths, "a/b/email"), Some(2));
        assert_eq!(rule(&paths, "email"), Some(2));
        assert_eq!(rule(&paths, "a/c"), Some(4), "the one that names more decides");
        assert_eq!(rule(&paths, "b/c"), Some(3));
        assert_eq!(rule(&self::paths(&["$"]), "any/3"), Some(0));
    }

    #[test]
    fn a_php_list_is_also_a_map() {
        let paths = paths(&["$[1]", "$.2"]);
        let at = |number| paths.step(&paths.root(), Step::Number(number)).rule;
        assert_eq!([at(0), at(1), at(2), at(-1)], [None, Some(0), Some(1), None]);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "", "a", "$a", "$.", "$..", "$.a.", "$.a..", "$[", "$[x]", "$['a]", "$['a'", "$[-1]", "$.a]",
            "$.\"a\"",
        ] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
        assert!(paths(&["$.a"]).add("$['a']").is_err());
    }
}

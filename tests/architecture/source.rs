//! Rust source as far as the checks need it: code without the text in it, and without its tests.

/// The code with comments and the contents of literals blanked; every line keeps its number.
pub(crate) fn code_of(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` itself where none begins.
fn literal_end(chars: &[char], at: usize) -> usize {
    let rest = &chars[at..];
    let after_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match rest {
        ['/', '/', ..] => at + rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => at + block_comment(rest),
        ['"', ..] => at + quoted(rest, '"'),
        ['b', '"', ..] if !after_word => at + 1 + quoted(&rest[1..], '"'),
        ['r', '"' | '#', ..] if !after_word => at + raw_string(rest, 1),
        ['b', 'r', '"' | '#', ..] if !after_word => at + raw_string(rest, 2),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => at + quoted(rest, '\''),
        _ => at,
    }
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of `r#"…"#`; 0 for `r#name`, which is no string.
fn raw_string(rest: &[char], prefix: usize) -> usize {
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    if rest.get(prefix + hashes) != Some(&'"') {
        return 0;
    }
    let close = |at: &usize| {
        rest[*at] == '"' && rest[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes
    };
    let end = (prefix + hashes + 1..rest.len()).find(close);
    end.map_or(rest.len(), |at| at + 1 + hashes)
}

/// Code (see [`code_of`]) without the items under `#[cfg(test)]`.
pub(crate) fn without_tests(code: &str) -> String {
    const ATTRIBUTE: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(ATTRIBUTE) {
        out.push_str(&rest[..start]);
        let item = &rest[start + ATTRIBUTE.len()..];
        rest = &item[item_end(item)..];
    }
    out.push_str(rest);
    out
}

/// Where the item ends: at its semicolon, or at the brace that closes its body.
fn item_end(item: &str) -> usize {
    let mut depth = 0;
    for (at, c) in item.char_indices() {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    item.len()
}

/// How many lines hold something else than tests.
pub(crate) fn lines_without_tests(source: &str) -> usize {
    let code = code_of(source);
    let tests = code.lines().count() - without_tests(&code).lines().count();
    source.lines().count() - tests
}

#[test]
fn text_in_comments_and_literals_is_no_code() {
    let source = r##"a /* b /* c */ d */ e // f
"g \" h" 'i' '\'' r#"j " k"# &'l m r#n b"o" "##;
    let code = code_of(source);
    let words: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(words, ["a", "e", "&'l", "m", "r#n"]);
    assert_eq!(code.lines().count(), source.lines().count());
}

#[test]
fn tests_do_not_count_as_lines() {
    let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { if x { \"}\" } }\n}\nfn c() {}\n#[cfg(test)]\nuse d;\n";
    assert_eq!(lines_without_tests(source), 4);
    assert!(without_tests(&code_of(source)).contains("fn c()"));
    assert!(!without_tests(&code_of(source)).contains("fn b()"));
}

//! Which room may use which.

use regex::Regex;

use crate::source::code_of;

/// From the top; each may use those after it.
pub(crate) const ROOMS: [&str; 12] = [
    "cli", "ops", "sanitize", "gateway", "engine", "runtime", "storage", "saga", "state", "config", "exec",
    "model",
];

/// Neighbours that must not know each other, though the order would let them.
const STRANGERS: [(&str, &str); 1] = [("runtime", "storage")];

/// What `path` (`src/<room>/…`) imports against the direction, one line each.
pub(crate) fn wrong_imports(path: &str, source: &str) -> Vec<String> {
    let Some(room) = room_of(path) else {
        return Vec::new();
    };
    let mut wrong = Vec::new();
    for (line, used) in imports(path, &code_of(source)) {
        let complaint = match (rank(room), rank(&used)) {
            (_, None) => format!("{used} is not a room"),
            (Some(own), Some(other)) if other < own => {
                format!("{room} may not use {used}, which is above it")
            }
            _ if STRANGERS.contains(&(room, used.as_str())) => {
                format!("{room} and {used} do not know each other")
            }
            _ => continue,
        };
        wrong.push(format!("{path}:{line}: {complaint}"));
    }
    wrong
}

fn rank(room: &str) -> Option<usize> {
    ROOMS.iter().position(|r| *r == room)
}

/// The room of a file; `main.rs` and `lib.rs` are in none.
fn room_of(path: &str) -> Option<&str> {
    path.strip_prefix("src/")?.split_once('/').map(|(room, _)| room)
}

/// Every module right below the crate's root that the code names, with the line where it does.
fn imports(path: &str, code: &str) -> Vec<(usize, String)> {
    let start = Regex::new(r"\b(?:crate\s*::|(?:super\s*::\s*)+)\s*").expect("a valid pattern");
    let mut found = Vec::new();
    for place in start.find_iter(code) {
        let line = 1 + code[..place.start()].matches('\n').count();
        let names = first_names(&code[place.end()..]);
        let supers = place.as_str().matches("super").count();
        if supers == 0 {
            found.extend(names.into_iter().map(|name| (line, name)));
        } else if supers >= depth(path) {
            // May also be a module inside the room, seen from an inline `mod tests`: only rooms count.
            found.extend(
                names
                    .into_iter()
                    .filter(|name| rank(name).is_some())
                    .map(|name| (line, name)),
            );
        }
    }
    found
}

/// How many `super` lead from a file to the crate's root.
fn depth(path: &str) -> usize {
    path.split('/').count() - 1 - usize::from(path.ends_with("/mod.rs"))
}

/// `a` of `a::b`, and `a`, `c` of `{a::{b, x}, c::d}`.
fn first_names(rest: &str) -> Vec<String> {
    let name = |text: &str| {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect::<String>()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return Some(name(rest)).filter(|n| !n.is_empty()).into_iter().collect();
    };
    let (mut depth, mut names, mut item) = (0, Vec::new(), String::new());
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => names.push(std::mem::take(&mut item)),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if c != ',' || depth > 0 {
            item.push(c);
        }
    }
    names.push(item);
    names
        .iter()
        .map(|item| name(item.trim()))
        .filter(|n| !n.is_empty())
        .collect()
}

/// Words by which a file of `ops` names an engine; it goes by the registry of engines instead. Its tests may.
pub(crate) fn named_engines(path: &str, source: &str) -> Vec<String> {
    let word = Regex::new(r"(?i)postgres|psql|mariadb|mysql|redis|rabbitmq|opensearch|EngineKind::")
        .expect("a valid pattern");
    let own = source
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    let complaint = |(number, line): (usize, &str)| {
        let found = word.find(line)?;
        Some(format!("{path}:{}: ops names {}", number + 1, found.as_str()))
    };
    own.lines().enumerate().filter_map(complaint).collect()
}

#[test]
fn a_named_engine_is_found_and_those_of_tests_are_not() {
    let source = "// fine\nlet a = \"PostgreSQL\";\nEngineKind::Files;\n#[cfg(test)]\nmod tests {\n    // mariadb\n}\n";
    assert_eq!(
        named_engines("src/ops/a.rs", source),
        [
            "src/ops/a.rs:2: ops names PostgreS",
            "src/ops/a.rs:3: ops names EngineKind::"
        ]
    );
}

#[test]
fn a_room_may_use_those_below_it() {
    let source =
        "use crate::{exec::{self, Tool}, model::Name};\nfn f() -> crate::config::Config {}\n// crate::cli\n";
    assert_eq!(wrong_imports("src/storage/btrfs.rs", source), [""; 0]);
    assert_eq!(wrong_imports("src/main.rs", "use crate::cli;"), [""; 0]);
    assert_eq!(
        wrong_imports(
            "src/storage/btrfs/x.rs",
            "use super::super::beneath;\nuse super::super::super::exec;"
        ),
        [""; 0]
    );
}

#[test]
fn a_room_may_not_use_those_above_it() {
    let wrong = |path, source| wrong_imports(path, source).len();
    assert_eq!(
        wrong_imports("src/state/a.rs", "\nuse crate::ops::branch;"),
        ["src/state/a.rs:2: state may not use ops, which is above it"]
    );
    assert_eq!(
        wrong("src/exec/mod.rs", "use crate::{model::X, cli::{A, B}, state};"),
        2
    );
    assert_eq!(wrong("src/exec/mod.rs", "use super::cli::X;"), 1);
    assert_eq!(wrong("src/exec/tool.rs", "use super::super::cli::X;"), 1);
    assert_eq!(wrong("src/model/mod.rs", "fn f(x: crate :: state :: X) {}"), 1);
}

#[test]
fn strangers_and_unknown_rooms_are_named() {
    assert_eq!(
        wrong_imports("src/runtime/a.rs", "use crate::storage::X;"),
        ["src/runtime/a.rs:1: runtime and storage do not know each other"]
    );
    assert_eq!(
        wrong_imports("src/ops/a.rs", "use crate::utils::X;"),
        ["src/ops/a.rs:1: utils is not a room"]
    );
}

//! What kind of terminal the caller sits at.

/// The caller's `TERM`, for programs that draw; `None` where it is not set, or names no kind that could be.
pub(super) fn kind() -> Option<String> {
    let kind = std::env::var_os("TERM")?.into_string().ok()?;
    is_name(&kind).then_some(kind)
}

/// Names of the terminfo database: no path, and nothing that a program could take for more than a name.
fn is_name(kind: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-+._".contains(&byte);
    (1..=64).contains(&kind.len()) && kind.bytes().all(allowed) && !kind.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_names_and_no_paths() {
        for kind in [
            "xterm-256color",
            "dumb",
            "linux",
            "screen.xterm-256color",
            "rxvt+pcfkeys",
        ] {
            assert!(is_name(kind), "{kind}");
        }
        for other in ["", "../x", "a/b", "a b", "\u{1b}[6n", ".hidden"] {
            assert!(!is_name(other), "{other:?}");
        }
    }
}

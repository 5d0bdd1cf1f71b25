//! What is personal by its form, each where a text begins with it: its length in bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How many bytes of `text` fulfil the condition.
fn run(text: &str, fine: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fine(c)).unwrap_or(text.len())
}

pub(super) fn email(rest: &str, before: Option<char>) -> Option<usize> {
    let is_local = |c: char| {
        c.is_alphanumeric()
            || matches!(
                c,
                '.' | '_' | '%' | '+' | '-' | '\'' | '&' | '=' | '/' | '!' | '#' | '~'
            )
    };
    // What may stand before an address as well as in one does not begin it.
    let begins = |c: char| c.is_alphanumeric() || matches!(c, '_' | '+');
    if !rest.chars().next().is_some_and(begins) || before.is_some_and(begins) {
        return None;
    }
    let local = run(rest, is_local);
    let domain = rest.get(local..)?.strip_prefix('@')?;
    let length = run(domain, |c| c.is_alphanumeric() || matches!(c, '.' | '-'));
    let domain = domain.get(..length)?.trim_end_matches(['.', '-']);
    let labels = domain.split('.').count();
    let top = domain.rsplit('.').next()?;
    let fine = labels >= 2 && domain.split('.').all(|label| !label.is_empty()) && top.chars().count() >= 2;
    (fine && top.chars().all(|c| c.is_alphabetic() || c == '-')).then_some(local + 1 + domain.len())
}

/// Two letters, two check digits and what follows, in groups or not.
pub(super) fn iban(rest: &str) -> Option<usize> {
    const SHORTEST: usize = 15;
    const LONGEST: usize = 34;
    let bytes = rest.as_bytes();
    let starts = bytes.get(..2)?.iter().all(u8::is_ascii_alphabetic)
        && bytes.get(2..4)?.iter().all(u8::is_ascii_digit);
    if !starts {
        return None;
    }
    let (mut digits, mut best) = (Vec::with_capacity(LONGEST), None);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b' ' if bytes.get(at - 1).is_some_and(u8::is_ascii_alphanumeric) => continue,
            byte if byte.is_ascii_alphanumeric() && digits.len() < LONGEST => digits.push(*byte),
            _ => break,
        }
        let ends = !bytes.get(at + 1).is_some_and(u8::is_ascii_alphanumeric);
        if ends && digits.len() >= SHORTEST && is_iban(&digits) {
            best = Some(at + 1);
        }
    }
    best
}

/// ISO 13616: the first four moved to the end, letters as numbers, the remainder by 97 is 1.
fn is_iban(digits: &[u8]) -> bool {
    let moved = digits.iter().skip(4).chain(digits.iter().take(4));
    moved.fold(0_u32, |sum, byte| match char::from(*byte).to_digit(36) {
        Some(digit) if digit >= 10 => (sum * 100 + digit) % 97,
        Some(digit) => (sum * 10 + digit) % 97,
        None => 0,
    }) == 1
}

pub(super) fn ip(rest: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| matches!(c, '.' | ':' | '-')) {
        return None;
    }
    let four = rest
        .get(..run(rest, |c| c.is_ascii_digit() || c == '.'))?
        .trim_end_matches('.');
    let next = rest.get(four.len()..)?.chars().next();
    if four.parse::<Ipv4Addr>().is_ok_and(|ip| is_somebodys(ip.into()))
        && !next.is_some_and(char::is_alphanumeric)
    {
        return Some(four.len());
    }
    let length = run(rest, |c| c.is_ascii_hexdigit() || matches!(c, ':' | '.'));
    let six = rest.get(..length)?.trim_end_matches('.');
    let six = if six.ends_with("::") {
        six
    } else {
        six.trim_end_matches(':')
    };
    let next = rest.get(six.len()..)?.chars().next();
    let fine = six.matches(':').count() >= 2 && !next.is_some_and(char::is_alphanumeric);
    (fine && six.parse::<Ipv6Addr>().is_ok_and(|ip| is_somebodys(ip.into()))).then_some(six.len())
}

fn is_somebodys(ip: IpAddr) -> bool {
    !ip.is_loopback() && !ip.is_unspecified()
}

/// Digits with at most one space or hyphen between them: how many there are, and where they end.
fn groups(rest: &str) -> (Vec<u8>, usize) {
    let (mut digits, mut end) = (Vec::new(), 0);
    let mut separated = false;
    for (at, byte) in rest.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                digits.push(byte - b'0');
                (end, separated) = (at + 1, false);
            }
            b' ' | b'-' if !separated && !digits.is_empty() => separated = true,
            _ => break,
        }
    }
    (digits, end)
}

pub(super) fn card(rest: &str) -> Option<usize> {
    let (digits, end) = groups(rest);
    let next = rest.get(end..)?.chars().next();
    let luhn = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        });
    let valid = luhn.map(u32::from).sum::<u32>() % 10 == 0 && digits.iter().any(|digit| *digit != 0);
    (valid && (13..=19).contains(&digits.len()) && !next.is_some_and(char::is_alphanumeric)).then_some(end)
}

pub(super) fn phone(rest: &str, before: Option<char>) -> Option<usize> {
    if before.is_some_and(|c| matches!(c, '.' | '#' | '-' | '/' | '_')) {
        return None;
    }
    let fine =
        |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '.' | '-' | '/' | '(' | ')' | '\u{a0}');
    let number = rest
        .get(..run(rest, fine))?
        .trim_end_matches(|c: char| !c.is_ascii_digit());
    let next = rest.get(number.len()..)?.chars().next();
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    if next.is_some_and(char::is_alphanumeric) || !(8..=15).contains(&digits) || number.contains("  ") {
        return None;
    }
    let parts: Vec<usize> = number
        .split(|c: char| !c.is_ascii_digit())
        .map(str::len)
        .filter(|length| *length > 0)
        .collect();
    let date = matches!(
        parts.as_slice(),
        [1 | 2, 1 | 2, 2 | 4, ..] | [4, 1 | 2, 1 | 2, ..]
    ) && !number.starts_with(['+', '(']);
    let fraction = number.starts_with("0.") || number.matches('.').count() == 1 && parts.len() == 2;
    let like_us = matches!(parts.as_slice(), [3, 3 | 4, 4] | [1, 3, 3, 4]);
    (!date && !fraction && (number.starts_with(['+', '(', '0']) || like_us)).then_some(number.len())
}

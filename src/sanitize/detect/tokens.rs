//! The words that a name consists of.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::neighbours::{AFFIXES, neutral_words};
use super::people::PEOPLE;
use super::vague::VAGUE;
use super::words::STRONG;

/// The words of a name: split at anything but letters, and where lower case meets upper; lower case, without accents.
pub(super) fn tokens(name: &str) -> Vec<String> {
    let plain = deunicode::deunicode(name);
    let mut tokens = Vec::new();
    let mut token = String::new();
    let mut before = ' ';
    let mut letters = plain.chars().peekable();
    while let Some(c) = letters.next() {
        // "IPAddress" is "ip address", "userID" is "user id".
        let next_lower = letters.peek().is_some_and(char::is_ascii_lowercase);
        let begins = c.is_ascii_uppercase()
            && (before.is_ascii_lowercase() || before.is_ascii_uppercase() && next_lower);
        if (begins || !c.is_ascii_alphabetic()) && !token.is_empty() {
            tokens.push(std::mem::take(&mut token));
        }
        if c.is_ascii_alphabetic() {
            token.push(c.to_ascii_lowercase());
        }
        before = c;
    }
    if !token.is_empty() {
        tokens.push(token);
    }
    let mut tokens: Vec<String> = tokens.into_iter().flat_map(apart).collect();
    if tokens.len() > 1 {
        tokens.retain(|token| !matches!(token.as_str(), "de" | "of" | "du" | "des" | "del"));
    }
    tokens
}

/// Every word that says something.
static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let phrases = STRONG
        .iter()
        .chain(VAGUE)
        .flat_map(|(_, phrases)| phrases.split('|'));
    let words = phrases.flat_map(|phrase| phrase.split(' '));
    words
        .chain(neutral_words())
        .chain(PEOPLE.iter().chain(AFFIXES).copied())
        .collect()
});

/// Words of this many letters may end a German or Dutch compound whose beginning says nothing.
const HEAD: usize = 6;

/// Words that end a compound, the longest first.
static HEADS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let words = STRONG.iter().flat_map(|(_, phrases)| phrases.split('|'));
    let mut heads: Vec<&str> = words
        .filter(|word| word.len() >= HEAD && !word.contains(' '))
        .collect();
    heads.sort_by_key(|word| std::cmp::Reverse(word.len()));
    heads
});

/// The words of a token that are written as one, and the singular of a plural: `dateofbirth`, `rechnungsadresse`, `addresses`.
/// What is not made of known words alone stays as it is.
fn apart(token: String) -> Vec<String> {
    if token.len() < 5 || WORDS.contains(token.as_str()) {
        return vec![token];
    }
    let plural = token.strip_suffix("es").filter(|one| one.ends_with("ss"));
    let single = plural
        .or_else(|| token.strip_suffix('s'))
        .filter(|one| WORDS.contains(one));
    if let Some(single) = single {
        return vec![single.to_owned()];
    }
    if token.len() < 6 {
        return vec![token];
    }
    if let Some(words) = split(&token) {
        return words;
    }
    let mut heads = HEADS.iter();
    if let Some(head) = heads.find(|word| token.len() >= word.len() + 3 && token.ends_with(**word)) {
        return vec![token[..token.len() - head.len()].to_owned(), (*head).to_owned()];
    }
    // What stands before says whose it is.
    if let Some(whose) = ["email", "phone"]
        .into_iter()
        .find_map(|last| token.strip_suffix(last))
        && whose.len() >= 2
    {
        return vec![whose.to_owned(), token[whose.len()..].to_owned()];
    }
    // What follows says whose it is, or how it is written.
    let first = ["email", "phone", "telefon"]
        .into_iter()
        .find(|first| token.starts_with(first));
    first.map_or_else(
        || vec![token.clone()],
        |first| vec![first.to_owned(), token[first.len()..].to_owned()],
    )
}

/// The fewest known words that the token consists of; short ones only where nothing else is meant by them.
fn split(token: &str) -> Option<Vec<String>> {
    if !token.is_ascii() || token.len() > 40 {
        return None;
    }
    // At each place, where the last word of the best way there begins, and of how many words it is.
    let mut best: Vec<Option<(usize, usize)>> = vec![None; token.len() + 1];
    best[0] = Some((0, 0));
    for end in 1..=token.len() {
        for from in 0..end {
            let Some((_, words)) = best[from] else { continue };
            let word = &token[from..end];
            let known = matches!(word, "id" | "of" | "by" | "no" | "ip")
                || word.len() >= 3 && word != "for" && WORDS.contains(word);
            if known && best[end].is_none_or(|(_, before)| words + 1 < before) {
                best[end] = Some((from, words + 1));
            }
        }
    }
    let mut words = Vec::new();
    let mut end = token.len();
    while end > 0 {
        let (from, _) = best[end]?;
        words.push(token[from..end].to_owned());
        end = from;
    }
    words.reverse();
    Some(words)
}

/// Whether a word says something.
pub(super) fn is_known_word(word: &str) -> bool {
    WORDS.contains(word)
}

//! Writing random bits as letters and digits.

/// Five bits per character; lower case, and without a, e, i, o, so that no word and hardly any number of a
/// real person can stand in a code by chance: the search for originals would find it there.
const CODE: &[u8; 32] = b"bcdfghjklmnpqrstuvwxyz0123456789";

/// Bits that one character of [`code`] holds.
pub(super) const CODE_BITS: usize = 5;

/// Most characters that [`code`] takes from one digest.
pub(super) const CODE_MAX: usize = 256 / CODE_BITS;

/// Characters of a code that holds at least 64 bits, below which two of a few million values may meet.
pub(super) const CODE_UNIQUE: usize = 64usize.div_ceil(CODE_BITS);

/// A text of fewer characters of the alphabet can be met at the end of some code among millions.
pub(super) const CODE_SHORT_RISK: usize = 8;

/// Whether every character can stand in a code.
pub(super) fn is_code(text: &str) -> bool {
    text.bytes().all(|byte| CODE.contains(&byte))
}

/// Appends the first `length` characters of a digest's code, at most [`CODE_MAX`].
pub(super) fn code(digest: &[u8], length: usize, out: &mut String) {
    let mut bits = 0u32;
    let mut held = 0u32;
    let mut bytes = digest.iter();
    for _ in 0..length {
        if held < 5 {
            let Some(byte) = bytes.next() else { return };
            bits = (bits << 8) | u32::from(*byte);
            held += 8;
        }
        held -= 5;
        out.push(char::from(CODE[((bits >> held) & 31) as usize]));
        bits &= (1 << held) - 1;
    }
}

/// Makes capitals of some letters, by the bits of `digest`, and of the first letter in any case: for an original that is
/// written otherwise than in its canonical form. What is compared without regard to case stays equal, what is compared
/// exactly stays different.
pub(super) fn vary_case(fake: &mut str, digest: &[u8; 32]) {
    let mut letters = fake
        .char_indices()
        .filter(|(_, c)| c.is_ascii_lowercase())
        .map(|(at, _)| at);
    let mut capitals: Vec<usize> = letters.next().into_iter().collect();
    let bits = digest
        .iter()
        .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
    capitals.extend(
        letters
            .zip(bits)
            .filter_map(|(at, capital)| capital.then_some(at)),
    );
    for at in capitals {
        if let Some(letter) = fake.get_mut(at..=at) {
            letter.make_ascii_uppercase();
        }
    }
}

/// A number below `below` from the eight bytes of the digest at `at`, as even as 64 bits allow.
pub(super) fn number(digest: &[u8; 32], at: usize, below: usize) -> usize {
    let mut bytes = [0u8; 8];
    bytes.copy_from_slice(&digest[at..at + 8]);
    let product = u128::from(u64::from_be_bytes(bytes)) * below as u128;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the high half of the product is below `below`, a usize"
    )]
    let number = (product >> 64) as usize;
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_takes_five_bits_per_character() {
        let mut out = String::new();
        code(&[0xff, 0x00, 0x1f, 0xff, 0xff], 8, &mut out);
        assert_eq!(out, "96bc9999");
        out.clear();
        code(&[0; 32], 60, &mut out);
        assert_eq!(out.len(), CODE_MAX);
        assert_eq!(CODE_UNIQUE, 13);
    }

    #[test]
    fn a_text_with_capitals_differs_from_the_one_without_whatever_the_bits() {
        let varied = |bits: u8| {
            let mut text = "1ab.cd@e".to_owned();
            vary_case(&mut text, &[bits; 32]);
            text
        };
        assert_eq!(varied(0), "1Ab.cd@e");
        assert_eq!(varied(0xff), "1AB.CD@E");
        assert_eq!(varied(0b0000_0010), "1Ab.Cd@e");
    }

    #[test]
    fn numbers_stay_below_their_limit() {
        assert_eq!(number(&[0xff; 32], 24, 7), 6);
        assert_eq!(number(&[0; 32], 0, 7), 0);
        assert_eq!(number(&[0x80; 32], 8, 1000), 501);
    }
}

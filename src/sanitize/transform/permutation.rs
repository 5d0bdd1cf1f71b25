//! A keyed order of the numbers below a limit, and from it the next number of each: different numbers get different
//! ones, and none gets itself.
//!
//! The order is a Feistel network of ten rounds over a rectangle that just holds the range, walked on until it is back in
//! the range (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002). Its rounds draw from blocks of `ChaCha8` under a key
//! of its own. "The next in that order" has no fixed point, which a permutation drawn at random has as often as not.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::sanitize::key::{Kind, MaskingKey};

/// The largest range: halves of it must fit into the 64-bit counter of a block.
pub(super) const MOST: u128 = 1 << 116;

const ROUNDS: u64 = 10;

/// Permutations of ranges of any size, under one key.
#[derive(Clone)]
pub(super) struct Permutation {
    random: ChaCha8Rng,
}

/// The two sides of a rectangle.
#[derive(Clone, Copy)]
struct Sides {
    left: u64,
    right: u64,
}

impl Sides {
    /// The sides of the smallest rectangle, as square as can be, with at least `size` places.
    fn of(size: u128) -> Self {
        let left = size.isqrt().max(1);
        let right = size.div_ceil(left);
        Self {
            left: u64::try_from(left).unwrap_or(u64::MAX),
            right: u64::try_from(right).unwrap_or(u64::MAX),
        }
    }
}

impl Permutation {
    /// The permutations of a domain of values.
    pub(super) fn new(key: &MaskingKey, domain: &str) -> Self {
        Self {
            random: ChaCha8Rng::from_seed(key.digest(Kind::Permutation, domain)),
        }
    }

    /// What `number`, which is below `size`, is replaced by: another number below `size`. `tweak` tells ranges of one size
    /// apart. A range of one number or more than [`MOST`] has no replacement: `None`.
    pub(super) fn next(&self, number: u128, size: u128, tweak: u64) -> Option<u128> {
        if !(2..=MOST).contains(&size) || number >= size {
            return None;
        }
        let sides = Sides::of(size);
        let mut random = self.random.clone();
        let mut walk = |number: u128, step: fn(&mut ChaCha8Rng, Sides, u64, u128) -> u128| {
            let mut number = step(&mut random, sides, tweak, number);
            while number >= size {
                number = step(&mut random, sides, tweak, number);
            }
            number
        };
        let place = walk(number, forward);
        Some(walk((place + 1) % size, backward))
    }
}

fn forward(random: &mut ChaCha8Rng, sides: Sides, tweak: u64, number: u128) -> u128 {
    let (mut left, mut right) = split(number, sides);
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            left = add(left, draw(random, tweak, round, right), sides.left);
        } else {
            right = add(right, draw(random, tweak, round, left), sides.right);
        }
    }
    join(left, right, sides)
}

fn backward(random: &mut ChaCha8Rng, sides: Sides, tweak: u64, number: u128) -> u128 {
    let (mut left, mut right) = split(number, sides);
    for round in (0..ROUNDS).rev() {
        if round % 2 == 0 {
            left = subtract(left, draw(random, tweak, round, right), sides.left);
        } else {
            right = subtract(right, draw(random, tweak, round, left), sides.right);
        }
    }
    join(left, right, sides)
}

fn split(number: u128, sides: Sides) -> (u64, u64) {
    let side = u128::from(sides.right);
    let low = |number: u128| u64::try_from(number).unwrap_or_default();
    (low(number / side), low(number % side))
}

fn join(left: u64, right: u64, sides: Sides) -> u128 {
    u128::from(left) * u128::from(sides.right) + u128::from(right)
}

/// 64 bits for one half in one round: the first two words of the block with the half as its counter.
fn draw(random: &mut ChaCha8Rng, tweak: u64, round: u64, half: u64) -> u64 {
    random.set_stream((tweak << 4) | round);
    random.set_word_pos(u128::from(half) << 4);
    random.next_u64()
}

fn add(one: u64, other: u64, modulus: u64) -> u64 {
    let sum = u128::from(one) + u128::from(other % modulus);
    u64::try_from(sum % u128::from(modulus)).unwrap_or_default()
}

fn subtract(one: u64, other: u64, modulus: u64) -> u64 {
    add(one, modulus - other % modulus, modulus)
}

#[cfg(test)]
mod tests {
    use super::super::tests::key;
    use super::*;

    fn permutation() -> Permutation {
        Permutation::new(&key(), "test")
    }

    #[test]
    fn every_number_of_a_small_range_comes_out_once_and_never_as_itself() {
        for size in (2..300).chain([1_000, 4_096, 9_999]) {
            let mut seen = vec![false; usize::try_from(size).unwrap()];
            for number in 0..size {
                let next = permutation().next(number, size, 0).unwrap();
                assert_ne!(next, number, "{size}");
                let place = &mut seen[usize::try_from(next).unwrap()];
                assert!(!std::mem::replace(place, true), "{next} of {size} came twice");
            }
        }
    }

    #[test]
    fn a_large_range_has_no_fixed_point_and_goes_to_its_limit() {
        for size in [1 << 64, 999_999_999_999_999_999_999_999_u128, MOST] {
            for number in [0, 1, size / 2, size - 1] {
                let next = permutation().next(number, size, 3).unwrap();
                assert!(next < size && next != number);
            }
        }
        assert_eq!(permutation().next(0, MOST + 1, 0), None);
        assert_eq!(permutation().next(0, 1, 0), None);
        assert_eq!(permutation().next(7, 7, 0), None);
    }

    #[test]
    fn keys_domains_and_tweaks_give_other_orders_and_none_ever_changes() {
        let of = |permutation: &Permutation, tweak| permutation.next(12_345, 1_000_000, tweak).unwrap();
        assert_eq!(of(&permutation(), 0), 919_888);
        let other_key = key().for_branch(&"00000001".parse().unwrap());
        let all = [
            of(&permutation(), 0),
            of(&permutation(), 1),
            of(&Permutation::new(&key(), "other"), 0),
            of(&Permutation::new(&other_key, "test"), 0),
        ];
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    }

    #[test]
    fn neighbours_do_not_stay_neighbours() {
        let permutation = permutation();
        let next = |number| permutation.next(number, 1_000_000, 0).unwrap();
        let near = (0..1_000)
            .filter(|number| next(*number).abs_diff(next(number + 1)) < 1_000)
            .count();
        assert!(near < 20, "{near}");
    }
}

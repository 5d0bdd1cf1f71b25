//! A transform as a rule names it.

pub use crate::sanitize::transform::Spec;

/// The names of all transforms.
pub(super) const ALL: [&str; 8] = ["email", "fixed", "hmac", "name", "null", "phone", "text", "uuid"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_transform_is_known_to_the_rules() {
        let names: Vec<&str> = crate::sanitize::transform::ALL.iter().map(|entry| entry.name).collect();
        assert_eq!(names, ALL);
    }
}

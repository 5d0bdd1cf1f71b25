//! Where originals are met while a table is replaced, and whether they stand there rightly. One that stands in a kept column
//! says nothing when it is found in the branch, and is not searched for. One that is left in a place that was replaced is
//! what the proof is for: it stays a needle, whatever else holds it by chance.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memchr_iter;
use zeroize::Zeroizing;

use crate::sanitize::copy_text::{CopyError, Row};
use crate::sanitize::needle::NeedleSet;
use crate::sanitize::schema::TableName;
use crate::sanitize::transform::{Read, Transform};

use super::rewrite::ColumnWork;

/// Which needles were met, and where.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// In kept columns, in what the owner keeps of a document, in the fakes of other values, in the schema.
    found: BTreeSet<usize>,
    /// In what replaced a value that held it: the columns.
    left: BTreeMap<usize, String>,
}

impl Seen {
    /// Notes needles that stand somewhere rightly.
    pub(super) fn add(&mut self, needles: impl Iterator<Item = usize>) {
        self.found.extend(needles);
    }

    /// Adds what another worker noted.
    pub(super) fn merge(&mut self, other: Self) {
        self.found.extend(other.found);
        for (needle, column) in other.left {
            self.left.entry(needle).or_insert(column);
        }
    }

    /// How many were noted.
    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// Originals that were left in replaced columns and stand nowhere rightly: how many, and from where to where.
    pub(super) fn left(&self, needles: &NeedleSet) -> (usize, BTreeSet<String>) {
        let left = self
            .left
            .iter()
            .filter(|(needle, _)| !self.found.contains(needle));
        let places = left.clone().map(|(needle, column)| {
            let of: Vec<String> = needles.sources(*needle).map(ToString::to_string).collect();
            format!("of {} in {column}", of.join(" and "))
        });
        (left.clone().count(), places.collect())
    }

    /// The needles that stand nowhere rightly.
    pub(super) fn without_seen(&self, needles: NeedleSet) -> NeedleSet {
        needles.without(&self.found)
    }
}

/// The originals that are looked for in rows that were replaced.
#[derive(Clone, Copy)]
pub(super) struct Originals<'a> {
    pub(super) needles: &'a NeedleSet,
    /// For each needle, whether it is of a column that is replaced; the others are of rows that are deleted, of columns that
    /// nobody has called personal one by one.
    pub(super) of_replaced: &'a [bool],
}

/// Looks through the rows of one table.
pub(super) struct Watch<'a> {
    originals: Originals<'a>,
    work: &'a [ColumnWork],
    table: String,
    /// The stored columns.
    columns: Vec<String>,
    hits: Vec<(usize, usize)>,
    pub(super) seen: Seen,
}

impl<'a> Watch<'a> {
    pub(super) fn new(
        originals: Originals<'a>,
        table: &TableName,
        columns: &[&str],
        work: &'a [ColumnWork],
    ) -> Self {
        Self {
            originals,
            table: table.to_string(),
            work,
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            hits: Vec::new(),
            seen: Seen::default(),
        }
    }

    /// Looks at a row as it was (its columns, then its conditions, those of each work from `first` on) and as it became.
    pub(super) fn row(&mut self, was: &Row<'_>, became: &[u8], first: &[usize]) -> Result<(), CopyError> {
        let needles = self.originals.needles;
        if needles.is_empty() {
            return Ok(());
        }
        let hits = &mut self.hits;
        needles.find(became, |needle, at| hits.push((needle, at)));
        while let Some((needle, at)) = self.hits.pop() {
            if self.seen.found.contains(&needle) {
                continue;
            }
            let column = memchr_iter(b'\t', became.get(..at).unwrap_or_default()).count();
            self.hit(needle, column, was, first)?;
        }
        Ok(())
    }

    fn hit(&mut self, needle: usize, column: usize, was: &Row<'_>, first: &[usize]) -> Result<(), CopyError> {
        let name = self.columns.get(column).map_or("", String::as_str);
        let work = self.work.iter().zip(first).find(|(work, _)| work.name == name);
        let rule = work.and_then(|(work, first)| work.rules.get(work.rule_of(was, *first)?));
        let Some(transform) = rule.and_then(|rule| rule.transform.as_deref()) else {
            self.seen.found.insert(needle);
            return Ok(());
        };
        if self.is_kept(needle, column, transform, was)? || !self.was_there(needle, column, transform, was) {
            self.seen.found.insert(needle);
        } else if self.of_replaced(needle) {
            let column = format!("{}.{name}", self.table);
            self.seen.left.entry(needle).or_insert(column);
        } else {
            self.seen.found.insert(needle);
        }
        Ok(())
    }

    fn of_replaced(&self, needle: usize) -> bool {
        self.originals.of_replaced.get(needle).copied().unwrap_or(true)
    }

    /// Whether the owner keeps the part of the value that holds it.
    fn is_kept(
        &self,
        needle: usize,
        column: usize,
        transform: &dyn Transform,
        was: &Row<'_>,
    ) -> Result<bool, CopyError> {
        let value = |column: usize| -> Result<Option<Zeroizing<String>>, CopyError> {
            let mut scratch = Zeroizing::new(String::new());
            let value = was.value(column, &mut scratch)?;
            Ok(value.map(|value| Zeroizing::new(value.to_owned())))
        };
        let Some(own) = value(column)? else {
            return Ok(false);
        };
        let mut reads = Vec::new();
        for read in transform.reads() {
            reads.push(self.stored(read).map_or(Ok(None), value)?);
        }
        let reads: Vec<Option<&str>> = reads
            .iter()
            .map(|read| read.as_ref().map(|read| read.as_str()))
            .collect();
        let mut kept = false;
        transform.kept(&own, &reads, &mut |text| {
            kept = kept || self.holds(text.as_bytes(), needle);
        });
        Ok(kept)
    }

    /// Whether what the fake was made from held it: the value itself, or a column that the transform reads. Otherwise it is
    /// a fake that happens to be somebody else's original.
    fn was_there(&self, needle: usize, column: usize, transform: &dyn Transform, was: &Row<'_>) -> bool {
        let read = transform.reads().iter().filter_map(|read| self.stored(read));
        std::iter::once(column)
            .chain(read)
            .any(|column| self.holds(was.raw(column), needle))
    }

    fn stored(&self, read: &Read) -> Option<usize> {
        self.columns.iter().position(|name| *name == read.column)
    }

    fn holds(&self, bytes: &[u8], needle: usize) -> bool {
        let mut found = false;
        let needles = self.originals.needles;
        needles.find(bytes, |one, _| found = found || one == needle);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::super::masker::Masker;
    use super::super::rewrite::Rule;
    use super::*;
    use crate::sanitize::key::MaskingKey;
    use crate::sanitize::needle::Source;
    use crate::sanitize::transform::{self, Column, Masked, Spec, TransformError};

    const MAIL: &str = "xanthippe@zwoelf.test";

    fn key() -> MaskingKey {
        MaskingKey::from_bytes([9; 32])
    }

    fn made(rule: &str) -> Box<dyn Transform> {
        let mut params: toml::Table = rule.parse().unwrap();
        let name = params.remove("transform").unwrap();
        let spec = Spec {
            name: name.as_str().unwrap().to_owned(),
            params,
        };
        let column = Column {
            type_name: "text".to_owned(),
            max_chars: None,
            not_null: false,
            unique: false,
        };
        transform::compile(&spec, &column, &key()).unwrap()
    }

    fn work(name: &str, transform: Box<dyn Transform>) -> ColumnWork {
        ColumnWork {
            name: name.to_owned(),
            rules: vec![Rule {
                condition: None,
                transform: Some(transform),
            }],
        }
    }

    /// Masks rows of the columns `id`, `one` and `two`, of which `work` replaces some, while originals are looked for; the number of
    /// those that are left where they were replaced, and of those that are still searched for.
    fn watched(work: &[ColumnWork], rows: &[&str], originals: &[&str], of_replaced: bool) -> (usize, usize) {
        let mut builder = NeedleSet::builder(&key());
        let column = builder.column(Source {
            service: "db".to_owned(),
            table: "shop.docs".to_owned(),
            column: "profile".to_owned(),
        });
        originals
            .iter()
            .for_each(|original| builder.offer(column, original));
        let needles = builder.build();
        assert_eq!(
            needles.len(),
            originals.len(),
            "the sample is not what the test needs"
        );
        let flags = vec![of_replaced; needles.len()];
        let watched = Originals {
            needles: &needles,
            of_replaced: &flags,
        };
        let table = TableName::new("shop", "docs");
        let mut masker = Masker::new(&table, &["id", "one", "two"], work, 0, watched);
        let mut batch = Vec::new();
        for row in rows {
            assert!(masker.mask(row.as_bytes(), &mut batch).is_ok());
        }
        let seen = masker.watch.seen;
        let left = seen.left(&needles).0;
        (left, seen.without_seen(needles).len())
    }

    /// One that forgets a part of what it says it replaces.
    struct Broken {
        says: Box<dyn Transform>,
        does: Box<dyn Transform>,
    }

    impl Transform for Broken {
        fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
            self.does.apply(value, out)
        }

        fn originals(&self, value: &str, row: transform::Row<'_>, show: &mut dyn FnMut(&str)) {
            self.says.originals(value, row, show);
        }

        fn kept(&self, value: &str, row: transform::Row<'_>, show: &mut dyn FnMut(&str)) {
            self.says.kept(value, row, show);
        }
    }

    const WHOLE: &str =
        "transform = 'json'\nunlisted = 'keep'\npaths = { '$.mail' = 'email', '$.other' = 'email' }";
    const PART: &str = "transform = 'json'\nunlisted = 'keep'\npaths = { '$.mail' = 'email' }";

    #[test]
    fn an_original_that_a_skipped_path_left_stays_a_needle_and_is_named() {
        let row = format!("1\t{{\"mail\":\"a@b.test\",\"other\":\"{MAIL}\"}}\tx");
        let mut shown = Vec::new();
        made(WHOLE).originals(row.split('\t').nth(1).unwrap(), &[], &mut |text| {
            shown.push(text.to_owned());
        });
        assert_eq!(shown, ["a@b.test", MAIL]);
        let broken = Broken {
            says: made(WHOLE),
            does: made(PART),
        };
        let broken = [work("one", Box::new(broken))];
        assert_eq!(watched(&broken, &[&row], &[MAIL], true), (1, 1));
        assert_eq!(
            watched(&[work("one", made(WHOLE))], &[&row], &[MAIL], true),
            (0, 1)
        );
        // An owner who names one path of two, where the other holds what is replaced elsewhere.
        assert_eq!(
            watched(&[work("one", made(PART))], &[&row], &[MAIL], true),
            (1, 1)
        );
        let php = format!("1\ta:1:{{s:5:\"other\";s:{}:\"{MAIL}\";}}\tx", MAIL.len());
        let skips = made("transform = 'php'\nunlisted = 'keep'\npaths = { '$.mail' = 'email' }");
        assert_eq!(watched(&[work("one", skips)], &[&php], &[MAIL], true), (1, 1));
    }

    #[test]
    fn what_the_owner_keeps_with_a_reason_is_no_needle() {
        let row = format!("1\t{{\"mail\":\"a@b.test\",\"other\":\"{MAIL}\"}}\tx");
        let kept = "transform = 'json'\npaths = { '$.mail' = 'email', '$.other' = { keep = 'a shop' } }";
        assert_eq!(
            watched(&[work("one", made(kept))], &[&row], &[MAIL], true),
            (0, 0)
        );
        let column = format!("1\t{{\"mail\":\"{MAIL}\"}}\t{MAIL}");
        assert_eq!(
            watched(&[work("one", made(PART))], &[&column], &[MAIL], true),
            (0, 0)
        );
        let by_key =
            made("transform = 'by-key'\nkey = 'two'\nrules = { open = { keep = 'a flag' } }\nelse = 'null'");
        let row = format!("1\t{MAIL}\topen");
        assert_eq!(watched(&[work("one", by_key)], &[&row], &[MAIL], true), (0, 0));
    }

    #[test]
    fn a_text_around_personal_spans_may_hold_other_originals_only_for_a_reason() {
        let row = "1\tmoved to Oberammergau\tx";
        let rest = "transform = 'redact'\nrest = 'names of towns'";
        let town = ["Oberammergau"];
        assert_eq!(
            watched(&[work("one", made("transform = 'redact'"))], &[row], &town, true),
            (1, 1)
        );
        assert_eq!(watched(&[work("one", made(rest))], &[row], &town, true), (0, 0));
        // Of rows that are deleted nobody said that this column of them is personal.
        assert_eq!(
            watched(&[work("one", made("transform = 'redact'"))], &[row], &town, false),
            (0, 0)
        );
    }

    #[test]
    fn a_fake_that_is_somebody_elses_original_is_no_needle_and_one_made_of_an_original_is() {
        let fixed = || [work("one", made("transform = 'fixed'\nvalue = 'Oberammergau'"))];
        let town = ["Oberammergau"];
        assert_eq!(watched(&fixed(), &["1\tParis\tx"], &town, true), (0, 0));
        let derived = || {
            vec![
                work("one", made("transform = 'derive'\nfrom = '{two}'")),
                work("two", made("transform = 'hmac'")),
            ]
        };
        assert_eq!(watched(&derived(), &["1\tx\tOberammergau"], &town, true), (0, 1));
        // One that reads the original instead of the fake.
        let broken = &derived()[..1];
        assert_eq!(
            watched(broken, &["1\tx\tOberammergau"], &town, true),
            (0, 0),
            "two is kept"
        );
        let keeps = Broken {
            says: made("transform = 'hmac'"),
            does: made("transform = 'template'\nvalue = 'Oberammergau {digits:4}'"),
        };
        assert_eq!(
            watched(
                &[work("one", Box::new(keeps))],
                &["1\tof Oberammergau\tx"],
                &town,
                true
            ),
            (1, 1)
        );
    }

    #[test]
    fn a_column_whose_values_come_out_as_they_were_is_told_unless_its_class_allows_it() {
        struct Same;
        impl Transform for Same {
            fn apply(&self, value: &str, out: &mut String) -> Result<Masked, TransformError> {
                out.push_str(value);
                Ok(Masked::Value)
            }
        }
        let repeated = |transform: Box<dyn Transform>| {
            let work = [work("one", transform)];
            let needles = NeedleSet::builder(&key()).build();
            let none = Originals {
                needles: &needles,
                of_replaced: &[],
            };
            let table = TableName::new("shop", "docs");
            let mut masker = Masker::new(&table, &["id", "one", "two"], &work, 0, none);
            for row in ["1\tOberammergau\tx", "2\t-\tx", "3\t\\N\tx", "4\tdeleted user\tx"] {
                assert!(masker.mask(row.as_bytes(), &mut Vec::new()).is_ok());
            }
            masker.done.repeated(&work).map(|(_, count)| count.unchanged)
        };
        assert_eq!(repeated(made("transform = 'hmac'")), None);
        assert_eq!(
            repeated(made("transform = 'fixed'\nvalue = 'deleted user'")),
            None
        );
        assert_eq!(repeated(Box::new(Same)), Some(2));
    }

    #[test]
    fn what_comes_out_as_it_was_by_its_class_is_no_original() {
        let mut shown = 0;
        made("transform = 'fixed'\nvalue = 'deleted user'")
            .originals("deleted user", &[], &mut |_| shown += 1);
        assert_eq!(shown, 0);
        made("transform = 'fixed'\nvalue = 'deleted user'")
            .originals("Oberammergau", &[], &mut |_| shown += 1);
        made("transform = 'hmac'").originals("Oberammergau", &[], &mut |_| shown += 1);
        assert_eq!(shown, 2);
    }
}

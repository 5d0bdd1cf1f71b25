//! Where originals are met while a table is replaced, and whether they stand there rightly. One that stands in a kept column
//! says nothing when it is found in the branch, and is not searched for. One that is left in a place that was replaced is
//! what the proof is for: it stays a needle, whatever else holds it by chance.

use std::collections::{BTreeMap, BTreeSet};

use memchr::{memchr_iter, memchr2, memmem};
use zeroize::Zeroizing;

use crate::sanitize::copy_text::{CopyError, Row, Splitter};
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

/// How much is gathered before it is looked through. One search of many rows costs less than one of each, since the tables of
/// the search stay in the processor's cache.
struct Gather {
    bytes: usize,
    rows: usize,
    /// A longer row is not gathered but looked through at once, so that what is gathered stays small.
    long: usize,
}

const GATHER: Gather = Gather {
    bytes: 256 << 10,
    rows: 4096,
    long: 64 << 10,
};

/// Looks through the rows of one table.
pub(super) struct Watch<'a> {
    originals: Originals<'a>,
    work: &'a [ColumnWork],
    table: String,
    /// The stored columns.
    columns: Vec<String>,
    /// Of a row as it was: its columns and its conditions.
    fields: usize,
    gather: Gather,
    /// The gathered rows as they were, one after the other.
    was: Zeroizing<Vec<u8>>,
    /// Where each of them ends: as it was, and as it became.
    ends: Vec<(usize, usize)>,
    /// Where what the gathered rows became begins.
    from: usize,
    pub(super) seen: Seen,
}

impl<'a> Watch<'a> {
    /// `conditions`: how many fields a row has behind its columns.
    pub(super) fn new(
        originals: Originals<'a>,
        table: &TableName,
        columns: &[&str],
        conditions: usize,
        work: &'a [ColumnWork],
    ) -> Self {
        Self {
            originals,
            table: table.to_string(),
            work,
            columns: columns.iter().map(|&name| name.to_owned()).collect(),
            fields: columns.len() + conditions,
            gather: GATHER,
            was: Zeroizing::default(),
            ends: Vec::new(),
            from: 0,
            seen: Seen::default(),
        }
    }

    /// Takes a row as it was (its columns, then its conditions, those of each work from `first` on), and all that was `made`
    /// since the last [`Self::end`]: what this row became is its end.
    pub(super) fn row(&mut self, was: &[u8], made: &[u8], first: &[usize]) -> Result<(), CopyError> {
        if self.originals.needles.is_empty() {
            return Ok(());
        }
        if was.len() > self.gather.long {
            self.gathered(made, first)?;
            return self.look_through(was, &[(was.len(), made.len())], made, first);
        }
        if self.was.capacity() == 0 {
            // Never moved, so that no copy of originals stays behind.
            self.was.reserve_exact(self.gather.bytes + self.gather.long);
        }
        self.was.extend_from_slice(was);
        self.ends.push((self.was.len(), made.len()));
        if self.was.len() >= self.gather.bytes || self.ends.len() >= self.gather.rows {
            self.gathered(made, first)?;
        }
        Ok(())
    }

    /// Looks through what is left of `made`, which is then begun anew.
    pub(super) fn end(&mut self, made: &[u8], first: &[usize]) -> Result<(), CopyError> {
        let done = self.gathered(made, first);
        self.from = 0;
        done
    }

    fn gathered(&mut self, made: &[u8], first: &[usize]) -> Result<(), CopyError> {
        let was = std::mem::take(&mut self.was);
        let ends = std::mem::take(&mut self.ends);
        let done = self.look_through(&was, &ends, made, first);
        (self.was, self.ends) = (was, ends);
        self.was.clear();
        self.ends.clear();
        done
    }

    /// Looks through rows whose ends are known, and says for each hit in which row and column it is.
    fn look_through(
        &mut self,
        was: &[u8],
        ends: &[(usize, usize)],
        made: &[u8],
        first: &[usize],
    ) -> Result<(), CopyError> {
        let Some(&(_, end)) = ends.last() else {
            return Ok(());
        };
        let from = std::mem::replace(&mut self.from, end);
        let text = &made[from..end];
        let mut hits = Vec::new();
        let within_a_field = |hit: &[u8]| memchr2(b'\t', b'\n', hit).is_none();
        self.originals.needles.find(text, |needle, at| {
            if !self.seen.found.contains(&needle) && within_a_field(&text[at.clone()]) {
                hits.push((needle, from + at.start));
            }
        });
        each_bytea(text, |at, bytes| {
            self.originals.needles.find(bytes, |needle, _| {
                if !self.seen.found.contains(&needle) {
                    hits.push((needle, from + at));
                }
            });
        });
        let mut splitter = Splitter::new(self.fields);
        for (needle, at) in hits {
            if self.seen.found.contains(&needle) {
                continue;
            }
            let row = ends.partition_point(|(_, end)| *end <= at);
            let (was_from, made_from) = row.checked_sub(1).map_or((0, from), |before| ends[before]);
            let column = memchr_iter(b'\t', &made[made_from..at]).count();
            let was = splitter.split(&was[was_from..ends[row].0])?;
            self.hit(needle, column, &was, first)?;
        }
        Ok(())
    }

    fn hit(&mut self, needle: usize, column: usize, was: &Row<'_>, first: &[usize]) -> Result<(), CopyError> {
        let name = self.columns.get(column).map_or("", String::as_str);
        let work = self.work.iter().zip(first).find(|(work, _)| work.name == name);
        let rule = work.and_then(|(work, first)| work.rules.get(work.rule_of(was, *first)?));
        let left = match rule.and_then(|rule| rule.transform.as_deref()) {
            None => false,
            Some(transform) => {
                self.of_replaced(needle)
                    && !self.is_kept(needle, column, transform, was)?
                    && self.was_there(needle, column, transform, was)
            }
        };
        if left {
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
        each_bytea(bytes, |_, bytes| {
            needles.find(bytes, |one, _| found = found || one == needle);
        });
        found
    }
}

/// How COPY begins a `bytea`.
const BYTEA: &[u8] = br"\\x";

/// Calls `each` with the bytes of every field of rows that is a `bytea`, and where it begins: they lie in the file as they are, and
/// hold an original in any of its forms, while COPY writes digits.
fn each_bytea(rows: &[u8], mut each: impl FnMut(usize, &[u8])) {
    let mut bytes = Zeroizing::new(Vec::new());
    for at in memmem::find_iter(rows, BYTEA) {
        let begins = at
            .checked_sub(1)
            .is_none_or(|before| matches!(rows[before], b'\t' | b'\n'));
        if !begins {
            continue;
        }
        let digits = &rows[at + BYTEA.len()..];
        let end = memchr2(b'\t', b'\n', digits).unwrap_or(digits.len());
        // Its room is enough for all that follow, nearly always, and what was there is written over.
        bytes.clear();
        bytes.reserve(end / 2);
        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0);
        let pairs = digits[..end].chunks_exact(2);
        bytes.extend(pairs.filter_map(|pair| u8::try_from(digit(pair[0]) << 4 | digit(pair[1])).ok()));
        each(at, &bytes);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::masker::Masker;
    use super::super::rewrite::Rule;
    use super::*;
    use crate::sanitize::key::MaskingKey;
    use crate::sanitize::needle::Source;
    use crate::sanitize::transform::{self, Column, ColumnDefault, Masked, Spec, TransformError};

    const MAIL: &str = "xanthippe@zwoelf.test";

    fn key() -> MaskingKey {
        MaskingKey::from_bytes([9; 32])
    }

    fn made(rule: &str) -> Box<dyn Transform> {
        made_for(rule, "text")
    }

    fn made_for(rule: &str, type_name: &str) -> Box<dyn Transform> {
        let mut params: toml::Table = rule.parse().unwrap();
        let name = params.remove("transform").unwrap();
        let spec = Spec {
            name: name.as_str().unwrap().to_owned(),
            params,
        };
        let column = Column {
            type_name: type_name.to_owned(),
            max_chars: None,
            not_null: false,
            unique: false,
            default: ColumnDefault::None,
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

    fn needles(originals: &[&str]) -> NeedleSet {
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
        needles
    }

    /// Masks rows of the columns `id`, `one` and `two`, of which `work` replaces some, while originals are looked for; the number of
    /// those that are left where they were replaced, and of those that are still searched for.
    fn watched(work: &[ColumnWork], rows: &[&str], originals: &[&str], of_replaced: bool) -> (usize, usize) {
        let needles = needles(originals);
        let flags = vec![of_replaced; needles.len()];
        let watched = Originals {
            needles: &needles,
            of_replaced: &flags,
        };
        let table = TableName::new("shop", "docs");
        let mut masker = Masker::new(&table, &["id", "one", "two"], work, 0, watched);
        for row in rows {
            assert!(masker.mask(row.as_bytes()).is_ok());
        }
        assert!(masker.take(Vec::new()).is_ok());
        let (_, seen) = masker.end();
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

    /// Keeps what stands between angle brackets, and reads the column beside it.
    struct Brackets(Vec<Read>);

    impl Transform for Brackets {
        fn apply(&self, _: &str, _: &mut String) -> Result<Masked, TransformError> {
            Ok(Masked::Null)
        }

        fn reads(&self) -> &[Read] {
            &self.0
        }

        fn kept(&self, value: &str, _: transform::Row<'_>, show: &mut dyn FnMut(&str)) {
            let parts = value.split('<').skip(1);
            parts.for_each(|part| show(part.split('>').next().unwrap_or_default()));
        }
    }

    /// The columns `id`, `one` and `two`: the first is kept, the second replaced, the third where its condition holds.
    fn brackets() -> [ColumnWork; 2] {
        let reads = |name: &str| -> Box<dyn Transform> {
            let read = Read {
                column: name.to_owned(),
                state: transform::State::Original,
            };
            Box::new(Brackets(vec![read]))
        };
        let rule = |condition: Option<&str>, transform| Rule {
            condition: condition.map(str::to_owned),
            transform,
        };
        let two = vec![rule(Some("staff"), Some(reads("one"))), rule(None, None)];
        [
            work("one", reads("two")),
            ColumnWork {
                name: "two".to_owned(),
                rules: two,
            },
        ]
    }

    /// A row as it was (three columns and the condition of `two`) and as it became.
    type Both = ([String; 4], [String; 3]);

    /// What a search of each field alone finds: needles that stand somewhere rightly, and others.
    fn field_by_field(watched: Originals<'_>, rows: &[Both]) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let holds = |text: &str| {
            let mut held = BTreeSet::new();
            watched.needles.find(text.as_bytes(), |needle, _| {
                held.insert(needle);
            });
            held
        };
        let (mut found, mut left) = (BTreeSet::new(), BTreeSet::new());
        for (was, became) in rows {
            for (column, field) in became.iter().enumerate() {
                let kept = was[column].split('<').skip(1);
                let kept: BTreeSet<usize> = kept
                    .flat_map(|part| holds(part.split('>').next().unwrap()))
                    .collect();
                let replaced = column == 1 || column == 2 && was[3] == "t";
                for needle in holds(field) {
                    let was_there = holds(&was[1]).contains(&needle) || holds(&was[2]).contains(&needle);
                    if replaced && was_there && !kept.contains(&needle) && watched.of_replaced[needle] {
                        left.insert(needle);
                    } else {
                        found.insert(needle);
                    }
                }
            }
        }
        let left = &left - &found;
        (found, left)
    }

    fn field() -> impl Strategy<Value = String> {
        let parts = vec![
            "Oberammergau",
            "xanthippe@zwoelf.test",
            "Hottentottenhausen",
            "Ober",
            "ammergau",
            "xanthippe@",
            "zwoelf.test",
            "<",
            ">",
            "Hottentotten\\thausen",
            "Hottentotten",
            "hausen",
            "\\n",
            " ",
            "-",
        ];
        prop::collection::vec(prop::sample::select(parts), 0..4).prop_map(|parts| parts.concat())
    }

    fn rows() -> impl Strategy<Value = Vec<Both>> {
        let flag = prop::sample::select(vec!["t".to_owned(), "f".to_owned()]);
        let was = (field(), field(), field(), flag).prop_map(|(id, one, two, flag)| [id, one, two, flag]);
        let became = (field(), field(), field()).prop_map(|(id, one, two)| [id, one, two]);
        prop::collection::vec((was, became), 0..40)
    }

    proptest! {
        #[test]
        fn rows_searched_together_show_what_each_field_alone_shows(
            rows in rows(),
            (bytes, most, long) in (1usize..400, 1usize..12, 1usize..80),
            takes in prop::collection::vec(any::<bool>(), 40),
            of_replaced in prop::collection::vec(any::<bool>(), 4),
        ) {
            let needles = needles(&["Oberammergau", MAIL, "Hottentotten\thausen", "Hottentottenhausen"]);
            let watched = Originals { needles: &needles, of_replaced: &of_replaced };
            let work = brackets();
            let table = TableName::new("shop", "docs");
            let mut watch = Watch::new(watched, &table, &["id", "one", "two"], 1, &work);
            watch.gather = Gather { bytes, rows: most, long };
            let (mut made, first) = (Vec::new(), [3, 3]);
            for ((was, became), take) in rows.iter().zip(takes) {
                made.extend_from_slice(became.join("\t").as_bytes());
                made.push(b'\n');
                watch.row(was.join("\t").as_bytes(), &made, &first).unwrap();
                if take {
                    watch.end(&made, &first).unwrap();
                    made.clear();
                }
            }
            watch.end(&made, &first).unwrap();
            let left = watch.seen.left.keys().filter(|needle| !watch.seen.found.contains(needle));
            let left: BTreeSet<usize> = left.copied().collect();
            prop_assert_eq!((watch.seen.found, left), field_by_field(watched, &rows));
        }
    }

    #[test]
    fn a_row_of_any_length_is_searched_and_little_is_gathered() {
        let needles = needles(&[MAIL]);
        let watched = Originals {
            needles: &needles,
            of_replaced: &[true],
        };
        let work = [work("one", made("transform = 'null'"))];
        let table = TableName::new("shop", "docs");
        let mut watch = Watch::new(watched, &table, &["id", "one"], 0, &work);
        let mut made = Vec::new();
        for length in [10, 3 << 20, 10, 100_000, GATHER.long, 50_000, 9 << 20] {
            let was = format!("1\t{}{MAIL}", "x".repeat(length));
            made.extend_from_slice(b"1\t\\N\n");
            watch.row(was.as_bytes(), &made, &[2]).unwrap();
            assert!(watch.was.capacity() <= GATHER.bytes + GATHER.long);
        }
        assert_eq!(watch.seen.left(&needles).0, 0);
        made.extend_from_slice(format!("1\t{}{MAIL}\n", "x".repeat(5 << 20)).as_bytes());
        watch.row(format!("1\t{MAIL}").as_bytes(), &made, &[2]).unwrap();
        watch.end(&made, &[2]).unwrap();
        assert_eq!(watch.seen.left(&needles).0, 1);
    }

    #[test]
    fn an_original_in_bytes_that_are_kept_is_kept_in_whatever_form_they_hold_it() {
        let utf_16: Vec<u8> = MAIL.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for held in [MAIL.as_bytes(), &utf_16, MAIL.replace('@', "%40").as_bytes()] {
            let row = format!("1\t{MAIL}\t\\\\x00ff{}", crate::model::hex(held));
            let work = [work("one", made("transform = 'null'"))];
            assert_eq!(watched(&work, &[&row], &[MAIL], true), (0, 0), "{held:?}");
            // What is replaced, and left in part, is not kept.
            let kept = made_for("transform = 'json'\nunlisted = 'keep'\npaths = {}", "bytea");
            let document = [b"{\"a\":\"", held, b"\"}"].concat();
            let row = format!("1\tx\t\\\\x{}", crate::model::hex(&document));
            if std::str::from_utf8(held).is_ok_and(|text| !text.contains('\0')) {
                assert_eq!(
                    watched(&[self::work("two", kept)], &[&row], &[MAIL], true),
                    (1, 1),
                    "{held:?}"
                );
            }
        }
    }

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
    fn a_text_of_a_document_that_like_forgot_stays_a_needle_and_so_does_a_name_that_is_an_original() {
        let like = |params: &str| made_for(&format!("transform = 'like'\n{params}"), "jsonb");
        let row = format!("1\t{{\"mail\":\"a@b.test\",\"tags\":[[\"{MAIL}\"]]}}\tx");
        let mut shown = Vec::new();
        like("").originals(row.split('\t').nth(1).unwrap(), &[], &mut |text| {
            shown.push(text.to_owned());
        });
        assert_eq!(shown, ["a@b.test", MAIL]);
        let broken = Broken {
            says: like(""),
            does: made(PART),
        };
        assert_eq!(
            watched(&[work("one", Box::new(broken))], &[&row], &[MAIL], true),
            (1, 1)
        );
        assert_eq!(watched(&[work("one", like(""))], &[&row], &[MAIL], true), (0, 1));
        // Nothing tells that a name of one word is personal, but that it is an original elsewhere.
        let named = "1\t{\"Oberammergau\":null}\tx";
        let town = ["Oberammergau"];
        assert_eq!(watched(&[work("one", like(""))], &[named], &town, true), (1, 1));
        assert_eq!(
            watched(&[work("one", like("names = 'all'"))], &[named], &town, true),
            (0, 1)
        );
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
                assert!(masker.mask(row.as_bytes()).is_ok());
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

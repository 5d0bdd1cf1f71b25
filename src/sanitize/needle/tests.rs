use std::io::{self, Read};

use super::*;

fn key() -> MaskingKey {
    MaskingKey::from_bytes([9; 32])
}

fn source(column: &str) -> Source {
    Source {
        service: "db".to_owned(),
        table: "public.customers".to_owned(),
        column: column.to_owned(),
    }
}

fn set(values: &[&str]) -> NeedleSet {
    let mut builder = NeedleSet::builder(&key());
    let column = builder.column(source("email"));
    for value in values {
        builder.offer(column, value);
    }
    builder.build()
}

/// The number of a needle, which depends on its hash.
fn number(set: &NeedleSet, text: &str) -> usize {
    set.needles
        .iter()
        .position(|needle| needle.bytes.as_slice() == text.as_bytes())
        .unwrap()
}

fn search(set: &NeedleSet, text: &[u8]) -> Scan {
    set.searcher().search(text).unwrap()
}

#[test]
fn a_needle_is_found_across_every_split_of_the_text() {
    let set = set(&["zwingli@zürich.example", "xylophon9"]);
    let text = "before zwingli@zürich.example xylophon9".as_bytes();
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let mut searcher = set.searcher();
            searcher.feed(&text[..first]);
            searcher.feed(&text[first..second]);
            searcher.feed(&text[second..]);
            let scan = searcher.finish();
            assert_eq!(scan.bytes, text.len() as u64);
            let mut offsets: Vec<_> = scan
                .hits
                .iter()
                .map(|hit| (hit.count, hit.first_offset))
                .collect();
            offsets.sort_unstable();
            assert_eq!(offsets, [(1, 7), (1, 31)], "{first} {second}");
        }
    }
}

/// Gives one byte at a time, with interruptions.
struct Slow<'a>(&'a [u8], bool);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let one = self.0.len().min(1);
        self.0.read(&mut buffer[..one])
    }
}

#[test]
fn a_reader_may_give_single_bytes_and_large_files() {
    let set = set(&["zwingli@zürich.example"]);
    let mut text = vec![b'x'; 1_000_000];
    let mut planted = Vec::new();
    for at in [0, 262_100, 262_150, 524_280, 999_900] {
        let needle = "zwingli@zürich.example".as_bytes();
        text[at..at + needle.len()].copy_from_slice(needle);
        planted.push(at);
    }
    let scan = search(&set, &text);
    assert_eq!(
        (scan.bytes, scan.hits[0].count, scan.hits[0].first_offset),
        (1_000_000, 5, 0)
    );
    let scan = set.searcher().search(Slow(&text[1..200_000], false)).unwrap();
    assert_eq!(scan.hits, []);
    let scan = set.searcher().search(Slow(&text[..30], false)).unwrap();
    assert_eq!(scan.hits.len(), 1);
}

#[test]
fn overlapping_needles_are_all_found_and_counted() {
    let set = set(&[
        "karenina@moscow",
        "anna.karenina@moscow.example",
        "moscow.example",
    ]);
    let scan = search(
        &set,
        b"..anna.karenina@moscow.example.. KARENINA@MOSCOW karenina@moscow",
    );
    let hit = |text: &str| {
        let number = number(&set, text);
        let hit = scan.hits.iter().find(|hit| hit.needle == number).unwrap();
        (hit.count, hit.first_offset)
    };
    assert_eq!(hit("anna.karenina@moscow.example"), (1, 2));
    assert_eq!(hit("karenina@moscow"), (2, 7));
    assert_eq!(hit("moscow.example"), (1, 16));
}

#[test]
fn nothing_is_found_in_other_bytes_and_the_control_finds_each() {
    let set = set(&["anna.karenina@moscow.example", "xylophon9"]);
    assert_eq!(search(&set, &vec![0; 100_000]).hits, []);
    assert_eq!(
        search(&set, "anna.karenina@moscow.exampl xylophon8".as_bytes()).hits,
        []
    );
    assert!(set.control());
    assert!(NeedleSet::builder(&key()).build().control());
}

#[test]
fn holes_break_no_offsets_and_join_no_halves() {
    let set = set(&["xylophon9"]);
    let mut searcher = set.searcher();
    searcher.feed(b"xylop");
    searcher.skip(4096);
    searcher.feed(b"hon9 xylophon9");
    let scan = searcher.finish();
    assert_eq!(scan.bytes, 19);
    assert_eq!(
        scan.hits,
        [Hit {
            needle: 0,
            count: 1,
            first_offset: 4106
        }]
    );
}

#[test]
fn other_ways_to_write_a_value_are_found() {
    let set = set(&["Zoë \"Zed\" Quux/9"]);
    for written in [
        "Zoë \"Zed\" Quux/9",
        "zoë \"zed\" quux/9",
        r#"Zoë \"Zed\" Quux/9"#,
        r#"Zo\u00eb \"Zed\" Quux/9"#,
        r#"Zo\u00eb \"Zed\" Quux\/9"#,
    ] {
        assert_eq!(search(&set, written.as_bytes()).hits.len(), 1, "{written}");
    }
    assert_eq!(search(&set, b"ZOE \"ZED\" QUUX/9").hits, []);
    for written in [
        &b"a=1&name=Zo%C3%AB+%22Zed%22+Quux%2F9&b=2"[..],
        b"name=Zo%c3%ab%20%22Zed%22%20Quux%2f9",
        b"Z\0o\0\xeb\0 \0\"\0Z\0e\0d\0\"\0 \0Q\0u\0u\0x\0/\09\0",
        b"\0Z\0o\0\xeb\0 \0\"\0Z\0e\0d\0\"\0 \0Q\0u\0u\0x\0/\09",
        b"Zo\xeb \"Zed\" Quux/9",
        b"\\x5a6fc3ab20225a65642220517575782f39",
        b"0X5A6FC3AB20225A65642220517575782F39",
        b"basic Wm/DqyAiWmVkIiBRdXV4Lzk=",
        b"basic YVpvw6sgIlplZCIgUXV1eC85",
        b"basic YWFab8OrICJaZWQiIFF1dXgvOQ==",
        b"Wm_DqyAiWmVkIiBRdXV4Lzk",
    ] {
        let text = String::from_utf8_lossy(written);
        assert_eq!(search(&set, written).hits.len(), 1, "{text}");
    }
}

#[test]
fn what_is_left_out_is_counted_by_column() {
    let mut builder = NeedleSet::builder(&key());
    let email = builder.column(source("email"));
    let name = builder.column(source("name"));
    for value in [
        "zwingli@zürich.example",
        "zwingli@zürich.example",
        "short",
        "Anna Smith",
        "Anna Smith",
    ] {
        builder.offer(email, value);
    }
    builder.offer(name, "zwingli@zürich.example");
    let set = builder.build();
    assert_eq!(set.len(), 1);
    assert_eq!(
        set.sources(0).map(ToString::to_string).collect::<Vec<_>>(),
        ["db public.customers.email", "db public.customers.name"]
    );
    let email = &set.coverage()[0];
    assert_eq!(
        (
            email.offered,
            email.too_short,
            email.vocabulary,
            email.not_sampled,
            email.needles
        ),
        (5, 1, 2, 0, 1)
    );
    assert_eq!(set.coverage()[1].needles, 1);
}

#[test]
fn samples_are_bounded_and_do_not_depend_on_the_order_of_rows() {
    let value = |n: u32| format!("person{n}@zürich.example");
    let build = |order: &mut dyn Iterator<Item = u32>| {
        let mut builder = NeedleSet::builder(&key());
        let columns: Vec<usize> = (0..12)
            .map(|n| builder.column(source(&format!("c{n}"))))
            .collect();
        for n in order {
            for column in &columns {
                builder.offer(*column, &format!("{column}{}", value(n)));
            }
        }
        builder.build()
    };
    let (up, down) = (build(&mut (0..2000)), build(&mut (0..2000).rev()));
    assert_eq!(up.len(), MOST / 12 * 12);
    let texts = |set: &NeedleSet| {
        set.needles
            .iter()
            .map(|needle| needle.bytes.to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(texts(&up), texts(&down));
    let covered = &up.coverage()[3];
    assert_eq!(covered.offered, 2000);
    assert_eq!(covered.needles + covered.not_sampled, 2000);
}

#[test]
fn needles_of_kept_columns_are_dropped_and_counted() {
    let set = set(&["zwingli@zürich.example", "xylophon9"]);
    let mut found = BTreeSet::new();
    set.find(b"1\tsold a xylophon9\txylophon9", |needle, _| {
        found.insert(needle);
    });
    assert_eq!(found, [number(&set, "xylophon9")].into());
    let set = set.without(&found);
    assert_eq!(
        (set.len(), set.coverage()[0].in_kept, set.coverage()[0].needles),
        (1, 1, 1)
    );
    assert_eq!(search(&set, b"xylophon9").hits, []);
    assert_eq!(
        search(&set, "zwingli@zürich.example".as_bytes()).hits[0].needle,
        0
    );
}

#[test]
fn debug_shows_no_value() {
    let set = set(&["zwingli@zürich.example"]);
    assert!(!format!("{set:?} {:?}", set.finder).contains("zwingli"));
}

#[test]
fn a_set_of_ten_thousand_in_all_forms_takes_little_memory() {
    let mut builder = NeedleSet::builder(&key());
    for n in 0..5 {
        let column = builder.column(source(&format!("c{n}")));
        (0..MOST_OF_COLUMN)
            .for_each(|number| builder.offer(column, &format!("zwingli.{n}.{number}@zürich.example")));
    }
    let set = builder.build();
    assert_eq!(set.len(), 10_000);
    assert!(set.control());
    assert!(set.finder.size() < 30 << 20, "{}", set.finder.size());
}

#[test]
fn long_values_are_searched_for_by_a_piece() {
    let value = (0..100).map(|n| format!("Satz{n}")).collect::<Vec<_>>().join(" ");
    let set = set(&[&value]);
    assert!(set.needles[0].bytes.len() <= LONGEST + 3);
    assert_eq!(search(&set, value.as_bytes()).hits.len(), 1);
}

//! Speed of the search for originals, beside the bare floor (one byte sought by `memchr`) and beside an automaton,
//! all in one run over the same bytes.
//!
//! `cargo bench --bench needle`

#![allow(clippy::print_stdout, reason = "a bench prints its result")]

use std::hint::black_box;
use std::time::Instant;

use aho_corasick::AhoCorasick;
use envclone::sanitize::key::MaskingKey;
use envclone::sanitize::needle::{NeedleSet, Source};

const SIZE: usize = 256 << 20;
const NEEDLES: usize = 512;
const COLUMNS: usize = 8;

fn main() {
    let mut builder = NeedleSet::builder(&MaskingKey::from_bytes([1; 32]));
    let mut originals = Vec::new();
    for column in 0..COLUMNS {
        let number = builder.column(Source {
            service: "db".to_owned(),
            table: "public.customers".to_owned(),
            column: format!("c{column}"),
        });
        for row in 0..NEEDLES {
            let original = original(column, row);
            builder.offer(number, &original);
            originals.push(original);
        }
    }
    let set = builder.build();
    let text = table();
    println!("{} needles, {} MB", set.len(), text.len() / 1_000_000);

    measure("memchr of one byte", &text, |text| {
        memchr::memchr_iter(1, text).count()
    });
    measure("memmem of one needle", &text, |text| {
        memchr::memmem::find_iter(text, &originals[0]).count()
    });
    let mut searcher = set.searcher();
    measure("envclone", &text, |text| {
        searcher.search(text).map_or(0, |scan| scan.hits.len())
    });
    if let Ok(automaton) = AhoCorasick::new(&originals) {
        measure("aho-corasick", &text, |text| {
            automaton.find_overlapping_iter(text).count()
        });
    }
}

/// Values like those of masked columns: addresses, names, numbers, prose.
fn original(column: usize, row: usize) -> String {
    let salt = (column * 7_919 + row * 104_729) % 1_000_003;
    match column % 4 {
        0 => format!("xaver.quirinus{salt}@mail{}.test", salt % 17),
        1 => format!("Xaver{salt} Quirinus{}", salt % 1000),
        2 => format!("+49 30 {:07} {:02}", salt, salt % 97),
        _ => format!("{salt} Hauptstraße, Hinterhaus {}", salt % 13),
    }
}

/// Pages like those of a masked table: fakes of the same look, numbers, and free space.
fn table() -> Vec<u8> {
    let mut text = Vec::with_capacity(SIZE);
    let mut state = 1u64;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    while text.len() < SIZE {
        let page = text.len() + 8192;
        while text.len() + 200 < page {
            text.extend_from_slice(&random().to_le_bytes());
            let row = format!(
                "emmett.douglas.{:013x}@example.com Annabel Schneider +49 30 23125 {:03} {} Bahnhofstraße Vorderhaus",
                random(),
                random() % 1000,
                random() % 300,
            );
            text.extend_from_slice(row.as_bytes());
        }
        text.resize(page, 0);
    }
    text
}

fn measure(what: &str, text: &[u8], mut search: impl FnMut(&[u8]) -> usize) {
    let mut best = f64::INFINITY;
    let mut found = 0;
    for _ in 0..3 {
        let start = Instant::now();
        found = black_box(search(black_box(text)));
        best = best.min(start.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "a size in bytes is far below 2^52")]
    let speed = text.len() as f64 / best / 1e6;
    println!("{what:22} {speed:8.0} MB/s  ({found} found)");
}

#![no_main]

mod document;

libfuzzer_sys::fuzz_target!(|value: &str| {
    document::check("json", value);
    document::like(value);
});

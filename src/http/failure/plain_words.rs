//! Whether a message is free of the inner words of a library.

/// Asserts that `words`, which are about `error`, are text for a user: no name of a type or a variant, no `Debug` form, no
/// address of a documentation.
#[track_caller]
pub(super) fn assert_plain(words: &str, error: &str) {
    let letters: Vec<char> = words.chars().collect();
    let is_name = letters
        .windows(2)
        .any(|pair| pair[0].is_lowercase() && pair[1].is_uppercase());
    let is_debug = ["://docs", "rustls", "hyper", "{", "::", "(\"", "Some("]
        .iter()
        .any(|inner| words.contains(inner));
    assert!(
        !is_name && !is_debug && !words.is_empty(),
        "{error}: {words}"
    );
}

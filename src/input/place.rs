//! Says where a line can be read again, and tells whether what is read there is still the line.

use std::sync::Arc;

use crate::model::input::{LineFile, Place};

/// Returns the place of `line`, which begins at `offset` in `file`. `None` if it is longer than any
/// line.
pub(super) fn place(file: &Arc<LineFile>, offset: u64, line: &[u8]) -> Option<Place> {
    Some(Place {
        file: file.clone(),
        offset,
        length: line.len().try_into().ok()?,
        check: check(line),
    })
}

/// Returns a hash of a line. Every line is hashed, and almost none is read again, so it takes eight
/// bytes at a time; it is no defence against somebody who wants two lines to have the same.
pub(super) fn check(line: &[u8]) -> u32 {
    /// An odd number whose bits look random, so that each bit of a word changes all above it.
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = line.len() as u64;
    let mut mix = |word: [u8; 8]| {
        hash = (hash.rotate_left(29) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
    };
    let (words, rest) = line.as_chunks::<8>();
    for word in words {
        mix(*word);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(last);
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_one_bit_or_of_the_length_is_noticed() {
        let long: Vec<u8> = (0..64).map(|n| b'a' + n % 26).collect();
        for length in 1..=long.len() {
            let line = &long[..length];
            assert_ne!(check(line), check(&line[..length - 1]), "{length}");
            for bit in 0..8 * length {
                let mut changed = line.to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert_ne!(check(line), check(&changed), "{length}, {bit}");
            }
        }
    }

    #[test]
    fn zeros_at_the_end_and_words_in_another_order_are_noticed() {
        assert_ne!(check(b"a"), check(b"a\0"));
        assert_ne!(check(b"aaaaaaaabbbbbbbb"), check(b"bbbbbbbbaaaaaaaa"));
    }
}

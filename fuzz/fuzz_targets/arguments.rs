//! Argument lists of every command of the table, made of its syntax by the fuzzer's choices; what is stored
//! in the end makes sense. `tests/random_commands.rs` does the same with random numbers.
#![no_main]

#[path = "../../tests/common/mod.rs"]
mod common;

use common::random::{Choices, History};
use libfuzzer_sys::fuzz_target;

/// So many steps, however short the input.
const STEPS: usize = 200;

/// Two bytes for each choice; the first one of several when they are used up.
struct Input<'a>(&'a [u8]);

impl Choices for Input<'_> {
    fn below(&mut self, end: usize) -> usize {
        let Some((choice, rest)) = self.0.split_first_chunk() else { return 0 };
        self.0 = rest;
        usize::from(u16::from_le_bytes(*choice)) % end
    }
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    // Every fourth input has a disk that spoils records.
    let damages = input.below(4) == 0;
    let mut history = History::new(&mut input);
    for number in 1..=STEPS {
        history.step();
        if damages && number % 10 == 0 {
            history.damage();
        }
    }
    if damages { history.check_damaged() } else { history.check() }
});

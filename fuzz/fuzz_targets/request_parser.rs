//! The first byte says how the rest is cut into pieces.
#![no_main]

use bytes::BytesMut;
use diskdb::protocol::{Limits, ProtocolError, RequestParser};
use libfuzzer_sys::fuzz_target;

type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: &Limits) -> Outcome {
    let mut parser = RequestParser::new();
    let mut buffer = BytesMut::new();
    let mut requests = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match parser.next(&mut buffer, limits) {
                Ok(Some(request)) => {
                    assert!(!request.words.is_empty());
                    requests.push(request.words.iter().map(|word| word.to_vec()).collect());
                }
                Ok(None) => break,
                Err(error) => return (requests, Some(error)),
            }
        }
    }
    assert!(buffer.capacity() < 8 * buffer.len() + (2 << 20), "{} bytes of room", buffer.capacity());
    (requests, None)
}

fuzz_target!(|data: &[u8]| {
    let Some((first, input)) = data.split_first() else { return };
    let limits = Limits { authenticated: first & 0x80 == 0, ..Limits::default() };
    let step = usize::from(first & 0x7f) + 1;
    let whole = parse(std::iter::once(input), &limits);
    assert_eq!(parse(input.chunks(step), &limits), whole);
});

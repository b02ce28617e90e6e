//! `LOLWUT`: a piece of art, drawn anew each time, and the version of the server.

use super::{Command, Context, SessionCommand};
use crate::REDIS_VERSION;
use crate::commands::args::Args;
use crate::commands::spec::{Arity, Categories, Flags, Group, Spec};
use crate::error::Result;
use crate::protocol::Reply;
use bytes::Bytes;

/// The picture's size when none is asked for, and the largest that may be, in characters.
const DEFAULT_SIZE: (usize, usize) = (66, 18);
const MAX_SIZE: (usize, usize) = (200, 60);

pub struct Lolwut {
    pub width: usize,
    pub height: usize,
}

impl Command for Lolwut {
    const SPEC: Spec = Spec::new("LOLWUT", Group::Server, Arity::AtLeast(1))
        .flags(Flags::READONLY.and(Flags::FAST))
        .without(Categories::NONE)
        .syntax("[VERSION version] [width [height]]")
        .doc("5.0.0", "O(1)", "Draws something, and tells the version of the server.");
    type Output = Reply;

    fn parse(args: &mut Args) -> Result<Self> {
        // There is one picture for all versions; what is no number is no size, as in Redis.
        if args.remaining() >= 2 && args.take("VERSION") {
            args.integer()?;
        }
        let mut size = |default: usize, max: usize| match args.integer() {
            Ok(number) => usize::try_from(number).unwrap_or(1).clamp(1, max),
            Err(_) => default,
        };
        let width = size(DEFAULT_SIZE.0, MAX_SIZE.0);
        Ok(Lolwut { width, height: size(DEFAULT_SIZE.1, MAX_SIZE.1) })
    }
}

impl SessionCommand for Lolwut {
    fn run(self, _: &mut Context<'_>) -> Result<Reply> {
        let mut text = disk(self.width, self.height, fastrand::u64(..));
        text += &format!(
            "\nNothing on this disk is ever forgotten. DiskDB ver. {} (Redis ver. {REDIS_VERSION})\n",
            env!("CARGO_PKG_VERSION")
        );
        Ok(Reply::Verbatim("txt", Bytes::from(text)))
    }
}

/// A magnetic disk seen from above: tracks of sectors, some of them written, around a hub.
fn disk(width: usize, height: usize, seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let tracks = 4 + random.usize(..5);
    let sectors = 12 + random.usize(..20);
    let written: Vec<bool> = (0..tracks * sectors).map(|_| random.bool()).collect();
    // A character is about twice as high as it is wide.
    let radius = (width as f64 / 2.0).min(height as f64);
    let mut out = String::with_capacity((width + 1) * height);
    for row in 0..height {
        let mut line = String::with_capacity(width);
        for column in 0..width {
            let x = column as f64 + 0.5 - width as f64 / 2.0;
            let y = (row as f64 + 0.5 - height as f64 / 2.0) * 2.0;
            let distance = x.hypot(y) / radius;
            let turn = (y.atan2(x) / std::f64::consts::TAU + 0.5).clamp(0.0, 0.999_999);
            line.push(match distance {
                1.0.. => ' ',
                ..0.08 => ' ',
                0.08..0.2 => 'o',
                _ => {
                    let track = ((distance - 0.2) / 0.8 * tracks as f64) as usize;
                    let sector = (turn * sectors as f64) as usize;
                    let lies = track.min(tracks - 1) * sectors + sector.min(sectors - 1);
                    if written[lies] { '#' } else { '.' }
                }
            });
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_disk() {
        assert_eq!(disk(40, 10, 7), disk(40, 10, 7));
        assert_ne!(disk(40, 10, 7), disk(40, 10, 8));
        assert_eq!(disk(1, 1, 1).lines().count(), 1);
        assert!(disk(66, 18, 1).contains("o"));
    }
}

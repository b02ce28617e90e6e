//! What the libraries of scripts (cjson, cmsgpack, struct, bit) make of random values, texts and bytes, in DiskDB and in the
//! installed redis-server alike. Skipped where there is no redis-server.

mod common;

use bytes::Bytes;
use common::oracle::Oracle;
use fastrand::Rng;

/// Shows whatever a function returns or throws: every value with its type, numbers to the last bit. The order
/// of a table's keys is that of Redis' Lua only where no key is a table or a string of 32 bytes and more.
const SHOW: &str = r#"
local function show(value, depth)
  local kind = type(value)
  if kind == 'number' then return string.format('%.17g', value) end
  if kind == 'string' then return string.format('%q', value) end
  if kind ~= 'table' then return tostring(value) end
  if depth > 30 then return '...' end
  local parts = {}
  for key, item in pairs(value) do parts[#parts + 1] = show(key, depth + 1) .. '=' .. show(item, depth + 1) end
  table.sort(parts)
  return '{' .. table.concat(parts, ' ') .. '}'
end
local function all(...)
  local parts = {}
  for at = 1, select('#', ...) do parts[at] = show((select(at, ...)), 0) end
  return table.concat(parts, ' ')
end
return all
"#;

fn number(rng: &mut Rng) -> String {
    const NUMBERS: &[&str] = &[
        "0",
        "-0",
        "1",
        "-1",
        "31",
        "32",
        "-32",
        "-33",
        "127",
        "128",
        "-128",
        "-129",
        "255",
        "256",
        "32767",
        "32768",
        "-32768",
        "-32769",
        "65535",
        "65536",
        "2147483647",
        "2147483648",
        "-2147483648",
        "-2147483649",
        "4294967295",
        "4294967296",
        "2^53",
        "2^63",
        "-2^63",
        "2^64",
        "1e300",
        "-1e300",
        "0.5",
        "0.1",
        "1e-7",
        "1e15",
        "1/0",
        "-1/0",
        "0/0",
        "3.4e38",
        "1e-45",
    ];
    match rng.u8(..3) {
        0 => NUMBERS[rng.usize(..NUMBERS.len())].to_owned(),
        1 => rng.i32(..).to_string(),
        _ => {
            let number = f64::from_bits(rng.u64(..));
            if number.is_finite() { format!("{number:e}") } else { "7.25".to_owned() }
        }
    }
}

/// A string of Lua.
fn string(rng: &mut Rng, most: usize) -> String {
    let len = [0, 1, 2, 5, 31, 300][rng.usize(..6)].min(most);
    let byte = |rng: &mut Rng| match rng.u8(..3) {
        0 => format!("\\{:03}", rng.u8(..)),
        _ => char::from(rng.u8(b'a'..=b'z')).to_string(),
    };
    let text: String = (0..rng.usize(..=len)).map(|_| byte(rng)).collect();
    format!("'{text}'")
}

/// An expression of Lua.
fn value(rng: &mut Rng, depth: usize) -> String {
    match rng.u8(..if depth > 4 { 6 } else { 10 }) {
        0 => "nil".into(),
        1 => ["true", "false"][rng.usize(..2)].into(),
        2 | 3 => number(rng),
        4 => string(rng, 300),
        5 => ["cjson.null", "0", "'x'", "print"][usize::from(rng.u8(..40).saturating_sub(36))].into(),
        6 | 7 => {
            let items: Vec<String> = (0..rng.usize(..6)).map(|_| value(rng, depth + 1)).collect();
            format!("{{{}}}", items.join(","))
        }
        _ => {
            let pair = |rng: &mut Rng| {
                let key = match rng.u8(..6) {
                    0 => rng.u8(1..20).to_string(),
                    1 => number(rng).replace("0/0", "1"),
                    2 if rng.u8(..8) == 0 => "true".into(),
                    _ => string(rng, 31),
                };
                format!("[{key}]={}", value(rng, depth + 1))
            };
            let pairs: Vec<String> = (0..rng.usize(..5)).map(|_| pair(rng)).collect();
            format!("{{{}}}", pairs.join(","))
        }
    }
}

/// A text that is JSON, or nearly.
fn json(rng: &mut Rng, depth: usize) -> Vec<u8> {
    const WORDS: &[&str] = &[
        "true",
        "false",
        "null",
        "nan",
        "-nan",
        "inf",
        "-Infinity",
        "1",
        "-0",
        "0.5",
        "1e5",
        "1E-400",
        "0x1F",
        "01",
        "-",
        "+1",
        "1.",
        "\"\"",
        "\"\\u00e9\\ud83d\\ude00\"",
        "\"\\ud800\"",
        "\"a\\/b\\n\"",
        "\"\\x\"",
        "12345678901234567890",
    ];
    let text = match rng.u8(..if depth > 4 { 2 } else { 5 }) {
        0 | 1 => WORDS[rng.usize(..WORDS.len())].as_bytes().to_vec(),
        2 => {
            let text: String = (0..rng.u8(..6)).map(|_| char::from(rng.u8(b' '..=b'~'))).collect();
            format!("\"{text}\"").into_bytes()
        }
        3 => {
            let items: Vec<Vec<u8>> = (0..rng.u8(..5)).map(|_| json(rng, depth + 1)).collect();
            [b"[".to_vec(), items.join(&b',')].concat().into_iter().chain(*b"]").collect()
        }
        _ => {
            let pair = |rng: &mut Rng| {
                let key = format!("\"{}\" :", char::from(rng.u8(b'a'..=b'e')));
                [key.into_bytes(), json(rng, depth + 1)].concat()
            };
            let pairs: Vec<Vec<u8>> = (0..rng.u8(..5)).map(|_| pair(rng)).collect();
            [b"{".to_vec(), pairs.join(&b',')].concat().into_iter().chain(*b" }").collect()
        }
    };
    if depth == 0 && rng.u8(..3) == 0 { damaged(rng, text) } else { text }
}

/// The same with a byte changed, left out or put in.
fn damaged(rng: &mut Rng, mut bytes: Vec<u8>) -> Vec<u8> {
    let at = rng.usize(..=bytes.len());
    let byte = if rng.bool() { rng.u8(..) } else { b"[]{},:\"\\ \0tfn-+09.e"[rng.usize(..19)] };
    match rng.u8(..3) {
        0 => bytes.truncate(at),
        1 if at < bytes.len() => bytes[at] = byte,
        _ => bytes.insert(at, byte),
    }
    bytes
}

/// A value of MessagePack, or nearly.
fn message(rng: &mut Rng, depth: usize) -> Vec<u8> {
    let some = |rng: &mut Rng, head: &[u8], count: usize| {
        let bytes: Vec<u8> = (0..count).map(|_| rng.u8(..)).collect();
        [head, &bytes].concat()
    };
    match rng.u8(..if depth > 4 { 9 } else { 13 }) {
        0 => vec![rng.u8(..0x80)],
        1 => vec![rng.u8(0xe0..)],
        2 => vec![[0xc0, 0xc2, 0xc3][rng.usize(..3)]],
        3 | 4 => {
            let (head, count) = [
                (0xca, 4),
                (0xcb, 8),
                (0xcc, 1),
                (0xcd, 2),
                (0xce, 4),
                (0xcf, 8),
                (0xd0, 1),
                (0xd1, 2),
                (0xd2, 4),
                (0xd3, 8),
            ][rng.usize(..10)]; // fmt: skip
            some(rng, &[head], count)
        }
        5 => {
            let len = rng.u8(..32);
            some(rng, &[0xa0 | len], len.into())
        }
        6 => {
            let len = rng.u8(..);
            some(rng, &[0xd9, len], len.into())
        }
        7 => {
            let len = rng.u8(..9);
            some(rng, &[0xda, 0, len], len.into())
        }
        8 => {
            let len = rng.u8(..9);
            some(rng, &[0xdb, 0, 0, 0, len], len.into())
        }
        kind => {
            let count = rng.u8(..5);
            let is_map = kind % 2 == 0;
            let head: Vec<u8> = match rng.u8(..3) {
                0 => vec![(if is_map { 0x80 } else { 0x90 }) | count],
                1 => vec![if is_map { 0xde } else { 0xdc }, 0, count],
                _ => vec![if is_map { 0xdf } else { 0xdd }, 0, 0, 0, count],
            };
            let values = usize::from(count) * (1 + usize::from(is_map));
            let values: Vec<Vec<u8>> = (0..values).map(|_| message(rng, depth + 1)).collect();
            [head, values.concat()].concat()
        }
    }
}

/// A format of `struct`, and what fits it.
fn structure(rng: &mut Rng) -> (String, String) {
    let (mut format, mut values) = (String::new(), String::new());
    for _ in 0..rng.u8(..8) {
        match rng.u8(..12) {
            0 => format += ["<", ">", "!", "!2", "!4", "!3", " ", "=", "!16"][rng.usize(..9)],
            1 => format += "x",
            2 => {
                format += ["s", "c0", "c1", "c3"][rng.usize(..4)];
                values += &format!(",{}", string(rng, 300));
            }
            3..6 => {
                format += &format!("{}{}", ["i", "I"][rng.usize(..2)], rng.u8(..20));
                values += &format!(",{}", number(rng));
            }
            6 if rng.u8(..4) == 0 => format += ["z", "i99", "c99999999999"][rng.usize(..3)],
            _ => {
                format += ["b", "B", "h", "H", "l", "L", "T", "i", "I", "f", "d"][rng.usize(..11)];
                values += &format!(",{}", number(rng));
            }
        }
    }
    (format, values)
}

/// A script that takes one argument, and the argument.
fn script(rng: &mut Rng) -> (String, Vec<u8>) {
    match rng.u8(..9) {
        0 => (format!("return all(pcall(cjson.encode, {}))", value(rng, 0)), Vec::new()),
        1 => (
            format!(
                "cjson.encode_sparse_array(true, 2, 3) return all(pcall(cjson.encode, {}))",
                value(rng, 0)
            ),
            Vec::new(),
        ),
        2 => (format!("return all(pcall(cmsgpack.pack, {}, {}))", value(rng, 0), value(rng, 0)), Vec::new()),
        3 => ("return all(pcall(cjson.decode, ARGV[1]))".into(), json(rng, 0)),
        4 => (
            "local ok, value = pcall(cjson.decode, ARGV[1]) return all(pcall(cjson.encode, value))".into(),
            json(rng, 0),
        ),
        5 => {
            let mut bytes = [message(rng, 0), message(rng, 0)].concat();
            if rng.u8(..3) == 0 {
                bytes = damaged(rng, bytes);
            }
            let call = [
                "cmsgpack.unpack, ARGV[1]",
                "cmsgpack.unpack_one, ARGV[1], 1",
                "cmsgpack.unpack_limit, ARGV[1], 1",
            ];
            (format!("return all(pcall({}))", call[rng.usize(..3)]), bytes)
        }
        6 => {
            let (format, values) = structure(rng);
            (format!("return all(pcall(struct.pack, '{format}'{values}))"), Vec::new())
        }
        7 => {
            let (format, _) = structure(rng);
            let bytes: Vec<u8> = (0..rng.u8(..40)).map(|_| rng.u8(..)).collect();
            let from = ["", ", 1", ", 3", ", 0", ", -1"][rng.usize(..5)];
            (
                format!(
                    "return all(pcall(struct.unpack, '{format}', ARGV[1]{from}), pcall(struct.size, '{format}'))"
                ),
                bytes,
            )
        }
        _ => {
            let name = [
                "tobit", "bnot", "bswap", "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol", "ror",
                "tohex",
            ];
            let name = name[rng.usize(..name.len())];
            (format!("return all(pcall(bit.{name}, {}, {}))", number(rng), number(rng)), Vec::new())
        }
    }
}

#[test]
fn libraries_answer_as_those_of_redis() {
    let Some(mut oracle) = Oracle::start(4_000) else { return };
    for _ in 0..oracle.commands {
        let (code, argument) = script(&mut oracle.rng);
        let reset = "cjson.encode_sparse_array(false, 2, 10)";
        let code = format!("local all = loadstring(ARGV[2])() {reset} {code}");
        oracle.compare(
            &[&b"EVAL"[..], code.as_bytes(), b"0", &argument, SHOW.as_bytes()].map(Bytes::copy_from_slice),
        );
    }
}

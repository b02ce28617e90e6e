use super::*;
use mlua::LuaString;
use proptest::prelude::*;

/// A machine with the functions, as the prelude gets them.
fn machine() -> (Lua, Table) {
    let lua = Lua::new();
    let names = Rc::new(Names::new(&lua).unwrap());
    let functions = install(&lua, &names, &Rc::default()).unwrap();
    (lua, functions)
}

/// What a script returns that has these functions as `lib`.
fn run(lua: &Lua, functions: &Table, code: &str, arguments: &[&[u8]]) -> mlua::Result<MultiValue> {
    let arguments: Vec<LuaString> =
        arguments.iter().map(|bytes| lua.create_string(bytes)).collect::<mlua::Result<_>>()?;
    let script = lua.load(format!("local lib = ... {code}")).into_function()?;
    script.call((functions, mlua::Variadic::from_iter(arguments)))
}

/// Calls a function with these bytes: whatever it makes of them, it does not panic.
fn ends(function: &str, arguments: &[&[u8]]) {
    let (lua, functions) = machine();
    let code = format!("return pcall({function}, select(2, ...))");
    let result = run(&lua, &functions, &code, arguments);
    assert!(result.is_ok(), "{result:?}");
}

#[test]
fn deep_values_and_deep_texts_end_with_an_error() {
    let (lua, functions) = machine();
    for code in [
        "lib.cjson.encode_max_depth(1e9) local t = {} t[1] = t lib.cjson.encode(t)",
        "lib.cjson.encode_max_depth(1e9) local t = {} t.t = t lib.cjson.encode(t)",
        "lib.cjson.decode_max_depth(1e9) lib.cjson.decode(('['):rep(1e6))",
        "lib.cjson.decode_max_depth(1e9) lib.cjson.decode(('{\"\":'):rep(1e6))",
        "lib.cmsgpack.unpack(('\\145'):rep(1e6))",
        "lib.cmsgpack.unpack(('\\129'):rep(1e6))",
        "lib.cmsgpack.unpack(('\\1'):rep(1e6))",
        "lib.struct.unpack(('b'):rep(1e5), ('b'):rep(1e5))",
    ] {
        assert!(run(&lua, &functions, code, &[]).is_err(), "{code}");
    }
}

#[test]
fn too_little_memory_is_an_error_that_scripts_can_catch() {
    let (lua, functions) = machine();
    lua.set_memory_limit(lua.used_memory() + (4 << 20)).unwrap();
    let code = "lib.cjson.decode, '[' .. ('1,'):rep(500000) .. '1]'";
    let result =
        run(&lua, &functions, &format!("local ok, text = pcall({code}) return ok, text"), &[]).unwrap();
    let text = result.get(1).and_then(Value::as_string).map(|text| text.to_string_lossy());
    assert_eq!((result.front(), text.as_deref()), (Some(&Value::Boolean(false)), Some(OUT_OF_MEMORY)));
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..60), other in "[-<>=! bBhHlLTiIfdsxc0-9]{0,12}") {
        ends("lib.cjson.decode", &[&bytes]);
        ends("lib.cmsgpack.unpack", &[&bytes]);
        ends("lib.struct.unpack", &[other.as_bytes(), &bytes]);
        ends("lib.struct.unpack", &[&bytes, &bytes]);
        ends("lib.struct.size", &[&bytes]);
    }

    #[test]
    fn json_of_nearly_the_right_letters_can_be_read(text in "[\\[\\]{}:,\"\\\\utfnrue0-9. -]{0,40}") {
        ends("lib.cjson.decode", &[text.as_bytes()]);
    }

    #[test]
    fn strings_and_numbers_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..60), number in any::<f64>()) {
        let (lua, functions) = machine();
        let number = if number.is_nan() { 0.5 } else { number };
        let code = format!(
            "local _, text = ... local value = {{ text, {{ [text] = {number:e} }} }} \
             local packed = lib.cmsgpack.unpack(lib.cmsgpack.pack(value)) \
             local json = lib.cjson.decode(lib.cjson.encode({{ text, {{ [text] = true }} }})) \
             local plain, size = lib.struct.unpack('>Lc0d', lib.struct.pack('>Lc0d', #text, text, {number:e})) \
             return packed[1] == text and packed[2][text] == {number:e} and json[1] == text and json[2][text] \
             and plain == text and size == {number:e}"
        ).replace("inf", "1/0");
        let result = run(&lua, &functions, &code, &[&bytes]).unwrap();
        prop_assert_eq!(result.front(), Some(&Value::Boolean(true)), "{}", code);
    }
}

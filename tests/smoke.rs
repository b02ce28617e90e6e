use bytes::Bytes;
use diskdb::{api::Db, config::Settings, protocol::Reply};

#[test]
fn set_get_del() {
    let db = Db::in_memory(Settings::default()).unwrap();
    let mut client = db.connect();
    let mut call = |line: &str| {
        let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
        client.call(&words)
    };
    assert_eq!(call("SET a b").unwrap(), Reply::Ok);
    assert_eq!(call("get a").unwrap(), Reply::Bulk(Bytes::from("b")));
    assert_eq!(call("del a b").unwrap(), Reply::Integer(1));
    assert_eq!(call("get a").unwrap(), Reply::Null);
    assert_eq!(call("get").unwrap_err().to_string(), "ERR wrong number of arguments for 'get' command");
}

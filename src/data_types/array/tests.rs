use super::*;
use proptest::prelude::*;

#[test]
fn golden_head() {
    let head = Head { apart: 1, cursor: Some(258) };
    let bytes = head.encode(b"root");
    assert_eq!(bytes.as_ref(), b"\x03\0\0\0\0\0\0\x01\x02root");
    assert_eq!(Head::decode(bytes).unwrap(), (head, Bytes::from_static(b"root")));
    let without = Head { apart: 2, cursor: None };
    assert_eq!(without.encode(b"root").as_ref(), b"\x04root");
    assert_eq!(Head::decode(without.encode(b"")).unwrap(), (without, Bytes::new()));
    assert!(Head::decode(Bytes::from_static(b"\x01\0\0\0")).is_err());
}

#[test]
fn entries_stand_in_the_order_of_their_indices() {
    let entry = Bytes::from_static(b"\0\0\0\0\0\0\x01\x02\0ab");
    assert_eq!(order(&entry, 257), Ordering::Greater);
    assert_eq!(order(&entry, 258), Ordering::Equal);
    assert_eq!(order(&entry, 259), Ordering::Less);
    assert_eq!(order(b"\0\0\0\0\0\0\x01", 258), Ordering::Less);
    assert_eq!(decode(entry).unwrap(), (258, Entry::Inline(Bytes::from_static(b"ab"))));
}

#[test]
fn spans_of_any_length() {
    assert_eq!(Span::new(5, 2), Span { low: 2, high: 5, reverse: true });
    assert_eq!((Span::new(3, 3).len(), Span::new(0, u64::MAX).len()), (1, u64::MAX));
}

proptest! {
    #[test]
    fn never_panics(bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        let _ = Head::decode(bytes.clone());
        let _ = decode(bytes.clone());
        let _ = order(&bytes, 7);
    }

    #[test]
    fn head_round_trip(apart in 0u64..1 << 63, cursor: Option<u64>) {
        let head = Head { apart, cursor };
        prop_assert_eq!(Head::decode(head.encode(b"x")).unwrap(), (head, Bytes::from_static(b"x")));
    }
}

use super::page::{Child, Inner, Leaf, Link};
use super::*;
use proptest::prelude::*;
use std::cell::Cell;

/// Pages in memory, and how often they were used.
#[derive(Default, Clone)]
struct Store {
    pages: BTreeMap<u64, Bytes>,
    reads: Cell<usize>,
    writes: usize,
}

impl Pages for Store {
    fn read(&self, id: u64) -> Result<Option<Bytes>> {
        self.reads.set(self.reads.get() + 1);
        Ok(self.pages.get(&id).cloned())
    }
}

impl PagesMut for Store {
    fn write(&mut self, id: u64, page: Bytes) {
        self.writes += 1;
        self.pages.insert(id, page);
    }

    fn delete(&mut self, id: u64) {
        assert!(self.pages.remove(&id).is_some(), "page {id} was never there");
    }
}

const TINY: Limits = Limits {
    leaf_bytes: 40,
    leaf_entries: 3,
    inner_bytes: 64,
    inner_entries: 3,
    root_bytes: 60,
    root_entries: 3,
    root_children: 3,
    separator: no_separator,
};

const SMALL: Limits = Limits {
    leaf_bytes: 120,
    leaf_entries: 12,
    inner_bytes: 200,
    inner_entries: 8,
    root_bytes: 120,
    root_entries: 10,
    root_children: 4,
    separator: no_separator,
};

/// A tree under test: what is stored of it, and its changes since.
struct Subject {
    store: Store,
    limits: Limits,
    tree: Tree,
    /// How many bytes of an entry say where it stands; none in a tree without an order.
    key_len: Option<usize>,
}

impl Subject {
    fn new(limits: Limits) -> Subject {
        Subject { store: Store::default(), limits, tree: Tree::new(limits), key_len: None }
    }

    fn ordered(limits: Limits, key_len: usize) -> Subject {
        Subject { key_len: Some(key_len), ..Subject::new(limits) }
    }

    /// Writes the changes, checks all that is stored, and opens it again from its bytes.
    fn finish(&mut self) {
        let tree = std::mem::replace(&mut self.tree, Tree::new(self.limits));
        let bytes = tree.finish(&mut self.store).encode();
        let root = Root::decode(bytes.clone()).unwrap();
        assert_eq!(root.encode(), bytes);
        self.tree = Tree::open(root, self.limits);
    }

    fn entries(&self) -> Vec<Bytes> {
        self.tree.entries(&self.store, 0..u64::MAX).map(Result::unwrap).collect()
    }

    /// Holds what is stored against the rules. The tree must be without changes.
    fn verify(&self) {
        let mut reached = BTreeSet::new();
        let end = self.verify_below(self.tree.root_link(), self.tree.root.height, &mut reached);
        assert_eq!(end.is_none(), self.tree.is_empty());
        let stored: BTreeSet<u64> = self.store.pages.keys().copied().collect();
        assert_eq!(stored, reached, "pages that are stored, pages that are reached");
        assert!(self.tree.root.next_page > stored.last().copied().unwrap_or(ROOT));
    }

    /// Checks a node and all below it; returns the first and the last entry.
    fn verify_below(&self, link: Link, height: usize, reached: &mut BTreeSet<u64>) -> Option<(Bytes, Bytes)> {
        let limits = self.tree.limits;
        if link.id != ROOT {
            assert!(reached.insert(link.id));
        }
        if height == 0 {
            let leaf = self.tree.leaf(&self.store, link).unwrap();
            let (count, bytes) = (leaf.count(), leaf.page().len());
            if link.id == ROOT {
                assert!(count == 0 || (count <= limits.root_entries && bytes <= limits.root_bytes));
            } else {
                assert!(count == 1 || (count <= limits.leaf_entries && bytes <= limits.leaf_bytes));
            }
            return (count > 0).then(|| (leaf.entry(0), leaf.entry(count - 1)));
        }
        let inner = self.tree.inner(&self.store, link).unwrap();
        if link.id == ROOT {
            assert!(inner.children() <= limits.root_children.max(2));
        } else {
            assert!(reached.insert(link.id + 1));
            assert!(inner.children() <= limits.inner_entries.max(2));
        }
        let mut ends: Option<(Bytes, Bytes)> = None;
        for index in 0..inner.children() {
            let child = self.verify_below(inner.link(index), height - 1, reached);
            let (first, last) = child.expect("a page without entries");
            let separator = inner.separator(index);
            ends = Some(match ends {
                None => (first, last),
                Some((start, before)) => {
                    if let Some(len) = self.key_len {
                        let key = |entry: &Bytes| entry.slice(..entry.len().min(len));
                        assert!(key(&before) < key(&separator) && key(&separator) <= key(&first));
                    }
                    (start, last)
                }
            });
        }
        ends
    }
}

#[derive(Debug, Clone)]
enum Op {
    Extend { front: bool, entries: Vec<Vec<u8>> },
    Insert(prop::sample::Index, Vec<u8>),
    Replace(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index),
    RemoveRange { from: prop::sample::Index, len: u64, shown: bool },
}

fn any_entry() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => prop::collection::vec(any::<u8>(), 0..12),
        1 => prop::collection::vec(any::<u8>(), 12..90),
        1 => prop::collection::vec(any::<u8>(), 250..400),
    ]
}

fn any_op() -> impl Strategy<Value = Op> {
    let place = || any::<prop::sample::Index>();
    prop_oneof![
        3 => (any::<bool>(), prop::collection::vec(any_entry(), 1..20))
            .prop_map(|(front, entries)| Op::Extend { front, entries }),
        8 => (place(), any_entry()).prop_map(|(at, entry)| Op::Insert(at, entry)),
        2 => (place(), any_entry()).prop_map(|(at, entry)| Op::Replace(at, entry)),
        8 => place().prop_map(Op::Remove),
        2 => (place(), 0..30u64, any::<bool>())
            .prop_map(|(from, len, shown)| Op::RemoveRange { from, len, shown }),
    ]
}

prop_compose! {
    fn drawn_limits()(
        leaf_bytes in 1..200usize,
        leaf_entries in 0..12usize,
        inner_bytes in 1..200usize,
        inner_entries in 0..9usize,
        root_bytes in 1..200usize,
        root_entries in 0..12usize,
        root_children in 0..9usize,
    ) -> Limits {
        let pages = Limits { leaf_bytes, leaf_entries, inner_bytes, inner_entries, ..TINY };
        Limits { root_bytes, root_entries, root_children, ..pages }
    }
}

fn any_limits() -> impl Strategy<Value = Limits> {
    prop_oneof![Just(TINY), Just(SMALL), Just(Limits::POSITIONAL), drawn_limits()]
}

fn apply(subject: &mut Subject, model: &mut Vec<Vec<u8>>, op: &Op) {
    let Subject { store, tree, .. } = subject;
    match op {
        Op::Extend { front: true, entries } => {
            tree.extend_front(store, entries).unwrap();
            model.splice(0..0, entries.iter().rev().cloned());
        }
        Op::Extend { front: false, entries } => {
            tree.extend_back(store, entries).unwrap();
            model.extend(entries.iter().cloned());
        }
        Op::Insert(at, entry) => {
            let rank = at.index(model.len() + 1);
            match rank {
                0 => tree.push_front(store, entry).unwrap(),
                rank if rank == model.len() => tree.push_back(store, entry).unwrap(),
                rank => tree.insert_at(store, rank as u64, entry).unwrap(),
            }
            model.insert(rank, entry.clone());
        }
        Op::Replace(at, entry) => {
            let rank = at.index(model.len() + 1);
            let old = model.get_mut(rank).map(|old| std::mem::replace(old, entry.clone()));
            assert_eq!(tree.replace_at(store, rank as u64, entry).unwrap().map(Vec::from), old);
        }
        Op::Remove(at) => {
            let rank = at.index(model.len() + 1);
            let old = (rank < model.len()).then(|| model.remove(rank));
            assert_eq!(tree.remove_at(store, rank as u64).unwrap().map(Vec::from), old);
        }
        Op::RemoveRange { from, len, shown } => {
            let from = from.index(model.len() + 1);
            let ranks = from as u64..from as u64 + len;
            let gone: Vec<Vec<u8>> = model.drain(from..model.len().min(from + *len as usize)).collect();
            if *shown {
                let mut seen = Vec::new();
                tree.drain_range(store, ranks, |entry| seen.push(entry)).unwrap();
                assert_eq!(seen, gone);
            } else {
                tree.remove_range(store, ranks).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn behaves_like_a_vector(
        limits in any_limits(),
        ops in prop::collection::vec(any_op(), 1..150),
        together in 1..6usize,
        start: prop::sample::Index,
    ) {
        let mut subject = Subject::new(limits);
        let mut model = Vec::new();
        for (number, op) in ops.iter().enumerate() {
            apply(&mut subject, &mut model, op);
            prop_assert_eq!(subject.tree.len(), model.len() as u64);
            if number % together == 0 {
                subject.finish();
                subject.verify();
            }
            prop_assert_eq!(subject.entries(), model.clone());
        }
        let from = start.index(model.len() + 1);
        let back = subject.tree.entries(&subject.store, from as u64..u64::MAX).rev();
        let back: Vec<Bytes> = back.map(Result::unwrap).collect();
        prop_assert_eq!(back, model[from..].iter().rev().cloned().collect::<Vec<_>>());
        subject.tree.remove_range(&subject.store, 0..u64::MAX).unwrap();
        subject.finish();
        subject.verify();
        prop_assert!(subject.store.pages.is_empty());
    }

    #[test]
    fn behaves_like_an_ordered_map(
        limits in any_limits(),
        whole: bool,
        ops in prop::collection::vec((any::<u8>(), 0..400u32, any_entry()), 1..300),
        together in 1..6usize,
    ) {
        // Few leading bytes are the same, few are different: separators of every length.
        let key = |n: u32| (n / 20 * 0x0100_0003 + n % 20 * 0x0101).to_be_bytes();
        let separator = if whole { whole_separator } else { shortest_separator };
        let mut subject = Subject::ordered(Limits { separator, ..limits }, 4);
        let mut model: BTreeMap<[u8; 4], Vec<u8>> = BTreeMap::new();
        for (number, (choice, n, payload)) in ops.into_iter().enumerate() {
            let key = key(n);
            let Subject { store, tree, .. } = &mut subject;
            let order = |entry: &[u8]| entry[..entry.len().min(4)].cmp(&key[..]);
            let rank = model.range(..key).count() as u64;
            match choice {
                0..130 => {
                    let entry = [&key[..], &payload].concat();
                    let old = tree.insert(store, order, &entry).unwrap();
                    prop_assert_eq!(old.map(Vec::from), model.insert(key, entry));
                }
                130..240 => {
                    let old = tree.remove(store, order).unwrap();
                    prop_assert_eq!(old.map(Vec::from), model.remove(&key));
                }
                240.. => {
                    tree.remove_range(store, rank..rank + 7).unwrap();
                    for key in model.range(key..).take(7).map(|(key, _)| *key).collect::<Vec<_>>() {
                        model.remove(&key);
                    }
                }
            }
            if number % together == 0 {
                subject.finish();
                subject.verify();
            }
            let Subject { store, tree, .. } = &subject;
            let entry = model.get(&key).map(|entry| Bytes::from(entry.clone()));
            prop_assert_eq!(tree.search(store, order).unwrap(), Found { rank, entry });
            let above = tree.search(store, |entry| order(entry).then(Ordering::Less)).unwrap();
            prop_assert_eq!(above.rank, model.range(..=key).count() as u64);
        }
        prop_assert_eq!(subject.entries(), model.into_values().collect::<Vec<_>>());
    }

    #[test]
    fn pages_decode_to_what_they_were(entries in prop::collection::vec(any_entry(), 0..40), at: prop::sample::Index) {
        let slices: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        let leaf = Leaf::empty().spliced(0..0, &slices);
        prop_assert_eq!(&Leaf::decode(leaf.page().clone()).unwrap(), &leaf);
        for (index, entry) in entries.iter().enumerate() {
            prop_assert_eq!(&leaf.entry(index), entry);
        }
        // In two, and together again.
        let at = at.index(entries.len() + 1);
        let joined = leaf.part(0..at).joined(&leaf.part(at..entries.len()));
        prop_assert_eq!(joined, leaf);
    }

    #[test]
    fn nodes_decode_to_what_they_were(
        children in prop::collection::vec((1..1u64 << 48, 1..1u64 << 40, any_entry()), 1..40),
        at: prop::sample::Index,
    ) {
        let child = |(id, count, separator): &(u64, u64, Vec<u8>)| Child {
            link: Link { id: *id, count: *count },
            separator: separator.clone().into(),
        };
        let children: Vec<Child> = children.iter().map(child).collect();
        let inner = Inner::new(&children);
        let decoded = Inner::decode(inner.links_page().clone(), inner.counts_page().clone()).unwrap();
        prop_assert_eq!((decoded.links_page(), decoded.counts_page()), (inner.links_page(), inner.counts_page()));
        prop_assert_eq!(decoded.total(), children.iter().map(|child| child.link.count).sum::<u64>());
        for (index, child) in children.iter().enumerate() {
            prop_assert_eq!(decoded.link(index), child.link);
            prop_assert_eq!(&decoded.separator(index), &child.separator);
            prop_assert_eq!(decoded.child_at(decoded.before(index)), (index, decoded.before(index)));
        }
        let at = at.index(children.len());
        let mut changed = decoded.clone();
        changed.set_count(at, 1 << 47);
        prop_assert_eq!(changed.link(at), Link { id: children[at].link.id, count: 1 << 47 });
        prop_assert!(!changed.links_changed);
    }

    #[test]
    fn decode_never_panics(bytes: Vec<u8>, more: Vec<u8>, height: u8) {
        let _ = Leaf::decode(bytes.clone().into());
        let _ = Inner::decode(bytes.clone().into(), more.into());
        for bytes in [[&[height][..], &bytes].concat(), bytes] {
            if let Ok(root) = Root::decode(bytes.into()) {
                prop_assert_eq!(Root::decode(root.encode()), Ok(root));
            }
        }
    }

    /// Whatever the pages hold, each call ends, with an answer or an error.
    #[test]
    fn corrupt_pages_are_errors(
        ops in prop::collection::vec(any_op(), 1..30),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0..4u8), 1..6),
        size in 1..400u32,
    ) {
        let mut subject = Subject::new(SMALL);
        subject.tree.extend_back(&subject.store, (0..size).map(u32::to_be_bytes)).unwrap();
        subject.finish();
        let mut root = subject.tree.root.encode();
        for (page, at, value, how) in damage {
            let ids: BTreeSet<u64> = subject.store.pages.keys().copied().collect();
            let Some(id) = ids.iter().nth(page.index(ids.len() + 1)) else {
                let mut bytes = root.to_vec();
                let at = at.index(bytes.len());
                bytes[at] = value;
                root = bytes.into();
                continue;
            };
            let mut bytes = subject.store.pages.remove(id).unwrap().to_vec();
            match how {
                0 => continue,
                1 => bytes.truncate(at.index(bytes.len() + 1)),
                2 => bytes = subject.store.pages.values().next().map(|page| page.to_vec()).unwrap_or_default(),
                _ => {
                    let at = at.index(bytes.len() + 1);
                    bytes.get_mut(at).into_iter().for_each(|byte| *byte = value);
                }
            }
            subject.store.pages.insert(*id, bytes.into());
        }
        let Ok(root) = Root::decode(root) else { return Ok(()) };
        for op in &ops {
            let mut tree = Tree::open(root.clone(), SMALL);
            let _ = misuse(&mut tree, &subject.store, op);
        }
    }
}

/// Does what is to be done with a tree that may be corrupt.
fn misuse(tree: &mut Tree, store: &Store, op: &Op) -> Result<()> {
    let rank = |at: &prop::sample::Index| at.index(400) as u64;
    tree.search(store, |entry| entry.cmp(&[0, 0, 1]))?;
    for entry in tree.entries(store, 0..1000) {
        entry?;
    }
    for entry in tree.entries(store, tree.len().saturating_sub(1000)..tree.len()).rev() {
        entry?;
    }
    match op {
        Op::Extend { front: true, entries } => tree.extend_front(store, entries)?,
        Op::Extend { front: false, entries } => tree.extend_back(store, entries)?,
        Op::Insert(at, entry) => tree.insert_at(store, rank(at), entry)?,
        Op::Replace(at, entry) => drop(tree.replace_at(store, rank(at), entry)?),
        Op::Remove(at) => {
            tree.remove(store, |entry| entry.cmp(&[0, 0, 1]))?;
            tree.remove_at(store, rank(at))?;
        }
        Op::RemoveRange { from, len, shown: true } => {
            tree.drain_range(store, rank(from)..rank(from) + len, drop)?;
        }
        Op::RemoveRange { .. } => tree.remove_range(store, 0..u64::MAX)?,
    }
    Ok(())
}

/// The bytes of a tree of height 1, of each kind of page.
#[test]
fn golden() {
    let mut subject = Subject::new(Limits { separator: shortest_separator, ..TINY });
    subject.tree.extend_back(&subject.store, ["a", "bb"]).unwrap();
    subject.finish();
    assert_eq!(subject.tree.root.encode().as_ref(), b"\0\0\x02\x01\x01\x02abb");
    subject.tree.extend_back(&subject.store, ["bcd", "cc"]).unwrap();
    subject.finish();
    assert_eq!(subject.store.pages[&1].as_ref(), b"\0\x03\x01\x01\x02\x03abbbcd");
    assert_eq!(subject.store.pages[&2].as_ref(), b"\0\x01\x01\x02cc");
    let root = b"\x01\x03\x03\x01\x03\x01\0\x02\x01\x01\x01\x02\0\x01c";
    assert_eq!(subject.tree.root.encode().as_ref(), root);

    let child = |id, count, separator: &'static [u8]| Child {
        link: Link { id, count },
        separator: Bytes::from_static(separator),
    };
    let inner = Inner::new(&[child(1, 300, b""), child(0x1_0000, 2, b"xyz")]);
    assert_eq!(inner.links_page().as_ref(), b"\0\x02\x03\x01\0\0\x01\x01\0\0\0\x03xyz");
    assert_eq!(inner.counts_page().as_ref(), b"\x02\x01\x2c\0\x02");
    let wide = Leaf::empty().spliced(0..0, &[&[b'x'; 256], b""]);
    assert_eq!(wide.page()[..7], *b"\0\x02\x02\x01\0\0\0");
    assert_eq!(wide.page().len(), 7 + 256);
}

fn sequence(ordered: bool) -> Subject {
    if ordered { Subject::ordered(Limits::BYTEWISE, usize::MAX) } else { Subject::new(Limits::POSITIONAL) }
}

/// Steady queues: pages of what was taken out go, and those that stay are filled.
#[test]
fn queues_keep_their_size() {
    const STEADY: u64 = 1000;
    const OPS: usize = 340_000;
    for (backward, ordered) in [(false, false), (true, false), (false, true)] {
        let mut subject = sequence(ordered);
        let entry = |n: u64| [&n.to_be_bytes()[..], b"some more bytes"].concat();
        let mut most = 0;
        for n in 0..OPS as u64 {
            let Subject { store, tree, .. } = &mut subject;
            let entry = entry(n);
            if ordered {
                assert_eq!(tree.insert(store, |other| other.cmp(&entry), &entry).unwrap(), None);
            } else if backward {
                tree.push_front(store, &entry).unwrap();
            } else {
                tree.push_back(store, &entry).unwrap();
            }
            if tree.len() > STEADY {
                let end = if backward { tree.len() - 1 } else { 0 };
                let gone = tree.remove_at(store, end).unwrap().unwrap();
                assert_eq!(gone[..8], (n - STEADY).to_be_bytes());
            }
            subject.finish();
            most = most.max(subject.store.pages.len());
        }
        subject.verify();
        // 24 bytes an entry make 42 in a page; one page is being filled, one emptied.
        assert!(most as u64 <= STEADY / 42 + 3, "{most} pages");
        // A leaf is read and written for what comes, and one for what goes; no neighbours.
        assert!(subject.store.reads.get() <= 2 * OPS, "{} reads", subject.store.reads.get());
        assert!(subject.store.writes <= 2 * OPS + OPS / 20, "{} writes", subject.store.writes);
    }
}

/// Random places: neighbours are joined, and what is left fits a root again.
#[test]
fn pages_go_with_their_entries() {
    let mut subject = sequence(true);
    let mut random = fastrand::Rng::with_seed(7);
    let mut keys: Vec<u64> = (0..50_000).map(|_| random.u64(..)).collect();
    for key in keys.iter().map(|key| key.to_be_bytes()) {
        subject.tree.insert(&subject.store, |entry| entry.cmp(&key), &key).unwrap();
    }
    subject.finish();
    subject.verify();
    let full = subject.store.pages.len();
    random.shuffle(&mut keys);
    let remove = |subject: &mut Subject, keys: &[u64]| {
        for key in keys.iter().map(|key| key.to_be_bytes()) {
            let removed = subject.tree.remove(&subject.store, |entry| entry.cmp(&key)).unwrap();
            assert_eq!(removed.unwrap(), key.as_slice());
        }
        subject.finish();
        subject.verify();
        subject.store.pages.len()
    };
    let tenth = remove(&mut subject, &keys[5_000..]);
    assert!(tenth < full / 3, "{tenth} pages are left of {full}");
    assert_eq!(remove(&mut subject, &keys[30..5_000]), 0);
    assert_eq!(subject.tree.len(), 30);
}

/// Entries that come in order fill their pages.
#[test]
fn growth_at_an_end_leaves_full_pages() {
    for ordered in [false, true] {
        let mut subject = sequence(ordered);
        for n in 0..20_000u64 {
            let entry = [n.to_be_bytes(); 2].concat();
            let Subject { store, tree, .. } = &mut subject;
            if ordered {
                tree.insert(store, |other| other.cmp(&entry), &entry).unwrap();
            } else {
                tree.push_front(store, &entry).unwrap();
            }
        }
        subject.finish();
        subject.verify();
        let bytes: usize = subject.store.pages.values().map(Bytes::len).sum();
        // 16 bytes of an entry, 1 of its length, and what leads to its page.
        assert!(bytes < 20_000 * 18, "{bytes} bytes");
    }
}

#[test]
fn an_edit_reads_and_writes_one_path_and_a_batch_each_page_once() {
    let mut subject = sequence(true);
    let key = |n: u32| format!("key:{n:08}").into_bytes();
    subject.tree.extend_back(&subject.store, (0..200_000).map(|n| key(2 * n))).unwrap();
    subject.finish();
    let height = subject.tree.root.height;
    assert_eq!(height, 2);
    subject.store.reads.set(0);
    subject.store.writes = 0;
    subject.finish();
    assert_eq!((subject.store.reads.get(), subject.store.writes), (0, 0));

    // The root is here; a node has two pages, of which the counts change.
    let entry = subject.tree.get(&subject.store, 77_777).unwrap().unwrap();
    assert_eq!(entry, key(155_554));
    assert_eq!(subject.store.reads.replace(0), 3);
    let new = key(155_555);
    subject.tree.remove_at(&subject.store, 77_777).unwrap();
    subject.tree.insert(&subject.store, |entry| entry.cmp(&new), &new).unwrap();
    assert_eq!(subject.store.reads.replace(0), 3);
    subject.finish();
    assert_eq!(std::mem::take(&mut subject.store.writes), 2);

    for n in 0..1000 {
        let new = key(100_001 + 2 * n);
        subject.tree.insert(&subject.store, |entry| entry.cmp(&new), &new).unwrap();
    }
    subject.finish();
    subject.verify();
    assert!(subject.store.writes < 60, "{} pages written", subject.store.writes);

    // A walk reads every page once.
    subject.store.reads.set(0);
    assert_eq!(subject.tree.entries(&subject.store, 0..u64::MAX).count(), 201_000);
    assert_eq!(subject.store.reads.get(), subject.store.pages.len());
    // Whole pages are dropped unread.
    subject.store.reads.set(0);
    subject.tree.remove_range(&subject.store, 10..190_000).unwrap();
    assert!(subject.store.reads.get() < 120, "{} pages read", subject.store.reads.get());
    subject.finish();
    subject.verify();
    assert_eq!(subject.entries().len(), 11_010);
}

#[test]
fn a_missing_page_is_corruption() {
    let mut subject = Subject::new(TINY);
    subject.tree.extend_back(&subject.store, ["a", "b", "c", "d"]).unwrap();
    subject.finish();
    subject.store.pages.remove(&2);
    assert_eq!(subject.tree.get(&subject.store, 0).unwrap().unwrap(), "a");
    let error = subject.tree.get(&subject.store, 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "ERR storage: corruption: stored tree without one of its pages does not decode"
    );
    assert_eq!(subject.tree.entries(&subject.store, 0..4).filter(Result::is_err).count(), 1);
}

/// Ways that meet, and a way that leads back to where it came from.
#[test]
fn walks_through_pages_in_circles_end() {
    let child = |id, count| Child { link: Link { id, count }, separator: Bytes::new() };
    let root = |height, children: &[Child]| {
        Tree::open(Root { height, next_page: 100, node: Node::Inner(Inner::new(children)) }, SMALL)
    };
    let mut store = Store::default();
    store.write(1, Leaf::empty().spliced(0..0, &[b"x", b"y"]).page().clone());
    let mut tree = root(1, &[child(1, 2), child(1, 2)]);
    assert!(tree.remove_range(&store, 0..4).is_err());
    let inner = Inner::new(&[child(2, 8)]);
    store.write(2, inner.links_page().clone());
    store.write(3, inner.counts_page().clone());
    for height in [1, 2, 60] {
        let mut tree = root(height, &[child(2, 8)]);
        assert!(tree.get(&store, 3).is_err());
        assert!(tree.search(&store, |entry| entry.cmp(b"x")).is_err());
        assert!(tree.push_back(&store, b"x").is_err());
        assert!(tree.remove_at(&store, 3).is_err());
        assert!(height == 1 || tree.remove_range(&store, 0..8).is_err());
    }
    store.write(4, Leaf::empty().page().clone());
    let tree = root(1, &[child(1, 2), child(4, 0)]);
    assert!(tree.search(&store, |_| Ordering::Less).is_err());
    let children = [child(0, 1), child(99, 1), child(100, 1)];
    let tree = root(1, &children);
    for rank in 0..3 {
        assert!(tree.get(&store, rank).is_err());
    }
}

#[test]
fn separators_are_short() {
    assert_eq!(shortest_separator(b"abcde", b"abxyz"), b"abx");
    assert_eq!(shortest_separator(b"ab", b"abc"), b"abc");
    assert_eq!(shortest_separator(b"", b"x"), b"x");
    assert_eq!(whole_separator(b"a", b"bcd"), b"bcd");
    assert_eq!(no_separator(b"a", b"bcd"), b"");
}

//! Trimming with `~` takes out the nodes that Redis would have, whole, whatever was trimmed before.

mod common;

use common::words;
use diskdb::api::{Connection, Db};
use diskdb::config::Settings;
use diskdb::protocol::Reply;
use proptest::prelude::*;
use std::collections::VecDeque;

/// Entries of a node.
const NODE: u64 = 5;

#[derive(Debug, Clone)]
enum Step {
    Add,
    AddAndTrim(u64),
    Trim(u64),
    TrimExactly(u64),
}

/// How many entries of each node are left, and how many it had.
#[derive(Default)]
struct Nodes(VecDeque<(u64, u64)>);

impl Nodes {
    fn len(&self) -> u64 {
        self.0.iter().map(|(left, _)| left).sum()
    }

    fn add(&mut self) {
        match self.0.back_mut().filter(|(_, had)| *had < NODE) {
            Some((left, had)) => (*left, *had) = (*left + 1, *had + 1),
            None => self.0.push_back((1, 1)),
        }
    }

    fn trim(&mut self, most: u64) {
        while self.0.front().is_some_and(|(left, _)| self.len() - left >= most && self.len() > most) {
            self.0.pop_front();
        }
    }

    fn trim_exactly(&mut self, most: u64) {
        self.trim(most);
        let excess = self.len().saturating_sub(most);
        if let Some((left, _)) = self.0.front_mut() {
            *left -= excess;
        }
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let most = 0..30_u64;
    prop_oneof![
        4 => Just(Step::Add),
        4 => most.clone().prop_map(Step::AddAndTrim),
        1 => most.clone().prop_map(Step::Trim),
        1 => most.prop_map(Step::TrimExactly),
    ]
}

fn length(client: &mut Connection, line: &str) -> Reply {
    client.call(&words(line)).unwrap_or_else(|error| panic!("{line}: {error}"));
    client.call(&words("XLEN s")).unwrap()
}

proptest! {
    #[test]
    fn whole_nodes_go(steps in prop::collection::vec(any_step(), 1..200)) {
        let db = Db::in_memory(Settings::default()).unwrap();
        let (mut client, mut nodes) = (db.connect(), Nodes::default());
        client.call(&words(&format!("CONFIG SET stream-node-max-entries {NODE}"))).unwrap();
        for (number, step) in steps.iter().enumerate() {
            let id = number + 1;
            let line = match step {
                Step::Add => {
                    nodes.add();
                    format!("XADD s {id} f v")
                }
                Step::AddAndTrim(most) => {
                    nodes.add();
                    nodes.trim(*most);
                    format!("XADD s MAXLEN ~ {most} {id} f v")
                }
                Step::Trim(most) => {
                    nodes.trim(*most);
                    format!("XTRIM s MAXLEN ~ {most}")
                }
                Step::TrimExactly(most) => {
                    nodes.trim_exactly(*most);
                    format!("XTRIM s MAXLEN {most}")
                }
            };
            prop_assert_eq!(length(&mut client, &line), Reply::Integer(nodes.len() as i64), "{}: {}", id, line);
        }
    }
}

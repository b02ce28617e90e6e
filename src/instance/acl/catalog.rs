//! The commands, as far as access control knows them.

use std::collections::HashMap;

/// A command or subcommand.
#[derive(Debug, Clone)]
pub struct Facts {
    /// `container|subcommand`, lower case.
    pub name: String,
    /// Its categories, a bit each.
    pub categories: u32,
    /// Whether it is a subcommand.
    pub is_subcommand: bool,
    /// The numbers of its subcommands.
    pub subcommands: Vec<usize>,
}

/// Every command there is, and every category.
#[derive(Debug)]
pub struct Catalog {
    commands: Vec<Facts>,
    by_name: HashMap<String, usize>,
    categories: Vec<(u32, &'static str)>,
}

impl Catalog {
    /// A catalog of commands, which are known by their places in the list.
    pub fn new(commands: Vec<Facts>, categories: Vec<(u32, &'static str)>) -> Catalog {
        let by_name = commands.iter().enumerate().map(|(id, facts)| (facts.name.clone(), id)).collect();
        Catalog { commands, by_name, categories }
    }

    /// How many commands there are, subcommands included.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there are no commands.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// The command of this name, in whatever case.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.by_name.get(&name).copied()
    }

    /// What is known of a command.
    pub fn facts(&self, command: usize) -> &Facts {
        &self.commands[command]
    }

    /// The bit of the category of this name, in whatever case.
    pub fn category(&self, name: &[u8]) -> Option<u32> {
        let mut known = self.categories.iter();
        known.find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(bit, _)| *bit)
    }

    /// The commands that are in a category.
    pub fn in_category(&self, category: u32) -> impl Iterator<Item = usize> {
        (0..self.len()).filter(move |command| self.facts(*command).categories & category != 0)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A small catalog: `get` and `set` (@string), `hget` (@hash), `config` with `get` and `set` (@admin).
    pub fn small() -> Catalog {
        let facts = |name: &str, categories, subcommands: &[usize]| Facts {
            name: name.to_owned(),
            categories,
            is_subcommand: name.contains('|'),
            subcommands: subcommands.to_vec(),
        };
        let commands = vec![
            facts("get", 1 | 2, &[]),
            facts("set", 1, &[]),
            facts("hget", 4 | 2, &[]),
            facts("config", 16, &[4, 5]),
            facts("config|get", 8 | 16, &[]),
            facts("config|set", 8 | 16, &[]),
        ];
        let categories = vec![(1, "string"), (2, "read"), (4, "hash"), (8, "admin"), (16, "slow")];
        Catalog::new(commands, categories)
    }

    #[test]
    fn names_are_found_in_whatever_case() {
        let catalog = small();
        assert_eq!((catalog.find(b"GET"), catalog.find(b"Config|SET")), (Some(0), Some(5)));
        assert_eq!((catalog.find(b"config|nope"), catalog.find(b"\xff")), (None, None));
        assert_eq!((catalog.category(b"HASH"), catalog.category(b"all")), (Some(4), None));
        assert_eq!(catalog.in_category(8).collect::<Vec<_>>(), [4, 5]);
    }
}

//! Settings from a conf file, from the environment and from the command line, each of which goes
//! before the one named before it.

use super::{Directive, Flag, Settings, USER, directive, words};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// The variable of a directive is its name in capitals, with `_` for `-`, behind this.
const ENVIRONMENT_PREFIX: &str = "DISKDB_";

/// How deep conf files may include each other; more is taken for a circle.
const MAX_INCLUDE_DEPTH: u32 = 16;

/// Where a wrong setting stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, and the line, counted from 1.
    File {
        name: String,
        line: usize,
    },
    Environment,
    Arguments,
    /// No single place: settings that contradict each other.
    Together,
}

/// Why there are no settings. `Display` is the message for whoever starts the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub source: Source,
    /// The line, variable or argument, without secrets.
    pub text: String,
    pub reason: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n*** FATAL CONFIG FILE ERROR (DiskDB {}) ***", env!("CARGO_PKG_VERSION"))?;
        match &self.source {
            Source::File { name, line } => {
                writeln!(f, "Reading the configuration file {name}, at line {line}")?;
            }
            Source::Environment => writeln!(f, "Reading the environment")?,
            Source::Arguments => writeln!(f, "Reading the command line")?,
            Source::Together => return write!(f, "{}", self.reason),
        }
        write!(f, ">>> '{}'\n{}", self.text, self.reason)
    }
}

impl std::error::Error for ConfigError {}

impl Settings {
    /// The settings that a conf file (its name and its text), environment variables
    /// (`DISKDB_<DIRECTIVE>`, others are passed over) and command line arguments
    /// (`--directive value ...`) say. Arguments go before variables, variables before the file, the
    /// file before the defaults. Files that the conf file includes are read from the disk.
    ///
    /// # Errors
    /// At the first directive that is unknown or whose value is not allowed, with place and reason.
    pub fn load(
        conf_file: Option<(&str, &str)>,
        environment: impl Iterator<Item = (String, String)>,
        arguments: &[String],
    ) -> Result<Settings, ConfigError> {
        let mut loader = Loader::default();
        if let Some((name, text)) = conf_file {
            loader.settings.config_file = Some(PathBuf::from(name));
            loader.file(name, text, 0)?;
        }
        loader.gathered.clear();
        loader.environment(environment)?;
        loader.gathered.clear();
        loader.arguments(arguments)?;
        let settings = loader.settings;
        match settings.check() {
            Ok(()) => Ok(settings),
            Err(reason) => Err(ConfigError { source: Source::Together, text: String::new(), reason }),
        }
    }

    /// Whether the values make sense together.
    ///
    /// # Errors
    /// The reason.
    pub fn check(&self) -> Result<(), String> {
        if self.rocksdb_level0_stop_writes_trigger < self.rocksdb_level0_slowdown_writes_trigger {
            return Err("rocksdb-level0-stop-writes-trigger must not be below \
                        rocksdb-level0-slowdown-writes-trigger"
                .into());
        }
        let shares = self.value_cache_size.checked_add(self.rocksdb_block_cache_size);
        if self.cache_size > 0 && shares.is_none_or(|shares| shares > self.cache_size) {
            return Err("value-cache-size and rocksdb-block-cache-size are parts of cache-size \
                        and must not exceed it"
                .into());
        }
        if !self.array_slice_size.is_power_of_two() {
            return Err("array-slice-size must be a power of two".into());
        }
        if self.array_sparse_kmax > 0 && self.array_sparse_kmin >= self.array_sparse_kmax {
            return Err("array-sparse-kmin must be less than array-sparse-kmax".into());
        }
        if self.dir.is_empty() {
            return Err("dir must name the data directory".into());
        }
        Ok(())
    }

    /// How many threads serve clients on a machine with so many processors: the kernel and the
    /// engine's threads want their share, and one thread serves two processors' worth of clients.
    pub fn workers(&self, processors: usize) -> usize {
        match self.server_threads {
            0 => (processors / 2).clamp(1, 8),
            threads => threads as usize,
        }
    }

    /// `maxmemory-clients` in bytes; 0 is no limit.
    pub fn client_memory_limit(&self) -> u64 {
        match u64::try_from(self.maxmemory_clients) {
            Ok(bytes) => bytes,
            Err(_) => {
                let percent = u128::from(self.maxmemory_clients.unsigned_abs());
                u64::try_from(u128::from(self.maxmemory) * percent / 100).unwrap_or(u64::MAX)
            }
        }
    }

    /// How `cache-size` is divided on a machine with so much memory: bytes for values, and for
    /// blocks of files.
    pub fn cache_shares(&self, machine_bytes: u64) -> (u64, u64) {
        let whole = match self.cache_size {
            0 => (machine_bytes / 4).clamp(64 << 20, 1 << 30),
            bytes => bytes,
        };
        match (self.value_cache_size, self.rocksdb_block_cache_size) {
            (0, 0) => (whole - whole / 4, whole / 4),
            (0, blocks) => (whole.saturating_sub(blocks), blocks),
            (values, 0) => (values, whole.saturating_sub(values)),
            shares => shares,
        }
    }
}

#[derive(Default)]
struct Loader {
    settings: Settings,
    /// What the lines of the current source said so far about directives whose lines add up.
    gathered: HashMap<&'static str, Vec<String>>,
}

impl Loader {
    fn file(&mut self, name: &str, text: &str, depth: u32) -> Result<(), ConfigError> {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            self.line(line, depth).map_err(|fault| {
                let here = || Source::File { name: name.to_owned(), line: index + 1 };
                match fault {
                    Fault::Here(reason) => ConfigError { source: here(), text: shown(line), reason },
                    Fault::Elsewhere(error) => error,
                }
            })?;
        }
        Ok(())
    }

    fn line(&mut self, line: &str, depth: u32) -> Result<(), Fault> {
        let words = words::split(line).ok_or("Unbalanced quotes in configuration line")?;
        let Some((name, values)) = words.split_first() else { return Ok(()) };
        if !name.eq_ignore_ascii_case("include") {
            return Ok(self.assign(name, values)?);
        }
        let [pattern] = values else { return Err("wrong number of arguments".into()) };
        if depth >= MAX_INCLUDE_DEPTH {
            return Err("configuration files include each other too deeply".into());
        }
        for path in matching_files(pattern)? {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(&path)
                .map_err(|error| format!("Can't open the configuration file {name}: {error}"))?;
            self.file(&name, &text, depth + 1).map_err(Fault::Elsewhere)?;
        }
        Ok(())
    }

    fn environment(&mut self, variables: impl Iterator<Item = (String, String)>) -> Result<(), ConfigError> {
        let mut ours: Vec<_> = variables.filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX)).collect();
        ours.sort();
        for (variable, value) in ours {
            let name = variable[ENVIRONMENT_PREFIX.len()..].to_ascii_lowercase().replace('_', "-");
            let many = directive(&name).is_some_and(|directive| directive.kind.takes_many()) || name == USER;
            let values = match words::split(&value) {
                Some(words) if many && !words.is_empty() => words,
                _ => vec![value.clone()],
            };
            self.assign(&name, &values).map_err(|reason| {
                let value = if is_secret(&name) { "(hidden)" } else { &value };
                let text = format!("{variable}={value}");
                ConfigError { source: Source::Environment, text, reason }
            })?;
        }
        Ok(())
    }

    /// `--name value ...`, or `--name=value`.
    fn arguments(&mut self, arguments: &[String]) -> Result<(), ConfigError> {
        let error = |text: String, reason: &str| ConfigError {
            source: Source::Arguments,
            text,
            reason: reason.to_owned(),
        };
        let mut rest = arguments;
        while let Some((first, after)) = rest.split_first() {
            let name = first.strip_prefix("--").filter(|name| !name.is_empty());
            let name = name.ok_or_else(|| error(first.clone(), "Expected --directive value"))?;
            let (name, mut values) = match name.split_once('=') {
                Some((name, value)) => (name, vec![value.to_owned()]),
                None => (name, Vec::new()),
            };
            let count = after.iter().take_while(|word| !word.starts_with("--")).count();
            values.extend_from_slice(&after[..count]);
            rest = &after[count..];
            self.assign(name, &values)
                .map_err(|reason| error(shown(&format!("{name} {}", words::join(&values))), &reason))?;
        }
        Ok(())
    }

    fn assign(&mut self, name: &str, values: &[String]) -> Result<(), String> {
        if let Some(reason) = refused(name) {
            return Err(reason.into());
        }
        if name.eq_ignore_ascii_case(USER) {
            return self.add_user(values);
        }
        let directive = directive(name).ok_or("Bad directive or wrong number of arguments")?;
        if values.is_empty() {
            return Err("wrong number of arguments".into());
        }
        if !directive.is(Flag::LinesAddUp) {
            return directive.assign(&mut self.settings, values);
        }
        let gathered = self.gathered.entry(directive.name).or_default();
        if matches!(values, [value] if value.is_empty()) {
            gathered.clear();
            return directive.assign(&mut self.settings, values);
        }
        let values = Directive::split_single(values);
        let before = gathered.len();
        gathered.extend_from_slice(&values);
        directive.assign(&mut self.settings, gathered).inspect_err(|_| gathered.truncate(before))
    }

    /// Keeps what a line says about an ACL user. What it means is for those to say who know the commands.
    fn add_user(&mut self, words: &[String]) -> Result<(), String> {
        let name = words.first().ok_or("wrong number of arguments")?;
        if self.settings.users.iter().any(|user| user.first() == Some(name)) {
            return Err(format!(
                "Error in user declaration '{name}': Duplicate user found. A user can only be defined once in \
                 config files"
            ));
        }
        self.settings.users.push(words.to_vec());
        Ok(())
    }
}

/// Why a line is wrong: what it says itself, or a line of a file that it includes.
enum Fault {
    Here(String),
    Elsewhere(ConfigError),
}

impl From<String> for Fault {
    fn from(reason: String) -> Fault {
        Fault::Here(reason)
    }
}

impl From<&str> for Fault {
    fn from(reason: &str) -> Fault {
        Fault::Here(reason.to_owned())
    }
}

/// Directives of Redis that would be dangerous to pass over in silence.
fn refused(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "rename-command" => Some("DiskDB does not rename commands; limit who may call them instead"),
        "loadmodule" => Some("DiskDB loads no modules"),
        _ => None,
    }
}

fn is_secret(name: &str) -> bool {
    name.eq_ignore_ascii_case(USER) || directive(name).is_some_and(|directive| directive.is(Flag::Sensitive))
}

/// A line as a message may show it: without a secret.
fn shown(line: &str) -> String {
    let name = line.split_whitespace().next().unwrap_or_default();
    if is_secret(name) { format!("{name} (hidden)") } else { line.to_owned() }
}

/// The files that an `include` names: `*` and `?` are allowed in the last part of the path, and
/// need not match any file.
fn matching_files(pattern: &str) -> Result<Vec<PathBuf>, String> {
    let path = Path::new(pattern);
    let file_pattern = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !file_pattern.contains(['*', '?']) {
        return Ok(vec![path.to_owned()]);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| {
                // As in a shell, hidden files must be meant.
                name.starts_with('.') == file_pattern.starts_with('.')
                    && matches(file_pattern.as_bytes(), name.as_bytes())
            })
        })
        .collect();
    files.sort();
    Ok(files)
}

/// Whether `name` matches a pattern with `*` and `?`.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skipped| matches(rest, &name[skipped..])),
        ([b'?', pattern @ ..], [_, name @ ..]) => matches(pattern, name),
        ([expected, pattern @ ..], [found, name @ ..]) => expected == found && matches(pattern, name),
        _ => false,
    }
}

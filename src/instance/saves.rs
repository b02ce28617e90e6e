//! Checkpoints made on demand: `SAVE` and `BGSAVE`. Each is a folder that can be opened like the
//! data directory itself.

use super::Instance;
use crate::clock::Stopwatch;
use crate::error::{Error, Result, StorageError};
use parking_lot::Mutex;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// The folder of the database itself in the data directory.
pub const DATABASE_FOLDER: &str = "db";

/// The folder of checkpoints in the data directory. Each is a data directory of its own.
const FOLDER: &str = "checkpoints";

/// What is known of the saves since the start.
#[derive(Debug, Clone, Copy)]
pub struct SaveStatus {
    /// When the last good save was made, or else the server was started; s since the Unix epoch.
    pub last_save_s: u64,
    /// Whether the last save went well; true before the first.
    pub last_ok: bool,
    /// How long the last save took, s.
    pub last_duration_s: Option<u64>,
    /// Measures the save that is going on.
    pub running: Option<Stopwatch>,
    /// Good saves since the start.
    pub count: u64,
}

/// The state of saving.
#[derive(Debug)]
pub struct Saves(Mutex<SaveStatus>);

impl Saves {
    /// Nothing saved yet by a server started at `now_s` (s since the Unix epoch).
    pub fn new(now_s: u64) -> Saves {
        let status =
            SaveStatus { last_save_s: now_s, last_ok: true, last_duration_s: None, running: None, count: 0 };
        Saves(Mutex::new(status))
    }

    /// What is known so far.
    pub fn status(&self) -> SaveStatus {
        *self.0.lock()
    }

    /// Claims the right to save; [`Instance::save_begun`] must follow.
    ///
    /// # Errors
    /// When a save is going on.
    pub fn begin(&self) -> Result<()> {
        let mut status = self.0.lock();
        if status.running.is_some() {
            return Err(Error::text("ERR Background save already in progress"));
        }
        status.running = Some(Stopwatch::start());
        Ok(())
    }

    fn end(&self, now_s: u64, ok: bool) {
        let mut status = self.0.lock();
        let elapsed_us = status.running.take().map(Stopwatch::elapsed_us);
        status.last_duration_s = elapsed_us.map(|us| us / 1_000_000);
        status.last_ok = ok;
        if ok {
            status.last_save_s = now_s;
            status.count += 1;
        }
    }
}

impl Instance {
    /// Writes a checkpoint after [`Saves::begin`], drops the oldest ones, and returns its folder.
    /// Takes as long as the disk needs to link or copy the files.
    ///
    /// # Errors
    /// What the engine or the file system reports.
    pub fn save_begun(&self) -> Result<PathBuf> {
        let changes = self.stats.changes_since_save.get();
        let result = catch_unwind(AssertUnwindSafe(|| self.checkpoint())).unwrap_or_else(|panic| {
            self.health.panicked("checkpoint", panic.as_ref());
            Err(Error::text("ERR the checkpoint panicked"))
        });
        let now_s = self.keyspace.clock().now_ms() / 1000;
        match &result {
            Ok(folder) => {
                self.stats.changes_since_save.subtract(changes);
                tracing::info!("checkpoint written to {}", folder.display());
            }
            Err(error) => tracing::warn!("checkpoint failed: {error}"),
        }
        self.saves.end(now_s, result.is_ok());
        result
    }

    fn checkpoint(&self) -> Result<PathBuf> {
        let settings = self.settings();
        let engine = self.keyspace.engine();
        let folder = Path::new(&settings.dir).join(FOLDER);
        // An engine without a disk says itself that it saves nothing.
        let name = timestamp(self.keyspace.clock().now_ms() / 1000);
        let target = (0..1000)
            .map(|again| folder.join(if again == 0 { name.clone() } else { format!("{name}-{again:03}") }))
            .find(|target| !target.exists())
            .ok_or(Error::text("ERR too many checkpoints in one second"))?;
        let database = target.join(DATABASE_FOLDER);
        let on_disk = engine.free_disk_bytes().is_some();
        if on_disk {
            std::fs::create_dir_all(&target).map_err(|error| io(&target, &error))?;
        }
        if let Err(error) = engine.checkpoint(&database) {
            if on_disk {
                // What there is of it is of no use; what matters is why.
                let _ = std::fs::remove_dir_all(&target);
            }
            return Err(error.into());
        }
        prune(&folder, settings.checkpoints_kept as usize, &target)?;
        Ok(target)
    }

    /// Saves on a thread of its own if the database can be shared with one, else at once.
    ///
    /// # Errors
    /// When a save is going on, or no thread can be started.
    pub fn save_in_background(&self) -> Result<()> {
        self.saves.begin()?;
        let Some(instance) = self.shared() else { return self.save_begun().map(drop) };
        let thread = std::thread::Builder::new().name("checkpoint".into());
        // What went wrong is in the log and in INFO.
        let spawned = thread.spawn(move || drop(instance.save_begun()));
        if let Err(error) = spawned {
            self.saves.end(0, false);
            return Err(Error::err(format_args!("Can't save in background: {error}")));
        }
        Ok(())
    }

    /// How many changes of keys there were since the last checkpoint.
    pub fn changes_since_save(&self) -> u64 {
        self.stats.changes_since_save.get()
    }
}

fn io(path: &Path, error: &std::io::Error) -> Error {
    Error::Storage(StorageError::Io(format!("{}: {error}", path.display())))
}

/// Deletes all checkpoints but `newest` and those with the latest names, `keep` in all; 0 keeps all.
/// Touches nothing else in the folder.
fn prune(folder: &Path, keep: usize, newest: &Path) -> Result<()> {
    let Some(others) = keep.checked_sub(1) else { return Ok(()) };
    let entries = std::fs::read_dir(folder).map_err(|error| io(folder, &error))?;
    let is_ours = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).is_some_and(is_timestamp);
    let mut ours: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_ours).collect();
    // A clock that stepped back gives the newest an early name.
    ours.retain(|path| path != newest);
    ours.sort();
    for old in &ours[..ours.len().saturating_sub(others)] {
        std::fs::remove_dir_all(old).map_err(|error| io(old, &error))?;
    }
    Ok(())
}

/// Seconds since the Unix epoch as `20260131T235959Z`: names in the order of time.
fn timestamp(unix_s: u64) -> String {
    let (days, second) = (unix_s / 86400, unix_s % 86400);
    // Days to a date of the Gregorian calendar, by years that begin on 1 March.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

fn is_timestamp(name: &str) -> bool {
    let shape: String = name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "00000000T000000Z" || shape == "00000000T000000Z-000"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps() {
        assert_eq!(timestamp(0), "19700101T000000Z");
        assert_eq!(timestamp(951_782_399), "20000228T235959Z");
        assert_eq!(timestamp(951_782_400), "20000229T000000Z");
        assert_eq!(timestamp(1_763_714_001), "20251121T083321Z");
        assert!(is_timestamp(&timestamp(1)) && is_timestamp("20251121T083321Z-001"));
        assert!(!is_timestamp("backup") && !is_timestamp("20251121T083321Z.tmp"));
    }

    #[test]
    fn prunes_the_oldest_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let names = ["20250101T000000Z", "20250102T000000Z", "20250102T000000Z-001", "mine"];
        for name in names {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let [first, .., last, _] = names.map(|name| folder.path().join(name));
        prune(folder.path(), 0, &last).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
        prune(folder.path(), 2, &last).unwrap();
        assert!(!first.exists());
        assert!(names[1..].iter().all(|name| folder.path().join(name).exists()));
    }

    #[test]
    fn a_clock_that_stepped_back_does_not_prune_the_newest() {
        let folder = tempfile::tempdir().unwrap();
        let [new, old, older] = ["20240101T000000Z", "20250102T000000Z", "20250101T000000Z"];
        for name in [new, old, older] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        prune(folder.path(), 2, &folder.path().join(new)).unwrap();
        assert!(folder.path().join(new).exists() && folder.path().join(old).exists());
        assert!(!folder.path().join(older).exists());
    }

    #[test]
    fn one_save_at_a_time() {
        let saves = Saves::new(5);
        saves.begin().unwrap();
        assert!(saves.begin().is_err());
        saves.end(7, false);
        assert_eq!((saves.status().last_save_s, saves.status().last_ok), (5, false));
        saves.begin().unwrap();
        saves.end(9, true);
        assert_eq!((saves.status().last_save_s, saves.status().count), (9, 1));
    }
}

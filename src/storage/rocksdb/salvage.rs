//! What becomes of a log that is damaged. RocksDB replays it up to the damage and throws the rest
//! away: after a loss of power that is right, for the end of the log never was safe. But the damage
//! may as well lie in the middle, of a bad disk. So the log as it was found is kept, and told of.

use std::io;
use std::path::{Path, PathBuf};

/// Second names of the log's files, beside the database's directory.
pub(super) struct Salvage {
    directory: PathBuf,
    kept: PathBuf,
}

impl Salvage {
    /// Gives every file of the log in `directory` a second name before it is replayed. Copies nothing.
    pub(super) fn prepare(directory: &Path) -> io::Result<Salvage> {
        let mut kept = directory.as_os_str().to_owned();
        kept.push("-log-before-start");
        let salvage = Salvage { directory: directory.to_owned(), kept: kept.into() };
        salvage.forget()?;
        std::fs::create_dir(&salvage.kept)?;
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "log")
                && let Some(name) = path.file_name()
            {
                std::fs::hard_link(&path, salvage.kept.join(name))?;
            }
        }
        Ok(salvage)
    }

    /// Looks at what RocksDB says of the replay. Where it threw something away, the log is kept, and
    /// what it said and where the log lies is returned.
    pub(super) fn finish(self) -> io::Result<Option<(String, PathBuf)>> {
        let said = std::fs::read(self.directory.join("LOG"))?;
        let said = String::from_utf8_lossy(&said);
        let Some(line) = said.lines().find(|line| line.contains(": dropping ")) else {
            self.forget()?;
            return Ok(None);
        };
        let what = line.rsplit("] ").next().unwrap_or(line).to_owned();
        let mut number = 1;
        loop {
            let mut to = self.directory.as_os_str().to_owned();
            to.push(format!("-damaged-log-{number}"));
            let to = PathBuf::from(to);
            if !to.exists() {
                std::fs::rename(&self.kept, &to)?;
                return Ok(Some((what, to)));
            }
            number += 1;
        }
    }

    /// For a start that fails: the log has not been touched.
    pub(super) fn forget_quietly(&self) {
        if let Err(error) = self.forget() {
            tracing::warn!("{} could not be removed: {error}", self.kept.display());
        }
    }

    fn forget(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

//! Where log messages go, and which.

use crate::config::Settings;
use crate::config::values::LogLevel;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, reload};

/// The level of what is logged, which can be changed.
pub struct Level(reload::Handle<LevelFilter, Registry>);

impl Level {
    /// Logs from this level on.
    ///
    /// # Errors
    /// When there is no log any more.
    pub fn set(&self, level: LogLevel) -> Result<(), String> {
        self.0.reload(filter(level)).map_err(|error| error.to_string())
    }
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Debug => LevelFilter::TRACE,
        LogLevel::Verbose => LevelFilter::DEBUG,
        LogLevel::Notice => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Nothing => LevelFilter::OFF,
    }
}

/// Sends the program's messages where the settings say, panics included.
///
/// # Errors
/// When the log file cannot be written.
pub fn start(settings: &Settings) -> Result<Level, String> {
    let destination = if settings.logfile.is_empty() {
        Destination::Output
    } else {
        let path = PathBuf::from(&settings.logfile);
        open(&path).map_err(|error| format!("Can't open the log file {}: {error}", path.display()))?;
        Destination::File(path)
    };
    let (level, handle) = reload::Layer::new(filter(settings.loglevel));
    let lines = tracing_subscriber::fmt::layer().event_format(Line).with_writer(destination);
    tracing_subscriber::registry().with(level).with(lines).try_init().map_err(|error| error.to_string())?;
    std::panic::set_hook(Box::new(|panic| {
        let trace = std::backtrace::Backtrace::force_capture();
        tracing::error!("BUG: {panic}\n{trace}");
    }));
    Ok(Level(handle))
}

fn open(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Where lines go. A file is opened for each line, as Redis does it: whoever moves it away (log
/// rotation) need not tell us.
enum Destination {
    Output,
    File(PathBuf),
}

impl<'a> MakeWriter<'a> for Destination {
    type Writer = Box<dyn Write>;

    fn make_writer(&'a self) -> Box<dyn Write> {
        match self {
            Destination::Output => Box::new(io::stdout()),
            Destination::File(path) => match open(path) {
                Ok(file) => Box::new(file),
                Err(_) => Box::new(io::stderr()),
            },
        }
    }
}

/// A line of the log: process, time (UTC), level in Redis' names, message.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        write!(writer, "{} ", std::process::id())?;
        SystemTime.format_time(&mut writer)?;
        let level = match *event.metadata().level() {
            tracing::Level::TRACE => "debug",
            tracing::Level::DEBUG => "verbose",
            tracing::Level::INFO => "notice",
            tracing::Level::WARN => "warning",
            tracing::Level::ERROR => "error",
        };
        write!(writer, " {level}: ")?;
        context.field_format().format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

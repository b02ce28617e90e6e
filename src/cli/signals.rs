//! What the system's signals mean to a running server.

use crate::instance::Instance;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Stops the server on SIGTERM and SIGINT, at once on a second SIGINT, and passes over SIGHUP.
///
/// # Errors
/// When the system lets us have no signals.
pub fn watch(instance: Arc<Instance>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot watch for signals: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
    let entered = runtime.enter();
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    drop(entered);
    let watch = async move {
        let mut interrupted = false;
        loop {
            tokio::select! {
                _ = terminate.recv() => stop(&instance, "SIGTERM"),
                _ = hangup.recv() => tracing::info!("SIGHUP changes nothing"),
                _ = interrupt.recv() => {
                    if interrupted {
                        end_at_once();
                    }
                    interrupted = true;
                    stop(&instance, "SIGINT");
                }
            }
        }
    };
    let thread = std::thread::Builder::new().name("signals".into());
    // Ends with the process.
    thread.spawn(move || runtime.block_on(watch)).map(drop).map_err(failed)
}

#[allow(clippy::disallowed_methods)] // whoever insists does not want to wait for the disk
fn end_at_once() -> ! {
    tracing::warn!("SIGINT once more: ends at once");
    std::process::exit(1)
}

fn stop(instance: &Instance, name: &str) {
    tracing::info!("{name}: stops once everything is on disk");
    if !instance.lifecycle.shut_down() {
        tracing::warn!("there is no server to stop");
    }
}

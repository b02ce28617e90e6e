//! Threads for what has to wait: for the disk, or for the end of a long command.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: Vec<JoinHandle<()>>,
    idle: usize,
    closed: bool,
}

struct Inner {
    state: Mutex<State>,
    work: Condvar,
    limit: usize,
}

/// A pool of at most `limit` threads, started as they are needed.
pub struct Pool {
    inner: Arc<Inner>,
}

impl Pool {
    /// A pool without threads yet.
    pub fn new(limit: usize) -> Pool {
        let inner = Inner { state: Mutex::default(), work: Condvar::new(), limit: limit.max(1) };
        Pool { inner: Arc::new(inner) }
    }

    /// Runs `job` on the pool. The receiver fails if the job panics or no thread can be started.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> oneshot::Receiver<T> {
        let (answer, receiver) = oneshot::channel();
        let job: Job = Box::new(move || drop(answer.send(job())));
        let mut state = self.inner.state.lock();
        state.jobs.push_back(job);
        if state.idle >= state.jobs.len() || state.threads.len() >= self.inner.limit {
            self.inner.work.notify_one();
            return receiver;
        }
        let inner = self.inner.clone();
        let name = format!("disk-{}", state.threads.len());
        match std::thread::Builder::new().name(name).spawn(move || work(&inner)) {
            Ok(thread) => state.threads.push(thread),
            Err(error) if state.threads.is_empty() => {
                tracing::error!("cannot start a thread for disk reads: {error}");
                state.jobs.clear();
            }
            Err(_) => {}
        }
        receiver
    }

    /// Waits until every job is done and ends the threads.
    pub fn close(&self) {
        let threads = {
            let mut state = self.inner.state.lock();
            state.closed = true;
            self.inner.work.notify_all();
            std::mem::take(&mut state.threads)
        };
        for thread in threads {
            // A job's panic is caught in `work`.
            let _ = thread.join();
        }
    }
}

fn work(inner: &Inner) {
    let mut state = inner.state.lock();
    loop {
        if let Some(job) = state.jobs.pop_front() {
            parking_lot::MutexGuard::unlocked(&mut state, || {
                if catch_unwind(AssertUnwindSafe(job)).is_err() {
                    tracing::error!("a job of the disk pool panicked");
                }
            });
        } else if state.closed {
            return;
        } else {
            state.idle += 1;
            inner.work.wait(&mut state);
            state.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn runs_everything_with_few_threads_and_survives_a_panic() {
        let pool = Pool::new(2);
        let done = Arc::new(AtomicUsize::new(0));
        let answers: Vec<_> = (0..100)
            .map(|number| {
                let done = done.clone();
                pool.run(move || {
                    assert!(number % 10 != 3, "wanted");
                    done.fetch_add(1, Ordering::SeqCst);
                    number
                })
            })
            .collect();
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.blocking_recv().ok()).collect();
        for (number, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer, (number % 10 != 3).then_some(number));
        }
        assert!(pool.inner.state.lock().threads.len() <= 2);
        pool.close();
        assert_eq!(done.load(Ordering::SeqCst), 90);
    }
}

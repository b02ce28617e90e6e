//! One client: reads requests, has them executed, writes the replies.
//!
//! A connection is one task of its worker. Its state is shared with the worker's committer, which
//! writes the replies of a turn (see [`super::turn`]), and with the sweeper; all on one thread. The
//! task itself writes only what the socket did not take from the committer.

use super::certificate::common_name;
use super::executor::{self, INTERNAL_ERROR, Outcome};
use super::options::Options;
use super::requests::Requests;
use super::stream::Stream;
use super::worker::Worker;
use crate::commands;
use crate::config::values::TlsAuthClientsUser;
use crate::error::Error;
use crate::instance::Instance;
use crate::instance::clients::{Client, ClientFlag};
use crate::protocol::{Mark, Message, Reply, ReplyBuffer, Words};
use crate::session::{Dialect, Session};
use crate::storage::{ReadTier, Seq};
use bytes::BytesMut;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Room for what a client sends, if it announces nothing larger; what Redis' 16 kB come to with its allocator.
const READ_BYTES: usize = 20 * 1024;
/// Commands of one client before the others have their turn.
const COMMANDS_PER_TURN: usize = 512;
/// Bytes of replies that are written out before more commands of the same client run.
const OUTPUT_BYTES_PER_TURN: usize = 1024 * 1024;
/// When a client has been silent for so long, its empty read buffer goes.
const IDLE_BEFORE_SHRINKING_S: u64 = 2;
/// A client that takes so much more makes the server look at what all clients take.
const MUCH_MORE_BYTES: usize = 1024 * 1024;
/// Pieces of replies handed to the system in one call.
const SLICES: usize = 64;

/// What a client is told when somebody else's flush failed and its own commits went with it.
static LOST: LazyLock<Error> =
    LazyLock::new(|| Error::NotWritable("a flush of the log failed and undid the command".into()));

/// A client's connection.
pub struct Connection {
    client: Arc<Client>,
    io: RefCell<Io>,
    /// Where the connection stands with the committer.
    turn: Cell<TurnStage>,
    /// The last commit that the replies so far may speak of.
    seen: Cell<Seq>,
    /// The task waits for the committer and not for the socket.
    wake_after_turn: Cell<bool>,
    /// No reply after those that are there; then the connection is closed.
    closing: Cell<bool>,
    /// The connection is closed at once, replies or not.
    killed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// How long the output has been over the soft limit, as the sweeper counts.
    over_soft_limit_s: Cell<u32>,
    /// The largest buffers for input and output since the sweeper came, bytes.
    largest_buffers: Cell<(usize, usize)>,
    /// Bytes of both buffers when the limit of all clients together was last looked at.
    looked_at_bytes: Cell<usize>,
}

/// Where a connection stands with the committer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TurnStage {
    /// It has nothing to wait for.
    Out,
    /// It has joined the turn, and may run more commands in it.
    Joined,
    /// The turn's commits are on their way to the log.
    UnderWay,
}

struct Io {
    stream: Stream,
    input: BytesMut,
    requests: Requests,
    output: ReplyBuffer,
    /// Away while a command runs on the pool.
    session: Option<Session>,
    /// Bytes read and written that the server's totals know of.
    counted: (u64, u64),
    /// Since when no flush covers what the client was told; none at the end of a turn.
    turn: Option<TurnBegin>,
}

/// How things stood when a connection's first command of a turn ran.
struct TurnBegin {
    /// Where the replies begin.
    mark: Mark,
    /// How many there are since.
    replies: usize,
    /// What others told the client since.
    mail: Vec<Arc<Message>>,
    /// How often commits had been undone.
    undone: u64,
}

impl TurnBegin {
    fn new(output: &ReplyBuffer, instance: &Instance) -> TurnBegin {
        TurnBegin {
            mark: output.mark(),
            replies: 0,
            mail: Vec::new(),
            undone: instance.keyspace.engine().undone(),
        }
    }
}

/// Why the execution of what has arrived came to a halt.
enum Halt {
    /// No complete request is left.
    NeedsInput,
    /// The others' turn, or time to write.
    Yield,
    /// The request has to wait for the disk.
    Disk(Words),
    /// The request is held back by `CLIENT PAUSE` until then, ms since the Unix epoch.
    Paused(u64),
    /// The request waits for something until then, ms since the Unix epoch, or for ever.
    Blocked(Option<u64>),
    /// Nothing more is to be done for this client.
    Close,
}

impl Connection {
    /// A client that has just connected.
    pub fn new(stream: Stream, session: Session) -> Rc<Connection> {
        let client = session.client.clone();
        client.counters.connection_bytes.store(size_of::<Connection>(), Ordering::Relaxed);
        let io = Io {
            stream,
            input: BytesMut::new(),
            requests: Requests::default(),
            output: ReplyBuffer::new(),
            session: Some(session),
            counted: (0, 0),
            turn: None,
        };
        Rc::new(Connection {
            client,
            io: RefCell::new(io),
            turn: Cell::new(TurnStage::Out),
            seen: Cell::new(0),
            wake_after_turn: Cell::new(false),
            closing: Cell::new(false),
            killed: Cell::new(false),
            waker: RefCell::new(None),
            over_soft_limit_s: Cell::new(0),
            largest_buffers: Cell::default(),
            looked_at_bytes: Cell::default(),
        })
    }

    /// Serves the client until one of both has enough.
    pub async fn serve(self: Rc<Self>, worker: Rc<Worker>) {
        while poll_fn(|cx| self.poll_input(&worker, cx)).await {
            loop {
                let halt = self.execute(&worker);
                self.finish_turn(&worker);
                match halt {
                    Halt::NeedsInput => break,
                    Halt::Yield => {
                        tokio::task::yield_now().await;
                        if !poll_fn(|cx| self.poll_drained(cx)).await {
                            return;
                        }
                    }
                    Halt::Disk(words) => {
                        self.execute_on_pool(&worker, words).await;
                        self.finish_turn(&worker);
                    }
                    Halt::Paused(until_ms) => self.wait_for_pause(&worker, until_ms).await,
                    Halt::Blocked(until_ms) => self.wait_blocked(&worker, until_ms).await,
                    Halt::Close => {
                        self.closing.set(true);
                        break;
                    }
                }
            }
        }
        self.say_goodbye().await;
    }

    /// Waits for more from the client. False: it is over.
    fn poll_input(self: &Rc<Self>, worker: &Worker, cx: &mut Context<'_>) -> Poll<bool> {
        self.take_mail(worker);
        // Replies first: who does not read them, is not read from.
        if !std::task::ready!(self.poll_drained_or_in_turn(cx)) {
            return Poll::Ready(false);
        }
        if self.closing.get() { Poll::Ready(false) } else { self.poll_read(worker, cx) }
    }

    /// Puts what others have to tell the client behind its replies. It leaves with the turn, as it may tell
    /// of commits that are not in the log yet.
    fn take_mail(self: &Rc<Self>, worker: &Worker) {
        let must_wait = self.turn.get() == TurnStage::UnderWay || self.client.is_served();
        if !self.client.has_mail() || must_wait {
            return;
        }
        let io = &mut *self.io.borrow_mut();
        push_mail(&mut io.output, &mut io.turn, &self.client);
        self.publish(io);
        self.seen.set(worker.shared.instance.keyspace.engine().committed_seq());
        if worker.is_over_hard_limit(&self.client, io.output.len()) {
            self.cut_for_output(io.output.len());
        } else if self.turn.get() == TurnStage::Out {
            self.turn.set(TurnStage::Joined);
            worker.turn.join(self.clone());
        }
    }

    /// Reads what the client has sent. False: it is gone.
    fn poll_read(&self, worker: &Worker, cx: &mut Context<'_>) -> Poll<bool> {
        let io = &mut *self.io.borrow_mut();
        if io.input.capacity() - io.input.len() < READ_BYTES / 4 {
            io.input.reserve(READ_BYTES);
        }
        match std::task::ready!(io.stream.poll_read(cx, &mut io.input)) {
            Ok(0) => Poll::Ready(false),
            Ok(bytes) => {
                self.client.interacted(worker.now_ms());
                count(&self.client.counters.net_in_bytes, bytes);
                io.log_in_by_certificate(&worker.shared.instance);
                Poll::Ready(true)
            }
            Err(error) => {
                tracing::debug!(client = self.client.id, "reading from a client failed: {error}");
                Poll::Ready(false)
            }
        }
    }

    /// As [`Connection::poll_drained`], but replies that wait for the committer may be few and wait.
    fn poll_drained_or_in_turn(&self, cx: &mut Context<'_>) -> Poll<bool> {
        let few = || self.io.borrow().output.len() < OUTPUT_BYTES_PER_TURN;
        if self.turn.get() == TurnStage::Joined && !self.is_killed() && !self.closing.get() && few() {
            self.register(cx);
            return Poll::Ready(true);
        }
        self.poll_drained(cx)
    }

    /// Waits until every reply is written. False: that can't be any more.
    fn poll_drained(&self, cx: &mut Context<'_>) -> Poll<bool> {
        self.register(cx);
        if self.is_killed() {
            return Poll::Ready(false);
        }
        if self.turn.get() != TurnStage::Out {
            self.wake_after_turn.set(true);
            return Poll::Pending;
        }
        let io = &mut *self.io.borrow_mut();
        let waits = !io.output.is_empty();
        let written = io.poll_write(&self.client, cx);
        if waits {
            self.publish(io);
        }
        match std::task::ready!(written) {
            Ok(()) => Poll::Ready(true),
            Err(error) => {
                tracing::debug!(client = self.client.id, "writing to a client failed: {error}");
                self.killed.set(true);
                Poll::Ready(false)
            }
        }
    }

    /// A task's waker stays the same, so once is enough.
    fn register(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if waker.is_none() {
            *waker = Some(cx.waker().clone());
            let waker = cx.waker().clone();
            self.client.on_wake(move || waker.wake_by_ref());
        }
    }

    fn is_killed(&self) -> bool {
        self.killed.get() || self.client.is_killed()
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Closes the connection at once.
    pub fn kill(&self) {
        self.killed.set(true);
        self.wake();
    }

    /// Closes the connection when what runs is done and its replies are written.
    pub fn close(&self) {
        self.closing.set(true);
        self.wake();
    }

    /// Executes the complete requests that have arrived.
    fn execute(&self, worker: &Worker) -> Halt {
        let io = &mut *self.io.borrow_mut();
        let instance = &*worker.shared.instance;
        let Some(session) = io.session.as_mut() else { return Halt::Close };
        worker.refresh();
        let mut limits = worker.limits();
        for number in 0..COMMANDS_PER_TURN {
            if self.closing.get() || self.is_killed() {
                return Halt::Close;
            }
            if io.output.len() >= OUTPUT_BYTES_PER_TURN {
                return Halt::Yield;
            }
            session.follows_at_once = number > 0 && !io.requests.is_empty();
            limits.authenticated = !session.must_authenticate(&instance.acl);
            let words = match io.requests.next(&mut io.input, &limits, |key| {
                instance.keyspace.hint(session.db, key);
            }) {
                Ok(Some(words)) => words,
                Ok(None) => return Halt::NeedsInput,
                Err(error) => {
                    if error.is_silent() {
                        self.killed.set(true);
                    } else {
                        io.output.write_protocol_error(error, session.dialect);
                    }
                    return Halt::Close;
                }
            };
            io.turn.get_or_insert_with(|| TurnBegin::new(&io.output, instance));
            session.tier = ReadTier::Memory;
            match executor::run(instance, session, &words) {
                Outcome::Done(Err(Error::NeedsDisk)) => return Halt::Disk(words),
                Outcome::Done(Err(Error::Paused { until_ms })) => {
                    io.requests.put_back(words);
                    return Halt::Paused(until_ms);
                }
                Outcome::Done(Err(Error::Blocked { until_ms })) => {
                    io.requests.put_back(words);
                    return Halt::Blocked(until_ms);
                }
                outcome => {
                    let before = io.output.len();
                    let goes_on = push_reply(&mut io.output, session, &mut io.turn, outcome);
                    commands::replied(instance, session, &words, io.output.len() - before);
                    if !goes_on {
                        return Halt::Close;
                    }
                    if self.client.has_mail() {
                        push_mail(&mut io.output, &mut io.turn, &self.client);
                    }
                    if worker.is_over_hard_limit(&self.client, io.output.len()) {
                        self.cut_for_output(io.output.len());
                        return Halt::Close;
                    }
                }
            }
        }
        Halt::Yield
    }

    /// Runs a request that needs the disk: its keys' headers are read on the pool, with those of
    /// the requests after it, and it is tried in place again; if that was not enough, it runs on the
    /// pool.
    async fn execute_on_pool(&self, worker: &Worker, words: Words) {
        let Some(mut session) = self.io.borrow_mut().session.take() else { return };
        let next: Vec<Words> = self.io.borrow().requests.ahead().cloned().collect();
        let pool = &worker.shared.pool;
        let before = worker.shared.instance.keyspace.engine().undone();
        let instance = worker.shared.instance.clone();
        let db = session.db;
        let warmed = pool.run(move || {
            let warmed = commands::prefetch(&instance, db, &words);
            for words in &next {
                commands::prefetch(&instance, db, words);
            }
            (warmed, words)
        });
        let Ok((warmed, words)) = warmed.await else { return self.kill() };
        let retried = if warmed {
            session.tier = ReadTier::Memory;
            executor::run(&worker.shared.instance, &mut session, &words)
        } else {
            Outcome::Done(Err(Error::NeedsDisk))
        };
        let (mut session, words, outcome) = match retried {
            Outcome::Done(Err(Error::NeedsDisk)) => {
                let instance = worker.shared.instance.clone();
                let ran = pool.run(move || {
                    session.tier = ReadTier::Disk;
                    let outcome = executor::run(&instance, &mut session, &words);
                    (session, words, outcome)
                });
                let Ok(ran) = ran.await else { return self.kill() };
                ran
            }
            outcome => (session, words, outcome),
        };
        let io = &mut *self.io.borrow_mut();
        if let Outcome::Done(Err(Error::Paused { .. } | Error::Blocked { .. })) = outcome {
            // In place it will be held back like any other.
            io.requests.put_back(words);
            io.session = Some(session);
            return;
        }
        let turn = io.turn.get_or_insert_with(|| TurnBegin::new(&io.output, &worker.shared.instance));
        turn.undone = turn.undone.min(before);
        let before = io.output.len();
        if !push_reply(&mut io.output, &mut session, &mut io.turn, outcome) {
            self.closing.set(true);
        }
        commands::replied(&worker.shared.instance, &session, &words, io.output.len() - before);
        push_mail(&mut io.output, &mut io.turn, &self.client);
        if worker.is_over_hard_limit(&self.client, io.output.len()) {
            self.cut_for_output(io.output.len());
        }
        io.session = Some(session);
    }

    /// Leaves the replies to the committer.
    fn finish_turn(self: &Rc<Self>, worker: &Worker) {
        worker.serve_waiters();
        let io = self.io.borrow();
        self.publish(&io);
        self.seen.set(worker.shared.instance.keyspace.engine().committed_seq());
        // Commands without replies may have commits that a flush is owed.
        let has_something = io.turn.is_some() || !io.output.is_empty();
        if self.turn.get() == TurnStage::Out && !self.is_killed() && has_something {
            self.turn.set(TurnStage::Joined);
            worker.turn.join(self.clone());
        } else {
            self.mind_memory(worker, &io);
        }
    }

    /// The commits of the turn are on their way to the log.
    pub fn turn_under_way(&self) {
        self.turn.set(TurnStage::UnderWay);
    }

    /// The committer has made all commits up to `safe` safe, or failed to: the replies go out, or
    /// errors in their place.
    pub fn turn_ended(self: &Rc<Self>, worker: &Worker, failed: Option<&Error>, safe: Seq) {
        let io = &mut *self.io.borrow_mut();
        let undone = worker.shared.instance.keyspace.engine().undone();
        let lost = failed.is_some() || io.turn.as_ref().is_some_and(|turn| turn.undone != undone);
        if !lost && self.seen.get() > safe {
            // A command has come back from the pool meanwhile.
            self.turn.set(TurnStage::Joined);
            return worker.turn.join(self.clone());
        }
        self.turn.set(TurnStage::Out);
        io.end_turn(failed, undone);
        self.write_some(io);
        self.publish(io);
        self.mind_memory(worker, io);
        if self.wake_after_turn.take() || !io.is_drained() || self.is_killed() || self.client.has_mail() {
            self.wake();
        }
    }

    /// Writes what the socket takes. The task goes on where it stops.
    fn write_some(&self, io: &mut Io) {
        if io.output.is_empty() || self.is_killed() {
            return;
        }
        if let Poll::Ready(Err(error)) = io.poll_write(&self.client, &mut Context::from_waker(Waker::noop()))
        {
            tracing::debug!(client = self.client.id, "writing to a client failed: {error}");
            self.killed.set(true);
        }
    }

    /// Waits until the pause is over, or somebody ends it or the connection.
    async fn wait_for_pause(self: &Rc<Self>, worker: &Worker, until_ms: u64) {
        let instance = &*worker.shared.instance;
        let is_over = || instance.clients.paused_until(true, instance.keyspace.clock()).is_none();
        // It counts as a blocked one, as in Redis, though nothing but the pause is to be ended.
        self.client.set_flag(ClientFlag::Blocked, true);
        self.wait(worker, until_ms, is_over).await;
        self.client.set_flag(ClientFlag::Blocked, false);
    }

    /// Waits until the time of the request that was put back is up, or somebody ends its wait or the
    /// connection.
    async fn wait_blocked(self: &Rc<Self>, worker: &Worker, until_ms: Option<u64>) {
        self.client.begin_wait();
        let until_ms = until_ms.unwrap_or(u64::MAX);
        let ticket = self.io.borrow().session.as_ref().and_then(|session| session.ticket.clone());
        let retry_at_ms = || ticket.as_ref().and_then(|ticket| ticket.retry_at_ms()).unwrap_or(u64::MAX);
        let has_ended = || self.client.unblocked().is_some() || self.closing.get() || self.is_killed();
        while !has_ended() && worker.now_ms() < until_ms {
            let at_ms = retry_at_ms();
            self.wait(worker, at_ms.min(until_ms), || has_ended() || retry_at_ms() != at_ms).await;
            if let Some(ticket) = ticket.as_ref().filter(|_| at_ms <= worker.now_ms() && !has_ended()) {
                worker.retry(ticket);
            }
        }
        let how = loop {
            if let Some(how) = self.client.end_wait_now() {
                break how;
            }
            // Another thread runs the command, and may have to wait for the disk.
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        if let Some(session) = &mut self.io.borrow_mut().session {
            session.wait_ended = Some(how);
        }
    }

    /// Waits until `until_ms` (ms since the Unix epoch), or until `is_over` when the client is woken.
    /// Replies leave meanwhile, and what the client sends is read, up to a limit: it may be gone.
    async fn wait(self: &Rc<Self>, worker: &Worker, until_ms: u64, is_over: impl Fn() -> bool) {
        let time = Duration::from_millis(until_ms.saturating_sub(worker.now_ms()));
        let mut time = pin!(tokio::time::sleep(time));
        poll_fn(|cx| {
            self.register(cx);
            self.take_mail(worker);
            let is_gone = self.poll_drained(cx) == Poll::Ready(false);
            if is_gone || self.closing.get() || is_over() {
                return Poll::Ready(());
            }
            while self.io.borrow().input.len() < READ_BYTES {
                match self.poll_read(worker, cx) {
                    Poll::Ready(true) => {}
                    Poll::Ready(false) => {
                        self.killed.set(true);
                        return Poll::Ready(());
                    }
                    Poll::Pending => break,
                }
            }
            time.as_mut().poll(cx)
        })
        .await;
    }

    /// Looks after the client once a second.
    pub fn swept(&self, worker: &Worker, options: &Options) {
        let idle_s = worker.now_ms().saturating_sub(self.client.last_interaction_ms()) / 1000;
        let io = &mut *self.io.borrow_mut();
        if idle_s >= IDLE_BEFORE_SHRINKING_S && io.input.is_empty() {
            io.input = BytesMut::new();
        }
        self.publish(io);
        self.count_traffic(worker, io);
        let runs = io.session.is_none() || io.requests.holds_back();
        if options.idle_timeout_s > 0 && idle_s > u64::from(options.idle_timeout_s) && !runs {
            tracing::debug!(client = self.client.id, "Closing idle client");
            return self.kill();
        }
        let limit = options.output_limit(&self.client);
        let over = limit.soft_bytes > 0 && io.output.len() as u64 > limit.soft_bytes;
        self.over_soft_limit_s.set(if over { self.over_soft_limit_s.get().saturating_add(1) } else { 0 });
        if over && u64::from(self.over_soft_limit_s.get()) > limit.soft_seconds {
            self.cut_for_output(io.output.len());
        }
    }

    /// Lets others see what the client uses.
    fn publish(&self, io: &Io) {
        let counters = &self.client.counters;
        let set = |counter: &AtomicUsize, value: usize| counter.store(value, Ordering::Relaxed);
        let (input, output) = (io.input.capacity(), io.output.len());
        set(&counters.query_buffer_bytes, io.input.len());
        set(&counters.query_buffer_free_bytes, input - io.input.len());
        set(&counters.output_bytes, output);
        set(&counters.output_buffer_bytes, io.output.buffer_bytes());
        let (pieces, pieces_bytes) = io.output.pieces();
        set(&counters.output_pieces, pieces);
        set(&counters.output_pieces_bytes, pieces_bytes);
        if output > counters.output_peak_bytes.load(Ordering::Relaxed) {
            set(&counters.output_peak_bytes, output);
        }
        let largest = self.largest_buffers.get();
        self.largest_buffers.set((largest.0.max(input), largest.1.max(output)));
    }

    /// Looks at once whether clients take too much memory if this one takes much more than before:
    /// the next regular look may come too late.
    fn mind_memory(&self, worker: &Worker, io: &Io) {
        let bytes = io.input.capacity() + io.output.len();
        if bytes <= self.looked_at_bytes.get() + MUCH_MORE_BYTES {
            // What it gives back, it may take again.
            return self.looked_at_bytes.set(bytes.min(self.looked_at_bytes.get()));
        }
        self.looked_at_bytes.set(bytes);
        let instance = &worker.shared.instance;
        instance.stats.evicted_clients.add(instance.clients.evict() as u64);
    }

    /// Adds what was read and written since the last time to the server's totals.
    fn count_traffic(&self, worker: &Worker, io: &mut Io) {
        let (input, output) = self.largest_buffers.take();
        let recent = &worker.shared.instance.clients.recent_buffers;
        recent.note(worker.now_ms() / 1000, input, output);
        let counters = &self.client.counters;
        let now =
            (counters.net_in_bytes.load(Ordering::Relaxed), counters.net_out_bytes.load(Ordering::Relaxed));
        let stats = &worker.shared.instance.stats;
        stats.net_input_bytes.add(now.0.wrapping_sub(io.counted.0));
        stats.net_output_bytes.add(now.1.wrapping_sub(io.counted.1));
        io.counted = now;
    }

    /// The client is gone: it is forgotten.
    pub fn ended(&self, worker: &Worker) {
        let io = &mut *self.io.borrow_mut();
        self.count_traffic(worker, io);
        let instance = &worker.shared.instance;
        match &io.session {
            Some(session) => session.close(instance),
            None => instance.forget(&self.client),
        }
    }

    fn cut_for_output(&self, bytes: usize) {
        tracing::warn!(client = self.client.id, bytes, "closed for overcoming of output buffer limits");
        self.kill();
    }

    async fn say_goodbye(&self) {
        if !poll_fn(|cx| self.poll_drained(cx)).await {
            return;
        }
        // Whatever comes of it: the client is gone for us.
        let _ = poll_fn(|cx| self.io.borrow_mut().stream.poll_close(cx)).await;
    }
}

impl Io {
    /// The turn is over: puts the error in the place of each reply if its commits are lost.
    fn end_turn(&mut self, failed: Option<&Error>, undone: u64) {
        let Some(turn) = self.turn.take() else { return };
        let error = match failed {
            Some(error) => error,
            None if undone != turn.undone => &LOST,
            None => return,
        };
        self.output.truncate_to(turn.mark);
        let dialect = self.session.as_ref().map_or(Dialect::Resp2, |session| session.dialect);
        let reply = Reply::Error(error.to_string().into());
        for _ in 0..turn.replies {
            self.output.write(&reply, dialect);
        }
        turn.mail.iter().for_each(|message| self.output.write_message(message, dialect));
    }

    /// Makes a client under TLS the user that its certificate names, if it shows one and the server is
    /// told to.
    fn log_in_by_certificate(&mut self, instance: &Instance) {
        let (Some(certificate), Some(session)) = (self.stream.take_certificate(), self.session.as_mut())
        else {
            return;
        };
        if instance.settings().tls_auth_clients_user == TlsAuthClientsUser::CommonName
            && let Some(name) = common_name(certificate)
        {
            commands::acl::log_in_by_certificate(instance, session, &name);
        }
    }

    fn is_drained(&self) -> bool {
        self.output.is_empty() && self.stream.is_flushed()
    }

    fn poll_write(&mut self, client: &Client, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let filled = self.output.io_slices(&mut slices);
            let written = std::task::ready!(self.stream.poll_write(cx, &slices[..filled]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(written);
            count(&client.counters.net_out_bytes, written);
        }
        self.stream.poll_flush(cx)
    }
}

/// Writes what others have to tell the client.
fn push_mail(output: &mut ReplyBuffer, turn: &mut Option<TurnBegin>, client: &Client) {
    let dialect = client.dialect();
    for message in client.take_mail() {
        output.write_message(&message, dialect);
        if let Some(turn) = turn {
            turn.mail.push(message);
        }
    }
}

/// Adds to a counter that only this thread writes.
fn count(counter: &AtomicU64, bytes: usize) {
    let sum = counter.load(Ordering::Relaxed).wrapping_add(bytes as u64);
    counter.store(sum, Ordering::Relaxed);
}

/// Returns whether the connection may go on.
fn push_reply(
    output: &mut ReplyBuffer,
    session: &mut Session,
    turn: &mut Option<TurnBegin>,
    outcome: Outcome,
) -> bool {
    let (reply, goes_on) = match outcome {
        Outcome::Done(Ok(reply)) => (reply, true),
        Outcome::Done(Err(error)) => (Reply::Error(error.to_string().into()), true),
        Outcome::Panicked => (Reply::Error(INTERNAL_ERROR.to_string().into()), false),
    };
    session.wait_ended = None;
    if session.takes_reply() && !matches!(reply, Reply::Silence) {
        output.write(&reply, session.dialect);
        if let Some(turn) = turn {
            turn.replies += 1;
        }
    }
    goes_on && !session.close_after_reply
}

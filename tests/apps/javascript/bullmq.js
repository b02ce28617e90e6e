'use strict';
// BullMQ: every kind of job, and 10,000 jobs whose workers are killed with SIGKILL.

const { spawn } = require('node:child_process');
const path = require('node:path');
const { Queue, Worker, QueueEvents, FlowProducer } = require('bullmq');
const Redis = require('ioredis');
const { address, assert, run, sleep, until } = require('./checks.js');

const JOBS = Number(process.env.APP_BULLMQ_JOBS || 10000);
const KILLS = 6;
const connection = { ...address, maxRetriesPerRequest: null };

/** A queue with a worker and its events, closed after `check`. */
async function withQueue(name, processor, workerOptions, check) {
    const queue = new Queue(name, { connection });
    const events = new QueueEvents(name, { connection });
    const worker = processor && new Worker(name, processor, { connection, ...workerOptions });
    const errors = [];
    for (const part of [queue, events, worker]) if (part) part.on('error', (error) => errors.push(error.message));
    await events.waitUntilReady();
    try {
        await check({ queue, events, worker });
        assert.deepEqual(errors, []);
    } finally {
        if (worker) await worker.close(true);
        await events.close();
        await queue.close();
    }
}

const checks = {
    async 'a job runs and its result arrives'() {
        await withQueue('plain', async (job) => job.data.a + job.data.b, {}, async ({ queue, events }) => {
            const job = await queue.add('sum', { a: 2, b: 40 });
            assert.equal(await job.waitUntilFinished(events, 10000), 42);
            assert.equal(await job.getState(), 'completed');
            assert.equal((await queue.getJob(job.id)).returnvalue, 42);
        });
    },

    async 'progress, logs and updated data'() {
        const processor = async (job) => {
            await job.updateProgress(50);
            await job.log('half way');
            await job.updateData({ ...job.data, seen: true });
            return 'ok';
        };
        await withQueue('progress', processor, {}, async ({ queue, events }) => {
            const told = new Promise((resolve) => events.once('progress', resolve));
            const job = await queue.add('x', { text: 'ünïcode ☃' });
            await job.waitUntilFinished(events, 10000);
            assert.equal((await told).data, 50);
            assert.deepEqual((await queue.getJobLogs(job.id)).logs, ['half way']);
            assert.deepEqual((await queue.getJob(job.id)).data, { text: 'ünïcode ☃', seen: true });
        });
    },

    async 'a job that fails is tried again, with backoff'() {
        const processor = async (job) => {
            if (job.attemptsMade < 2) throw new Error(`try ${job.attemptsMade}`);
            return 'at last';
        };
        await withQueue('retries', processor, {}, async ({ queue, events }) => {
            const job = await queue.add('x', {}, { attempts: 3, backoff: { type: 'exponential', delay: 50 } });
            assert.equal(await job.waitUntilFinished(events, 10000), 'at last');
            const hopeless = await queue.add('x', {}, { attempts: 1 });
            await assert.rejects(hopeless.waitUntilFinished(events, 10000), /try 0/);
            assert.equal(await queue.getFailedCount(), 1);
            const [failed] = await queue.getFailed();
            assert.equal(failed.failedReason, 'try 0');
        });
    },

    async 'delayed jobs wait, and run in the order of their times'() {
        const ran = [];
        const processor = async (job) => ran.push([job.name, Date.now()]);
        await withQueue('delayed', processor, {}, async ({ queue }) => {
            const began = Date.now();
            await queue.add('third', {}, { delay: 600 });
            await queue.add('second', {}, { delay: 300 });
            await queue.add('first', {});
            await until(() => ran.length === 3, 'three jobs');
            assert.deepEqual(ran.map(([name]) => name), ['first', 'second', 'third']);
            assert.ok(ran[1][1] - began >= 295 && ran[2][1] - began >= 595, `too early: ${ran}`);
            assert.ok(ran[2][1] - began < 3000, `too late: ${ran}`);
        });
    },

    async 'a delayed job is promoted, another removed'() {
        await withQueue('promote', async () => 'ran', {}, async ({ queue, events }) => {
            const job = await queue.add('x', {}, { delay: 3600_000 });
            const other = await queue.add('y', {}, { delay: 3600_000 });
            assert.equal(await queue.getDelayedCount(), 2);
            await job.promote();
            assert.equal(await job.waitUntilFinished(events, 10000), 'ran');
            await other.remove();
            assert.equal(await queue.getDelayedCount(), 0);
        });
    },

    async 'priorities: the lowest number first, first come first served within'() {
        const ran = [];
        await withQueue('priorities', null, {}, async ({ queue }) => {
            for (const [name, priority] of [['c1', 30], ['a1', 1], ['b1', 20], ['a2', 1], ['c2', 30], ['none', 0]]) {
                await queue.add(name, {}, { priority });
            }
            assert.deepEqual(await queue.getCountsPerPriority([0, 1, 20, 30]), { 0: 1, 1: 2, 20: 1, 30: 2 });
            const worker = new Worker('priorities', async (job) => ran.push(job.name), { connection });
            await until(() => ran.length === 6, 'six jobs');
            await worker.close();
            assert.deepEqual(ran, ['none', 'a1', 'a2', 'b1', 'c1', 'c2']);
        });
    },

    async 'last in, first out'() {
        const ran = [];
        await withQueue('lifo', null, {}, async ({ queue }) => {
            await queue.addBulk([1, 2, 3].map((number) => ({ name: `${number}`, data: {}, opts: { lifo: true } })));
            const worker = new Worker('lifo', async (job) => ran.push(job.name), { connection });
            await until(() => ran.length === 3, 'three jobs');
            await worker.close();
            assert.deepEqual(ran, ['3', '2', '1']);
        });
    },

    async 'a job scheduler repeats its job'() {
        const ran = [];
        await withQueue('repeated', async (job) => ran.push(job.data.tick), {}, async ({ queue }) => {
            await queue.upsertJobScheduler('ticker', { every: 100, limit: 5 }, { name: 'tick', data: { tick: true } });
            await until(() => ran.length === 5, 'five ticks');
            await sleep(300);
            assert.equal(ran.length, 5);
            await queue.upsertJobScheduler('nightly', { pattern: '0 3 * * *' }, { name: 'backup' });
            const [scheduler] = (await queue.getJobSchedulers()).filter(({ key }) => key === 'nightly');
            assert.equal(new Date(scheduler.next).getHours(), 3);
            assert.equal(await queue.removeJobScheduler('nightly'), true);
            assert.equal(await queue.getDelayedCount(), 0);
        });
    },

    async 'a rate limit holds'() {
        const starts = [];
        const options = { limiter: { max: 5, duration: 400 }, concurrency: 10 };
        await withQueue('limited', async () => starts.push(Date.now()), options, async ({ queue }) => {
            await queue.addBulk(Array.from({ length: 15 }, (_, number) => ({ name: `${number}`, data: {} })));
            await until(() => starts.length === 15, 'fifteen jobs');
            for (let first = 0; first + 5 < starts.length; first += 1) {
                // The clock of the limit is the server's: a few milliseconds of difference are the way here.
                assert.ok(starts[first + 5] - starts[first] >= 350, `six jobs in ${starts[first + 5] - starts[first]} ms`);
            }
        });
    },

    async 'deduplication and ids of jobs'() {
        await withQueue('unique', null, {}, async ({ queue }) => {
            await queue.add('x', { n: 1 }, { jobId: 'the-one' });
            await queue.add('x', { n: 2 }, { jobId: 'the-one' });
            assert.deepEqual((await queue.getJob('the-one')).data, { n: 1 });
            await queue.add('y', {}, { deduplication: { id: 'd', ttl: 5000 } });
            await queue.add('y', {}, { deduplication: { id: 'd', ttl: 5000 } });
            assert.equal(await queue.getWaitingCount(), 2);
        });
    },

    async 'pause, resume, drain, obliterate'() {
        const ran = [];
        await withQueue('paused', async (job) => ran.push(job.name), {}, async ({ queue }) => {
            await queue.pause();
            await queue.add('x', {});
            await sleep(150);
            assert.deepEqual(ran, []);
            assert.equal(await queue.isPaused(), true);
            await queue.resume();
            await until(() => ran.length === 1, 'the job after the pause');
            await queue.pause();
            await queue.addBulk(Array.from({ length: 50 }, () => ({ name: 'y', data: {} })));
            await queue.drain();
            assert.equal(await queue.count(), 0);
            await queue.obliterate({ force: true });
            assert.deepEqual(await queue.getJobs(), []);
        });
    },

    async 'a flow: the parent runs after its children and gets their results'() {
        const order = [];
        const processor = async (job) => {
            order.push(job.name);
            if (job.name !== 'parent') return job.data.number;
            const values = Object.values(await job.getChildrenValues());
            return values.reduce((sum, value) => sum + value, 0);
        };
        await withQueue('flow', processor, { concurrency: 4 }, async ({ queue, events }) => {
            const flow = new FlowProducer({ connection });
            const children = Array.from({ length: 20 }, (_, number) => ({ name: 'child', data: { number }, queueName: 'flow' }));
            const nested = { name: 'nested', data: { number: 1000 }, queueName: 'flow', children: [{ name: 'grandchild', data: { number: 5 }, queueName: 'flow' }] };
            const { job } = await flow.add({ name: 'parent', queueName: 'flow', children: [...children, nested] });
            assert.equal(await job.waitUntilFinished(events, 20000), 190 + 1000);
            assert.equal(order.at(-1), 'parent');
            assert.ok(order.indexOf('grandchild') < order.indexOf('nested'));
            const tree = await flow.getFlow({ id: job.id, queueName: 'flow' });
            assert.equal(tree.children.length, 21);
            assert.equal(await queue.getWaitingChildrenCount(), 0);
            await flow.close();
        });
    },

    async 'a flow whose child fails fails its parent'() {
        const processor = async (job) => {
            if (job.name === 'bad') throw new Error('bad child');
        };
        await withQueue('failing-flow', processor, {}, async () => {
            const flow = new FlowProducer({ connection });
            const { job } = await flow.add({
                name: 'parent', queueName: 'failing-flow',
                children: [{ name: 'bad', queueName: 'failing-flow', opts: { failParentOnFailure: true } }],
            });
            await until(async () => (await job.getState()) === 'failed', 'the parent fails');
            await flow.close();
        });
    },

    async 'metrics, counts and cleaning'() {
        const options = { metrics: { maxDataPoints: 60 } };
        await withQueue('cleaned', async () => 1, options, async ({ queue }) => {
            await queue.addBulk(Array.from({ length: 100 }, () => ({ name: 'x', data: {} })));
            await until(async () => (await queue.getCompletedCount()) === 100, 'a hundred jobs');
            assert.equal((await queue.getMetrics('completed')).meta.count, 100);
            assert.equal((await queue.clean(0, 40, 'completed')).length, 40);
            assert.equal((await queue.getJobCounts()).completed, 60);
            await queue.add('x', {}, { removeOnComplete: { count: 10 } });
            await until(async () => (await queue.getCompletedCount()) === 10, 'ten are kept');
        });
    },

    async [`${JOBS} jobs, ${KILLS} workers killed: none lost, none completed twice`]() {
        const name = 'crashed';
        const redis = new Redis(address);
        const queue = new Queue(name, { connection, streams: { events: { maxLen: JOBS * 20 } } });
        for (let first = 0; first < JOBS; first += 1000) {
            const length = Math.min(1000, JOBS - first);
            await queue.addBulk(Array.from({ length }, (_, i) => ({ name: 'x', data: { number: first + i } })));
        }
        assert.equal(await queue.getWaitingCount(), JOBS);

        const start = () => spawn(process.execPath, [path.join(__dirname, 'bullmq_worker.js'), name], { stdio: 'inherit' });
        const workers = [start(), start()];
        process.on('exit', () => workers.forEach((worker) => worker.kill('SIGKILL')));
        try {
            for (let kill = 1; kill <= KILLS; kill += 1) {
                const share = Math.floor((JOBS * kill) / (KILLS + 1));
                await until(async () => (await queue.getCompletedCount()) >= share, `${share} jobs`, 120000);
                workers.shift().kill('SIGKILL');
                workers.push(start());
            }
            await until(async () => (await queue.getCompletedCount()) >= JOBS, 'all jobs', 120000);
        } finally {
            workers.forEach((worker) => worker.kill('SIGKILL'));
        }

        const counts = await queue.getJobCounts();
        assert.equal(counts.completed, JOBS);
        for (const state of ['waiting', 'active', 'delayed', 'failed', 'prioritized']) assert.equal(counts[state] || 0, 0, state);
        const effects = await redis.hlen(`${name}:effects`);
        assert.equal(effects, JOBS, 'every job had its effect');
        const completions = new Map();
        let stalled = 0;
        let from = '-';
        for (;;) {
            const entries = await redis.xrange(`bull:${name}:events`, from, '+', 'COUNT', 5000);
            for (const [, fields] of entries) {
                const event = fields[fields.indexOf('event') + 1];
                const id = fields[fields.indexOf('jobId') + 1];
                if (event === 'completed') completions.set(id, (completions.get(id) || 0) + 1);
                if (event === 'stalled') stalled += 1;
            }
            if (entries.length === 0) break;
            from = `(${entries.at(-1)[0]}`;
        }
        assert.equal(completions.size, JOBS, 'every job was told to be completed');
        assert.deepEqual([...completions].filter(([, times]) => times !== 1), [], 'completed more than once');
        assert.ok(stalled > 0, 'no kill hit a job: the check has checked nothing');
        console.log(`        ${stalled} jobs were found stalled`);
        const jobs = await queue.getCompleted(0, 99);
        assert.ok(jobs.every((job) => job.returnvalue === job.data.number * 2));
        await queue.close();
        redis.disconnect();
    },
};

run(checks, 240000, ['EVAL']);

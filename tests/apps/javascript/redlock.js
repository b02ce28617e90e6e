'use strict';
// Redlock (npm): locks that are taken, extended, lost, and held by one at a time.

const Redis = require('ioredis');
const { default: Redlock, ResourceLockedError, ExecutionError } = require('redlock');
const { address, assert, run, sleep } = require('./checks.js');

const client = new Redis(address);
const quick = new Redlock([client], { retryCount: 0 });
const patient = new Redlock([client], { retryCount: -1, retryDelay: 5, retryJitter: 5, automaticExtensionThreshold: 200 });

run({
    async 'a lock is held, extended and released'() {
        const lock = await quick.acquire(['a'], 5000);
        assert.equal(await client.get('a'), lock.value);
        await assert.rejects(quick.acquire(['a'], 5000), ExecutionError);
        const extended = await lock.extend(20000);
        const left = await client.pttl('a');
        assert.ok(left > 15000 && left <= 20000, left);
        await extended.release();
        assert.equal(await client.exists('a'), 0);
    },

    async 'several keys at once: all or none'() {
        const lock = await quick.acquire(['b', 'c'], 5000);
        await assert.rejects(quick.acquire(['c', 'd'], 5000), ExecutionError);
        assert.deepEqual(await client.mget('b', 'c', 'd'), [lock.value, lock.value, null]);
        await lock.release();
    },

    async 'a lock that has expired belongs to its next holder'() {
        const lost = await quick.acquire(['e'], 100);
        await sleep(150);
        const next = await quick.acquire(['e'], 5000);
        await assert.rejects(lost.release(), ExecutionError);
        await assert.rejects(lost.extend(5000), /expired|quorum/);
        assert.equal(await client.get('e'), next.value);
        await next.release();
    },

    async 'who fails to get a lock is told why'() {
        const lock = await quick.acquire(['f'], 5000);
        const error = await quick.acquire(['f'], 5000).catch((reason) => reason);
        const [attempt] = await Promise.all(error.attempts);
        assert.equal(attempt.votesAgainst.size, 1);
        assert.ok([...attempt.votesAgainst.values()][0] instanceof ResourceLockedError);
        await lock.release();
    },

    async 'one at a time'() {
        await client.set('counter', 0);
        const work = async () => {
            for (let step = 0; step < 5; step += 1) {
                await patient.using(['counter:lock'], 5000, async () => {
                    const value = Number(await client.get('counter'));
                    await sleep(1);
                    await client.set('counter', value + 1);
                });
            }
        };
        await Promise.all(Array.from({ length: 8 }, work));
        assert.equal(await client.get('counter'), '40');
    },

    async 'a lock is extended while the work goes on'() {
        await patient.using(['long'], 500, async (signal) => {
            await sleep(1200);
            assert.equal(signal.aborted, false);
            assert.equal(await client.exists('long'), 1);
        });
        assert.equal(await client.exists('long'), 0);
    },
}, 20000, ['EVALSHA']);

'use strict';
// ioredis: commands, pipelines, transactions, channels, scripts, streams, reconnection.

const Redis = require('ioredis');
const { address, assert, needs, run, sleep, until } = require('./checks.js');

const redis = new Redis(address);
const errors = [];
redis.on('error', (error) => errors.push(error.message));

run({
    async 'every data type'() {
        await redis.flushall();
        assert.equal(await redis.set('s', 'v', 'EX', 100, 'NX'), 'OK');
        assert.equal(await redis.set('s', 'w', 'NX'), null);
        assert.deepEqual(await redis.getBuffer('s'), Buffer.from('v'));
        await redis.mset({ a: 1, b: 2 });
        assert.deepEqual(await redis.mget('a', 'b', 'c'), ['1', '2', null]);
        await redis.hset('h', { field: 'value', other: 'x' });
        assert.deepEqual(await redis.hgetall('h'), { field: 'value', other: 'x' });
        await redis.rpush('l', 1, 2, 3);
        assert.deepEqual(await redis.lrange('l', 0, -1), ['1', '2', '3']);
        await redis.sadd('set', 'x', 'y');
        assert.deepEqual((await redis.smembers('set')).sort(), ['x', 'y']);
        await redis.zadd('z', 1, 'one', 2.5, 'two');
        assert.deepEqual(await redis.zrange('z', 0, -1, 'WITHSCORES'), ['one', '1', 'two', '2.5']);
        const binary = Buffer.from([0, 255, 13, 10, 128]);
        await redis.set(binary, binary);
        assert.deepEqual(await redis.getBuffer(binary), binary);
    },

    async 'errors of commands'() {
        await redis.set('text', 'x');
        await assert.rejects(redis.incr('text'), /^ReplyError: ERR value is not an integer or out of range$/);
        await assert.rejects(redis.lpush('text', 1), /^ReplyError: WRONGTYPE/);
        await assert.rejects(redis.call('nonsense'), /unknown command/);
    },

    async 'a pipeline of 20,000 commands, errors inside'() {
        const pipeline = redis.pipeline();
        for (let number = 0; number < 10000; number += 1) pipeline.set(`p:${number}`, number).incr(`p:${number}`);
        pipeline.lpush('p:0', 'x');
        const replies = await pipeline.exec();
        assert.equal(replies.length, 20001);
        assert.deepEqual(replies[19999], [null, 10000]);
        assert.match(replies[20000][0].message, /^WRONGTYPE/);
    },

    async 'commands are pipelined by themselves'() {
        const other = new Redis({ ...address, enableAutoPipelining: true });
        const replies = await Promise.all(Array.from({ length: 1000 }, () => other.incr('auto')));
        assert.deepEqual(replies.sort((a, b) => a - b), Array.from({ length: 1000 }, (_, i) => i + 1));
        other.disconnect();
    },

    async 'MULTI: all, nothing, and errors inside'() {
        const replies = await redis.multi().set('m', '1').incr('m').lpush('m', 'x').get('m').exec();
        assert.deepEqual([replies[0], replies[1], replies[3]], [[null, 'OK'], [null, 2], [null, '2']]);
        assert.match(replies[2][0].message, /^WRONGTYPE/);
        await assert.rejects(redis.multi().set('m').exec(), /EXECABORT/);
        assert.equal(await redis.get('m'), '2');
    },

    async 'WATCH: nothing happens after a change by somebody else'() {
        const other = redis.duplicate();
        await other.watch('w');
        await redis.set('w', 'theirs');
        assert.equal(await other.multi().set('w', 'ours').exec(), null);
        await other.watch('w');
        assert.deepEqual(await other.multi().set('w', 'ours').exec(), [[null, 'OK']]);
        other.disconnect();
    },

    async 'channels and patterns'() {
        const subscriber = redis.duplicate();
        const got = [];
        subscriber.on('message', (channel, message) => got.push([channel, message]));
        subscriber.on('pmessage', (pattern, channel, message) => got.push([pattern, channel, message]));
        assert.equal(await subscriber.subscribe('news', 'other'), 2);
        assert.equal(await subscriber.psubscribe('n*'), 3);
        assert.equal(await redis.publish('news', 'hello'), 2);
        assert.equal(await redis.publish('nobody', 'hears'), 1);
        await until(() => got.length === 3, 'three messages');
        assert.deepEqual(got.slice(0, 2), [['news', 'hello'], ['n*', 'news', 'hello']]);
        assert.deepEqual(await redis.pubsub('NUMSUB', 'news'), ['news', 1]);
        await subscriber.unsubscribe('news', 'other');
        await subscriber.punsubscribe('n*');
        assert.equal(await redis.publish('news', 'nobody'), 0);
        assert.equal(await subscriber.get('s'), 'v');
        subscriber.disconnect();
    },

    async 'scripts: EVAL, and commands that are scripts'() {
        await needs('EVAL');
        assert.deepEqual(await redis.eval('return {KEYS[1], ARGV[1], 3, false, {ok="fine"}}', 1, 'k', 'a'), ['k', 'a', 3, null, 'fine']);
        redis.defineCommand('takeIfMore', {
            numberOfKeys: 1,
            lua: `local left = tonumber(redis.call('GET', KEYS[1]) or 0)
                  if left < tonumber(ARGV[1]) then return redis.error_reply('NOTENOUGH only ' .. left) end
                  return redis.call('DECRBY', KEYS[1], ARGV[1])`,
        });
        await redis.set('stock', 10);
        assert.equal(await redis.takeIfMore('stock', 7), 3);
        await assert.rejects(redis.takeIfMore('stock', 7), /NOTENOUGH only 3/);
        // The commands of ioredis send EVALSHA first, and load the script when the server has forgotten it.
        await redis.script('FLUSH');
        assert.equal(await redis.takeIfMore('stock', 1), 2);
        const replies = await redis.pipeline().takeIfMore('stock', 1).takeIfMore('stock', 1).exec();
        assert.deepEqual(replies, [[null, 1], [null, 0]]);
    },

    async 'blocking commands, in the order of their coming'() {
        const waiting = [redis.duplicate(), redis.duplicate()];
        const first = waiting[0].blpop('queue', 'queue2', 10);
        await sleep(100);
        const second = waiting[1].blmove('queue', 'done', 'LEFT', 'RIGHT', 10);
        await sleep(100);
        await redis.rpush('queue', 'a', 'b');
        assert.deepEqual([await first, await second], [['queue', 'a'], 'b']);
        assert.equal(await waiting[0].brpop('queue', 0.05), null);
        waiting.forEach((one) => one.disconnect());
    },

    async 'streams and groups'() {
        const id = await redis.xadd('stream', '*', 'field', 'value');
        await redis.xgroup('CREATE', 'stream', 'group', '0');
        const reader = redis.duplicate();
        assert.deepEqual(await reader.xreadgroup('GROUP', 'group', 'me', 'STREAMS', 'stream', '>'), [['stream', [[id, ['field', 'value']]]]]);
        const waiting = reader.xreadgroup('GROUP', 'group', 'me', 'BLOCK', 5000, 'STREAMS', 'stream', '>');
        const next = await redis.xadd('stream', '*', 'n', 2);
        assert.equal((await waiting)[0][1][0][0], next);
        assert.equal(await redis.xack('stream', 'group', id, next), 2);
        reader.disconnect();
    },

    async 'walks with SCAN as streams of Node'() {
        const keys = new Set();
        for await (const page of redis.scanStream({ match: 'p:*', count: 500 })) page.forEach((key) => keys.add(key));
        assert.equal(keys.size, 10000);
        await redis.hset('big', Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`f${i}`, i])));
        let fields = 0;
        for await (const page of redis.hscanStream('big')) fields += page.length / 2;
        assert.equal(fields, 3000);
    },

    async 'databases, names and prefixes'() {
        const other = new Redis({ ...address, db: 5, connectionName: 'the-name', keyPrefix: 'pre:' });
        await other.set('key', 'value');
        assert.equal(await redis.exists('pre:key'), 0);
        await redis.select(5);
        assert.equal(await redis.get('pre:key'), 'value');
        await redis.select(0);
        assert.match(await redis.client('LIST'), / name=the-name /);
        other.disconnect();
    },

    async 'a connection that is killed comes back with its subscriptions'() {
        const subscriber = new Redis({ ...address, retryStrategy: () => 20 });
        await subscriber.subscribe('again');
        const got = [];
        subscriber.on('message', (_, message) => got.push(message));
        await redis.client('KILL', 'TYPE', 'pubsub');
        await until(async () => (await redis.publish('again', 'x')) === 1, 'the subscription is back');
        await until(() => got.length > 0, 'a message after it');
        subscriber.disconnect();
    },

    async 'MONITOR'() {
        const monitor = await redis.duplicate().monitor();
        const seen = [];
        monitor.on('monitor', (_, words) => seen.push(words.join(' ')));
        await redis.set('monitored', 'value');
        await until(() => seen.some((line) => /^set monitored value$/i.test(line)), 'the command is told');
        monitor.disconnect();
    },

    async 'the connection had no errors'() {
        assert.deepEqual(errors, []);
        assert.equal(await redis.quit(), 'OK');
    },
});

'use strict';
// node-redis in both protocols: pipelines, transactions, channels, scripts, streams, client-side caching.

const { createClient, createClientPool, defineScript, BasicClientSideCache, WatchError } = require('redis');
const { assert, needs, run, sleep, until, url } = require('./checks.js');

/** The checks for one protocol. */
function checks(RESP) {
    const scripts = {
        add: defineScript({
            SCRIPT: "return redis.call('INCRBY', KEYS[1], ARGV[1])",
            NUMBER_OF_KEYS: 1,
            parseCommand(parser, key, amount) {
                parser.pushKey(key);
                parser.push(String(amount));
            },
            transformReply: (reply) => reply,
        }),
    };
    const client = createClient({ url, RESP, scripts });
    const errors = [];
    client.on('error', (error) => errors.push(error.message));

    return {
        async 'every data type'() {
            await client.connect();
            await client.flushAll();
            assert.equal(await client.set('s', 'v', { expiration: { type: 'EX', value: 100 }, condition: 'NX' }), 'OK');
            assert.equal(await client.set('s', 'w', { condition: 'NX' }), null);
            assert.equal(await client.get('s'), 'v');
            await client.hSet('h', { field: 'value', other: 'x' });
            assert.deepEqual({ ...(await client.hGetAll('h')) }, { field: 'value', other: 'x' });
            assert.equal(await client.rPush('l', ['1', '2', '3']), 3);
            assert.deepEqual(await client.lRange('l', 0, -1), ['1', '2', '3']);
            await client.sAdd('set', ['x', 'y']);
            assert.deepEqual([...(await client.sMembers('set'))].sort(), ['x', 'y']);
            await client.zAdd('z', [{ score: 1, value: 'one' }, { score: 2.5, value: 'two' }, { score: Infinity, value: 'all' }]);
            assert.deepEqual(await client.zRangeWithScores('z', 0, -1), [
                { value: 'one', score: 1 }, { value: 'two', score: 2.5 }, { value: 'all', score: Infinity },
            ]);
            assert.equal(await client.zScore('z', 'nobody'), null);
            assert.equal(await client.exists('nothing'), 0);
            await assert.rejects(client.incr('s'), /not an integer/);
            assert.equal(await client.ping(), 'PONG');
        },

        async 'the server tells of itself'() {
            assert.match(await client.info('server'), /redis_version:\d+\.\d+\.\d+/);
            const directives = await client.configGet('maxmemory*');
            assert.ok('maxmemory' in directives);
            const [command] = await client.commandInfo(['get']);
            assert.equal(command.name, 'get');
        },

        async '20,000 commands at once'() {
            const replies = await Promise.all(Array.from({ length: 20000 }, (_, number) => client.incr(`n:${number % 100}`)));
            assert.equal(replies.at(-1), 200);
        },

        async 'MULTI, WATCH'() {
            assert.deepEqual(await client.multi().set('m', '1').incr('m').get('m').exec(), ['OK', 2, '2']);
            const isolated = client.duplicate();
            await isolated.connect();
            await isolated.watch('w');
            await client.set('w', 'theirs');
            await assert.rejects(isolated.multi().set('w', 'ours').exec(), WatchError);
            assert.equal(await client.get('w'), 'theirs');
            await assert.rejects(client.multi().set('m', '1').lPush('m', 'x').exec(), /WRONGTYPE|1 commands failed/);
            isolated.destroy();
        },

        async 'channels, patterns, sharded channels'() {
            const subscriber = client.duplicate();
            await subscriber.connect();
            const got = [];
            await subscriber.subscribe('news', (message, channel) => got.push([channel, message]));
            await subscriber.pSubscribe('n*', (message, channel) => got.push(['n*', channel, message]));
            await subscriber.sSubscribe('shard', (message, channel) => got.push(['shard', channel, message]));
            assert.equal(await client.publish('news', 'hello'), 2);
            assert.equal(await client.sPublish('shard', 'piece'), 1);
            await until(() => got.length === 3, 'three messages');
            assert.deepEqual(got, [['news', 'hello'], ['n*', 'news', 'hello'], ['shard', 'shard', 'piece']]);
            if (RESP === 3) assert.equal(await subscriber.get('s'), 'v', 'commands mix with messages');
            await subscriber.unsubscribe();
            await subscriber.pUnsubscribe();
            await subscriber.sUnsubscribe();
            // In RESP2 node-redis 6.3.1 gives a Buffer here, with any server.
            assert.equal(String(await subscriber.get('s')), 'v');
            subscriber.destroy();
        },

        async 'scripts'() {
            await needs('EVAL');
            assert.deepEqual(await client.eval('return {KEYS[1], ARGV[1], 3}', { keys: ['k'], arguments: ['a'] }), ['k', 'a', 3]);
            assert.equal(await client.add('counter', 40), 40);
            await client.scriptFlush();
            assert.equal(await client.add('counter', 2), 42);
            const sha = await client.scriptLoad('return 7');
            assert.equal(await client.evalSha(sha), 7);
            assert.deepEqual(await client.multi().add('counter', 1).get('counter').exec(), [43, '43']);
        },

        async 'blocking commands of a pool'() {
            const pool = createClientPool({ url, RESP }, { minimum: 2, maximum: 4 });
            await pool.connect();
            const popped = pool.blPop('queue', 10);
            await sleep(50);
            await client.rPush('queue', 'x');
            assert.deepEqual({ ...(await popped) }, { key: 'queue', element: 'x' });
            assert.equal(await pool.blPop('queue', 0.05), null);
            await pool.close();
        },

        async 'streams and groups'() {
            const id = await client.xAdd('stream', '*', { field: 'value' });
            await client.xGroupCreate('stream', 'group', '0');
            const [{ name, messages }] = await client.xReadGroup('group', 'me', { key: 'stream', id: '>' });
            assert.equal(name, 'stream');
            assert.deepEqual([messages[0].id, messages[0].message.field], [id, 'value']);
            assert.equal((await client.xPending('stream', 'group')).pending, 1);
            assert.equal(await client.xAck('stream', 'group', id), 1);
            assert.equal((await client.xInfoStream('stream')).length, 1);
        },

        async 'walks with SCAN'() {
            const keys = new Set();
            for await (const page of client.scanIterator({ MATCH: 'n:*', COUNT: 10 })) page.forEach((key) => keys.add(key));
            assert.equal(keys.size, 100);
        },

        async 'functions'() {
            await needs('FUNCTION');
            const library = `#!lua name=apps
                redis.register_function('apps_double', function(keys, args) return 2 * args[1] end)`;
            await client.functionLoad(library, { REPLACE: true });
            assert.equal(await client.fCall('apps_double', { keys: [], arguments: ['21'] }), 42);
            const [told] = await client.functionList();
            assert.equal(told.library_name, 'apps');
            await client.functionDelete('apps');
        },

        async 'no errors of the connection'() {
            assert.deepEqual(errors, []);
            await client.close();
        },
    };
}

const caching = {
    async 'client-side caching: told of changes by others'() {
        await needs('CLIENT|TRACKING');
        const cache = new BasicClientSideCache({ maxEntries: 100, recordStats: true });
        const cached = createClient({ url, RESP: 3, clientSideCache: cache });
        const other = createClient({ url });
        await cached.connect();
        await other.connect();
        await other.set('cached', 'one');
        assert.equal(await cached.get('cached'), 'one');
        assert.equal(await cached.get('cached'), 'one');
        assert.equal(cache.stats().hitCount, 1);
        await other.set('cached', 'two');
        await until(async () => (await cached.get('cached')) === 'two', 'the change is told', 3000);
        await other.flushAll();
        await until(async () => (await cached.get('cached')) === null, 'the flush is told', 3000);
        cached.destroy();
        other.destroy();
    },
};

const named = (prefix, list) => Object.entries(list).map(([name, check]) => [`${prefix}: ${name}`, check]);
run(Object.fromEntries([...named('RESP2', checks(2)), ...named('RESP3', checks(3)), ...named('RESP3', caching)]));

'use strict';
// socket.io: two servers whose clients reach each other through the Redis adapters.

const { createServer } = require('node:http');
const { Server } = require('socket.io');
const { io } = require('socket.io-client');
const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');
const streams = require('@socket.io/redis-streams-adapter');
const { createClient } = require('redis');
const Redis = require('ioredis');
const { address, assert, run, sleep, until, url } = require('./checks.js');

/** What makes the adapter of one server; returns it with what ends its connections. */
const adapters = {
    async 'channels, node-redis'() {
        const publisher = createClient({ url, RESP: 2 });
        const subscriber = publisher.duplicate();
        await Promise.all([publisher.connect(), subscriber.connect()]);
        return [createAdapter(publisher, subscriber), () => [publisher, subscriber].forEach((one) => one.destroy())];
    },
    async 'channels, ioredis'() {
        const publisher = new Redis(address);
        const subscriber = publisher.duplicate();
        return [createAdapter(publisher, subscriber), () => [publisher, subscriber].forEach((one) => one.disconnect())];
    },
    async 'sharded channels, node-redis'() {
        const publisher = createClient({ url, RESP: 2 });
        const subscriber = publisher.duplicate();
        await Promise.all([publisher.connect(), subscriber.connect()]);
        return [createShardedAdapter(publisher, subscriber), () => [publisher, subscriber].forEach((one) => one.destroy())];
    },
    async 'streams, node-redis'() {
        const client = createClient({ url, RESP: 2 });
        await client.connect();
        return [streams.createAdapter(client), () => client.destroy()];
    },
};

/** A server of socket.io with one client, and what its client has heard. */
async function start(makeAdapter) {
    const [adapter, end] = await makeAdapter();
    const http = createServer();
    const server = new Server(http, { adapter, transports: ['websocket'] });
    server.on('connection', (socket) => {
        socket.join('everybody');
        socket.on('ask', (question, answer) => answer(`re: ${question}`));
    });
    await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve));
    const client = io(`http://127.0.0.1:${http.address().port}`, { transports: ['websocket'] });
    const heard = [];
    client.onAny((event, ...words) => {
        const answer = typeof words.at(-1) === 'function' ? words.pop() : null;
        heard.push([event, ...words]);
        if (answer) answer(`heard ${words[0]}`);
    });
    await new Promise((resolve) => client.on('connect', resolve));
    const close = async () => {
        client.close();
        await server.close();
        end();
    };
    return { server, client, heard, close };
}

const list = {};
for (const [name, makeAdapter] of Object.entries(adapters)) {
    list[name] = async () => {
        const one = await start(makeAdapter);
        const two = await start(makeAdapter);
        // The servers find each other by messages; the count is right once both know.
        await until(async () => (await one.server.fetchSockets()).length === 2, 'the servers know each other');

        one.server.emit('news', { text: 'to all', bytes: Buffer.from([1, 2, 3]) });
        await until(() => one.heard.length === 1 && two.heard.length === 1, 'both clients hear it');
        assert.equal(two.heard[0][1].text, 'to all');
        assert.deepEqual(Buffer.from(two.heard[0][1].bytes), Buffer.from([1, 2, 3]));

        two.server.to('everybody').except(two.client.id).emit('room', 1);
        await until(() => one.heard.length === 2, 'the other server has the room too');
        await sleep(100);
        assert.equal(two.heard.length, 1);

        one.server.to(two.client.id).emit('private', 'psst');
        await until(() => two.heard.length === 2, 'a message to a client of the other server');

        const answers = await one.server.timeout(5000).emitWithAck('question', 'x');
        assert.deepEqual(answers, ['heard x', 'heard x']);

        await one.server.in(two.client.id).socketsJoin('few');
        await until(async () => (await one.server.in('few').fetchSockets()).length === 1, 'joined from afar');
        for (let number = 0; number < 500; number += 1) one.server.to('few').emit('many', number);
        await until(() => two.heard.filter(([event]) => event === 'many').length === 500, '500 messages');
        const numbers = two.heard.filter(([event]) => event === 'many').map(([, number]) => number);
        assert.deepEqual(numbers, Array.from({ length: 500 }, (_, i) => i), 'in their order');

        one.server.in(two.client.id).disconnectSockets();
        await until(async () => (await one.server.fetchSockets()).length === 1, 'disconnected from afar');
        await one.close();
        await two.close();
    };
}
run(list);

'use strict';
// A list of checks that run one after the other, and the closing line `N passed, N failed`.

const assert = require('node:assert/strict');
const Redis = require('ioredis');

const address = { host: process.env.APP_HOST || '127.0.0.1', port: Number(process.env.APP_PORT || 6379) };
const url = `redis://${address.host}:${address.port}`;
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Waits until `condition` gives something true, and returns that. */
async function until(condition, what, milliseconds = 20000) {
    const end = Date.now() + milliseconds;
    for (;;) {
        const value = await condition();
        if (value) return value;
        if (Date.now() > end) throw new Error(`did not happen within ${milliseconds} ms: ${what}`);
        await sleep(10);
    }
}

/** Fails unless `promise` settles in time. */
async function within(milliseconds, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no end within ${milliseconds} ms`)), milliseconds);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

/** Told by a check that the server lacks a command. */
class Skip extends Error {}

/** Skips the check that calls this, unless the server has the command. */
async function needs(command) {
    const client = new Redis(address);
    try {
        const [information] = await client.command('INFO', command);
        if (!information) throw new Skip(`the server has no ${command}`);
    } finally {
        client.disconnect();
    }
}

/** Runs the checks of `list` (name -> async function), all of which need `commands`, and ends the process. */
async function run(list, milliseconds = 60000, commands = []) {
    let failed = 0;
    let skipped = 0;
    for (const [name, check] of Object.entries(list)) {
        const began = Date.now();
        try {
            for (const command of commands) await needs(command);
            await within(milliseconds, check());
            console.log(`ok      ${name} (${Date.now() - began} ms)`);
        } catch (error) {
            if (error instanceof Skip) {
                skipped += 1;
                console.log(`skipped ${name}: ${error.message}`);
                continue;
            }
            failed += 1;
            console.log(`FAILED  ${name}: ${error && error.stack ? error.stack : error}`);
        }
    }
    const passed = Object.keys(list).length - failed - skipped;
    console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ''}`);
    process.exit(failed === 0 ? 0 : 1);
}

// Libraries leave commands behind that fail when a check ends their connection; everything else is told.
process.on('unhandledRejection', (error) => {
    if (!/Disconnects client|Connection is closed/.test(error)) console.log(`unhandled: ${error}`);
});

module.exports = { address, assert, needs, run, sleep, until, url, within };

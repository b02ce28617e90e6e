'use strict';
// A worker process of the BullMQ program, that gets killed: bullmq_worker.js <queue>

const { Worker } = require('bullmq');
const Redis = require('ioredis');
const { address } = require('./checks.js');

const queue = process.argv[2];
const done = new Redis(address);

const worker = new Worker(
    queue,
    async (job) => {
        await done.hincrby(`${queue}:effects`, job.id, 1);
        return job.data.number * 2;
    },
    {
        connection: { ...address, maxRetriesPerRequest: null },
        concurrency: 50,
        lockDuration: 1500,
        stalledInterval: 500,
        maxStalledCount: 1000,
    },
);
worker.on('error', (error) => console.log(`worker: ${error.message}`));

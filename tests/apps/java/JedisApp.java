import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import redis.clients.jedis.DefaultJedisClientConfig;
import redis.clients.jedis.GeoCoordinate;
import redis.clients.jedis.HostAndPort;
import redis.clients.jedis.Jedis;
import redis.clients.jedis.JedisClientConfig;
import redis.clients.jedis.JedisPubSub;
import redis.clients.jedis.Pipeline;
import redis.clients.jedis.Protocol;
import redis.clients.jedis.RedisClient;
import redis.clients.jedis.RedisProtocol;
import redis.clients.jedis.Response;
import redis.clients.jedis.StreamEntryID;
import redis.clients.jedis.Transaction;
import redis.clients.jedis.args.GeoUnit;
import redis.clients.jedis.exceptions.JedisAccessControlException;
import redis.clients.jedis.exceptions.JedisDataException;
import redis.clients.jedis.params.ScanParams;
import redis.clients.jedis.params.SetParams;
import redis.clients.jedis.params.XReadGroupParams;
import redis.clients.jedis.params.ZRangeParams;
import redis.clients.jedis.resps.ScanResult;
import redis.clients.jedis.resps.StreamEntry;
import redis.clients.jedis.resps.Tuple;

/** Jedis in RESP2 and RESP3: data types, pools, pipelines, optimistic locks, channels, streams, scripts, users. */
public final class JedisApp {
    private static final HostAndPort ADDRESS = new HostAndPort(Checks.HOST, Checks.PORT);
    private final JedisClientConfig configuration;
    private final RedisClient db;

    private JedisApp(RedisProtocol protocol) {
        configuration = DefaultJedisClientConfig.builder().protocol(protocol).build();
        db = RedisClient.builder().hostAndPort(ADDRESS).clientConfig(configuration).build();
        db.flushAll();
    }

    public static void main(String[] arguments) {
        Checks checks = new Checks();
        for (RedisProtocol protocol : List.of(RedisProtocol.RESP2, RedisProtocol.RESP3)) {
            JedisApp app = new JedisApp(protocol);
            checks.check(protocol + ": strings, lists, sets, hashes", app::dataTypes);
            checks.check(protocol + ": sorted sets and places", app::sortedSets);
            checks.check(protocol + ": errors of commands", app::mistakes);
            checks.check(protocol + ": SCAN", app::walks);
            checks.check(protocol + ": a pipeline of 10,000 commands", app::pipelines);
            checks.check(protocol + ": MULTI, and WATCH by threads", app::transactions);
            checks.check(protocol + ": channels and patterns", app::channels);
            checks.check(protocol + ": blocking commands", app::blocking);
            checks.check(protocol + ": streams and groups", app::streams);
            checks.check(protocol + ": scripts and functions", app::scripts);
            checks.check(protocol + ": users", app::users);
            app.db.close();
        }
        checks.close();
    }

    /** A connection of its own. */
    private Jedis connection() {
        return new Jedis(ADDRESS, configuration);
    }

    private void dataTypes() {
        Checks.equal(db.set("s", "ünïcode ☃", SetParams.setParams().ex(100).nx()), "OK");
        Checks.equal(db.set("s", "x", SetParams.setParams().nx()), null);
        Checks.equal(db.get("s"), "ünïcode ☃");
        Checks.isTrue(db.ttl("s") > 97, "the deadline");
        byte[] binary = {0, (byte) 255, 13, 10};
        db.set(binary, binary);
        Checks.isTrue(java.util.Arrays.equals(db.get(binary), binary), "binary values");
        db.mset("a", "1", "b", "2");
        List<String> values = new ArrayList<>(List.of("1", "", "2"));
        values.set(1, null);
        Checks.equal(db.mget("a", "none", "b"), values);
        Checks.equal(db.incrByFloat("f", 10.5), 10.5);
        Checks.equal(db.bitfield("bits", "INCRBY", "u8", "8", "250", "OVERFLOW", "SAT", "INCRBY", "u8", "8", "250"), List.of(250L, 255L));
        Checks.equal(db.rpush("l", "1", "2", "3"), 3L);
        Checks.equal(db.lrange("l", -2, -1), List.of("2", "3"));
        Checks.equal(db.hset("h", Map.of("f", "v", "n", "1")), 2L);
        Checks.equal(db.hgetAll("h"), Map.of("f", "v", "n", "1"));
        Checks.equal(db.hincrBy("h", "n", 41), 42L);
        db.sadd("s1", "a", "b", "c");
        db.sadd("s2", "b", "c", "d");
        Checks.equal(db.sinter("s1", "s2"), Set.of("b", "c"));
        Checks.equal(db.smismember("s1", "a", "z"), List.of(true, false));
    }

    private void sortedSets() {
        Checks.equal(db.zadd("z", Map.of("one", 1.0, "two", 2.5, "last", Double.POSITIVE_INFINITY)), 3L);
        Checks.equal(db.zrangeWithScores("z", 0, 1), List.of(new Tuple("one", 1.0), new Tuple("two", 2.5)));
        Checks.equal(db.zscore("z", "last"), Double.POSITIVE_INFINITY);
        Checks.equal(db.zrevrank("z", "one"), 2L);
        Checks.equal(db.zrange("z", new ZRangeParams(Protocol.Keyword.BYSCORE, "(1", "+inf")), List.of("two", "last"));
        Checks.equal(db.zpopmin("z"), new Tuple("one", 1.0));
        db.geoadd("g", 13.361389, 38.115556, "Palermo");
        Checks.equal(db.geosearch("g", new GeoCoordinate(15, 37), 200, GeoUnit.KM).get(0).getMemberByString(), "Palermo");
    }

    private void mistakes() throws Exception {
        db.set("text", "x");
        Checks.raises(JedisDataException.class, "ERR value is not an integer or out of range", () -> db.incr("text"));
        Checks.raises(JedisDataException.class, "WRONGTYPE", () -> db.lpush("text", "x"));
    }

    private void walks() {
        try (Pipeline pipeline = db.pipelined()) {
            for (int number = 0; number < 2000; number++) {
                pipeline.set("walk:" + number, "x");
            }
        }
        Set<String> found = new HashSet<>();
        ScanParams parameters = new ScanParams().match("walk:*").count(100);
        String cursor = ScanParams.SCAN_POINTER_START;
        do {
            ScanResult<String> page = db.scan(cursor, parameters);
            found.addAll(page.getResult());
            cursor = page.getCursor();
        } while (!cursor.equals(ScanParams.SCAN_POINTER_START));
        Checks.equal(found.size(), 2000);
    }

    private void pipelines() throws Exception {
        try (Pipeline pipeline = db.pipelined()) {
            List<Response<Long>> replies = new ArrayList<>();
            for (int number = 0; number < 5000; number++) {
                pipeline.set("p" + number, Integer.toString(number));
                replies.add(pipeline.incr("p" + number));
            }
            Response<Long> wrong = pipeline.lpush("p0", "x");
            pipeline.sync();
            Checks.equal(replies.get(4999).get(), 5000L);
            Checks.raises(JedisDataException.class, "WRONGTYPE", wrong::get);
        }
    }

    private void transactions() throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(4);
        List<Future<?>> workers = new ArrayList<>();
        for (int worker = 0; worker < 4; worker++) {
            workers.add(threads.submit(() -> {
                try (Jedis jedis = connection()) {
                    for (int done = 0; done < 20; ) {
                        jedis.watch("n");
                        String value = jedis.get("n");
                        Transaction transaction = jedis.multi();
                        transaction.set("n", Integer.toString(value == null ? 1 : Integer.parseInt(value) + 1));
                        if (transaction.exec() != null) {
                            done++;
                        }
                    }
                }
            }));
        }
        for (Future<?> worker : workers) {
            worker.get();
        }
        threads.shutdown();
        Checks.equal(db.get("n"), "80");
        try (var transaction = db.multi()) {
            Response<Long> first = transaction.incr("n");
            transaction.discard();
            Checks.equal(db.get("n"), "80");
        }
    }

    private void channels() throws Exception {
        List<String> got = new ArrayList<>();
        JedisPubSub subscriber = new JedisPubSub() {
            @Override
            public void onMessage(String channel, String message) {
                got.add("message " + channel + " " + message);
            }

            @Override
            public void onPMessage(String pattern, String channel, String message) {
                got.add("pmessage " + pattern + " " + channel + " " + message);
                unsubscribe();
                punsubscribe();
            }

            @Override
            public void onSubscribe(String channel, int count) {
                psubscribe("n*");
            }
        };
        CompletableFuture<Void> listening = CompletableFuture.runAsync(() -> {
            try (Jedis jedis = connection()) {
                jedis.subscribe(subscriber, "news");
            }
        });
        try (Jedis jedis = connection()) {
            Checks.until(() -> jedis.pubsubNumPat() == 1, "it subscribes");
        }
        Checks.equal(db.publish("news", "hello"), 2L);
        listening.get();
        Checks.equal(got, List.of("message news hello", "pmessage n* news hello"));
    }

    private void blocking() throws Exception {
        CompletableFuture<List<String>> waiting = CompletableFuture.supplyAsync(() -> db.blpop(10, "none", "queue"));
        Thread.sleep(100);
        db.rpush("queue", "x");
        Checks.equal(waiting.get(), List.of("queue", "x"));
        Checks.equal(db.brpop(0.05, "none"), null);
    }

    private void streams() {
        List<StreamEntryID> ids = new ArrayList<>();
        for (int number = 0; number < 5; number++) {
            ids.add(db.xadd("x", StreamEntryID.NEW_ENTRY, Map.of("number", Integer.toString(number))));
        }
        db.xgroupCreate("x", "g", new StreamEntryID(), false);
        List<StreamEntry> read = db.xreadGroup("g", "me", XReadGroupParams.xReadGroupParams().count(3),
            Map.of("x", StreamEntryID.XREADGROUP_UNDELIVERED_ENTRY)).get(0).getValue();
        Checks.equal(read.get(2).getFields(), Map.of("number", "2"));
        Checks.equal(db.xack("x", "g", ids.get(0)), 1L);
        Checks.equal(db.xpending("x", "g").getTotal(), 2L);
        Checks.equal(db.xinfoGroups("x").get(0).getPending(), 2L);
        Checks.equal(db.xinfoStreamFull("x").getLength(), 5L);
    }

    private void scripts() throws Exception {
        Checks.needs("EVALSHA", "FUNCTION");
        db.scriptFlush();
        String hash = db.scriptLoad("return {redis.call('INCRBY', KEYS[1], ARGV[1]), 'x'}");
        Checks.equal(db.evalsha(hash, 1, "scripted", "5"), List.of(5L, "x"));
        Checks.equal(db.scriptExists(List.of(hash)), List.of(true));
        Checks.raises(JedisDataException.class, "OWN words", () -> db.eval("return redis.error_reply('OWN words')"));
        Checks.raises(JedisDataException.class, "NOSCRIPT", () -> db.evalsha("f".repeat(40)));
        String code = "#!lua name=jedislib\nredis.register_function('twice', function(keys, args) return 2 * args[1] end)";
        Checks.equal(db.functionLoadReplace(code), "jedislib");
        Checks.equal(db.fcall("twice", List.of(), List.of("21")), 42L);
        Checks.equal(db.functionList().get(0).getLibraryName(), "jedislib");
        db.functionDelete("jedislib");
    }

    private void users() throws Exception {
        try (Jedis jedis = connection(); Jedis ann = connection()) {
            jedis.aclSetUser("ann", "on", ">secret", "~ann:*", "+@all", "-@dangerous");
            Checks.equal(jedis.aclGetUser("ann").getKeys(), "~ann:*");
            ann.auth("ann", "secret");
            Checks.equal(ann.set("ann:x", "1"), "OK");
            Checks.raises(JedisAccessControlException.class, "NOPERM", () -> ann.get("bob:x"));
            Checks.raises(JedisAccessControlException.class, "NOPERM", ann::flushAll);
            Checks.equal(jedis.aclDelUser("ann"), 1L);
        }
    }
}

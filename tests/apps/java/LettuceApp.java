import io.lettuce.core.ClientOptions;
import io.lettuce.core.KeyValue;
import io.lettuce.core.LettuceFutures;
import io.lettuce.core.Range;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisFuture;
import io.lettuce.core.RedisURI;
import io.lettuce.core.ScanIterator;
import io.lettuce.core.ScoredValue;
import io.lettuce.core.ScriptOutputType;
import io.lettuce.core.SetArgs;
import io.lettuce.core.StreamMessage;
import io.lettuce.core.TrackingArgs;
import io.lettuce.core.TransactionResult;
import io.lettuce.core.XReadArgs.StreamOffset;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.protocol.ProtocolVersion;
import io.lettuce.core.pubsub.RedisPubSubAdapter;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.lettuce.core.support.caching.CacheAccessor;
import io.lettuce.core.support.caching.CacheFrontend;
import io.lettuce.core.support.caching.ClientSideCaching;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import reactor.core.publisher.Flux;

/** Lettuce in RESP2 and RESP3: one connection for all threads, reactive streams, channels, scripts, client-side caching. */
public final class LettuceApp {
    private final ProtocolVersion version;
    private final RedisClient client;
    private final StatefulRedisConnection<String, String> connection;
    private final RedisCommands<String, String> db;

    private LettuceApp(ProtocolVersion version) {
        this.version = version;
        client = RedisClient.create(RedisURI.create(Checks.HOST, Checks.PORT));
        client.setOptions(ClientOptions.builder().protocolVersion(version).build());
        connection = client.connect();
        db = connection.sync();
        db.flushall();
    }

    public static void main(String[] arguments) {
        Checks checks = new Checks();
        for (ProtocolVersion version : List.of(ProtocolVersion.RESP2, ProtocolVersion.RESP3)) {
            LettuceApp app = new LettuceApp(version);
            checks.check(version + ": data types", app::dataTypes);
            checks.check(version + ": errors of commands", app::mistakes);
            checks.check(version + ": 10,000 commands at once on one connection", app::together);
            checks.check(version + ": 2,000 commands of a reactive stream, and SCAN", app::reactive);
            checks.check(version + ": MULTI and WATCH", app::transactions);
            checks.check(version + ": channels and patterns", app::channels);
            checks.check(version + ": blocking commands", app::blocking);
            checks.check(version + ": streams and groups", app::streams);
            checks.check(version + ": scripts", app::scripts);
            checks.check(version + ": a connection that is killed comes back", app::killed);
            if (version == ProtocolVersion.RESP3) {
                checks.check(version + ": client-side caching", app::caching);
            }
        }
        checks.close();
    }

    private void dataTypes() {
        Checks.equal(db.set("s", "ünïcode ☃", SetArgs.Builder.ex(100).nx()), "OK");
        Checks.equal(db.set("s", "x", SetArgs.Builder.nx()), null);
        Checks.equal(db.get("s"), "ünïcode ☃");
        Checks.isTrue(db.ttl("s") > 97, "the deadline");
        Checks.equal(db.incrbyfloat("f", 10.5), 10.5);
        db.mset(Map.of("a", "1", "b", "2"));
        Checks.equal(db.mget("a", "none"), List.of(KeyValue.just("a", "1"), KeyValue.empty("none")));
        Checks.equal(db.hset("h", Map.of("f", "v", "g", "w")), 2L);
        Checks.equal(db.hgetall("h"), Map.of("f", "v", "g", "w"));
        Checks.equal(db.rpush("l", "1", "2", "3"), 3L);
        Checks.equal(db.lrange("l", 0, -1), List.of("1", "2", "3"));
        db.sadd("set", "x", "y");
        Checks.equal(db.smismember("set", "x", "z"), List.of(true, false));
        db.zadd("z", 1, "one");
        db.zadd("z", 2.5, "two");
        Checks.equal(db.zrangeWithScores("z", 0, -1), List.of(ScoredValue.just(1, "one"), ScoredValue.just(2.5, "two")));
        Checks.equal(db.zrangebyscore("z", Range.create(2.0, 3.0)), List.of("two"));
        Checks.equal(db.zscore("z", "none"), null);
        db.geoadd("g", 13.361389, 38.115556, "Palermo");
        Checks.isTrue(Math.abs(db.geopos("g", "Palermo").get(0).getX().doubleValue() - 13.361389) < 0.001, "a place");
    }

    private void mistakes() throws Exception {
        db.set("text", "x");
        Checks.raises(RedisCommandExecutionException.class, "ERR value is not an integer or out of range", () -> db.incr("text"));
        Checks.raises(RedisCommandExecutionException.class, "WRONGTYPE", () -> db.lpush("text", "x"));
    }

    private void together() throws Exception {
        List<RedisFuture<Long>> replies = new ArrayList<>();
        for (int number = 0; number < 10_000; number++) {
            replies.add(connection.async().incr("together"));
        }
        Checks.isTrue(LettuceFutures.awaitAll(Duration.ofSeconds(30), replies.toArray(RedisFuture[]::new)), "all replies");
        for (int number = 0; number < 10_000; number++) {
            Checks.equal(replies.get(number).get(), number + 1L);
        }
    }

    private void reactive() {
        var flux = connection.reactive();
        Flux.range(0, 2000).flatMap(number -> flux.set("walk:" + number, "x")).blockLast();
        Checks.equal(ScanIterator.scan(db, io.lettuce.core.ScanArgs.Builder.limit(100).match("walk:*")).stream().distinct().count(), 2000L);
    }

    private void transactions() {
        db.multi();
        db.incr("n");
        db.lpush("n", "x");
        TransactionResult result = db.exec();
        Checks.equal(result.get(0), 1L);
        Checks.isTrue(result.get(1) instanceof RedisCommandExecutionException, "an error inside");
        try (StatefulRedisConnection<String, String> other = client.connect()) {
            db.watch("n");
            other.sync().incr("n");
            db.multi();
            db.incr("n");
            Checks.isTrue(db.exec().wasDiscarded(), "somebody else has changed it");
        }
        Checks.equal(db.get("n"), "2");
    }

    private void channels() throws Exception {
        List<String> got = new CopyOnWriteArrayList<>();
        try (StatefulRedisPubSubConnection<String, String> subscriber = client.connectPubSub()) {
            subscriber.addListener(new RedisPubSubAdapter<>() {
                @Override
                public void message(String channel, String message) {
                    got.add("message " + channel + " " + message);
                }

                @Override
                public void message(String pattern, String channel, String message) {
                    got.add("pmessage " + pattern + " " + channel + " " + message);
                }
            });
            subscriber.sync().subscribe("news");
            subscriber.sync().psubscribe("n*");
            Checks.equal(db.publish("news", "hello"), 2L);
            Checks.until(() -> got.size() == 2, "two messages");
            Checks.equal(got, List.of("message news hello", "pmessage n* news hello"));
            Checks.equal(db.pubsubNumsub("news"), Map.of("news", 1L));
            if (version == ProtocolVersion.RESP3) {
                Checks.equal(subscriber.sync().get("n"), "2");
            }
        }
    }

    private void blocking() throws Exception {
        try (StatefulRedisConnection<String, String> other = client.connect()) {
            RedisFuture<KeyValue<String, String>> waiting = other.async().blpop(10, "none", "queue");
            Thread.sleep(100);
            db.rpush("queue", "x");
            Checks.equal(waiting.get(10, TimeUnit.SECONDS), KeyValue.just("queue", "x"));
            Checks.equal(other.sync().brpop(0.05, "none"), null);
        }
    }

    @SuppressWarnings("unchecked")  // an array of generic offsets
    private void streams() {
        List<String> ids = new ArrayList<>();
        for (int number = 0; number < 5; number++) {
            ids.add(db.xadd("x", Map.of("number", Integer.toString(number))));
        }
        db.xgroupCreate(StreamOffset.from("x", "0"), "g");
        List<StreamMessage<String, String>> read = db.xreadgroup(io.lettuce.core.Consumer.from("g", "me"),
            io.lettuce.core.XReadArgs.Builder.count(3), StreamOffset.lastConsumed("x"));
        Checks.equal(read.get(2).getBody(), Map.of("number", "2"));
        Checks.equal(db.xack("x", "g", ids.get(0)), 1L);
        Checks.equal(db.xpending("x", "g").getCount(), 2L);
        Checks.equal(db.xrange("x", Range.create(ids.get(3), "+")).size(), 2);
    }

    private void scripts() throws Exception {
        Checks.needs("EVALSHA");
        db.scriptFlush();
        String hash = db.scriptLoad("return {redis.call('INCRBY', KEYS[1], ARGV[1]), 'x', false}");
        List<Object> reply = db.evalsha(hash, ScriptOutputType.MULTI, new String[] {"scripted"}, "5");
        Checks.equal(reply.subList(0, 2), List.of(5L, "x"));
        Checks.equal(reply.get(2), null);
        Checks.equal(db.scriptExists(hash, "f".repeat(40)), List.of(true, false));
    }

    private void killed() throws Exception {
        long id = db.clientId();
        try (StatefulRedisConnection<String, String> other = client.connect()) {
            Checks.equal(other.sync().clientKill(io.lettuce.core.KillArgs.Builder.id(id)), 1L);
        }
        Checks.equal(db.ping(), "PONG");
        Checks.isTrue(db.clientId() != id, "it is another connection");
    }

    private void caching() throws Exception {
        Checks.needs("CLIENT|TRACKING");
        Map<String, String> near = new ConcurrentHashMap<>();
        try (StatefulRedisConnection<String, String> cached = client.connect()) {
            CacheFrontend<String, String> frontend = ClientSideCaching.enable(CacheAccessor.forMap(near), cached, TrackingArgs.Builder.enabled());
            db.set("cached", "one");
            Checks.equal(frontend.get("cached"), "one");
            Checks.equal(near, Map.of("cached", "one"));
            db.set("cached", "two");
            Checks.until(near::isEmpty, "the change is told");
            Checks.equal(frontend.get("cached"), "two");
        }
    }
}

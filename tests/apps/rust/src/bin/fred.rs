//! fred in RESP2 and RESP3: pools, transactions, channels, blocking commands, streams, scripts, client-side caching.

use std::collections::HashMap;
use std::process::ExitCode;
use std::time::Duration;

use diskdb_apps::{host, port, Checks, Outcome};
use fred::prelude::*;
use fred::types::scripts::Script;
use fred::types::streams::XReadResponse;
use fred::types::{CustomCommand, RespVersion};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut checks = Checks::default();
    for version in [RespVersion::RESP2, RespVersion::RESP3] {
        let builder = builder(version.clone());
        let pool = builder.build_pool(4).expect("a pool");
        pool.init().await.expect("the pool connects");
        let () = pool.flushall(false).await.expect("an empty server");
        let name = |what: &str| format!("{version:?}: {what}");
        let one = || pool.next().clone();
        checks.check(&name("data types"), None, data_types(one())).await;
        checks.check(&name("errors of commands"), None, mistakes(one())).await;
        checks.check(&name("10,000 commands at once in a pool"), None, together(pool.clone())).await;
        checks.check(&name("pipelines and MULTI"), None, transactions(one())).await;
        checks
            .check(&name("channels, patterns, sharded channels"), None, channels(builder.clone(), one()))
            .await;
        checks.check(&name("blocking commands"), None, blocking(builder.clone(), one())).await;
        checks.check(&name("streams and groups"), None, streams(one())).await;
        checks.check(&name("scripts"), Some("EVALSHA"), scripts(one())).await;
        checks.check(&name("a client that is killed comes back"), None, killed(builder.clone(), one())).await;
    }
    let tracking = tracking(builder(RespVersion::RESP3));
    checks.check("RESP3: client-side caching", Some("CLIENT|TRACKING"), tracking).await;
    checks.close()
}

fn builder(version: RespVersion) -> Builder {
    let mut builder = Builder::from_config(Config {
        server: ServerConfig::new_centralized(host(), port()),
        version,
        ..Config::default()
    });
    builder.set_policy(ReconnectPolicy::new_constant(0, 20));
    builder
}

async fn data_types(db: Client) -> Outcome {
    let () = db.set("s", "ünïcode ☃", Some(Expiration::EX(100)), Some(SetOptions::NX), false).await?;
    assert_eq!(db.get::<String, _>("s").await?, "ünïcode ☃");
    assert!((98..=100).contains(&db.ttl::<i64, _>("s").await?));
    assert_eq!(db.get::<Option<String>, _>("none").await?, None);
    let () = db.hset("h", HashMap::from([("f", "v"), ("g", "w")])).await?;
    let hash: HashMap<String, String> = db.hgetall("h").await?;
    assert_eq!((hash.len(), hash["g"].as_str()), (2, "w"));
    let () = db.rpush("l", vec![1, 2, 3]).await?;
    assert_eq!(db.lrange::<Vec<i64>, _>("l", 0, -1).await?, [1, 2, 3]);
    let () = db.sadd("set", vec!["x", "y"]).await?;
    assert!(db.sismember::<bool, _, _>("set", "x").await?);
    let () = db.zadd("z", None, None, false, false, vec![(1.0, "one"), (2.5, "two")]).await?;
    let scores: Vec<(String, f64)> = db.zrange("z", 0, -1, None, false, None, true).await?;
    assert_eq!(scores, [("one".to_owned(), 1.0), ("two".to_owned(), 2.5)]);
    assert_eq!(db.incr_by_float::<f64, _>("f", 10.5).await?, 10.5);
    Ok(())
}

async fn mistakes(db: Client) -> Outcome {
    let () = db.set("text", "x", None, None, false).await?;
    let error = db.incr::<i64, _>("text").await.unwrap_err();
    assert_eq!(error.details(), "ERR value is not an integer or out of range");
    let error = db.lpush::<i64, _, _>("text", 1).await.unwrap_err();
    assert!(error.details().starts_with("WRONGTYPE"), "{error}");
    Ok(())
}

async fn together(pool: Pool) -> Outcome {
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            let db = pool.next().clone();
            tokio::spawn(async move { db.incr::<i64, _>("together").await })
        })
        .collect();
    let mut replies = Vec::new();
    for task in tasks {
        replies.push(task.await??);
    }
    replies.sort_unstable();
    assert!(replies.into_iter().eq(1..=10_000));
    Ok(())
}

async fn transactions(db: Client) -> Outcome {
    let pipeline = db.pipeline();
    for number in 0..5000 {
        let () = pipeline.set(format!("p:{number}"), number, None, None, false).await?;
    }
    let () = pipeline.get("p:4999").await?;
    assert_eq!(pipeline.last::<i64>().await?, 4999);
    let transaction = db.multi();
    let () = transaction.incr("n").await?;
    let () = transaction.lpush("n", "x").await?;
    let () = transaction.get("n").await?;
    assert!(transaction.exec::<Value>(true).await.unwrap_err().details().starts_with("WRONGTYPE"));
    assert_eq!(db.get::<i64, _>("n").await?, 1);
    let transaction = db.multi();
    let () = transaction.incr("n").await?;
    let () = transaction.hgetall("h").await?;
    let (number, hash): (i64, HashMap<String, String>) = transaction.exec(true).await?;
    assert_eq!((number, hash.len()), (2, 2));
    Ok(())
}

async fn channels(builder: Builder, db: Client) -> Outcome {
    let subscriber = builder.build_subscriber_client()?;
    subscriber.init().await?;
    let mut messages = subscriber.message_rx();
    subscriber.subscribe("news").await?;
    subscriber.psubscribe("n*").await?;
    subscriber.ssubscribe("shard").await?;
    assert_eq!(db.publish::<i64, _, _>("news", "hello").await?, 2);
    assert_eq!(db.spublish::<i64, _, _>("shard", "hi").await?, 1);
    let mut got = Vec::new();
    for _ in 0..3 {
        let message = messages.recv().await?;
        got.push((format!("{:?}", message.kind), message.value.convert::<String>()?));
    }
    got.sort();
    let wanted = [("Message", "hello"), ("PMessage", "hello"), ("SMessage", "hi")];
    assert_eq!(got, wanted.map(|(kind, text)| (kind.to_owned(), text.to_owned())));
    subscriber.unsubscribe_all().await?;
    subscriber.quit().await?;
    Ok(())
}

async fn blocking(builder: Builder, db: Client) -> Outcome {
    let other = builder.build()?;
    other.init().await?;
    let waiting =
        tokio::spawn(async move { other.blpop::<(String, String), _>(vec!["none", "queue"], 10.0).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let () = db.rpush("queue", "x").await?;
    assert_eq!(waiting.await??, ("queue".to_owned(), "x".to_owned()));
    let error = db.brpop::<(String, String), _>("none", 0.05).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::Timeout);
    Ok(())
}

async fn streams(db: Client) -> Outcome {
    let mut ids: Vec<String> = Vec::new();
    for number in 0..5 {
        ids.push(db.xadd("stream", false, None, "*", ("number", number)).await?);
    }
    let () = db.xgroup_create("stream", "group", "0", false).await?;
    let read: XReadResponse<String, String, String, i64> =
        db.xreadgroup_map("group", "me", Some(3), None, false, "stream", ">").await?;
    let numbers: Vec<i64> = read["stream"].iter().map(|(_, fields)| fields["number"]).collect();
    assert_eq!(numbers, [0, 1, 2]);
    assert_eq!(db.xack::<i64, _, _, _>("stream", "group", ids[0].as_str()).await?, 1);
    let (next, claimed): (String, Vec<(String, HashMap<String, i64>)>) =
        db.xautoclaim_values("stream", "group", "other", 0, "0", Some(1), false).await?;
    assert_eq!((next, claimed[0].1["number"]), (ids[2].clone(), 1));
    assert_eq!(db.xlen::<i64, _>("stream").await?, 5);
    Ok(())
}

async fn scripts(db: Client) -> Outcome {
    let () = db.script_flush(false).await?;
    let script = Script::from_lua("return {redis.call('INCRBY', KEYS[1], ARGV[1]), 'x', false}");
    for total in [5, 10] {
        let reply: (i64, String, Option<i64>) =
            script.evalsha_with_reload(&db, vec!["scripted"], vec![5]).await?;
        assert_eq!(reply, (total, "x".to_owned(), None));
    }
    Ok(())
}

async fn killed(builder: Builder, db: Client) -> Outcome {
    let victim = builder.build()?;
    victim.init().await?;
    let client = |words: &'static str| CustomCommand::new_static(words, None, false);
    let id: i64 = victim.custom(client("CLIENT ID"), Vec::<Value>::new()).await?;
    assert_eq!(db.custom::<i64, _>(client("CLIENT KILL"), vec!["ID".to_owned(), id.to_string()]).await?, 1);
    assert_eq!(victim.ping::<String>(None).await?, "PONG");
    let again: i64 = victim.custom(client("CLIENT ID"), Vec::<Value>::new()).await?;
    assert_ne!(id, again);
    Ok(())
}

async fn tracking(builder: Builder) -> Outcome {
    let cached = builder.build()?;
    cached.init().await?;
    let other = builder.build()?;
    other.init().await?;
    let mut invalidations = cached.invalidation_rx();
    cached.start_tracking(None, false, false, false, false).await?;
    let () = cached.get("tracked").await?;
    let () = other.set("tracked", "new", None, None, false).await?;
    assert_eq!(invalidations.recv().await?.keys, [Key::from("tracked")]);
    cached.stop_tracking().await?;
    Ok(())
}

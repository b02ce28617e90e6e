//! redis-rs in RESP2 and RESP3, with tokio and without.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::process::ExitCode;
use std::time::Duration;

use diskdb_apps::{host, port, Checks, Outcome};
use redis::aio::{ConnectionManager, MultiplexedConnection};
use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, Commands, ErrorKind, PushInfo, PushKind, ServerErrorKind, Value};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut checks = Checks::default();
    for protocol in [2, 3] {
        let client = redis::Client::open(format!("redis://{}:{}/?protocol=resp{protocol}", host(), port()))
            .expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a connection");
        let () = connection.flushall().await.expect("an empty server");
        let name = |what: &str| format!("RESP{protocol}: {what}");
        let one = || connection.clone();
        checks.check(&name("data types"), None, data_types(one())).await;
        checks.check(&name("errors of commands"), None, mistakes(one())).await;
        checks.check(&name("10,000 commands at once on one connection"), None, together(one())).await;
        checks.check(&name("pipelines and MULTI"), None, pipelines(one())).await;
        checks.check(&name("WATCH by threads, without tokio"), None, transactions(client.clone())).await;
        checks.check(&name("SCAN"), None, walks(one())).await;
        checks.check(&name("channels and patterns"), None, channels(client.clone(), one())).await;
        checks.check(&name("blocking commands"), None, blocking(client.clone(), one())).await;
        checks.check(&name("streams and groups"), None, streams(one())).await;
        checks.check(&name("scripts"), Some("EVALSHA"), scripts(one())).await;
        checks
            .check(&name("a connection that is killed comes back"), None, killed(client.clone(), one()))
            .await;
    }
    let client =
        redis::Client::open(format!("redis://{}:{}/?protocol=resp3", host(), port())).expect("a URL");
    checks.check("RESP3: pushes on the connection of commands", None, pushes(client)).await;
    checks.close()
}

async fn data_types(mut db: MultiplexedConnection) -> Outcome {
    let () = db.set_ex("s", "ünïcode ☃", 100).await?;
    assert_eq!(db.get::<_, String>("s").await?, "ünïcode ☃");
    assert!((98..=100).contains(&db.ttl::<_, i64>("s").await?));
    assert_eq!(db.get::<_, Option<String>>("none").await?, None);
    let binary = vec![0_u8, 255, 13, 10];
    let () = db.set("binary", &binary).await?;
    assert_eq!(db.get::<_, Vec<u8>>("binary").await?, binary);
    let () = db.mset(&[("a", 1), ("b", 2)]).await?;
    assert_eq!(db.mget::<_, Vec<Option<i32>>>(&["a", "none", "b"]).await?, [Some(1), None, Some(2)]);
    assert_eq!(db.incr::<_, _, f64>("f", 10.5).await?, 10.5);
    let () = db.hset_multiple("h", &[("f", "v"), ("g", "w")]).await?;
    let hash: HashMap<String, String> = db.hgetall("h").await?;
    assert_eq!((hash.len(), hash["g"].as_str()), (2, "w"));
    let () = db.rpush("l", &[1, 2, 3]).await?;
    assert_eq!(db.lrange::<_, Vec<i32>>("l", 0, -1).await?, [1, 2, 3]);
    let () = db.sadd("set", &["x", "y"]).await?;
    assert!(db.sismember::<_, _, bool>("set", "x").await?);
    let () = db.zadd_multiple("z", &[(1.0, "one"), (2.5, "two")]).await?;
    let scores: Vec<(String, f64)> = db.zrange_withscores("z", 0, -1).await?;
    assert_eq!(scores, [("one".to_owned(), 1.0), ("two".to_owned(), 2.5)]);
    assert_eq!(db.zscore::<_, _, Option<f64>>("z", "none").await?, None);
    Ok(())
}

async fn mistakes(mut db: MultiplexedConnection) -> Outcome {
    let () = db.set("text", "x").await?;
    let error = db.incr::<_, _, i64>("text", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Server(ServerErrorKind::ResponseError));
    assert_eq!(error.detail(), Some("value is not an integer or out of range"));
    let error = db.lpush::<_, _, i64>("text", 1).await.unwrap_err();
    assert_eq!(error.code(), Some("WRONGTYPE"));
    Ok(())
}

async fn together(db: MultiplexedConnection) -> Outcome {
    let tasks: Vec<_> = (0..10_000)
        .map(|_| {
            let mut db = db.clone();
            tokio::spawn(async move { db.incr::<_, _, i64>("together", 1).await })
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

async fn pipelines(mut db: MultiplexedConnection) -> Outcome {
    let (first, second): (i64, String) = redis::pipe()
        .atomic()
        .incr("p", 1)
        .cmd("SET")
        .arg("q")
        .arg("v")
        .ignore()
        .get("q")
        .query_async(&mut db)
        .await?;
    assert_eq!((first, second.as_str()), (1, "v"));
    let mut pipe = redis::pipe();
    for number in 0..5000 {
        pipe.set(format!("p:{number}"), number).ignore().get(format!("p:{number}"));
    }
    let numbers: Vec<i32> = pipe.query_async(&mut db).await?;
    assert!(numbers.into_iter().eq(0..5000));
    let failed = redis::pipe().atomic().incr("p", 1).lpush("p", 1).query_async::<Value>(&mut db).await;
    assert!(failed.unwrap_err().to_string().contains("WRONGTYPE"));
    assert_eq!(db.get::<_, i64>("p").await?, 2);
    Ok(())
}

async fn transactions(client: redis::Client) -> Outcome {
    let workers: Vec<_> = (0..4)
        .map(|_| {
            let mut db = client.get_connection().expect("a connection");
            std::thread::spawn(move || {
                for _ in 0..20 {
                    let () = redis::transaction(&mut db, &["n"], |db, pipe| {
                        let value: Option<i64> = db.get("n")?;
                        pipe.set("n", value.unwrap_or(0) + 1).ignore().query(db)
                    })
                    .expect("a transaction");
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("a thread ends well");
    }
    assert_eq!(client.get_connection()?.get::<_, i64>("n")?, 80);
    Ok(())
}

async fn walks(mut db: MultiplexedConnection) -> Outcome {
    let values: Vec<_> = (0..2000).map(|number| (format!("walk:{number}"), number)).collect();
    let () = db.mset(&values).await?;
    let mut found = HashSet::new();
    let mut walk = db.scan_match::<_, String>("walk:*").await?;
    while let Some(key) = walk.next_item().await {
        found.insert(key?);
    }
    assert_eq!(found.len(), 2000);
    Ok(())
}

async fn channels(client: redis::Client, mut db: MultiplexedConnection) -> Outcome {
    let publishing = tokio::task::spawn_blocking(move || -> redis::RedisResult<BTreeSet<(bool, String)>> {
        let mut connection = client.get_connection()?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut subscriber = connection.as_pubsub();
        subscriber.subscribe("news")?;
        subscriber.psubscribe("n*")?;
        let mut got = BTreeSet::new();
        while got.len() < 2 {
            let message = subscriber.get_message()?;
            got.insert((message.from_pattern(), message.get_payload()?));
        }
        Ok(got)
    });
    while db.publish::<_, _, i64>("news", "hello").await? < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let wanted = [false, true].map(|from_pattern| (from_pattern, "hello".to_owned()));
    assert_eq!(publishing.await??, BTreeSet::from(wanted));
    Ok(())
}

async fn blocking(client: redis::Client, mut db: MultiplexedConnection) -> Outcome {
    let mut other = client.get_multiplexed_async_connection().await?;
    let waiting =
        tokio::spawn(async move { other.blpop::<_, (String, String)>(&["none", "queue"], 10.0).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let () = db.rpush("queue", "x").await?;
    assert_eq!(waiting.await??, ("queue".to_owned(), "x".to_owned()));
    assert_eq!(db.brpop::<_, Option<(String, String)>>("none", 0.05).await?, None);
    Ok(())
}

async fn streams(mut db: MultiplexedConnection) -> Outcome {
    let mut ids: Vec<String> = Vec::new();
    for number in 0..5 {
        ids.push(db.xadd("stream", "*", &[("number", number)]).await?);
    }
    let () = db.xgroup_create("stream", "group", "0").await?;
    let options = StreamReadOptions::default().group("group", "me").count(3);
    let read: StreamReadReply = db.xread_options(&["stream"], &[">"], &options).await?;
    assert_eq!(read.keys[0].ids[2].get::<i32>("number"), Some(2));
    assert_eq!(db.xack::<_, _, _, i64>("stream", "group", &[&ids[0]]).await?, 1);
    let pending: redis::streams::StreamPendingCountReply =
        db.xpending_count("stream", "group", "-", "+", 10).await?;
    assert_eq!(pending.ids.iter().map(|entry| &entry.id).collect::<Vec<_>>(), [&ids[1], &ids[2]]);
    let groups: redis::streams::StreamInfoGroupsReply = db.xinfo_groups("stream").await?;
    assert_eq!((groups.groups[0].pending, groups.groups[0].lag), (2, Some(2)));
    let options = StreamReadOptions::default().block(20);
    assert!(db
        .xread_options::<_, _, Option<StreamReadReply>>(&["stream"], &["$"], &options)
        .await?
        .is_none());
    Ok(())
}

async fn scripts(mut db: MultiplexedConnection) -> Outcome {
    let () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut db).await?;
    let script = redis::Script::new("return {redis.call('INCRBY', KEYS[1], ARGV[1]), 'x', false}");
    for total in [5, 10] {
        let reply: (i64, String, Option<i64>) = script.key("scripted").arg(5).invoke_async(&mut db).await?;
        assert_eq!(reply, (total, "x".to_owned(), None));
    }
    let error = redis::Script::new("return redis.error_reply('OWN words')")
        .invoke_async::<_, Value>(&mut db)
        .await
        .unwrap_err();
    assert_eq!((error.code(), error.detail()), (Some("OWN"), Some("words")));
    Ok(())
}

async fn killed(client: redis::Client, mut db: MultiplexedConnection) -> Outcome {
    let mut managed = ConnectionManager::new(client).await?;
    let id: i64 = redis::cmd("CLIENT").arg("ID").query_async(&mut managed).await?;
    let () = redis::cmd("CLIENT").arg(&["KILL", "ID"]).arg(id).query_async(&mut db).await?;
    for _ in 0..100 {
        if managed.ping::<String>().await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err("it did not come back".into())
}

async fn pushes(client: redis::Client) -> Outcome {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel::<PushInfo>();
    let configuration = redis::AsyncConnectionConfig::new().set_push_sender(sender);
    let mut db = client.get_multiplexed_async_connection_with_config(&configuration).await?;
    let () = db.subscribe("mixed").await?;
    assert_eq!(db.publish::<_, _, i64>("mixed", "hello").await?, 1);
    let () = db.set("between", "commands").await?;
    loop {
        let push = receiver.recv().await.ok_or("no more pushes")?;
        if push.kind == PushKind::Message {
            assert_eq!(push.data, ["mixed", "hello"].map(|text| Value::BulkString(text.into())));
            return Ok(());
        }
    }
}

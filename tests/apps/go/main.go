// go-redis in RESP2 and RESP3: data types, pipelines, optimistic locks, channels, blocking commands, streams, scripts.
package main

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

func main() {
	run([]check{
		{"strings and numbers", texts},
		{"lists and sets", listsAndSets},
		{"hashes, and structures in them", hashes},
		{"sorted sets and places", sortedSets},
		{"keys of a walk with SCAN", walks},
		{"errors of commands", mistakes},
		{"a pipeline of 10,000 commands", pipelines},
		{"MULTI, and WATCH by goroutines", transactions},
		{"a pool of connections", pool},
		{"channels, patterns, sharded channels", channels},
		{"blocking commands", blocking},
		{"streams and groups", streams},
		{"scripts", scripts},
		{"functions", functions},
		{"users", users},
		{"a connection that is killed comes back", killed},
	})
}

func texts(c context.Context, client *redis.Client) {
	equal(value(client.Set(c, "s", "ünïcode ☃", time.Minute).Result()), "OK")
	equal(value(client.SetNX(c, "s", "x", 0).Result()), false)
	equal(value(client.Get(c, "s").Result()), "ünïcode ☃")
	if left := value(client.TTL(c, "s").Result()); left < 58*time.Second || left > time.Minute {
		panic(left)
	}
	_, err := client.Get(c, "none").Result()
	equal(err, redis.Nil)
	equal(value(client.IncrByFloat(c, "f", 10.5).Result()), 10.5)
	equal(value(client.SetArgs(c, "s", "new", redis.SetArgs{Get: true, KeepTTL: true}).Result()), "ünïcode ☃")
	must(client.MSet(c, "a", 1, "b", []byte{0, 255, 13, 10}).Err())
	equal(value(client.MGet(c, "a", "none", "b").Result()), []interface{}{"1", nil, "\x00\xff\r\n"})
	equal(value(client.BitField(c, "bits", "INCRBY", "u8", 8, 250, "OVERFLOW", "SAT", "INCRBY", "u8", 8, 250).Result()), "[250 255]")
}

func listsAndSets(c context.Context, client *redis.Client) {
	equal(value(client.RPush(c, "l", 1, 2, 3, 4).Result()), 4)
	equal(value(client.LRange(c, "l", -2, -1).Result()), "[3 4]")
	equal(value(client.LMove(c, "l", "m", "LEFT", "RIGHT").Result()), "1")
	key, values, err := client.LMPop(c, "left", 2, "none", "l").Result()
	must(err)
	equal(key+fmt.Sprint(values), "l[2 3]")
	equal(value(client.LPos(c, "l", "4", redis.LPosArgs{}).Result()), 0)
	must(client.SAdd(c, "s1", "a", "b", "c").Err())
	must(client.SAdd(c, "s2", "b", "c", "d").Err())
	common := value(client.SInter(c, "s1", "s2").Result())
	sort.Strings(common)
	equal(common, "[b c]")
	equal(value(client.SMIsMember(c, "s1", "a", "z").Result()), "[true false]")
	equal(len(value(client.SMembersMap(c, "s2").Result())), 3)
}

func hashes(c context.Context, client *redis.Client) {
	type person struct {
		Name  string  `redis:"name"`
		Age   int     `redis:"age"`
		Score float64 `redis:"score"`
		Here  bool    `redis:"here"`
	}
	ada := person{"Ada", 36, 1.5, true}
	equal(value(client.HSet(c, "h", ada).Result()), 4)
	var got person
	must(client.HGetAll(c, "h").Scan(&got))
	equal(got, ada)
	equal(value(client.HIncrBy(c, "h", "age", 1).Result()), 37)
	equal(value(client.HMGet(c, "h", "name", "none").Result()), "[Ada <nil>]")
	equal(len(value(client.HRandFieldWithValues(c, "h", 2).Result())), 2)
}

func sortedSets(c context.Context, client *redis.Client) {
	equal(value(client.ZAdd(c, "z", redis.Z{Score: 1, Member: "one"}, redis.Z{Score: 2.5, Member: "two"}, redis.Z{Score: 3, Member: "three"}).Result()), 3)
	equal(value(client.ZRangeWithScores(c, "z", 0, 1).Result()), []redis.Z{{Score: 1, Member: "one"}, {Score: 2.5, Member: "two"}})
	equal(value(client.ZRangeArgs(c, redis.ZRangeArgs{Key: "z", Start: "(1", Stop: "+inf", ByScore: true, Rev: true}).Result()), "[three two]")
	equal(value(client.ZRank(c, "z", "two").Result()), 1)
	equal(value(client.ZMScore(c, "z", "two", "none").Result()), "[2.5 0]")
	equal(value(client.ZUnionWithScores(c, redis.ZStore{Keys: []string{"z", "z"}, Aggregate: "SUM"}).Result())[0].Score, 2)
	equal(value(client.ZPopMax(c, "z", 1).Result()), []redis.Z{{Score: 3, Member: "three"}})
	must(client.GeoAdd(c, "g", &redis.GeoLocation{Name: "Palermo", Longitude: 13.361389, Latitude: 38.115556}).Err())
	found := value(client.GeoSearchLocation(c, "g", &redis.GeoSearchLocationQuery{
		GeoSearchQuery: redis.GeoSearchQuery{Longitude: 15, Latitude: 37, Radius: 200, RadiusUnit: "km"}, WithDist: true, WithCoord: true,
	}).Result())
	equal(fmt.Sprintf("%s %.1f %.3f", found[0].Name, found[0].Dist, found[0].Longitude), "Palermo 190.4 13.361")
}

func walks(c context.Context, client *redis.Client) {
	pipe := client.Pipeline()
	for number := 0; number < 2000; number++ {
		pipe.Set(c, fmt.Sprintf("key:%d", number), number, 0)
	}
	value(pipe.Exec(c))
	must(client.RPush(c, "key:list", "x").Err())
	seen := map[string]bool{}
	walk := client.Scan(c, 0, "key:*", 100).Iterator()
	for walk.Next(c) {
		seen[walk.Val()] = true
	}
	must(walk.Err())
	equal(len(seen), 2001)
	typed := client.ScanType(c, 0, "*", 5000, "list").Iterator()
	equal(typed.Next(c), true)
	equal(typed.Val(), "key:list")
}

func mistakes(c context.Context, client *redis.Client) {
	must(client.Set(c, "text", "x", 0).Err())
	equal(client.Incr(c, "text").Err(), "ERR value is not an integer or out of range")
	equal(redis.HasErrorPrefix(client.LPush(c, "text", 1).Err(), "WRONGTYPE"), true)
	equal(strings.HasPrefix(client.Do(c, "nonsense", 1).Err().Error(), "ERR unknown command 'nonsense'"), true)
}

func pipelines(c context.Context, client *redis.Client) {
	commands, err := client.Pipelined(c, func(pipe redis.Pipeliner) error {
		for number := 0; number < 5000; number++ {
			pipe.Set(c, fmt.Sprint("p", number), number, 0)
			pipe.Incr(c, fmt.Sprint("p", number))
		}
		pipe.LPush(c, "p0", "x")
		return nil
	})
	equal(redis.HasErrorPrefix(err, "WRONGTYPE"), true)
	equal(commands[9999].(*redis.IntCmd).Val(), 5000)
}

func transactions(c context.Context, client *redis.Client) {
	commands := value(client.TxPipelined(c, func(pipe redis.Pipeliner) error {
		pipe.Incr(c, "n")
		pipe.Expire(c, "n", time.Hour)
		return nil
	}))
	equal(commands[0].(*redis.IntCmd).Val(), 1)
	var together sync.WaitGroup
	for worker := 0; worker < 8; worker++ {
		together.Add(1)
		go func() {
			defer together.Done()
			for done := 0; done < 10; {
				err := client.Watch(c, func(tx *redis.Tx) error {
					number, err := tx.Get(c, "n").Int()
					if err != nil {
						return err
					}
					_, err = tx.TxPipelined(c, func(pipe redis.Pipeliner) error {
						pipe.Set(c, "n", number+1, 0)
						return nil
					})
					return err
				}, "n")
				if err == nil {
					done++
				} else if !errors.Is(err, redis.TxFailedErr) {
					return
				}
			}
		}()
	}
	together.Wait()
	equal(value(client.Get(c, "n").Int()), 81)
}

func pool(c context.Context, client *redis.Client) {
	var together sync.WaitGroup
	for worker := 0; worker < 100; worker++ {
		together.Add(1)
		go func() {
			defer together.Done()
			for step := 0; step < 50; step++ {
				client.Incr(c, "n")
			}
		}()
	}
	together.Wait()
	equal(value(client.Get(c, "n").Int()), 5000)
}

func channels(c context.Context, client *redis.Client) {
	subscriber := client.Subscribe(c, "news")
	defer subscriber.Close()
	must(subscriber.PSubscribe(c, "n*"))
	for range []int{1, 2} {
		value(subscriber.Receive(c))
	}
	equal(value(client.Publish(c, "news", "hello").Result()), 2)
	got := []string{}
	for range []int{1, 2} {
		message := value(subscriber.ReceiveMessage(c))
		got = append(got, message.Channel+message.Pattern+message.Payload)
	}
	sort.Strings(got)
	equal(got, "[newshello newsn*hello]")
	must(subscriber.Ping(c, "alive"))
	equal(value(subscriber.Receive(c)), "Pong<alive>")
	shard := client.SSubscribe(c, "shard")
	defer shard.Close()
	value(shard.Receive(c))
	equal(value(client.SPublish(c, "shard", "hi").Result()), 1)
	equal(value(shard.ReceiveMessage(c)).Payload, "hi")
	equal(value(client.PubSubNumSub(c, "news").Result())["news"], 1)
}

func blocking(c context.Context, client *redis.Client) {
	go func() {
		time.Sleep(50 * time.Millisecond)
		client.RPush(c, "queue", "x")
		time.Sleep(50 * time.Millisecond)
		client.ZAdd(c, "z", redis.Z{Score: 1, Member: "m"})
	}()
	equal(value(client.BLPop(c, 10*time.Second, "none", "queue").Result()), "[queue x]")
	popped := value(client.BZPopMin(c, 10*time.Second, "z").Result())
	equal(popped.Key+fmt.Sprint(popped.Member), "zm")
	_, err := client.BRPop(c, time.Second, "none").Result()
	equal(err, redis.Nil)
}

func streams(c context.Context, client *redis.Client) {
	ids := []string{}
	for number := 0; number < 10; number++ {
		ids = append(ids, value(client.XAdd(c, &redis.XAddArgs{Stream: "x", Values: map[string]interface{}{"number": number}}).Result()))
	}
	must(client.XGroupCreate(c, "x", "g", "0").Err())
	read := value(client.XReadGroup(c, &redis.XReadGroupArgs{Group: "g", Consumer: "me", Streams: []string{"x", ">"}, Count: 4}).Result())
	equal(read[0].Messages[3].Values["number"], "3")
	equal(value(client.XAck(c, "x", "g", ids[0]).Result()), 1)
	pending := value(client.XPending(c, "x", "g").Result())
	equal(fmt.Sprint(pending.Count, pending.Lower, pending.Consumers), fmt.Sprint(3, ids[1], map[string]int{"me": 3}))
	claimed, next, err := client.XAutoClaim(c, &redis.XAutoClaimArgs{Stream: "x", Group: "g", Consumer: "other", Start: "0", Count: 2}).Result()
	must(err)
	equal(fmt.Sprint(len(claimed), next), fmt.Sprint(2, ids[3]))
	groups := value(client.XInfoGroups(c, "x").Result())
	equal(fmt.Sprint(groups[0].Pending, groups[0].EntriesRead, groups[0].Lag), "3 4 6")
	// Not XINFO STREAM: this version of go-redis refuses the fields that Redis 8.6 added to its reply.
	consumers := value(client.XInfoConsumers(c, "x", "g").Result())
	equal(fmt.Sprint(consumers[0].Name, consumers[0].Pending, consumers[1].Name, consumers[1].Pending), "me1other2")
	_, err = client.XRead(c, &redis.XReadArgs{Streams: []string{"x", "$"}, Block: 20 * time.Millisecond}).Result()
	equal(err, redis.Nil)
}

func scripts(c context.Context, client *redis.Client) {
	needs(c, client, "EVAL")
	must(client.ScriptFlush(c).Err())
	script := redis.NewScript("return {redis.call('INCRBY', KEYS[1], ARGV[1]), ARGV[2], false, {'deep'}}")
	for _, wanted := range []string{"[5 x <nil> [deep]]", "[10 x <nil> [deep]]"} {
		equal(value(script.Run(c, client, []string{"n"}, 5, "x").Result()), wanted)
	}
	equal(value(script.Exists(c, client).Result()), "[true]")
	equal(client.Eval(c, "return redis.error_reply('OWN words')", nil).Err(), "OWN words")
}

func functions(c context.Context, client *redis.Client) {
	needs(c, client, "FUNCTION")
	code := "#!lua name=golib\nredis.register_function('plus', function(keys, args) return redis.call('INCRBY', keys[1], args[1]) end)"
	equal(value(client.FunctionLoadReplace(c, code).Result()), "golib")
	equal(value(client.FCall(c, "plus", []string{"n"}, 5).Result()), 5)
	list := value(client.FunctionList(c, redis.FunctionListQuery{LibraryNamePattern: "go*", WithCode: true}).Result())
	equal(list[0].Functions[0].Name+list[0].Code, "plus"+code)
	must(client.FunctionDelete(c, "golib").Err())
}

func users(c context.Context, client *redis.Client) {
	must(client.ACLSetUser(c, "ann", "on", ">secret", "~ann:*", "+@all", "-@dangerous").Err())
	defer client.ACLDelUser(c, "ann")
	ann := redis.NewClient(&redis.Options{Addr: address, Username: "ann", Password: "secret"})
	defer ann.Close()
	must(ann.Set(c, "ann:x", 1, 0).Err())
	equal(redis.HasErrorPrefix(ann.Get(c, "bob:x").Err(), "NOPERM"), true)
	equal(redis.HasErrorPrefix(ann.FlushAll(c).Err(), "NOPERM"), true)
	equal(value(client.ACLDryRun(c, "ann", "get", "ann:x").Result()), "OK")
}

func killed(c context.Context, client *redis.Client) {
	id := value(client.ClientID(c).Result())
	other := redis.NewClient(&redis.Options{Addr: address})
	defer other.Close()
	equal(value(other.ClientKillByFilter(c, "ID", fmt.Sprint(id)).Result()), 1)
	equal(value(client.Ping(c).Result()), "PONG")
}

package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/redis/go-redis/v9"
)

// The checks that run one after the other, and the closing line `N passed, N failed`.

var address = environment("APP_HOST", "127.0.0.1") + ":" + environment("APP_PORT", "6379")

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// A check ends with a panic: skip if the server lacks a command, anything else is a failure.
type skip struct{ command string }

type check struct {
	name string
	body func(context.Context, *redis.Client)
}

// must fails the check unless the error is nil.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// equal fails the check unless both print the same.
func equal(got, wanted interface{}) {
	if g, w := fmt.Sprintf("%v", got), fmt.Sprintf("%v", wanted); g != w {
		panic(fmt.Sprintf("got %s, not %s", g, w))
	}
}

// value is what a command gave; the check fails if it gave an error.
func value[T any](got T, err error) T {
	must(err)
	return got
}

// needs skips the check unless the server has the command.
func needs(c context.Context, client *redis.Client, command string) {
	information := value(client.Do(c, "COMMAND", "INFO", command).Slice())
	if information[0] == nil {
		panic(skip{command})
	}
}

// attempt runs one check in one protocol.
func attempt(one check, protocol int) (problem interface{}) {
	defer func() { problem = recover() }()
	c, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	client := redis.NewClient(&redis.Options{Addr: address, Protocol: protocol})
	defer client.Close()
	must(client.FlushAll(c).Err())
	one.body(c, client)
	return nil
}

func run(checks []check) {
	passed, failed, skipped := 0, 0, 0
	for _, one := range checks {
		for _, protocol := range []int{2, 3} {
			began := time.Now()
			problem := attempt(one, protocol)
			switch reason := problem.(type) {
			case nil:
				passed++
				fmt.Printf("ok      %s, RESP%d (%d ms)\n", one.name, protocol, time.Since(began).Milliseconds())
			case skip:
				skipped++
				fmt.Printf("skipped %s, RESP%d: the server has no %s\n", one.name, protocol, reason.command)
			default:
				failed++
				fmt.Printf("FAILED  %s, RESP%d: %v\n", one.name, protocol, problem)
			}
		}
	}
	fmt.Printf("%d passed, %d failed", passed, failed)
	if skipped > 0 {
		fmt.Printf(", %d skipped", skipped)
	}
	fmt.Println()
	if failed > 0 {
		os.Exit(1)
	}
}

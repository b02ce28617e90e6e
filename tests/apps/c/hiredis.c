/* hiredis: replies of every kind, binary values, pipelines, transactions, subscriptions, replies that come in pieces. */

#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static redisContext *db;
static const char *problem;

/* Notes the first thing that did not hold. */
#define HOLDS(condition)                              \
    do {                                              \
        if (!(condition) && !problem) {               \
            problem = #condition;                     \
            printf("        line %d\n", __LINE__);    \
        }                                             \
    } while (0)

static redisContext *connection(void) {
    const char *host = getenv("APP_HOST"), *port = getenv("APP_PORT");
    struct timeval limit = {20, 0};
    redisContext *context = redisConnectWithTimeout(host ? host : "127.0.0.1", port ? atoi(port) : 6379, limit);
    if (!context || context->err || redisSetTimeout(context, limit) != REDIS_OK) {
        printf("no connection: %s\n0 passed, 1 failed\n", context ? context->errstr : "no memory");
        exit(1);
    }
    return context;
}

/* One command's reply. A connection that breaks ends the program: every check needs it. */
static redisReply *call(redisContext *context, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    if (!reply) {
        printf("the connection broke: %s\n0 passed, 1 failed\n", context->errstr);
        exit(1);
    }
    return reply;
}

static int is_text(const redisReply *reply, int type, const char *text) {
    return reply->type == type && reply->len == strlen(text) && memcmp(reply->str, text, reply->len) == 0;
}

static int is_number(const redisReply *reply, long long number) {
    return reply->type == REDIS_REPLY_INTEGER && reply->integer == number;
}

/* Whether a command's reply is this text or this number. */
static int gives_text(int type, const char *text, const char *command) {
    redisReply *reply = call(db, command);
    int same = is_text(reply, type, text);
    freeReplyObject(reply);
    return same;
}

static int gives_number(long long number, const char *command) {
    redisReply *reply = call(db, command);
    int same = is_number(reply, number);
    freeReplyObject(reply);
    return same;
}

static void replies(void) {
    HOLDS(gives_text(REDIS_REPLY_STATUS, "OK", "FLUSHALL"));
    HOLDS(gives_text(REDIS_REPLY_STATUS, "OK", "SET s value"));
    HOLDS(gives_text(REDIS_REPLY_STRING, "value", "GET s"));
    HOLDS(gives_text(REDIS_REPLY_ERROR, "ERR value is not an integer or out of range", "INCR s"));
    HOLDS(gives_number(5, "APPEND empty 12345"));
    redisReply *reply = call(db, "GET none");
    HOLDS(reply->type == REDIS_REPLY_NIL);
    freeReplyObject(reply);
    freeReplyObject(call(db, "ZADD z 1 one 2.5 two"));
    reply = call(db, "ZRANGE z 0 -1 WITHSCORES");
    HOLDS(reply->type == REDIS_REPLY_ARRAY && reply->elements == 4);
    HOLDS(is_text(reply->element[3], REDIS_REPLY_STRING, "2.5"));
    freeReplyObject(reply);
}

static void binary(void) {
    const char bytes[] = {0, 1, '\r', '\n', (char)255, 0};
    freeReplyObject(call(db, "SET %b %b", bytes, sizeof bytes, bytes, sizeof bytes));
    redisReply *reply = call(db, "GET %b", bytes, sizeof bytes);
    HOLDS(reply->type == REDIS_REPLY_STRING && reply->len == sizeof bytes && memcmp(reply->str, bytes, sizeof bytes) == 0);
    freeReplyObject(reply);
}

static void large(void) {
    size_t length = 16 << 20;
    char *value = malloc(length);
    memset(value, 'x', length);
    value[length - 1] = 'y';
    freeReplyObject(call(db, "SET large %b", value, length));
    redisReply *reply = call(db, "GET large");
    HOLDS(reply->len == length && memcmp(reply->str, value, length) == 0);
    freeReplyObject(reply);
    free(value);
    HOLDS(gives_number(1, "DEL large"));
}

static void pipelines(void) {
    for (int number = 0; number < 10000; number++) redisAppendCommand(db, "INCRBY n %d", number);
    long long sum = 0;
    for (int number = 0; number < 10000; number++) {
        redisReply *reply = NULL;
        sum += number;
        HOLDS(redisGetReply(db, (void **)&reply) == REDIS_OK && is_number(reply, sum));
        freeReplyObject(reply);
    }
}

static void transactions(void) {
    HOLDS(gives_text(REDIS_REPLY_STATUS, "OK", "MULTI"));
    HOLDS(gives_text(REDIS_REPLY_STATUS, "QUEUED", "INCR m"));
    HOLDS(gives_text(REDIS_REPLY_STATUS, "QUEUED", "LPUSH m x"));
    redisReply *reply = call(db, "EXEC");
    HOLDS(reply->elements == 2 && is_number(reply->element[0], 1) && reply->element[1]->type == REDIS_REPLY_ERROR);
    freeReplyObject(reply);
    redisContext *other = connection();
    freeReplyObject(call(db, "WATCH m"));
    freeReplyObject(call(other, "INCR m"));
    freeReplyObject(call(db, "MULTI"));
    freeReplyObject(call(db, "INCR m"));
    reply = call(db, "EXEC");
    HOLDS(reply->type == REDIS_REPLY_NIL);
    freeReplyObject(reply);
    redisFree(other);
}

static void channels(void) {
    redisContext *subscriber = connection();
    redisReply *reply = call(subscriber, "SUBSCRIBE news");
    HOLDS(reply->elements == 3 && is_text(reply->element[0], REDIS_REPLY_STRING, "subscribe") && is_number(reply->element[2], 1));
    freeReplyObject(reply);
    HOLDS(gives_number(1, "PUBLISH news hello"));
    HOLDS(redisGetReply(subscriber, (void **)&reply) == REDIS_OK);
    HOLDS(reply->elements == 3 && is_text(reply->element[2], REDIS_REPLY_STRING, "hello"));
    freeReplyObject(reply);
    redisFree(subscriber);
}

/* MONITOR's lines, and a command that waits. */
static void waiting(void) {
    redisContext *other = connection();
    redisReply *reply = NULL;
    redisAppendCommand(other, "BLPOP queue 10");
    int done = 0;
    while (!done) redisBufferWrite(other, &done);
    freeReplyObject(call(db, "RPUSH queue x"));
    HOLDS(redisGetReply(other, (void **)&reply) == REDIS_OK);
    HOLDS(reply->elements == 2 && is_text(reply->element[1], REDIS_REPLY_STRING, "x"));
    freeReplyObject(reply);
    HOLDS((reply = call(other, "MONITOR")) && is_text(reply, REDIS_REPLY_STATUS, "OK"));
    freeReplyObject(reply);
    freeReplyObject(call(db, "SET watched 1"));
    HOLDS(redisGetReply(other, (void **)&reply) == REDIS_OK && strstr(reply->str, "\"SET\" \"watched\" \"1\""));
    freeReplyObject(reply);
    redisFree(other);
}

int main(void) {
    static const struct {
        const char *name;
        void (*body)(void);
    } checks[] = {
        {"replies of every kind", replies},
        {"binary values", binary},
        {"a value of 16 MB", large},
        {"a pipeline of 10,000 commands", pipelines},
        {"MULTI and WATCH", transactions},
        {"channels", channels},
        {"a command that waits, and MONITOR", waiting},
    };
    int failed = 0, count = sizeof checks / sizeof *checks;
    db = connection();
    for (int number = 0; number < count; number++) {
        problem = NULL;
        checks[number].body();
        failed += problem != NULL;
        printf(problem ? "FAILED  %s: %s\n" : "ok      %s\n", checks[number].name, problem);
    }
    redisFree(db);
    printf("%d passed, %d failed\n", count - failed, failed);
    return failed > 0;
}

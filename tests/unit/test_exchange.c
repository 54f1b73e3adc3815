/* Exchanges: whole and streamed answers, an end that sleeps and is woken, clients that leave, and
 * bytes from another thread. */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "serve/exchange.h"
#include "serve/large.h"

/* Stands for the transport. */
struct end {
    struct cli_exchange *x;
    int n_sleeps, n_wakes, n_lefts;
    sem_t woken;
    atomic_bool called; /* left() has begun, has returned */
    atomic_bool returned;
};

static void put_to_sleep(void *transport)
{
    ((struct end *)transport)->n_sleeps++;
}

static void wake(void *transport)
{
    struct end *end = transport;
    end->n_wakes++;
    (void)sem_post(&end->woken);
}

static void leave(void *user)
{
    ((struct end *)user)->n_lefts++;
}

static bool begin(struct end *end)
{
    const struct cli_exchange_request request = {
        .method = "POST", .path = "/path", .query = "", .type = "application/json"};
    *end = (struct end){0};
    (void)sem_init(&end->woken, 0, 0);
    end->x = cli_exchange_create(&request, wake, end);
    return CHECK(end->x, "out of memory");
}

static void finish(struct end *end)
{
    cli_exchange_close(end->x);
    cli_exchange_drop(end->x);
    (void)sem_destroy(&end->woken);
}

static void reply(struct cli_exchange *x, const char *text)
{
    struct elcl_str body = {0};
    elcl_str_text(&body, text);
    cli_exchange_reply(x, 200, "text/plain", &body);
    CHECK(!body.data, "the text was not taken");
}

static enum cli_exchange_state read_some(struct end *end, char text[8])
{
    size_t n = 0;
    const enum cli_exchange_state state = cli_exchange_read(end->x, text, 4, &n, put_to_sleep);
    text[state == CLI_EXCHANGE_READY ? n : 0] = '\0';
    return state;
}

static void test_whole(void)
{
    struct end end;
    struct elcl_str body;
    if (!check_case("a whole answer that comes later") || !begin(&end))
        return;
    CHECK(cli_exchange_take_body(end.x, "{\"a\"", 4) && cli_exchange_take_body(end.x, ":1}", 3),
          "out of memory");
    const struct cli_exchange_request *request = cli_exchange_request(end.x);
    CHECK(request->n_body == 7 && !strcmp(request->body, "{\"a\":1}"), "body %s", request->body);
    CHECK(!request->key && !strcmp(request->method, "POST"), "method %s", request->method);
    CHECK(cli_exchange_wait(end.x, put_to_sleep) == CLI_EXCHANGE_ASLEEP && end.n_sleeps == 1,
          "%d sleeps", end.n_sleeps);
    CHECK(!cli_exchange_header(end.x, "Retry-After", "3", NULL), "out of memory");
    CHECK(!end.n_wakes, "a header woke the transport");
    reply(end.x, "text");
    CHECK(end.n_wakes == 1, "%d wakes", end.n_wakes);
    CHECK(cli_exchange_wait(end.x, put_to_sleep) == CLI_EXCHANGE_READY && end.n_sleeps == 1,
          "%d sleeps", end.n_sleeps);
    const struct cli_exchange_answer answer = cli_exchange_answer(end.x);
    CHECK(answer.status == 200 && !answer.streamed && answer.n_headers == 1 &&
              !strcmp(answer.headers[0].value, "3"),
          "status %d, %zu headers", answer.status, answer.n_headers);
    cli_exchange_whole(end.x, &body);
    CHECK(body.n == 4 && !strcmp(body.data, "text"), "%zu bytes", body.n);
    elcl_str_finish(&body);
    finish(&end);
}

static void test_no_memory(void)
{
    struct end end;
    struct elcl_str body = {.failed = true};
    if (!check_case("a body that ran out of memory becomes status 500") || !begin(&end))
        return;
    cli_exchange_reply(end.x, 200, "text/plain", &body);
    CHECK(cli_exchange_answer(end.x).status == 500, "status %d", cli_exchange_answer(end.x).status);
    CHECK(!end.n_wakes, "nobody slept, but was woken");
    finish(&end);
}

static void test_stream_without_memory(void)
{
    struct end end;
    char text[8];
    if (!check_case("a stream or a body that memory has no room for") || !begin(&end))
        return;
    CHECK(!cli_exchange_take_body(end.x, "", SIZE_MAX), "the body has room");
    cli_exchange_drop_body(end.x);
    CHECK(cli_exchange_take_body(end.x, "{}", 2) && cli_exchange_request(end.x)->n_body == 2,
          "no room after the body was dropped");
    cli_exchange_begin(end.x, 200, "text/event-stream");
    cli_exchange_add(end.x, "", SIZE_MAX);
    cli_exchange_end(end.x);
    CHECK(read_some(&end, text) == CLI_EXCHANGE_BROKEN, "the stream looks whole");
    finish(&end);
}

static void test_stream(void)
{
    struct end end;
    char text[8];
    if (!check_case("a stream") || !begin(&end))
        return;
    CHECK(cli_exchange_wait(end.x, put_to_sleep) == CLI_EXCHANGE_ASLEEP, "there is an answer");
    cli_exchange_begin(end.x, 200, "text/event-stream");
    CHECK(end.n_wakes == 1 && cli_exchange_answer(end.x).streamed, "%d wakes", end.n_wakes);
    CHECK(read_some(&end, text) == CLI_EXCHANGE_ASLEEP && end.n_sleeps == 2, "%d sleeps",
          end.n_sleeps);
    cli_exchange_add(end.x, "abcde", 5);
    cli_exchange_add(end.x, "f", 1);
    CHECK(end.n_wakes == 2, "%d wakes", end.n_wakes);
    CHECK(read_some(&end, text) == CLI_EXCHANGE_READY && !strcmp(text, "abcd"), "%s", text);
    CHECK(read_some(&end, text) == CLI_EXCHANGE_READY && !strcmp(text, "ef"), "%s", text);
    cli_exchange_add(end.x, "g", 1);
    cli_exchange_end(end.x);
    CHECK(read_some(&end, text) == CLI_EXCHANGE_READY && !strcmp(text, "g"), "%s", text);
    CHECK(read_some(&end, text) == CLI_EXCHANGE_ENDED, "no end");
    finish(&end);
}

static void test_left(void)
{
    struct end end;
    char text[8];
    if (!check_case("a client that leaves before the end") || !begin(&end))
        return;
    cli_exchange_on_leave(end.x, leave, &end);
    cli_exchange_begin(end.x, 200, "text/event-stream");
    CHECK(read_some(&end, text) == CLI_EXCHANGE_ASLEEP, "there are bytes");
    cli_exchange_leave(end.x);
    CHECK(end.n_wakes == 1 && !end.n_lefts, "%d wakes, %d calls", end.n_wakes, end.n_lefts);
    CHECK(read_some(&end, text) == CLI_EXCHANGE_BROKEN, "it goes on");
    cli_exchange_keep(end.x);
    cli_exchange_close(end.x);
    CHECK(end.n_lefts == 1, "%d calls", end.n_lefts);
    cli_exchange_add(end.x, "late", 4);
    cli_exchange_on_leave(end.x, leave, &end);
    CHECK(end.n_lefts == 2, "not called at once");
    cli_exchange_end(end.x);
    cli_exchange_on_leave(end.x, leave, &end);
    CHECK(end.n_lefts == 2, "called for a complete answer");
    CHECK(end.n_wakes == 1, "woken after it was closed");
    cli_exchange_drop(end.x);
    finish(&end);
}

static void test_not_left(void)
{
    struct end end;
    if (!check_case("a client that leaves with its answer, or that nobody asks for") ||
        !begin(&end))
        return;
    cli_exchange_on_leave(end.x, leave, &end);
    reply(end.x, "text");
    finish(&end);
    CHECK(!end.n_lefts, "called for a complete answer");
    if (!begin(&end))
        return;
    cli_exchange_on_leave(end.x, leave, &end);
    cli_exchange_on_leave(end.x, NULL, NULL);
    finish(&end);
    CHECK(!end.n_lefts, "called although it was taken back");
}

static void leave_slowly(void *user)
{
    struct end *end = user;
    const struct timespec moment = {.tv_nsec = 20000000};
    atomic_store(&end->called, true);
    (void)nanosleep(&moment, NULL);
    atomic_store(&end->returned, true);
}

static void *close_exchange(void *user)
{
    cli_exchange_close(((struct end *)user)->x);
    return NULL;
}

static void test_take_back(void)
{
    struct end end;
    pthread_t thread;
    if (!check_case("taking a call back waits while it runs") || !begin(&end))
        return;
    cli_exchange_on_leave(end.x, leave_slowly, &end);
    if (!CHECK(!pthread_create(&thread, NULL, close_exchange, &end), "no thread"))
        return;
    while (!atomic_load(&end.called))
        ;
    cli_exchange_on_leave(end.x, NULL, NULL);
    CHECK(atomic_load(&end.returned), "did not wait");
    (void)pthread_join(thread, NULL);
    finish(&end);
}

#define N_PIECES 20000

static void *add_pieces(void *user)
{
    struct cli_exchange *x = user;
    cli_exchange_begin(x, 200, "text/plain");
    for (uint32_t i = 0; i < N_PIECES; i++)
        cli_exchange_add(x, &i, sizeof(i));
    cli_exchange_end(x);
    cli_exchange_drop(x);
    return NULL;
}

/* Returns how many numbers arrived in order. */
static uint32_t read_pieces(struct end *end)
{
    uint32_t next = 0, number = 0;
    unsigned char bytes[1000];
    for (size_t have = 0;;) {
        size_t n = 0;
        switch (cli_exchange_read(end->x, bytes, sizeof(bytes), &n, put_to_sleep)) {
        case CLI_EXCHANGE_READY:
            break;
        case CLI_EXCHANGE_ASLEEP:
            (void)sem_wait(&end->woken);
            continue;
        default:
            return next;
        }
        for (size_t i = 0; i < n; i++) {
            memcpy((unsigned char *)&number + have, &bytes[i], 1);
            have = (have + 1) % sizeof(number);
            next += !have && number == next;
        }
    }
}

static void test_threads(void)
{
    struct end end;
    pthread_t thread;
    if (!check_case("a stream from another thread") || !begin(&end))
        return;
    cli_exchange_keep(end.x);
    if (!CHECK(!pthread_create(&thread, NULL, add_pieces, end.x), "no thread"))
        return;
    if (cli_exchange_wait(end.x, put_to_sleep) == CLI_EXCHANGE_ASLEEP)
        (void)sem_wait(&end.woken);
    const uint32_t n = read_pieces(&end);
    CHECK(n == N_PIECES, "%u pieces arrived", n);
    CHECK(end.n_sleeps == end.n_wakes, "%d sleeps, %d wakes", end.n_sleeps, end.n_wakes);
    (void)pthread_join(thread, NULL);
    finish(&end);
}

/* ---- large bodies ---------------------------------------------------------------------------- */

/* A handler that takes its time. */
struct handler {
    sem_t begun, go_on;
    atomic_int n_handled;
};

static void handle_slowly(void *user, struct cli_exchange *x)
{
    struct handler *handler = user;
    (void)x;
    (void)sem_post(&handler->begun);
    (void)sem_wait(&handler->go_on);
    atomic_fetch_add(&handler->n_handled, 1);
}

static void test_large(void)
{
    struct handler handler = {.n_handled = 0};
    struct cli_large *large = NULL;
    struct end ends[5]; /* two are handled at a time */
    elcl_error err = {0};
    if (!check_case("a large body whose client leaves before its turn is forgotten"))
        return;
    (void)sem_init(&handler.begun, 0, 0);
    (void)sem_init(&handler.go_on, 0, 0);
    if (!CHECK(!cli_large_create(handle_slowly, &handler, &large, &err), "%s", err.msg))
        return;
    for (int i = 0; i < 5; i++) {
        (void)begin(&ends[i]);
        cli_large_give(large, ends[i].x);
        if (i < 2)
            (void)sem_wait(&handler.begun);
    }
    cli_large_forget(large, ends[0].x); /* too late */
    cli_large_forget(large, ends[4].x);
    cli_large_forget(large, ends[2].x);
    cli_large_forget(large, ends[2].x);
    for (int i = 0; i < 5; i++)
        (void)sem_post(&handler.go_on);
    cli_large_destroy(&large);
    CHECK(atomic_load(&handler.n_handled) == 3, "%d handled", atomic_load(&handler.n_handled));
    for (int i = 0; i < 5; i++)
        finish(&ends[i]);
    (void)sem_destroy(&handler.go_on);
    (void)sem_destroy(&handler.begun);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_whole();
    test_no_memory();
    test_stream();
    test_stream_without_memory();
    test_left();
    test_not_left();
    test_take_back();
    test_threads();
    test_large();
    return check_end();
}

#define _POSIX_C_SOURCE 200809L
#include "load_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_HEAD = 16384 };

void load_answer_begin(struct load_answer *a, struct elcl_str *body)
{
    a->part = LOAD_HEAD;
    a->status = 0;
    a->retry_after = -1;
    a->closes = false;
    a->left = 0;
    a->line.n = 0;
    a->body = body;
}

void load_answer_finish(struct load_answer *a)
{
    elcl_str_finish(&a->line);
}

/* Returns the value of a header, or NULL. `head` begins with the status line. */
static const char *header(const char *head, const char *name)
{
    const size_t n = strlen(name);
    for (const char *at = strstr(head, "\r\n"); at; at = strstr(at + 2, "\r\n"))
        if (!strncasecmp(at + 2, name, n) && at[2 + n] == ':')
            return at + 3 + n + strspn(at + 3 + n, " ");
    return NULL;
}

/* Whether a header is there and its value begins with a word. */
static bool says(const char *head, const char *name, const char *word)
{
    const char *value = header(head, name);
    return value && !strncasecmp(value, word, strlen(word));
}

static enum load_part read_head(struct load_answer *a)
{
    const char *head = a->line.data;
    if (strncmp(head, "HTTP/1.1 ", 9))
        return LOAD_BAD;
    a->status = atoi(head + 9);
    a->closes = says(head, "Connection", "close");
    const char *seconds = header(head, "Retry-After");
    a->retry_after = seconds ? atoi(seconds) : -1;
    if (a->status == 100) {
        a->line.n = 0;
        return LOAD_HEAD;
    }
    if (says(head, "Transfer-Encoding", "chunked"))
        return LOAD_CHUNK_SIZE;
    const char *length = header(head, "Content-Length");
    if (!length)
        return LOAD_TO_END;
    a->left = strtoull(length, NULL, 10);
    return a->left ? LOAD_COUNTED : LOAD_DONE;
}

static enum load_part read_chunk_size(struct load_answer *a)
{
    char *end;
    a->left = strtoull(a->line.data, &end, 16);
    if (end == a->line.data)
        return LOAD_BAD;
    return a->left ? LOAD_CHUNK : LOAD_TRAILER;
}

/* Adds bytes up to and with `mark` to the line. Returns how many, and whether the mark came. */
static size_t take_line(struct load_answer *a, const char *bytes, size_t n, const char *mark,
                        bool *whole)
{
    const size_t n_mark = strlen(mark);
    size_t used = 0;
    *whole = false;
    while (used < n && !*whole) {
        const char *end = memchr(bytes + used, '\n', n - used);
        const size_t more = end ? (size_t)(end - bytes) + 1 - used : n - used;
        elcl_str_append(&a->line, bytes + used, more);
        used += more;
        *whole =
            end && a->line.n >= n_mark && !memcmp(a->line.data + a->line.n - n_mark, mark, n_mark);
    }
    return used;
}

static size_t take_text(struct load_answer *a, const char *bytes, size_t n)
{
    bool whole;
    const size_t used = take_line(a, bytes, n, a->part == LOAD_HEAD ? "\r\n\r\n" : "\r\n", &whole);
    if (a->line.failed || a->line.n > MAX_HEAD)
        a->part = LOAD_BAD;
    else if (whole && a->part == LOAD_HEAD)
        a->part = read_head(a);
    else if (whole && a->part == LOAD_CHUNK_SIZE)
        a->part = read_chunk_size(a);
    else if (whole && a->part == LOAD_CHUNK_END)
        a->part = a->line.n == 2 ? LOAD_CHUNK_SIZE : LOAD_BAD;
    else if (whole && a->part == LOAD_TRAILER && a->line.n == 2)
        a->part = LOAD_DONE;
    if (whole)
        a->line.n = 0;
    return used;
}

static size_t take_body(struct load_answer *a, const char *bytes, size_t n)
{
    const size_t used = a->part == LOAD_TO_END || n < a->left ? n : a->left;
    elcl_str_append(a->body, bytes, used);
    if (a->part == LOAD_TO_END)
        return used;
    a->left -= used;
    if (!a->left)
        a->part = a->part == LOAD_CHUNK ? LOAD_CHUNK_END : LOAD_DONE;
    return used;
}

void load_answer_take(struct load_answer *a, const char *bytes, size_t n)
{
    while (n && a->part != LOAD_BAD) {
        size_t used = 0;
        if (a->part == LOAD_DONE)
            a->part = LOAD_BAD;
        else if (a->part == LOAD_COUNTED || a->part == LOAD_CHUNK || a->part == LOAD_TO_END)
            used = take_body(a, bytes, n);
        else
            used = take_text(a, bytes, n);
        bytes += used;
        n -= used;
    }
}

void load_answer_end(struct load_answer *a)
{
    a->closes = true;
    if (a->part != LOAD_DONE)
        a->part = a->part == LOAD_TO_END ? LOAD_DONE : LOAD_BAD;
}

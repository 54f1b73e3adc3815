#include "common/tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char *kind, const char *fmt, va_list args)
{
    char line[1024];
    (void)vsnprintf(line, sizeof(line), fmt, args);
    fprintf(stderr, "elcl: %s: %s\n", kind, line);
}

int cli_error(int exit_code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say("error", fmt, args);
    va_end(args);
    return exit_code;
}

void cli_warn(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say("warning", fmt, args);
    va_end(args);
}

int cli_fail(elcl_error *err, int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(err->msg, sizeof(err->msg), fmt, args);
    va_end(args);
    err->code = code;
    return code;
}

int cli_nomem(elcl_error *err)
{
    return cli_fail(err, ELCL_E_NOMEM, "out of memory");
}

bool cli_grow(void **array, size_t *capacity, size_t need, size_t size)
{
    if (need <= *capacity)
        return true;
    size_t n = *capacity ? *capacity : 16;
    while (n < need) {
        if (n > SIZE_MAX / 2)
            return false;
        n *= 2;
    }
    if (n > SIZE_MAX / size)
        return false;
    void *grown = realloc(*array, n * size);
    if (!grown)
        return false;
    *array = grown;
    *capacity = n;
    return true;
}

/* Room for n more bytes and a NUL. */
static bool reserve(struct cli_bytes *b, size_t n)
{
    if (b->failed)
        return false;
    void *data = b->data;
    if (n >= SIZE_MAX - b->n || !cli_grow(&data, &b->capacity, b->n + n + 1, 1))
        b->failed = true;
    b->data = data;
    return !b->failed;
}

void cli_bytes_append(struct cli_bytes *b, const void *bytes, size_t n)
{
    if (!reserve(b, n))
        return;
    if (n)
        memcpy(b->data + b->n, bytes, n);
    b->n += n;
    b->data[b->n] = '\0';
}

void cli_bytes_text(struct cli_bytes *b, const char *text)
{
    cli_bytes_append(b, text, strlen(text));
}

void cli_bytes_printf(struct cli_bytes *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0 || !reserve(b, (size_t)n)) {
        b->failed = true;
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(b->data + b->n, (size_t)n + 1, fmt, args);
    va_end(args);
    b->n += (size_t)n;
}

void cli_csv_field(struct cli_bytes *b, const char *text)
{
    const bool quotes = text[strcspn(text, ",\"\r\n")] != '\0';
    if (quotes)
        cli_bytes_text(b, "\"");
    for (; *text; text++) {
        if (*text == '"')
            cli_bytes_text(b, "\"");
        cli_bytes_append(b, text, 1);
    }
    cli_bytes_text(b, quotes ? "\"" : "");
}

void cli_bytes_finish(struct cli_bytes *b)
{
    free(b->data);
    *b = (struct cli_bytes){0};
}

char *cli_copy(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = malloc(n);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

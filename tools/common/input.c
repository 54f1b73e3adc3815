#include "base/utf8.h"
#include "common/input.h"
#include "common/sys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#define READ_BYTES ((size_t)1 << 16)
#define MAX_LINE_BYTES ((size_t)1 << 28)

/* ---- lines --------------------------------------------------------------------------------- */

void cli_input_words(struct cli_input *in, char **words, int n, enum cli_format format)
{
    *in = (struct cli_input){
        .format = format, .words = words, .n_words = (uint64_t)n, .fd = -1, .at_end = true};
}

int cli_input_open(struct cli_input *in, const char *path, enum cli_format format, elcl_error *err)
{
    struct cli_input opened = {.format = format, .name = path, .fd = CLI_STDIN};
    if (!strcmp(path, "-")) {
        opened.name = "standard input";
    } else {
        int rc = cli_sys_open(path, &opened.fd, err);
        if (rc)
            return rc;
    }
    opened.interactive = cli_sys_is_terminal(opened.fd);
    opened.total_bytes = cli_sys_bytes_left(opened.fd);
    *in = opened;
    return ELCL_OK;
}

void cli_input_close(struct cli_input *in)
{
    if (!in->words)
        cli_sys_close(&in->fd);
    free(in->buffer);
    *in = (struct cli_input){.fd = -1, .at_end = true};
}

/* Moves the unread bytes to the front and makes room for one more read. */
static int make_room(struct cli_input *in, elcl_error *err)
{
    if (in->start) {
        memmove(in->buffer, in->buffer + in->start, in->end - in->start);
        in->end -= in->start;
        in->start = 0;
    }
    if (in->end > MAX_LINE_BYTES)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: line %llu is longer than %zu bytes", in->name,
                         (unsigned long long)in->n_lines + 1, MAX_LINE_BYTES);
    void *buffer = in->buffer;
    if (!elcl_grow(&buffer, &in->capacity, in->end + READ_BYTES, 1))
        return elcl_fail_nomem(err);
    in->buffer = buffer;
    return ELCL_OK;
}

static enum cli_next fill(struct cli_input *in, int timeout_ms, elcl_error *err)
{
    const char *why = NULL;
    size_t n = 0;
    if (make_room(in, err))
        return CLI_NEXT_FAILED;
    switch (cli_sys_read(in->fd, timeout_ms, in->buffer + in->end, READ_BYTES, &n, &why)) {
    case CLI_READ_DATA:
        in->end += n;
        return CLI_NEXT_LINE;
    case CLI_READ_NOTHING:
        return CLI_NEXT_NOTHING;
    case CLI_READ_END:
        in->at_end = true;
        return CLI_NEXT_LINE;
    case CLI_READ_FAILED:
        break;
    }
    elcl_fail(err, ELCL_E_IO, "%s: cannot read: %s", in->name, why);
    return CLI_NEXT_FAILED;
}

/* Hands out the first n_line bytes; the last n_end of them are the line's end. */
static void take_line(struct cli_input *in, size_t n_line, size_t n_end, const char **line,
                      size_t *n)
{
    const char *text = in->buffer + in->start;
    size_t n_text = n_line - n_end;
    if (n_end && n_text && text[n_text - 1] == '\r')
        n_text--;
    /* A byte-order mark is not part of the first sample. */
    if (!in->n_lines && n_text >= 3 && !memcmp(text, "\xef\xbb\xbf", 3)) {
        text += 3;
        n_text -= 3;
    }
    in->start += n_line;
    in->taken_bytes += n_line;
    in->scanned = 0;
    in->n_lines++;
    *line = text;
    *n = n_text;
}

static enum cli_next fail_shorter(const struct cli_input *in, elcl_error *err)
{
    elcl_fail(err, ELCL_E_IO, "%.200s: it has become shorter while it is read", in->name);
    return CLI_NEXT_FAILED;
}

static enum cli_next next_word(struct cli_input *in, const char **line, size_t *n)
{
    if (in->n_lines == in->n_words)
        return CLI_NEXT_END;
    *line = in->words[in->n_lines++];
    *n = strlen(*line);
    return CLI_NEXT_LINE;
}

enum cli_next cli_input_next(struct cli_input *in, int timeout_ms, const char **line, size_t *n,
                             elcl_error *err)
{
    if (in->words)
        return next_word(in, line, n);
    if (in->kept && in->n_lines == in->end_line)
        return CLI_NEXT_END;
    for (;;) {
        size_t left = in->end - in->start;
        const char *text = left ? in->buffer + in->start : "";
        const char *lf = memchr(text + in->scanned, '\n', left - in->scanned);
        if (lf) {
            take_line(in, (size_t)(lf - text) + 1, 1, line, n);
            return CLI_NEXT_LINE;
        }
        in->scanned = left;
        if (in->at_end && !left)
            return in->kept ? fail_shorter(in, err) : CLI_NEXT_END;
        if (in->at_end) {
            take_line(in, left, 0, line, n);
            return CLI_NEXT_LINE;
        }
        enum cli_next next = fill(in, timeout_ms, err);
        if (next != CLI_NEXT_LINE)
            return next;
    }
}

int cli_input_keep(struct cli_input *in, uint64_t first, uint64_t n, uint64_t n_lines,
                   elcl_error *err)
{
    in->kept = true;
    in->end_line = first;
    for (enum cli_next next = CLI_NEXT_LINE; next != CLI_NEXT_END;) {
        const char *line;
        size_t n_line;
        next = cli_input_next(in, -1, &line, &n_line, err);
        if (next == CLI_NEXT_FAILED)
            return ELCL_E_IO;
    }
    const uint64_t left = in->total_bytes - in->taken_bytes;
    in->total_bytes =
        n_lines > first ? (uint64_t)((double)left * (double)n / (double)(n_lines - first)) : 0;
    in->taken_bytes = 0;
    in->end_line = first + n;
    return ELCL_OK;
}

void cli_input_place(const struct cli_input *in, uint64_t line, char *place, size_t room)
{
    if (in->words)
        (void)snprintf(place, room, "argument %llu", (unsigned long long)line);
    else
        (void)snprintf(place, room, "%.200s: line %llu", in->name, (unsigned long long)line);
}

/* ---- bytes that are no text ---------------------------------------------------------------- */

/* The first bytes of files that people give by mistake. */
static const struct {
    const char *start, *is, *remedy;
} binaries[] = {
    {"\xff\xfe", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 converts it"},
    {"\xfe\xff", "UTF-16 text", "iconv -f UTF-16 -t UTF-8 converts it"},
    {"\x1f\x8b", "a gzip file", "gzip -dc FILE | elcl ... unpacks it"},
    {"\x28\xb5\x2f\xfd", "a zstd file", "zstd -dc FILE | elcl ... unpacks it"},
    {"\xfd"
     "7zXZ",
     "an xz file", "xz -dc FILE | elcl ... unpacks it"},
    {"PK\x03\x04", "a zip file or an office document", "save it as plain text"},
    {"%PDF-", "a PDF file", "pdftotext FILE - writes its text"},
    {"PAR1", "a Parquet file", "write its text column to a file"},
};

/* Refuses bytes that are not UTF-8. The first line may show what the file is. */
static int check_bytes(const char *line, size_t n, bool first, elcl_error *err)
{
    for (size_t i = 0; first && i < ELCL_COUNT(binaries); i++) {
        const size_t n_start = strlen(binaries[i].start);
        if (n >= n_start && !memcmp(line, binaries[i].start, n_start))
            return elcl_fail(err, ELCL_E_FORMAT, "expected UTF-8 text, found %s: %s",
                             binaries[i].is, binaries[i].remedy);
    }
    const size_t good = elcl_utf8_check(line, n);
    return good == n ? ELCL_OK
                     : elcl_fail(err, ELCL_E_FORMAT,
                                 "invalid UTF-8: byte %zu is 0x%02x (Latin-1 text? iconv -f LATIN1 "
                                 "-t UTF-8 converts it)",
                                 good + 1, (unsigned)(unsigned char)line[good]);
}

/* ---- what a line holds --------------------------------------------------------------------- */

static int parse_text(const char *line, size_t n, struct cli_side *source, elcl_error *err)
{
    source->text = malloc(n + 1);
    if (!source->text)
        return elcl_fail_nomem(err);
    memcpy(source->text, line, n);
    source->text[n] = '\0';
    source->n_text = n;
    return ELCL_OK;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static int parse_ids(const char *line, size_t n, struct cli_side *source, elcl_error *err)
{
    size_t capacity = 0;
    for (size_t i = 0;;) {
        while (i < n && is_blank(line[i]))
            i++;
        if (i == n)
            break;
        size_t first = i;
        int64_t id = 0;
        while (i < n && line[i] >= '0' && line[i] <= '9' && id <= INT32_MAX)
            id = id * 10 + (line[i++] - '0');
        if (i == first || id > INT32_MAX || (i < n && !is_blank(line[i])))
            return elcl_fail(err, ELCL_E_FORMAT,
                             "expected token ids separated by blanks, found '%.*s'",
                             (int)(n - first < 20 ? n - first : 20), line + first);
        void *ids = source->ids;
        if (!elcl_grow(&ids, &capacity, source->n_ids + 1, sizeof(int32_t)))
            return elcl_fail_nomem(err);
        source->ids = ids;
        source->ids[source->n_ids++] = (int32_t)id;
    }
    if (!source->n_ids)
        return elcl_fail(err, ELCL_E_FORMAT, "expected token ids, found an empty line");
    return ELCL_OK;
}

/* Parses source, tab, target. */
static int parse_pair(enum cli_format format, const char *line, size_t n, struct cli_parsed *parsed,
                      elcl_error *err)
{
    const char *tab = memchr(line, '\t', n);
    const size_t n_source = tab ? (size_t)(tab - line) : n;
    if (!tab || memchr(tab + 1, '\t', n - n_source - 1))
        return elcl_fail(err, ELCL_E_FORMAT, "expected source, tab, target, found %s",
                         tab ? "more than one tab" : "no tab");
    int (*const parse)(const char *, size_t, struct cli_side *, elcl_error *) =
        format == CLI_FORMAT_IDS ? parse_ids : parse_text;
    const int rc = parse(line, n_source, &parsed->source, err);
    return rc ? rc : parse(tab + 1, n - n_source - 1, &parsed->target, err);
}

int cli_input_parse(const struct cli_input *in, enum cli_sample_parts parts, const char *line,
                    size_t n, struct cli_parsed *parsed, elcl_error *err)
{
    const enum cli_format format = in->format;
    struct cli_parsed p = {0};
    int rc = check_bytes(line, n, in->n_lines == 1 && !in->words, err);
    if (rc)
        return rc;
    if (format == CLI_FORMAT_JSONL)
        rc = cli_input_parse_json(parts, line, n, &p, err);
    else if (parts == CLI_PARTS_PAIR)
        rc = parse_pair(format, line, n, &p, err);
    else
        rc = format == CLI_FORMAT_IDS ? parse_ids(line, n, &p.source, err)
                                      : parse_text(line, n, &p.source, err);
    if (rc)
        cli_parsed_finish(&p);
    else
        *parsed = p;
    return rc;
}

static void source_finish(struct cli_side *source)
{
    free(source->text);
    free(source->ids);
}

void cli_parsed_finish(struct cli_parsed *line)
{
    source_finish(&line->source);
    source_finish(&line->target);
    free(line->id);
    cJSON_Delete(line->json);
    *line = (struct cli_parsed){0};
}

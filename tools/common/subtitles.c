#include "common/subtitles.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define NO_LIMIT 1000  /* of the width of a line and its words */
#define LONG_PAUSE 3.0 /* seconds between words that part subtitles of limited size */

/* Returns the bytes of white space at the start. */
static size_t leading_space(const char *text, size_t n)
{
    size_t at = 0;
    uint32_t c;
    for (int length;
         at < n && (length = elcl_utf8_next(text + at, n - at, &c)) > 0 && elcl_is_python_space(c);)
        at += (size_t)length;
    return at;
}

static int count_characters(const char *text, size_t n)
{
    int count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)text[i] & 0xc0) != 0x80;
    return count;
}

/* A word on its way into a subtitle. */
struct piece {
    const char *text; /* [n] */
    size_t n;
    bool on_new_line;
    double start, end;
};

struct cutter {
    struct cli_subtitle_options options;
    bool keep_segments; /* a segment begins a subtitle */
    cli_subtitle_fn fn;
    void *user;
    struct piece *pieces; /* [n] of the open subtitle */
    size_t n, capacity;
    int line_width, n_lines;
    double last; /* start of the last word */
    bool failed;
};

/* Appends the subtitle's text; the word `marked` is underlined, after its white space. */
static void join(const struct cutter *c, size_t marked, struct elcl_str *text)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct piece *p = &c->pieces[i];
        const size_t blank = leading_space(p->text, p->n);
        elcl_str_text(text, p->on_new_line ? "\n" : "");
        elcl_str_append(text, p->text, blank);
        elcl_str_text(text, i == marked ? "<u>" : "");
        elcl_str_append(text, p->text + blank, p->n - blank);
        elcl_str_text(text, i == marked ? "</u>" : "");
    }
}

static void emit(struct cutter *c, size_t marked, double start, double end)
{
    struct elcl_str text = {0};
    join(c, marked, &text);
    c->failed = c->failed || text.failed;
    if (!text.failed)
        c->fn(c->user, start, end, text.data ? text.data : "");
    elcl_str_finish(&text);
}

/* Gives the open subtitle away. */
static void flush(struct cutter *c)
{
    if (!c->n)
        return;
    double last = c->pieces[0].start;
    if (!c->options.highlight_words)
        emit(c, SIZE_MAX, last, c->pieces[c->n - 1].end);
    for (size_t i = 0; c->options.highlight_words && i < c->n; i++) {
        const struct piece *p = &c->pieces[i];
        if (last != p->start) /* between two words none is marked */
            emit(c, SIZE_MAX, last, p->start);
        emit(c, i, p->start, p->end);
        last = p->end;
    }
    c->n = 0;
}

static void push(struct cutter *c, const struct piece *piece)
{
    void *pieces = c->pieces;
    if (!elcl_grow(&pieces, &c->capacity, c->n + 1, sizeof(*piece))) {
        c->failed = true;
        return;
    }
    c->pieces = pieces;
    c->pieces[c->n++] = *piece;
}

/* `first`: the word is the first one of a segment, or of max_words_per_line. */
static void add_word(struct cutter *c, const elcl_word *word, bool first)
{
    struct piece piece = {
        .text = word->text, .n = strlen(word->text), .start = word->start, .end = word->end};
    const bool pause = !c->keep_segments && word->start - c->last > LONG_PAUSE;
    const int width = count_characters(piece.text, piece.n);
    const bool fits = c->line_width + width <= c->options.max_line_width;
    const bool begins = first && c->n > 0 && c->keep_segments;
    if (c->line_width > 0 && fits && !pause && !begins) {
        c->line_width += width;
    } else {
        const int limit = c->options.max_line_count;
        piece.text = elcl_strip(word->text, &piece.n);
        if ((c->n && limit && (pause || c->n_lines >= limit)) || begins) {
            flush(c);
            c->n_lines = 1;
        } else if (c->line_width > 0) {
            c->n_lines++;
            piece.on_new_line = true;
        }
        c->line_width = count_characters(piece.text, piece.n);
    }
    push(c, &piece);
    c->last = word->start;
}

/* When the first word begins. */
static double first_start(const elcl_transcript *t)
{
    for (size_t s = 0; s < t->n_segments; s++)
        if (t->segments[s].n_words)
            return t->segments[s].words[0].start;
    return t->n_segments ? t->segments[0].start : 0;
}

static bool cut_words(const elcl_transcript *t, const struct cli_subtitle_options *options,
                      cli_subtitle_fn fn, void *user)
{
    struct cutter c = {.options = *options,
                       .keep_segments = !options->max_line_width || !options->max_line_count,
                       .fn = fn,
                       .user = user,
                       .n_lines = 1,
                       .last = first_start(t)};
    if (!c.options.max_line_width)
        c.options.max_line_width = NO_LIMIT;
    if (!c.options.max_words_per_line)
        c.options.max_words_per_line = NO_LIMIT;
    for (size_t s = 0; s < t->n_segments; s++)
        for (size_t w = 0; w < t->segments[s].n_words; w++)
            add_word(&c, &t->segments[s].words[w], w % (size_t)c.options.max_words_per_line == 0);
    flush(&c);
    free(c.pieces);
    return !c.failed;
}

/* An arrow would end the times of a subtitle. */
static void append_text(struct elcl_str *out, const char *text)
{
    size_t n;
    text = elcl_strip(text, &n);
    for (size_t i = 0; i < n;) {
        const bool arrow = n - i >= 3 && !memcmp(text + i, "-->", 3);
        elcl_str_append(out, arrow ? "->" : text + i, arrow ? 2 : 1);
        i += arrow ? 3 : 1;
    }
}

bool cli_has_words(const elcl_transcript *t)
{
    for (size_t i = 0; i < t->n_segments; i++)
        if (t->segments[i].words)
            return true;
    return false;
}

bool cli_subtitles(const elcl_transcript *t, const struct cli_subtitle_options *options,
                   cli_subtitle_fn fn, void *user)
{
    bool failed = false;
    if (cli_has_words(t))
        return cut_words(t, options, fn, user);
    for (size_t i = 0; i < t->n_segments && !failed; i++) {
        const elcl_segment *s = &t->segments[i];
        struct elcl_str text = {0};
        append_text(&text, s->text);
        failed = text.failed;
        if (!failed)
            fn(user, s->start, s->end, text.data ? text.data : "");
        elcl_str_finish(&text);
    }
    return !failed;
}

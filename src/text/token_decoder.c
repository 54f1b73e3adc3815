#include "text/token_decoder.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "format/json.h"
#include "text/characters.h"

enum kind { METASPACE, REPLACE, BYTES, FUSE, STRIP, WORDPIECE, SUFFIX, JOIN };

struct elcl_decoder_step {
    enum kind kind;
    bool keep_first; /* METASPACE: the first word keeps its space */
    bool clean_up;   /* WORDPIECE: elcl_clean_up() for each token */
    char *from, *to; /* METASPACE, REPLACE; STRIP: `from`, one character; WORDPIECE: `from` marks a
                      * token that continues a word; SUFFIX: `from` ends a word */
    int left, right; /* STRIP: at most this many */
};

static void finish_step(struct elcl_decoder_step *step)
{
    free(step->from);
    free(step->to);
}

void elcl_decoder_finish(struct elcl_decoder *decoder)
{
    for (size_t i = 0; i < decoder->n; i++)
        finish_step(&decoder->steps[i]);
    free(decoder->steps);
    *decoder = (struct elcl_decoder){0};
}

void elcl_spellings_finish(struct elcl_spellings *list)
{
    elcl_str_finish(&list->text);
    free(list->ends);
    *list = (struct elcl_spellings){0};
}

/* A text that lacks something gets no end: readers find only whole ones. */
static void end_spelling(struct elcl_spellings *list)
{
    void *ends = list->ends;
    if (list->failed || list->text.failed ||
        !elcl_grow(&ends, &list->max, list->n + 1, sizeof(*list->ends))) {
        list->failed = true;
        return;
    }
    list->ends = ends;
    list->ends[list->n++] = list->text.n;
}

void elcl_spellings_add(struct elcl_spellings *list, const char *s, size_t n)
{
    elcl_str_append(&list->text, s, n);
    end_spelling(list);
}

/* ---- reading ------------------------------------------------------------------------------- */

static int copy_string(const cJSON *object, const char *key, const char *file, char **out,
                       elcl_error *err)
{
    const cJSON *value = elcl_json_get(object, key);
    if (!cJSON_IsString(value) || !*value->valuestring)
        return elcl_json_mismatch(file, key, "a string that is not empty", value, err);
    if (elcl_json_has_nul(value->valuestring))
        return elcl_fail(err, ELCL_E_UNSUPPORTED, "%s: %s contains U+0000", file, key);
    *out = elcl_strndup(value->valuestring, strlen(value->valuestring));
    return *out ? ELCL_OK : elcl_fail_nomem(err);
}

static int read_metaspace(struct elcl_decoder_step *step, const cJSON *value, const char *file,
                          elcl_error *err)
{
    const cJSON *scheme = elcl_json_get(value, "prepend_scheme");
    step->kind = METASPACE;
    step->keep_first = scheme ? cJSON_IsString(scheme) && !strcmp(scheme->valuestring, "never")
                              : cJSON_IsFalse(elcl_json_get(value, "add_prefix_space"));
    step->to = elcl_strndup(" ", 1);
    if (!step->to)
        return elcl_fail_nomem(err);
    return copy_string(value, "replacement", file, &step->from, err);
}

static int read_replace(struct elcl_decoder_step *step, const cJSON *value, const char *file,
                        elcl_error *err)
{
    const cJSON *content = elcl_json_get(value, "content");
    step->kind = REPLACE;
    if (!cJSON_IsString(content))
        return elcl_json_mismatch(file, "content", "a string", content, err);
    step->to = elcl_strndup(content->valuestring, strlen(content->valuestring));
    if (!step->to)
        return elcl_fail_nomem(err);
    return copy_string(elcl_json_get(value, "pattern"), "String", file, &step->from, err);
}

static int read_strip(struct elcl_decoder_step *step, const cJSON *value, const char *file,
                      elcl_error *err)
{
    const cJSON *start = elcl_json_get(value, "start"), *stop = elcl_json_get(value, "stop");
    int64_t left, right;
    step->kind = STRIP;
    if (!elcl_json_int(start, 0, 1000, &left))
        return elcl_json_mismatch(file, "start", "an integer in 0 .. 1000", start, err);
    if (!elcl_json_int(stop, 0, 1000, &right))
        return elcl_json_mismatch(file, "stop", "an integer in 0 .. 1000", stop, err);
    step->left = (int)left;
    step->right = (int)right;
    return copy_string(value, "content", file, &step->from, err);
}

static int read_step(struct elcl_decoder_step *step, const cJSON *value, const char *file,
                     elcl_error *err)
{
    const cJSON *type = elcl_json_get(value, "type");
    const char *name = cJSON_IsString(type) ? type->valuestring : "";
    if (!strcmp(name, "Metaspace"))
        return read_metaspace(step, value, file, err);
    if (!strcmp(name, "Replace"))
        return read_replace(step, value, file, err);
    if (!strcmp(name, "Strip"))
        return read_strip(step, value, file, err);
    if (!strcmp(name, "WordPiece")) {
        step->kind = WORDPIECE;
        step->clean_up = !cJSON_IsFalse(elcl_json_get(value, "cleanup"));
        return copy_string(value, "prefix", file, &step->from, err);
    }
    if (!strcmp(name, "BPEDecoder")) {
        step->kind = SUFFIX;
        return copy_string(value, "suffix", file, &step->from, err);
    }
    step->kind = !strcmp(name, "Fuse") ? FUSE : BYTES;
    if (strcmp(name, "Fuse") != 0 && strcmp(name, "ByteFallback") != 0)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: decoder: only ByteLevel, Metaspace, Replace, ByteFallback, Fuse, "
                         "Strip, WordPiece, BPEDecoder and sequences of all but the first are "
                         "supported, found %s",
                         file, elcl_json_describe(type).s);
    return ELCL_OK;
}

/* Without a decoder, blanks join the tokens. */
static int add_step(struct elcl_decoder *decoder, const cJSON *value, const char *file,
                    elcl_error *err)
{
    struct elcl_decoder_step step = {.kind = JOIN};
    void *steps = decoder->steps;
    const bool none = !value || cJSON_IsNull(value);
    int rc = none ? ELCL_OK : read_step(&step, value, file, err);
    if (!rc && !elcl_grow(&steps, &decoder->max, decoder->n + 1, sizeof(step)))
        rc = elcl_fail_nomem(err);
    decoder->steps = steps;
    if (rc)
        finish_step(&step);
    else
        decoder->steps[decoder->n++] = step;
    return rc;
}

int elcl_decoder_read(struct elcl_decoder *decoder, const cJSON *value, const char *file,
                      elcl_error *err)
{
    const cJSON *type = elcl_json_get(value, "type");
    if (!cJSON_IsString(type) || strcmp(type->valuestring, "Sequence") != 0)
        return add_step(decoder, value, file, err);
    const cJSON *list = elcl_json_get(value, "decoders");
    if (!cJSON_IsArray(list))
        return elcl_json_mismatch(file, "decoders", "an array", list, err);
    int rc = ELCL_OK;
    for (const cJSON *item = list->child; item && !rc; item = item->next)
        rc = add_step(decoder, item, file, err);
    return rc;
}

/* ---- running ------------------------------------------------------------------------------- */

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Returns the byte of a token such as <0x0A>, or -1. */
static int byte_of(const char *s, size_t n)
{
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>')
        return -1;
    const int high = hex_of(s[3]), low = hex_of(s[4]);
    return high < 0 || low < 0 ? -1 : 16 * high + low;
}

/* Adds a run of bytes as text, or a U+FFFD for each byte if they are not UTF-8. */
static void end_bytes(struct elcl_str *bytes, struct elcl_spellings *out)
{
    out->failed = out->failed || bytes->failed;
    if (!bytes->n)
        return;
    if (elcl_utf8_check(bytes->data, bytes->n) == bytes->n)
        elcl_spellings_add(out, bytes->data, bytes->n);
    else
        for (size_t i = 0; i < bytes->n; i++)
            elcl_spellings_add(out, "\xef\xbf\xbd", 3);
    bytes->n = 0;
}

static void strip(const struct elcl_decoder_step *step, const char *s, size_t n,
                  struct elcl_str *out)
{
    const size_t length = strlen(step->from);
    for (int i = 0; i < step->left && n >= length && !memcmp(s, step->from, length); i++) {
        s += length;
        n -= length;
    }
    for (int i = 0; i < step->right && n >= length && !memcmp(s + n - length, step->from, length);
         i++)
        n -= length;
    elcl_str_append(out, s, n);
}

/* WordPiece and BPE with a suffix: puts blanks between words. */
static void join_words(const struct elcl_decoder_step *step, const char *s, size_t n, bool first,
                       bool last, struct elcl_str *out)
{
    struct elcl_str text = {0};
    const bool continues = step->kind == WORDPIECE && elcl_begins_with(s, n, step->from);
    const size_t mark = continues && !first ? strlen(step->from) : 0;
    if (step->kind == SUFFIX)
        elcl_append_replaced(&text, s, n, step->from, last ? "" : " ");
    else {
        elcl_str_append(&text, " ", !first && !continues);
        elcl_str_append(&text, s + mark, n - mark);
    }
    if (step->clean_up)
        elcl_clean_up(&text);
    elcl_str_append(out, text.data, text.n);
    out->failed = out->failed || text.failed;
    elcl_str_finish(&text);
}

static void run_step(const struct elcl_decoder_step *step, const struct elcl_spellings *in,
                     struct elcl_spellings *out)
{
    struct elcl_str bytes = {0};
    for (size_t i = 0, begin = 0; i < in->n; begin = in->ends[i++]) {
        const char *s = in->text.data ? in->text.data + begin : "";
        const size_t n = in->ends[i] - begin;
        if (step->kind == FUSE) {
            elcl_str_append(&out->text, s, n);
        } else if (step->kind == BYTES) {
            const int byte = byte_of(s, n);
            const char c = (char)byte;
            if (byte >= 0) {
                elcl_str_append(&bytes, &c, 1);
                continue;
            }
            end_bytes(&bytes, out);
            elcl_spellings_add(out, s, n);
        } else {
            if (step->kind == STRIP)
                strip(step, s, n, &out->text);
            else if (step->kind == WORDPIECE || step->kind == SUFFIX || step->kind == JOIN)
                join_words(step, s, n, !i, i + 1 == in->n, &out->text);
            else if (step->kind == METASPACE && !i && !step->keep_first)
                elcl_append_replaced(&out->text, s, n, step->from, "");
            else
                elcl_append_replaced(&out->text, s, n, step->from, step->to);
            end_spelling(out);
        }
    }
    end_bytes(&bytes, out);
    if (step->kind == FUSE)
        end_spelling(out);
    elcl_str_finish(&bytes);
}

void elcl_decoder_run(const struct elcl_decoder *decoder, struct elcl_spellings *list)
{
    for (size_t i = 0; i < decoder->n; i++) {
        struct elcl_spellings next = {0};
        run_step(&decoder->steps[i], list, &next);
        next.failed = next.failed || list->failed || list->text.failed;
        elcl_spellings_finish(list);
        *list = next;
    }
}

enum elcl_decoder_reach elcl_decoder_reach(const struct elcl_decoder *decoder)
{
    enum elcl_decoder_reach reach = ELCL_REACH_TOKEN;
    bool fused = false;
    for (size_t i = 0; i < decoder->n; i++) {
        const struct elcl_decoder_step *step = &decoder->steps[i];
        uint32_t code;
        const bool long_pattern = step->from && elcl_character(step->from, strlen(step->from),
                                                               &code) < strlen(step->from);
        const bool replaces = step->kind == REPLACE || step->kind == METASPACE;
        if (step->kind == SUFFIX && decoder->n > 1)
            return ELCL_REACH_ALL;
        /* In joined text a pattern may lie across two tokens. */
        if (fused && (replaces ? long_pattern : step->kind != STRIP && step->kind != FUSE))
            return ELCL_REACH_ALL;
        fused = fused || step->kind == FUSE;
        if (fused || step->kind == BYTES)
            reach = ELCL_REACH_RUN;
    }
    return reach;
}

bool elcl_decoder_open(const struct elcl_decoder *decoder, const char *s, size_t n)
{
    for (size_t i = 0; i < decoder->n; i++) {
        const struct elcl_decoder_step *step = &decoder->steps[i];
        const size_t mark = step->kind == SUFFIX ? strlen(step->from) : 0;
        if (step->kind == BYTES && byte_of(s, n) >= 0)
            return true;
        for (size_t at = 0; mark && at + mark < n; at++) /* inside, it becomes a space or nothing */
            if (!memcmp(s + at, step->from, mark))
                return true;
    }
    return false;
}

void elcl_clean_up(struct elcl_str *text)
{
    static const char *const pairs[][2] = {
        {" .", "."},     {" ?", "?"},   {" !", "!"},   {" ,", ","},     {" ' ", "'"},
        {" n't", "n't"}, {" 'm", "'m"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
    };
    for (size_t i = 0; i < ELCL_COUNT(pairs) && text->n; i++) {
        struct elcl_str next = {0};
        elcl_append_replaced(&next, text->data, text->n, pairs[i][0], pairs[i][1]);
        next.failed = next.failed || text->failed;
        elcl_str_finish(text);
        *text = next;
    }
}

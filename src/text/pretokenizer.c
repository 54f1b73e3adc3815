#include "text/pretokenizer.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "format/json.h"
#include "text/characters.h"
#include "text/gpt2_words.h"
#include "text/regex.h"

/* What a step cuts at. */
enum kind { SPACES, WORDS, PUNCTUATION, DIGITS, STRING, REGEX, METASPACE, BYTES };

/* What becomes of a match. */
enum behavior { REMOVED, ISOLATED, WITH_PREVIOUS, WITH_NEXT, CONTIGUOUS };

enum prepend { ALWAYS, FIRST, NEVER };

struct elcl_pre_step {
    enum kind kind;
    enum behavior behavior;
    bool invert; /* what is between matches counts as a match */
    char *text;  /* STRING */
    struct elcl_regex *regex;
    enum prepend prepend; /* METASPACE: U+2581, BYTES: a space, before each word */
    bool whole;           /* METASPACE, BYTES: do not cut */
};

static void finish_step(struct elcl_pre_step *step)
{
    free(step->text);
    elcl_regex_destroy(&step->regex);
}

void elcl_pretokenizer_finish(struct elcl_pretokenizer *pre)
{
    for (size_t i = 0; i < pre->n; i++)
        finish_step(&pre->steps[i]);
    free(pre->steps);
    *pre = (struct elcl_pretokenizer){0};
}

/* ---- reading ------------------------------------------------------------------------------- */

static const char *type_of(const cJSON *value)
{
    const cJSON *type = elcl_json_get(value, "type");
    return cJSON_IsString(type) ? type->valuestring : "";
}

struct word {
    const char *name;
    int value;
};

/* Finds a string of the object in the list; *out is unchanged without the key. */
static int read_word(const cJSON *value, const char *key, const struct word *words, size_t n,
                     const char *expected, const char *file, int *out, elcl_error *err)
{
    const cJSON *found = elcl_json_get(value, key);
    if (!found)
        return ELCL_OK;
    for (size_t i = 0; i < n; i++) {
        if (cJSON_IsString(found) && !strcmp(found->valuestring, words[i].name)) {
            *out = words[i].value;
            return ELCL_OK;
        }
    }
    return elcl_json_mismatch(file, key, expected, found, err);
}

static int read_behavior(struct elcl_pre_step *step, const cJSON *value, const char *file,
                         elcl_error *err)
{
    static const struct word words[] = {{"Removed", REMOVED},
                                        {"Isolated", ISOLATED},
                                        {"MergedWithPrevious", WITH_PREVIOUS},
                                        {"MergedWithNext", WITH_NEXT},
                                        {"Contiguous", CONTIGUOUS}};
    int behavior = ISOLATED;
    const int rc = read_word(value, "behavior", words, ELCL_COUNT(words),
                             "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous",
                             file, &behavior, err);
    step->behavior = (enum behavior)behavior;
    return rc;
}

static int read_split(struct elcl_pre_step *step, const cJSON *value, const char *file,
                      elcl_error *err)
{
    const cJSON *pattern = elcl_json_get(value, "pattern");
    const cJSON *text = elcl_json_get(pattern, "String");
    const cJSON *regex = elcl_json_get(pattern, "Regex");
    const cJSON *found = text ? text : regex;
    int rc = read_behavior(step, value, file, err);
    if (!rc)
        rc = elcl_json_bool(value, "invert", file, &step->invert, err);
    if (rc)
        return rc;
    if (!cJSON_IsString(found) || !*found->valuestring || elcl_json_has_nul(found->valuestring))
        return elcl_json_mismatch(file, "pattern", "a String or a Regex", found, err);
    step->kind = text ? STRING : REGEX;
    if (!text)
        return elcl_regex_create(found->valuestring, file, &step->regex, err);
    step->text = elcl_strdup(found->valuestring);
    return step->text ? ELCL_OK : elcl_fail_nomem(err);
}

static int read_metaspace(struct elcl_pre_step *step, const cJSON *value, const char *file,
                          elcl_error *err)
{
    static const struct word schemes[] = {{"always", ALWAYS}, {"first", FIRST}, {"never", NEVER}};
    const cJSON *replacement = elcl_json_get(value, "replacement");
    int prepend = cJSON_IsFalse(elcl_json_get(value, "add_prefix_space")) ? NEVER : ALWAYS;
    if (!cJSON_IsString(replacement) || strcmp(replacement->valuestring, ELCL_UNDERLINE) != 0)
        return elcl_fail(err, ELCL_E_UNSUPPORTED,
                         "%s: replacement: only U+2581 is supported, found %s", file,
                         elcl_json_describe(replacement).s);
    const int rc = read_word(value, "prepend_scheme", schemes, ELCL_COUNT(schemes),
                             "always, first or never", file, &prepend, err);
    step->kind = METASPACE;
    step->prepend = (enum prepend)prepend;
    step->whole = cJSON_IsFalse(elcl_json_get(value, "split"));
    return rc;
}

static int read_bytes(struct elcl_pre_step *step, const cJSON *value, const char *file,
                      elcl_error *err)
{
    bool prefix = true, regex = true; /* the library's defaults */
    int rc = elcl_json_bool(value, "add_prefix_space", file, &prefix, err);
    if (!rc)
        rc = elcl_json_bool(value, "use_regex", file, &regex, err);
    step->kind = BYTES;
    step->prepend = prefix ? ALWAYS : NEVER;
    step->whole = !regex;
    return rc;
}

static int read_delimiter(struct elcl_pre_step *step, const cJSON *value, const char *file,
                          elcl_error *err)
{
    const cJSON *found = elcl_json_get(value, "delimiter");
    if (!cJSON_IsString(found) || !*found->valuestring || elcl_json_has_nul(found->valuestring))
        return elcl_json_mismatch(file, "delimiter", "a character", found, err);
    step->kind = STRING;
    step->behavior = REMOVED;
    step->text = elcl_strdup(found->valuestring);
    return step->text ? ELCL_OK : elcl_fail_nomem(err);
}

static int read_step(struct elcl_pre_step *step, const cJSON *value, const char *file,
                     elcl_error *err)
{
    const char *name = type_of(value);
    *step = (struct elcl_pre_step){.behavior = ISOLATED};
    if (!strcmp(name, "Metaspace"))
        return read_metaspace(step, value, file, err);
    if (!strcmp(name, "ByteLevel"))
        return read_bytes(step, value, file, err);
    if (!strcmp(name, "Split"))
        return read_split(step, value, file, err);
    if (!strcmp(name, "CharDelimiterSplit"))
        return read_delimiter(step, value, file, err);
    if (!strcmp(name, "Punctuation")) {
        step->kind = PUNCTUATION;
        return read_behavior(step, value, file, err);
    }
    if (!strcmp(name, "Digits")) {
        step->kind = DIGITS;
        if (!cJSON_IsTrue(elcl_json_get(value, "individual_digits")))
            step->behavior = CONTIGUOUS;
        return ELCL_OK;
    }
    step->behavior = REMOVED;
    step->kind = !strcmp(name, "Whitespace") ? WORDS : SPACES;
    if (step->kind == WORDS || !strcmp(name, "WhitespaceSplit"))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: pre_tokenizer: only ByteLevel, Metaspace, Whitespace, WhitespaceSplit, "
                     "BertPreTokenizer, Split, CharDelimiterSplit, Punctuation, Digits and "
                     "sequences of them are supported, found %s",
                     file, elcl_json_describe(elcl_json_get(value, "type")).s);
}

static int append(struct elcl_pretokenizer *pre, struct elcl_pre_step step, elcl_error *err)
{
    void *steps = pre->steps;
    if (!elcl_grow(&steps, &pre->max, pre->n + 1, sizeof(step))) {
        finish_step(&step);
        return elcl_fail_nomem(err);
    }
    pre->steps = steps;
    pre->steps[pre->n++] = step;
    pre->bytes = pre->bytes || step.kind == BYTES;
    return ELCL_OK;
}

static int add_step(struct elcl_pretokenizer *pre, const cJSON *value, const char *file,
                    elcl_error *err)
{
    struct elcl_pre_step step;
    int rc;
    if (!strcmp(type_of(value), "BertPreTokenizer")) {
        rc = append(pre, (struct elcl_pre_step){.kind = SPACES, .behavior = REMOVED}, err);
        step = (struct elcl_pre_step){.kind = PUNCTUATION, .behavior = ISOLATED};
        return rc ? rc : append(pre, step, err);
    }
    rc = read_step(&step, value, file, err);
    if (rc) {
        finish_step(&step);
        return rc;
    }
    return append(pre, step, err);
}

int elcl_pretokenizer_read(struct elcl_pretokenizer *pre, const cJSON *value, const char *file,
                           elcl_error *err)
{
    if (!value || cJSON_IsNull(value))
        return ELCL_OK;
    if (strcmp(type_of(value), "Sequence") != 0)
        return add_step(pre, value, file, err);
    const cJSON *list = elcl_json_get(value, "pretokenizers");
    if (!cJSON_IsArray(list))
        return elcl_json_mismatch(file, "pretokenizers", "an array", list, err);
    int rc = ELCL_OK;
    for (const cJSON *item = list->child; item && !rc; item = item->next)
        rc = add_step(pre, item, file, err);
    return rc;
}

/* ---- matches ------------------------------------------------------------------------------- */

static bool is_punctuation(uint32_t code)
{
    if (code < 0x80)
        return (code >= 0x21 && code <= 0x2f) || (code >= 0x3a && code <= 0x40) ||
               (code >= 0x5b && code <= 0x60) || (code >= 0x7b && code <= 0x7e);
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_PO;
}

static bool is_number(uint32_t code)
{
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}

/* \w: letters, marks, digits, connectors, joiners, and the symbols that are alphabetic. */
static bool is_word(uint32_t code)
{
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)code);
    return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_NL) ||
           category == UTF8PROC_CATEGORY_PC || code == 0x200c || code == 0x200d ||
           (code >= 0x24b6 && code <= 0x24e9) || (code >= 0x1f130 && code <= 0x1f149) ||
           (code >= 0x1f150 && code <= 0x1f169) || (code >= 0x1f170 && code <= 0x1f189);
}

static bool is_of(enum kind kind, uint32_t code)
{
    return kind == SPACES   ? elcl_is_white_space(code)
           : kind == DIGITS ? is_number(code)
                            : is_punctuation(code);
}

/* A class of characters that belong together: words, runs of symbols, white space. */
static int run_of(uint32_t code)
{
    return is_word(code) ? 1 : elcl_is_white_space(code) ? 0 : 2;
}

/* Finds the next match of WORDS: white space. A word and a run of symbols are cut apart too: the
 * place between them is an empty match. */
static bool next_gap(const char *s, size_t n, size_t at, size_t *begin, size_t *end)
{
    uint32_t code;
    size_t length = elcl_character(s + at, n - at, &code);
    const int run = run_of(code);
    for (*begin = run ? at + length : at; *begin < n && run; *begin += length) {
        length = elcl_character(s + *begin, n - *begin, &code);
        if (run_of(code) != run)
            break;
    }
    for (*end = *begin; *end < n; *end += length) {
        length = elcl_character(s + *end, n - *end, &code);
        if (run_of(code))
            break;
    }
    return *begin < n;
}

/* Finds the next match at or after `at` < n. */
static bool next_match(const struct elcl_pre_step *step, const char *s, size_t n, size_t at,
                       size_t *begin, size_t *end, int *rc, elcl_error *err)
{
    if (step->kind == REGEX)
        return elcl_regex_find(step->regex, s, n, at, begin, end, rc, err);
    if (step->kind == WORDS)
        return next_gap(s, n, at, begin, end);
    const size_t length = step->kind == STRING ? strlen(step->text) : 0;
    while (at < n) {
        uint32_t code;
        const size_t character = elcl_character(s + at, n - at, &code);
        const bool is =
            length ? elcl_begins_with(s + at, n - at, step->text) : is_of(step->kind, code);
        if (is) {
            *begin = at;
            *end = at + (length ? length : character);
            return true;
        }
        at += character;
    }
    return false;
}

struct span {
    size_t begin, end;
    bool match;
};

struct spans {
    struct span *items; /* [n] */
    size_t n, max;
};

static int add_span(struct spans *spans, size_t begin, size_t end, bool match, elcl_error *err)
{
    void *items = spans->items;
    if (begin == end)
        return ELCL_OK;
    if (!elcl_grow(&items, &spans->max, spans->n + 1, sizeof(*spans->items)))
        return elcl_fail_nomem(err);
    spans->items = items;
    spans->items[spans->n++] = (struct span){begin, end, match};
    return ELCL_OK;
}

/* Lists the matches and what is between them. */
static int find_spans(const struct elcl_pre_step *step, const char *s, size_t n,
                      struct spans *spans, elcl_error *err)
{
    size_t at = 0, begin, end;
    int rc = ELCL_OK;
    spans->n = 0;
    while (!rc && at < n && next_match(step, s, n, at, &begin, &end, &rc, err)) {
        rc = add_span(spans, at, begin, step->invert, err);
        if (!rc)
            rc = add_span(spans, begin, end, !step->invert, err);
        at = end;
    }
    return rc ? rc : add_span(spans, at, n, step->invert, err);
}

/* Whether a span continues the word of the one before it. */
static bool joins(enum behavior behavior, const struct spans *spans, size_t i)
{
    const struct span *items = spans->items;
    if (!i)
        return false;
    switch (behavior) {
    case CONTIGUOUS:
        return items[i].match == items[i - 1].match;
    case WITH_PREVIOUS:
        return items[i].match && !items[i - 1].match;
    case WITH_NEXT:
        return items[i - 1].match && !items[i].match;
    default:
        return false;
    }
}

/* ---- running ------------------------------------------------------------------------------- */

struct run {
    struct spans spans;
    struct elcl_str text;
    bool begins; /* the first word is the start of the whole text */
};

static int split(const struct elcl_pre_step *step, const char *s, size_t n, bool first,
                 struct run *run, struct elcl_spellings *out, elcl_error *err)
{
    const int rc = find_spans(step, s, n, &run->spans, err);
    const struct spans *spans = &run->spans;
    for (size_t i = 0; !rc && i < spans->n;) {
        size_t end = i + 1;
        while (end < spans->n && joins(step->behavior, spans, end))
            end++;
        const struct span *span = &spans->items[i];
        if (step->behavior == REMOVED && span->match)
            run->begins = run->begins && !(first && !i);
        else
            elcl_spellings_add(out, s + span->begin, spans->items[end - 1].end - span->begin);
        i = end;
    }
    return rc;
}

/* Spells spaces as U+2581, and cuts before each. */
static void metaspace(const struct elcl_pre_step *step, const char *s, size_t n, bool first,
                      struct run *run, struct elcl_spellings *out)
{
    struct elcl_str *text = &run->text;
    size_t begin = 0;
    text->n = 0;
    if ((step->prepend == ALWAYS || (step->prepend == FIRST && first)) && *s != ' ' &&
        !elcl_begins_with(s, n, ELCL_UNDERLINE))
        elcl_str_append(text, ELCL_UNDERLINE, 3);
    elcl_append_replaced(text, s, n, " ", ELCL_UNDERLINE);
    for (size_t i = 1; !text->failed && i <= text->n; i++) {
        if (i < text->n &&
            (step->whole || !elcl_begins_with(text->data + i, text->n - i, ELCL_UNDERLINE)))
            continue;
        elcl_spellings_add(out, text->data + begin, i - begin);
        begin = i;
    }
}

/* Adds a word whose bytes are spelled as characters: later steps see these. */
static void add_spelled(const char *s, size_t n, struct elcl_spellings *out)
{
    for (size_t i = 0; i < n; i++) {
        char spelled[4];
        const int length = elcl_utf8_put(elcl_spell_byte((unsigned char)s[i]), spelled);
        elcl_str_append(&out->text, spelled, (size_t)length);
    }
    elcl_spellings_add(out, "", 0);
}

static void bytes(const struct elcl_pre_step *step, const char *s, size_t n, struct run *run,
                  struct elcl_spellings *out)
{
    struct elcl_str *text = &run->text;
    text->n = 0;
    if (step->prepend == ALWAYS && *s != ' ')
        elcl_str_append(text, " ", 1);
    elcl_str_append(text, s, n);
    for (size_t at = 0; !text->failed && at < text->n;) {
        const size_t word = step->whole ? text->n : elcl_gpt2_word(text->data + at, text->n - at);
        add_spelled(text->data + at, word, out);
        at += word;
    }
}

static int run_step(const struct elcl_pre_step *step, const struct elcl_spellings *in,
                    struct run *run, struct elcl_spellings *out, elcl_error *err)
{
    const bool begins = run->begins;
    int rc = ELCL_OK;
    for (size_t i = 0, begin = 0; i < in->n && !rc; begin = in->ends[i++]) {
        const char *s = in->text.data + begin;
        const size_t n = in->ends[i] - begin;
        if (step->kind == METASPACE)
            metaspace(step, s, n, begins && !i, run, out);
        else if (step->kind == BYTES)
            bytes(step, s, n, run, out);
        else
            rc = split(step, s, n, !i, run, out, err);
    }
    out->failed = out->failed || run->text.failed || in->failed || in->text.failed;
    return rc;
}

int elcl_pretokenizer_run(const struct elcl_pretokenizer *pre, const char *s, size_t n, bool begins,
                          struct elcl_spellings *words, elcl_error *err)
{
    struct run run = {.begins = begins};
    int rc = ELCL_OK;
    elcl_spellings_add(words, s, n);
    for (size_t i = 0; i < pre->n && !rc; i++) {
        struct elcl_spellings next = {0};
        rc = run_step(&pre->steps[i], words, &run, &next, err);
        elcl_spellings_finish(words);
        *words = next;
    }
    if (!rc && (words->failed || words->text.failed))
        rc = elcl_fail_nomem(err);
    free(run.spans.items);
    elcl_str_finish(&run.text);
    return rc;
}

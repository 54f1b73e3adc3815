#include "common/sentences.h"
#include "common/sentences_find.h"

#include <string.h>

/* A text of more bytes for each token that it may have is counted in parts: so many bytes of text
 * hardly ever fit. */
#define MOST_BYTES_PER_TOKEN ((size_t)16)

struct cli_sentences {
    struct cli_sentences_params params;
    bool greek;                          /* a semicolon asks */
    struct cli_icu *icu;                 /* NULL: the rule */
    const char *text;                    /* [n] */
    size_t n, at;                        /* the next piece starts at `at`, or it is n */
    size_t line, line_end, sentence_end; /* at least `at`, once they are known */
    double bytes_per_token;              /* of the sentence that is cut; 0: not known */
};

int cli_sentences_create(const struct cli_sentences_params *params, struct cli_sentences **s,
                         elcl_error *err)
{
    struct cli_sentences *made = elcl_calloc(1, sizeof(*made));
    if (!made)
        return elcl_fail_nomem(err);
    made->params = *params;
    made->params.language = NULL; /* the caller's */
    made->greek = params->language && !strncmp(params->language, "el", 2);
    const int rc = params->rule ? ELCL_OK : cli_icu_create(params->language, &made->icu, err);
    if (rc)
        cli_sentences_destroy(&made);
    else
        *s = made;
    return rc;
}

void cli_sentences_destroy(struct cli_sentences **s)
{
    if (*s)
        cli_icu_destroy(&(*s)->icu);
    elcl_free(*s);
    *s = NULL;
}

const char *cli_sentences_finder(void)
{
    return cli_icu_name() ? cli_icu_name() : "rule";
}

/* ---- lines and sentences -------------------------------------------------------------------- */

/* Returns the end of the blanks, and of the line ends, at `at`. */
static size_t skip_blanks(const char *text, size_t n, size_t at)
{
    uint32_t code;
    while (at < n) {
        const size_t length = cli_char_at(text, n, at, &code);
        if (!cli_is_blank(code) && !cli_is_line_end(code))
            break;
        at += length;
    }
    return at;
}

/* Returns the end of from..end without the blanks there. */
static size_t trim(const char *text, size_t from, size_t end)
{
    uint32_t code;
    while (end > from) {
        const size_t length = cli_char_before(text, end, &code);
        if (!cli_is_blank(code))
            break;
        end -= length;
    }
    return end;
}

size_t cli_sentences_begin(struct cli_sentences *s, const char *text, size_t n)
{
    s->text = text;
    s->n = n;
    s->line_end = s->sentence_end = 0;
    s->at = skip_blanks(text, n, 0);
    return s->at;
}

/* Starts the line at s->at. */
static int begin_line(struct cli_sentences *s, elcl_error *err)
{
    uint32_t code;
    size_t end = s->at, length;
    while (end < s->n && (length = cli_char_at(s->text, s->n, end, &code)) &&
           !cli_is_line_end(code))
        end += length;
    s->line = s->at;
    s->line_end = end;
    return s->icu ? cli_icu_begin(s->icu, s->text + s->line, end - s->line, err) : ELCL_OK;
}

/* Finds the end of the sentence at s->at, without the blanks after it. */
static void find_sentence(struct cli_sentences *s)
{
    const char *line = s->text + s->line;
    const size_t n = s->line_end - s->line, from = s->at - s->line;
    size_t next = from, end;
    do {
        next = s->icu ? cli_icu_next(s->icu) : cli_rule_next(line, n, next, s->greek);
        end = trim(line, from, next);
        next = skip_blanks(line, n, end);
        if (next < n && end > from)
            end = cli_move_end(line, n, from, end, next);
        next = skip_blanks(line, n, end);
    } while (next < n && cli_is_no_end(line, n, from, end, next));
    s->sentence_end = s->line + end;
    s->bytes_per_token = 0;
}

/* ---- sentences that are too long ------------------------------------------------------------ */

static int count(const struct cli_sentences *s, size_t n, size_t *n_tokens, elcl_error *err)
{
    return s->params.count(s->params.user, s->text + s->at, n, n_tokens, err);
}

/* Cuts off a part that fits, of about `aim` bytes and at most `most`. */
static int cut(struct cli_sentences *s, size_t n, size_t aim, size_t most, size_t *n_part,
               elcl_error *err)
{
    const char *text = s->text + s->at;
    const size_t max = s->params.max_tokens;
    uint32_t code;
    for (;;) {
        size_t tokens;
        const size_t part = trim(text, 0, cli_find_cut(text, n, aim, most));
        const int rc = count(s, part, &tokens, err);
        if (rc)
            return rc;
        *n_part = part;
        if (tokens <= max || part <= cli_char_at(text, n, 0, &code))
            break;
        most = (size_t)((double)part * (double)max / (double)tokens);
        if (most > part - part / 8 - 1)
            most = part - part / 8 - 1;
        aim = most - most / 8;
    }
    return ELCL_OK;
}

/* Sets *n_part to the bytes at s->at, up to the n of the sentence, that fit. */
static int fit(struct cli_sentences *s, size_t n, size_t *n_part, elcl_error *err)
{
    const size_t max = s->params.max_tokens;
    const size_t window = max < SIZE_MAX / MOST_BYTES_PER_TOKEN ? max * MOST_BYTES_PER_TOKEN : n;
    const size_t counted = n <= window ? n : cli_char_start(s->text + s->at, n, window);
    size_t tokens;
    *n_part = n;
    if (!max)
        return ELCL_OK;
    if (n <= window || s->bytes_per_token <= 0) {
        const int rc = count(s, counted, &tokens, err);
        if (rc || (n <= window && tokens <= max))
            return rc;
        s->bytes_per_token = (double)counted / (double)(tokens > max ? tokens : max);
    }
    const size_t most = (size_t)(s->bytes_per_token * (double)max);
    /* Parts of equal length are better than a last one of a single word. */
    const size_t n_parts = n / (most + 1) + 1;
    const size_t aim = n <= window ? n / n_parts : most - most / 8;
    return cut(s, n, aim, most, n_part, err);
}

int cli_sentences_next(struct cli_sentences *s, struct cli_piece *piece, bool *more,
                       elcl_error *err)
{
    size_t n;
    int rc = ELCL_OK;
    *more = s->at < s->n;
    if (*more && s->at >= s->line_end)
        rc = begin_line(s, err);
    if (rc || !*more)
        return rc;
    if (s->at >= s->sentence_end)
        find_sentence(s);
    rc = fit(s, s->sentence_end - s->at, &n, err);
    if (rc)
        return rc;
    const size_t end = s->at + n;
    const size_t next = skip_blanks(s->text, s->n, end);
    *piece = (struct cli_piece){s->text + s->at, n, next - end};
    s->at = next;
    return ELCL_OK;
}

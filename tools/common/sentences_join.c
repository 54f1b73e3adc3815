/* Joins the outputs of a text's pieces. */
#include "common/sentences.h"
#include "common/sentences_find.h"

static uint32_t first_of(const char *text, size_t n)
{
    uint32_t code;
    (void)cli_char_at(text, n, 0, &code);
    return code;
}

static uint32_t last_of(const char *text, size_t n)
{
    uint32_t code;
    (void)cli_char_before(text, n, &code);
    return code;
}

static bool has_line_end(const char *text, size_t n)
{
    uint32_t code;
    for (size_t at = 0; at < n;) {
        at += cli_char_at(text, n, at, &code);
        if (cli_is_line_end(code))
            return true;
    }
    return false;
}

/* Appends what is due before an output that begins with this character; 0: it is empty. */
static void put_due(struct cli_joiner *j, uint32_t next, struct elcl_str *out)
{
    const bool joint = j->source_last && j->output_last && next;
    const bool was_tight =
        joint && cli_needs_no_blank(j->source_last, first_of(j->piece.text, j->piece.n));
    const bool is_tight = joint && cli_needs_no_blank(j->output_last, next);
    if (is_tight && !was_tight && !has_line_end(j->due, j->n_due))
        j->n_due = 0;
    if (was_tight && !is_tight && !j->n_due)
        elcl_str_text(out, " ");
    if (j->n_due)
        elcl_str_append(out, j->due, j->n_due);
    j->begun = true;
    j->output_last = next;
}

void cli_join_begin(struct cli_joiner *j, const char *text, size_t n_before, struct elcl_str *out)
{
    *j = (struct cli_joiner){.begun = true};
    if (n_before)
        elcl_str_append(out, text, n_before);
}

void cli_join_piece(struct cli_joiner *j, const struct cli_piece *piece, struct elcl_str *out)
{
    const struct cli_piece before = j->piece;
    if (!j->begun)
        put_due(j, 0, out);
    j->begun = false;
    j->due = before.n ? before.text + before.n : "";
    j->n_due = before.n_after;
    j->source_last = before.n ? last_of(before.text, before.n) : 0;
    j->piece = *piece;
}

void cli_join_text(struct cli_joiner *j, const char *text, size_t n, struct elcl_str *out)
{
    uint32_t code;
    size_t at = 0, length;
    while (!j->begun && at < n && (length = cli_char_at(text, n, at, &code)) && cli_is_blank(code))
        at += length;
    if (at == n)
        return;
    if (!j->begun)
        put_due(j, first_of(text + at, n - at), out);
    elcl_str_append(out, text + at, n - at);
    j->output_last = last_of(text, n);
}

void cli_join_end(struct cli_joiner *j, struct elcl_str *out)
{
    if (!j->begun)
        put_due(j, 0, out);
    if (j->piece.n_after)
        elcl_str_append(out, j->piece.text + j->piece.n, j->piece.n_after);
}

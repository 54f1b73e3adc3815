#include "common/alignments.h"

const struct cli_choice cli_alignment_words[] = {
    {"soft", CLI_ALIGNMENTS_SOFT}, {"hard", CLI_ALIGNMENTS_HARD}, {NULL, 0}};

static void append_soft(const float *rows, size_t n, size_t n_source, struct elcl_str *out)
{
    elcl_str_text(out, "[");
    for (size_t t = 0; t < n; t++) {
        elcl_str_text(out, t ? ",[" : "[");
        for (size_t i = 0; i < n_source; i++)
            elcl_str_printf(out, i ? ",%.6g" : "%.6g", (double)rows[t * n_source + i]);
        elcl_str_text(out, "]");
    }
    elcl_str_text(out, "]");
}

/* Returns where the largest number is. */
static size_t largest(const float *row, size_t n)
{
    size_t at = 0;
    for (size_t i = 1; i < n; i++)
        at = row[i] > row[at] ? i : at;
    return at;
}

static void append_hard(const float *rows, size_t n, size_t n_source, struct elcl_str *out)
{
    size_t *at = elcl_calloc(n, sizeof(*at));
    const char *between = "";
    out->failed = out->failed || !at;
    for (size_t t = 0; at && t < n; t++)
        at[t] = largest(rows + t * n_source, n_source);
    for (size_t i = 0; at && i < n_source; i++)
        for (size_t t = 0; t < n; t++)
            if (at[t] == i) {
                elcl_str_printf(out, "%s%zu-%zu", between, i, t);
                between = " ";
            }
    elcl_free(at);
}

void cli_alignments_append(enum cli_alignments how, const float *rows, size_t n, size_t n_source,
                           struct elcl_str *out)
{
    if (how == CLI_ALIGNMENTS_SOFT)
        append_soft(rows, n, n_source, out);
    else
        append_hard(rows, n, n_source, out);
}

int cli_alignments_check(const struct cli_args *args, enum cli_alignments how, int *layer,
                         int *head, elcl_error *err)
{
    static const char *const names[] = {"alignment-layer", "alignment-head"};
    int *const fields[] = {layer, head};
    for (size_t i = 0; i < ELCL_COUNT(names); i++) {
        const bool given = cli_args_seen(args, names[i]);
        if (given && !how)
            return elcl_fail(err, ELCL_E_ARG, "--%s does nothing without --alignments", names[i]);
        if (!given)
            *fields[i] = -1;
    }
    return ELCL_OK;
}

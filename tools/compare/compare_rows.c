/* Which results did the same work, and which is faster. */
#include "compare/compare.h"

#include <math.h>
#include <string.h>

bool cli_rows_agree(const struct cli_row *a, const struct cli_row *b, bool attention)
{
    return !strcmp(a->model, b->model) && !strcmp(a->weights, b->weights) &&
           !strcmp(a->state, b->state) && a->num_beams == b->num_beams &&
           a->num_beam_groups == b->num_beam_groups && a->source_length == b->source_length &&
           a->new_tokens == b->new_tokens &&
           (!attention || (!strcmp(a->attention, b->attention) && a->batch_size == b->batch_size));
}

const struct cli_row *cli_row_find(const struct cli_result_file *file, const struct cli_row *row)
{
    for (int i = 0; i < file->n_rows; i++)
        if (cli_rows_agree(&file->rows[i], row, true))
            return &file->rows[i];
    return NULL;
}

/* Returns whether no row of an earlier file, and no earlier row of this file, is the same work. */
static bool is_first(const struct cli_comparison *c, int file, int row, bool attention)
{
    const struct cli_row *r = &c->files[file].rows[row];
    for (int i = 0; i <= file; i++)
        for (int j = 0; j < (i < file ? c->files[i].n_rows : row); j++)
            if (cli_rows_agree(&c->files[i].rows[j], r, attention))
                return false;
    return true;
}

const struct cli_row *cli_row_next(const struct cli_comparison *c, bool attention,
                                   struct cli_row_cursor *at)
{
    for (; at->file < c->n_files; at->file++, at->row = 0)
        while (at->row < c->files[at->file].n_rows) {
            const int row = at->row++;
            if (is_first(c, at->file, row, attention))
                return &c->files[at->file].rows[row];
        }
    return NULL;
}

char cli_row_mark(const struct cli_row *row, const struct cli_row *base, double *ratio)
{
    *ratio = 0;
    if (!row || !base || row->rate.median <= 0 || base->rate.median <= 0)
        return ' ';
    *ratio = row->rate.median / base->rate.median;
    if (*row->ids_hash && *base->ids_hash && strcmp(row->ids_hash, base->ids_hash) != 0)
        return '!';
    const double noise = fmax(row->rate.spread + base->rate.spread, CLI_LEAST_NOISE);
    return fabs(log(*ratio)) <= log1p(noise) ? '=' : *ratio > 1 ? '+' : '-';
}

/* Generation options by name. */
#include <string.h>

#include "base/gen_options.h"
#include "base/number.h"
#include "base/util.h"
#include "search/option_text.h"

const elcl_gen_option *elcl_gen_option_get(int i)
{
    const struct elcl_gen_row *row = elcl_gen_row_get(i);
    return row ? &row->about : NULL;
}

const elcl_gen_option *elcl_gen_option_find(const char *name)
{
    const struct elcl_gen_row *row = elcl_gen_row_find(name);
    return row ? &row->about : NULL;
}

static int find(const char *name, const struct elcl_gen_row **row, elcl_error *err)
{
    *row = elcl_gen_row_find(name);
    return *row ? ELCL_OK
                : elcl_fail(err, ELCL_E_ARG,
                            "there is no generation option '%.60s': expected one like num_beams",
                            name);
}

/* ---- set ----------------------------------------------------------------------------------- */

/* Does what a new value of an option does to other options. */
static int follow(const struct elcl_gen_row *row, enum elcl_search_style before,
                  elcl_gen_options *o, elcl_error *err)
{
    const char *name = row->about.name;
    if (!strcmp(name, "max_length"))
        o->max_new_tokens = 0;
    else if (!strcmp(name, "min_length"))
        o->min_new_tokens = 0;
    else if (!strcmp(name, "bad_words_ids"))
        o->ban_pad = 0;
    if (o->search_style == before)
        return ELCL_OK;
    if (before == ELCL_STYLE_FAIRSEQ)
        return elcl_fail(err, ELCL_E_ARG,
                         "search_style: expected fairseq, as it is, found hf: begin again with the "
                         "model's options");
    elcl_gen_options_fairseq(o);
    return ELCL_OK;
}

static int set_row(const struct elcl_gen_row *row, const char *value, elcl_gen_options *options,
                   elcl_gen_lists **lists, elcl_error *err)
{
    elcl_gen_options o = *options;
    int rc = elcl_option_read(row, value, &o, lists, err);
    if (!rc)
        rc = follow(row, options->search_style, &o, err);
    if (!rc)
        *options = o;
    return rc;
}

int elcl_gen_options_set(elcl_gen_options *options, const char *name, const char *value,
                         elcl_gen_lists **lists, elcl_error *err)
{
    const struct elcl_gen_row *row;
    if (!options || !name || !value || !lists)
        return elcl_fail(err, ELCL_E_ARG, "elcl_gen_options_set: arguments must not be NULL");
    const int rc = find(name, &row, err);
    return rc ? rc : set_row(row, value, options, lists, err);
}

/* When to set an option: none undoes one of an earlier turn. */
static int turn_of(const struct elcl_gen_row *row)
{
    static const char *const early[] = {"num_beam_groups", "search_style"};
    for (int i = 0; i < (int)ELCL_COUNT(early); i++)
        if (!strcmp(row->about.name, early[i]))
            return i;
    const bool late =
        !strcmp(row->about.name, "max_new_tokens") || !strcmp(row->about.name, "min_new_tokens");
    return (int)ELCL_COUNT(early) + late;
}

int elcl_gen_options_set_all(elcl_gen_options *options, const elcl_gen_setting *settings, size_t n,
                             elcl_gen_lists **lists, elcl_error *err)
{
    enum { TURNS = 4 };
    int rc = ELCL_OK;
    if (!options || (n && !settings) || !lists)
        return elcl_fail(err, ELCL_E_ARG, "elcl_gen_options_set_all: arguments must not be NULL");
    elcl_gen_options o = *options;
    for (int turn = 0; turn < TURNS; turn++) {
        for (size_t i = 0; i < n; i++) {
            const struct elcl_gen_row *row;
            ELCL_TRY(find(settings[i].name, &row, err));
            if (turn_of(row) == turn)
                ELCL_TRY(set_row(row, settings[i].value, &o, lists, err));
        }
    }
    *options = o;
fail:
    return rc;
}

/* ---- get ----------------------------------------------------------------------------------- */

int elcl_gen_options_get(const elcl_gen_options *options, const char *name, char **value,
                         elcl_error *err)
{
    const struct elcl_gen_row *row;
    struct elcl_str text = {0};
    if (!options || !name || !value)
        return elcl_fail(err, ELCL_E_ARG, "elcl_gen_options_get: arguments must not be NULL");
    const int rc = find(name, &row, err);
    if (rc)
        return rc;
    elcl_option_print(row, options, &text);
    if (text.failed) {
        elcl_str_finish(&text);
        return elcl_fail_nomem(err);
    }
    *value = text.data;
    return ELCL_OK;
}

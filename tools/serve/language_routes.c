/* Ways from one language to another, and LibreTranslate's list of them. */
#include "serve/languages.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/cells.h"

static int compare_pairs(const void *a, const void *b)
{
    const struct cli_direction *x = a, *y = b;
    return x->source != y->source ? x->source - y->source : x->target - y->target;
}

static int compare_directions(const void *a, const void *b)
{
    const struct cli_direction *x = a, *y = b;
    const int pairs = compare_pairs(x, y);
    return pairs ? pairs : x->model - y->model;
}

/* Sorts the directions. Of the models with the same one the first on the command line stays. */
static void sort_directions(struct cli_languages *l)
{
    size_t kept = 0;
    if (l->n_directions)
        qsort(l->directions, l->n_directions, sizeof(*l->directions), compare_directions);
    for (size_t i = 0; i < l->n_directions; i++)
        if (!kept || compare_pairs(&l->directions[kept - 1], &l->directions[i]))
            l->directions[kept++] = l->directions[i];
    l->n_directions = kept;
}

static const struct cli_direction *find_direct(const struct cli_languages *l, int source,
                                               int target)
{
    const struct cli_direction key = {.source = source, .target = target};
    return l->n_directions ? bsearch(&key, l->directions, l->n_directions, sizeof(*l->directions),
                                     compare_pairs)
                           : NULL;
}

int cli_languages_route(const struct cli_languages *l, int source, int target,
                        const struct cli_direction *hops[CLI_MAX_HOPS])
{
    const int english = cli_languages_find(l, "en");
    hops[0] = find_direct(l, source, target);
    if (hops[0] || source == target)
        return hops[0] != NULL;
    int by = -1;
    for (int i = 0; i < (int)l->n && by != english; i++)
        if ((by < 0 || i == english) && find_direct(l, source, i) && find_direct(l, i, target))
            by = i;
    if (by < 0)
        return -1;
    hops[0] = find_direct(l, source, by);
    hops[1] = find_direct(l, by, target);
    return 2;
}

int cli_languages_only_source(const struct cli_languages *l)
{
    const size_t n = l->n_directions;
    return n && l->directions[0].source == l->directions[n - 1].source ? l->directions[0].source
                                                                       : -1;
}

/* ---- the list -------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const struct cli_language *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

/* Adds a language with its targets, itself included, in the order of `all`. */
static bool add_language(const struct cli_languages *l, const struct cli_language *const *all,
                         const struct cli_language *language, cJSON *list)
{
    const struct cli_direction *hops[CLI_MAX_HOPS];
    cJSON *item = cJSON_CreateObject();
    if (!item || !cJSON_AddItemToArray(list, item)) {
        cJSON_Delete(item);
        return false;
    }
    bool ok = cJSON_AddStringToObject(item, "code", language->code) &&
              cJSON_AddStringToObject(item, "name", language->name);
    cJSON *targets = ok ? cJSON_AddArrayToObject(item, "targets") : NULL;
    ok = targets != NULL;
    for (size_t i = 0; i < l->n && ok; i++)
        if (cli_languages_route(l, (int)(language - l->languages), (int)(all[i] - l->languages),
                                hops) >= 0)
            ok = cJSON_AddItemToArray(targets, cJSON_CreateString(all[i]->code));
    return ok;
}

int cli_languages_ready(struct cli_languages *l, elcl_error *err)
{
    const struct cli_language **all = elcl_calloc(l->n, sizeof(*all));
    cJSON *list = cJSON_CreateArray();
    bool ok = all != NULL;
    sort_directions(l);
    for (size_t i = 0; i < l->n && ok; i++)
        all[i] = &l->languages[i];
    if (ok && l->n)
        qsort(all, l->n, sizeof(*all), compare_names);
    for (size_t i = 0; i < l->n && ok; i++)
        ok = add_language(l, all, all[i], list);
    elcl_free(all);
    return cli_json_write(&l->list, list, ok, true, err);
}

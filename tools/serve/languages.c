#include "serve/languages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A model of more languages would need a table of a million directions and more. */
#define MAX_LANGUAGES 1024

/* ---- the table ------------------------------------------------------------------------------- */

static int find_exact(const struct cli_languages *l, const char *code)
{
    for (size_t i = 0; i < l->n; i++)
        if (!strcmp(l->languages[i].code, code))
            return (int)i;
    return -1;
}

int cli_languages_find(const struct cli_languages *l, const char *spelling)
{
    char code[CLI_CODE_BYTES];
    const int found = find_exact(l, spelling);
    if (found >= 0)
        return found;
    cli_language_code(spelling, code);
    return find_exact(l, code);
}

/* Finds or adds a language. Names of packages win over ICU's. */
static int put_language(struct cli_languages *l, const char *code, const char *name, int *number,
                        elcl_error *err)
{
    *number = find_exact(l, code);
    if (*number >= 0)
        return ELCL_OK;
    void *languages = l->languages;
    if (!elcl_grow(&languages, &l->capacity, l->n + 1, sizeof(*l->languages)))
        return elcl_fail_nomem(err);
    l->languages = languages;
    struct cli_language *added = &l->languages[l->n];
    (void)snprintf(added->code, sizeof(added->code), "%s", code);
    if (*name)
        (void)snprintf(added->name, sizeof(added->name), "%s", name);
    else
        cli_language_name(code, added->name);
    *number = (int)l->n++;
    return ELCL_OK;
}

static int put_direction(struct cli_languages *l, const struct cli_direction *direction,
                         elcl_error *err)
{
    void *directions = l->directions;
    if (!elcl_grow(&directions, &l->directions_capacity, l->n_directions + 1,
                   sizeof(*l->directions)))
        return elcl_fail_nomem(err);
    l->directions = directions;
    l->directions[l->n_directions++] = *direction;
    return ELCL_OK;
}

void cli_languages_finish(struct cli_languages *l)
{
    elcl_free(l->languages);
    elcl_free(l->directions);
    elcl_str_finish(&l->list);
    *l = (struct cli_languages){0};
}

/* ---- sides of a model ------------------------------------------------------------------------ */

/* A language as clients and as the model spell it. */
struct spelled {
    char code[CLI_CODE_BYTES], own[CLI_CODE_BYTES]; /* own is "" if the model has no spelling */
};

/* The languages on one side of a model. */
struct side {
    struct spelled *items; /* [n] */
    size_t n, capacity;
};

static const struct spelled *find_spelled(const struct side *side, const char *code)
{
    for (size_t i = 0; i < side->n; i++)
        if (!strcmp(side->items[i].code, code))
            return &side->items[i];
    return NULL;
}

static int put_spelled(struct side *side, const char *code, const char *own, elcl_error *err)
{
    void *items = side->items;
    if (!elcl_grow(&items, &side->capacity, side->n + 1, sizeof(*side->items)))
        return elcl_fail_nomem(err);
    side->items = items;
    struct spelled *item = &side->items[side->n++];
    (void)snprintf(item->code, sizeof(item->code), "%s", code);
    (void)snprintf(item->own, sizeof(item->own), "%s", own);
    return ELCL_OK;
}

/* Which of a model's codes for one language is the best, from 0: the one with a script (cmn_Hans of
 * cmn and cmn_Hans), else the shortest (fr of fr and fr_BE). */
static size_t rank(const char *own)
{
    const char *script = strchr(own, '_');
    return script && strlen(script + 1) == 4 ? 0 : strlen(own);
}

/* Adds one of the model's own codes. */
static int put_own(struct side *side, const char *own, size_t n, elcl_error *err)
{
    char copy[CLI_CODE_BYTES], code[CLI_CODE_BYTES];
    if (n >= sizeof(copy))
        return ELCL_OK; /* no code */
    (void)snprintf(copy, sizeof(copy), "%.*s", (int)n, own);
    cli_language_code(copy, code);
    struct spelled *there = (struct spelled *)find_spelled(side, code);
    if (!there)
        return put_spelled(side, code, copy, err);
    if (rank(copy) < rank(there->own))
        (void)snprintf(there->own, sizeof(there->own), "%s", copy);
    return ELCL_OK;
}

/* The model's own codes, each with a line end. */
static int put_all_own(struct side *side, const char *codes, const char *model, elcl_error *err)
{
    int rc = ELCL_OK;
    while (*codes && !rc) {
        const size_t n = strcspn(codes, "\n");
        rc = put_own(side, codes, n, err);
        codes += n + (codes[n] == '\n');
    }
    if (!rc && side->n > MAX_LANGUAGES)
        rc = elcl_fail(err, ELCL_E_UNSUPPORTED, "%.200s: has %zu languages, expected at most %d",
                       model, side->n, MAX_LANGUAGES);
    return rc;
}

/* ---- words for languages --------------------------------------------------------------------- */

/* The groups that models are named after: those of ISO 639-5, "mul", and "x" for any. */
static const char groups[] =
    "aav afa alv art bat bnt cau ccs cel cpf cpp cus dra euq fiu gem gmq gmw iir inc ine itc khi "
    "map mul myn nah ngf nic phi poz pqe roa sal sem sit sla taw trk tut urj wen x zle zls zlw";

/* Whether a word stands for many languages: one of these, or capitals as in ROMANCE. */
static bool is_group(const char *word)
{
    char code[CLI_CODE_BYTES];
    size_t capitals = 0;
    while ((word[capitals] >= 'A' && word[capitals] <= 'Z') || word[capitals] == '_')
        capitals++;
    if (capitals < 2 || word[capitals])
        return *word && elcl_has_word(groups, word);
    cli_language_code(word, code); /* ZH is one language */
    return !cli_is_language(code, (int)strlen(code));
}

/* Returns how many languages a word such as cat_oci_spa lists; 0 if it is no list. */
static size_t count_listed(const char *word)
{
    size_t n = 0;
    if (!*word || elcl_has_word(groups, word))
        return 0;
    for (const char *at = word;; at++) {
        const size_t length = strcspn(at, "_+");
        if (!cli_is_language(at, (int)length))
            return 0;
        n++;
        at += length;
        if (!*at)
            return n;
    }
}

/* Adds one language, in the model's spelling if it has one. */
static int put_one(struct side *side, const struct side *own, const char *word, size_t n,
                   elcl_error *err)
{
    char copy[CLI_CODE_BYTES], code[CLI_CODE_BYTES];
    (void)snprintf(copy, sizeof(copy), "%.*s", (int)n, word);
    for (size_t i = 0; i < own->n; i++)
        if (!strcmp(own->items[i].own, copy))
            return put_spelled(side, own->items[i].code, copy, err);
    cli_language_code(copy, code);
    const struct spelled *spelled = find_spelled(own, code);
    return put_spelled(side, code, spelled ? spelled->own : "", err);
}

/* Adds what a word stands for: a language, several, or a group, which are all of the model's. */
static int put_word(struct side *side, const struct side *own, const char *word, elcl_error *err)
{
    const size_t listed = count_listed(word);
    int rc = ELCL_OK;
    if (!listed && is_group(word)) {
        for (size_t i = 0; i < own->n && !rc; i++)
            rc = put_spelled(side, own->items[i].code, own->items[i].own, err);
        return rc;
    }
    if (listed < 2)
        return put_one(side, own, word, strlen(word), err);
    while (*word && !rc) {
        const size_t n = strcspn(word, "_+");
        rc = put_one(side, own, word, n, err);
        word += n + (word[n] != '\0');
    }
    return rc;
}

/* ---- what models tell ------------------------------------------------------------------------ */

/* Whether a part of a name stands for languages. */
static bool is_side(const char *word)
{
    return count_listed(word) > 0 || is_group(word);
}

/* Finds the last two parts of a name, separated by a dash, that stand for languages. */
static bool find_in_name(const char *name, elcl_direction *found)
{
    char before[sizeof(found->source)] = "", word[sizeof(found->source)];
    const char *opus = strstr(name, "opus-mt-");
    bool any = false;
    if (strstr(name, "-to-")) /* many-to-one: "to" is the code of Tongan, too */
        return false;
    if (opus) /* "mt" is that of Maltese */
        name = opus + strlen("opus-mt-");
    while (*name) {
        const size_t n = strcspn(name, "-");
        const bool fits = n < sizeof(word);
        (void)snprintf(word, sizeof(word), "%.*s", fits ? (int)n : 0, name);
        const bool pair = count_listed(before) || count_listed(word) || !strcmp(before, word);
        if (pair && is_side(before) && is_side(word)) {
            memcpy(found->source, before, sizeof(before));
            memcpy(found->target, word, sizeof(word));
            any = true;
        }
        memcpy(before, word, sizeof(word));
        name += n + (name[n] == '-');
    }
    return any;
}

/* The same in a path: in its last part, or in the part that the Hugging Face cache names after the
 * model. */
static bool find_in_path(const char *path, elcl_direction *found)
{
    struct elcl_str part = {0};
    bool any = false;
    const char *hub = strstr(path, "/models--");
    const char *first = hub ? hub + 1 : path;
    if (!hub)
        for (const char *at = path; *at; at++)
            if (*at == '/' && at[1])
                first = at + 1;
    elcl_str_append(&part, first, strcspn(first, "/"));
    if (part.data && !part.failed)
        any = find_in_name(part.data, found);
    elcl_str_finish(&part);
    return any;
}

/* ---- pairs that the user gives --------------------------------------------------------------- */

/* Finds the next pair of a model in "a=en-de,b=de-en": returns its length and sets *pair to it; 0
 * after the last one. *rest starts with the whole text. */
static size_t next_pair(const char **rest, const char *model, const char **pair)
{
    const size_t n_model = strlen(model);
    while (*rest && **rest) {
        const char *at = *rest;
        const size_t n = strcspn(at, ",");
        *rest = at + n + (at[n] != '\0');
        *pair = at + n_model + 1;
        if (n > n_model + 1 && !memcmp(at, model, n_model) && at[n_model] == '=')
            return n - n_model - 1;
    }
    return 0;
}

/* Cuts a pair [n] such as "en-de" at its first dash. */
static int parse_pair(const char *pair, size_t n, elcl_direction *direction, elcl_error *err)
{
    const char *dash = memchr(pair, '-', n);
    const size_t n_source = dash ? (size_t)(dash - pair) : 0;
    const size_t n_target = dash ? n - n_source - 1 : 0;
    if (!n_source || !n_target || n_source >= CLI_CODE_BYTES || n_target >= CLI_CODE_BYTES)
        return elcl_fail(err, ELCL_E_ARG,
                         "--pairs: expected two codes of languages such as en-de, found '%.*s'",
                         (int)(n < 60 ? n : 60), pair);
    (void)snprintf(direction->source, sizeof(direction->source), "%.*s", (int)n_source, pair);
    (void)snprintf(direction->target, sizeof(direction->target), "%.*s", (int)n_target, dash + 1);
    return ELCL_OK;
}

int cli_languages_check_pairs(const char *pairs, const char *const *names, size_t n,
                              elcl_error *err)
{
    for (const char *at = pairs; at && *at;) {
        const size_t length = strcspn(at, ","), n_name = strcspn(at, "=");
        bool known = false;
        for (size_t i = 0; i < n; i++)
            known = known || (strlen(names[i]) == n_name && !memcmp(names[i], at, n_name));
        if (!known || n_name >= length)
            return elcl_fail(err, ELCL_E_ARG,
                             "--pairs: expected the name of a model and a pair, as in NAME=en-de, "
                             "found '%.*s'",
                             (int)(length < 60 ? length : 60), at);
        at += length + (at[length] != '\0');
    }
    return ELCL_OK;
}

/* ---- adding ---------------------------------------------------------------------------------- */

/* Adds the directions from each source into each target. `names` has the names of a single pair, or
 * is NULL. */
static int put_sides(struct cli_languages *l, int model, const struct side *sources,
                     const struct side *targets, const elcl_direction *names, elcl_error *err)
{
    const bool single = sources->n == 1 && targets->n == 1;
    int rc = ELCL_OK;
    for (size_t i = 0; i < sources->n; i++)
        for (size_t j = 0; j < targets->n && !rc; j++) {
            const struct spelled *s = &sources->items[i], *t = &targets->items[j];
            struct cli_direction d = {.model = model};
            if (!single && !strcmp(s->code, t->code))
                continue;
            memcpy(d.own_source, s->own, sizeof(d.own_source));
            memcpy(d.own_target, t->own, sizeof(d.own_target));
            rc =
                put_language(l, s->code, single && names ? names->source_name : "", &d.source, err);
            if (!rc)
                rc = put_language(l, t->code, single && names ? names->target_name : "", &d.target,
                                  err);
            if (!rc)
                rc = put_direction(l, &d, err);
        }
    return rc;
}

/* Marian's own codes are those of its targets: it takes none of the source, and they tell the
 * sources of no group but the same. */
static void take_marian(struct side *sources, const elcl_direction *words)
{
    for (size_t i = 0; i < sources->n; i++)
        *sources->items[i].own = '\0';
    if (!count_listed(words->source) && is_group(words->source) &&
        strcmp(words->source, words->target) != 0)
        sources->n = 0;
}

/* Adds what two words stand for. Packages have names of languages, and there the codes are those
 * that clients know. */
static int put_words(struct cli_languages *l, const struct cli_language_model *model,
                     const struct side *own, const elcl_direction *words, elcl_error *err)
{
    struct side sources = {0}, targets = {0};
    const bool package = *words->source_name != '\0';
    int rc = package ? put_spelled(&sources, words->source, "", err)
                     : put_word(&sources, own, words->source, err);
    if (!rc)
        rc = package ? put_spelled(&targets, words->target, "", err)
                     : put_word(&targets, own, words->target, err);
    if (!rc && !strcmp(model->family, "marian"))
        take_marian(&sources, words);
    if (!rc)
        rc = put_sides(l, model->number, &sources, &targets, words, err);
    elcl_free(sources.items);
    elcl_free(targets.items);
    return rc;
}

/* Adds the pairs that the user gives. A model with codes must have their targets. */
static int put_pairs(struct cli_languages *l, const struct cli_language_model *model,
                     const struct side *own, bool *any, elcl_error *err)
{
    const char *rest = model->pairs, *pair = NULL;
    int rc = ELCL_OK;
    for (size_t n; !rc && (n = next_pair(&rest, model->name, &pair));) {
        elcl_direction words = {0};
        char code[CLI_CODE_BYTES];
        *any = true;
        rc = parse_pair(pair, n, &words, err);
        cli_language_code(words.target, code);
        if (!rc && own->n && !find_spelled(own, code))
            rc = elcl_fail(err, ELCL_E_ARG,
                           "--pairs %.100s=%.*s: the model does not have the language %s; elcl "
                           "languages lists those that it has",
                           model->name, (int)n, pair, words.target);
        if (!rc)
            rc = put_words(l, model, own, &words, err);
    }
    return rc;
}

/* Adds all languages of a multilingual model. The names of some say that one side is English. */
static int put_multilingual(struct cli_languages *l, const struct cli_language_model *model,
                            const struct side *own, elcl_error *err)
{
    static const char *const forms[] = {"one-to-many", "many-to-one"};
    const struct spelled *english = find_spelled(own, "en");
    struct side one = {.items = (struct spelled *)english, .n = english != NULL};
    bool is[2];
    for (int i = 0; i < 2; i++)
        is[i] = english && (strstr(model->name, forms[i]) || strstr(model->path, forms[i]));
    if (model->decoder_only || !strcmp(model->family, "marian"))
        return ELCL_OK; /* nothing is known about the sources */
    return put_sides(l, model->number, is[0] ? &one : own, is[1] ? &one : own, NULL, err);
}

int cli_languages_add(struct cli_languages *l, const struct cli_language_model *model,
                      elcl_error *err)
{
    elcl_direction words = {0};
    struct side own = {0};
    bool given = false;
    int rc;
    ELCL_TRY(put_all_own(&own, model->codes, model->name, err));
    ELCL_TRY(put_pairs(l, model, &own, &given, err));
    if (given)
        goto fail;
    ELCL_TRY(elcl_direction_read(model->path, &words, err));
    if (*words.source || (!model->decoder_only &&
                          (find_in_name(model->name, &words) || find_in_path(model->path, &words))))
        rc = put_words(l, model, &own, &words, err);
    else
        rc = put_multilingual(l, model, &own, err);
fail:
    elcl_free(own.items);
    return rc;
}

#include "serve/models.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "common/remedy.h"

/* ---- names ----------------------------------------------------------------------------------- */

/* Splits [NAME=]PATH. A "=" after a "/" belongs to the path. */
static int split_word(const char *word, struct cli_served *served, elcl_error *err)
{
    const size_t given = strcspn(word, "=/");
    const bool named = word[given] == '=';
    const char *path = named ? word + given + 1 : word, *name = named ? word : path;
    size_t n = named ? given : strlen(path);
    while (!named && n && path[n - 1] == '/')
        n--;
    for (size_t i = n; !named && i > 0; i--)
        if (path[i - 1] == '/') {
            name += i;
            n -= i;
            break;
        }
    const bool dots = (n == 1 || n == 2) && !strncmp(name, "..", n);
    if (!n || !*path || (!named && dots))
        return elcl_fail(err, ELCL_E_ARG, "expected a model as NAME=PATH, found \"%.200s\"", word);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == '\x7f')
            return elcl_fail(err, ELCL_E_ARG,
                             "the name of a model has control characters: use NAME=PATH");
    served->path = path;
    served->name = elcl_strndup(name, n);
    return served->name ? ELCL_OK : elcl_fail_nomem(err);
}

static int take_words(struct cli_models *models, char *const *words, int n, elcl_error *err)
{
    int rc = ELCL_OK;
    models->items = calloc((size_t)n, sizeof(*models->items));
    if (!models->items)
        return elcl_fail_nomem(err);
    for (int i = 0; !rc && i < n; i++) {
        struct cli_served *served = &models->items[models->n];
        rc = split_word(words[i], served, err);
        if (!rc && cli_models_find(models, served->name))
            rc = elcl_fail(err, ELCL_E_ARG,
                           "two models have the name \"%.200s\": use NAME=PATH for one of them",
                           served->name);
        models->n++;
    }
    return rc;
}

const struct cli_served *cli_models_find(const struct cli_models *models, const char *name)
{
    if (!name)
        return models->n == 1 ? &models->items[0] : NULL;
    for (size_t i = 0; i < models->n; i++)
        if (!strcmp(models->items[i].name, name))
            return &models->items[i];
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int read_tokenizer(struct cli_served *served, elcl_error *err)
{
    int rc;
    if (!served->info.has_tokenizer || served->info.input_width) {
        served->languages = elcl_strdup("");
        return served->languages ? ELCL_OK : elcl_fail_nomem(err);
    }
    ELCL_TRY(elcl_languages(served->directory, &served->languages, err));
    ELCL_TRY(elcl_codec_open(served->directory, &served->codec, err));
    if (served->info.decoder_only)
        ELCL_TRY(elcl_encode(served->model, "", 0, &served->opening, &served->n_opening, err));
fail:
    return rc;
}

/* Finds where an archive's files are. */
static int find_packages(struct cli_served *served, elcl_error *err)
{
    if (!elcl_is_file(served->directory))
        return ELCL_OK;
    char *cache = elcl_cache_directory();
    served->packages = cache ? elcl_path_join(cache, "packages") : NULL;
    elcl_free(cache);
    return served->packages ? ELCL_OK : elcl_fail_nomem(err);
}

static int open_model(struct cli_served *served, const struct cli_models_params *params,
                      elcl_error *err)
{
    int rc;
    ELCL_TRY(cli_engines_open(&served->engines, params->options, params->n_engines, served->path,
                              params->log, params->log_user, &served->info, err));
    served->model = served->engines.models[0];
    elcl_model_gen_defaults(served->model, &served->defaults);
    served->directory = cli_model_directory(served->path);
    ELCL_TRY(served->directory ? find_packages(served, err) : elcl_fail_nomem(err));
    ELCL_TRY(read_tokenizer(served, err));
fail:
    return rc;
}

int cli_models_open(struct cli_models *models, char *const *words, int n,
                    const struct cli_models_params *params, elcl_error *err)
{
    int rc = take_words(models, words, n, err);
    for (size_t i = 0; !rc && i < models->n; i++)
        rc = open_model(&models->items[i], params, err);
    return rc;
}

/* Starts the worker of a model. An automatic batch is halved until it fits. */
static int start_worker(struct cli_served *served, const struct cli_models_params *params,
                        const struct cli_sharers *sharers, elcl_error *err)
{
    struct cli_worker_params worker = {
        .queue = params->queue, .on_lost = params->on_lost, .user = params->user};
    int rc = cli_sizes_choose(&params->sizes, &served->engines, &served->info, params->options,
                              sharers, served->path, &worker.sizes, err);
    while (!rc) {
        elcl_error why = {0};
        rc = cli_worker_create(&served->engines, &served->info, &worker, &served->worker, &why);
        if (!rc)
            return ELCL_OK;
        if (rc != ELCL_E_DEVICE_NOMEM || params->sizes.batch_size || worker.sizes.batch_size == 1)
            return elcl_fail(err, rc, "%s", why.msg);
        worker.sizes.batch_size /= 2;
        rc = ELCL_OK;
    }
    return rc;
}

/* Windows in flight of an engine, and beams, if they are not given. */
#define SPEECH_BATCH 16
#define SPEECH_BEAMS 5

/* Starts the scribe of a model. An automatic batch is halved until it fits. */
static int start_scribe(struct cli_served *served, const struct cli_models_params *params,
                        elcl_error *err)
{
    struct cli_scribe_params scribe = {.batch_size = params->sizes.batch_size,
                                       .max_beams = params->sizes.max_beams,
                                       .queue = params->queue,
                                       .on_lost = params->on_lost,
                                       .user = params->user};
    if (!scribe.batch_size)
        scribe.batch_size = SPEECH_BATCH;
    if (!scribe.max_beams)
        scribe.max_beams = SPEECH_BEAMS;
    for (;;) {
        elcl_error why = {0};
        const int rc =
            cli_scribe_create(&served->engines, &served->info, &scribe, &served->scribe, &why);
        if (!rc)
            return ELCL_OK;
        if (rc != ELCL_E_DEVICE_NOMEM || params->sizes.batch_size || scribe.batch_size == 1)
            return elcl_fail(err, rc, "%s", why.msg);
        scribe.batch_size /= 2;
    }
}

int cli_models_start(struct cli_models *models, const struct cli_models_params *params,
                     elcl_error *err)
{
    struct cli_sharers sharers = {.engines = params->n_engines * (int)models->n};
    int rc = ELCL_OK;
    for (size_t i = 0; i < models->n; i++)
        sharers.weight_bytes += models->items[i].info.weight_bytes;
    for (size_t i = 0; !rc && i < models->n; i++) {
        elcl_error why = {0};
        rc = models->items[i].info.input_width
                 ? start_scribe(&models->items[i], params, &why)
                 : start_worker(&models->items[i], params, &sharers, &why);
        if (rc == ELCL_E_DEVICE_NOMEM)
            elcl_fail(err, rc,
                      "%.64s: %s (see --batch-size, --max-beams, --max-source, --max-target)",
                      models->items[i].name, why.msg);
        else if (rc)
            elcl_fail(err, rc, "%s", why.msg);
    }
    return rc;
}

/* Finds the path as a word of a message, perhaps with a file after it: one such as "." or "en" may
 * be within other words. Returns NULL if it is not there. */
static const char *find_path(const char *message, const char *path)
{
    const size_t n = strlen(path);
    for (const char *at = message; n && (at = strstr(at, path)); at++)
        if ((at == message || strchr(" \"'(", at[-1])) && strchr("/:, \"')", at[n]))
            return at;
    return NULL;
}

void cli_served_hide_path(const struct cli_served *served, elcl_error *err)
{
    elcl_error hidden = {0};
    const char *found = find_path(err->msg, served->directory);
    size_t n = strlen(served->directory);
    if (!found && served->packages) {
        found = find_path(err->msg, served->packages);
        n = strlen(served->packages);
        if (found && found[n] == '/')
            n += 1 + strcspn(found + n + 1, "/"); /* the directory of this package */
    }
    if (!found)
        return;
    (void)elcl_fail(&hidden, err->code, "%.*s%.100s%s", (int)(found - err->msg), err->msg,
                    served->name, found + n);
    *err = hidden;
}

void cli_served_figures(const struct cli_served *served, struct cli_figures *figures)
{
    if (served->scribe)
        cli_scribe_figures(served->scribe, figures);
    else
        cli_worker_figures(served->worker, figures);
}

void cli_served_drain(const struct cli_served *served)
{
    if (served->scribe)
        cli_scribe_drain(served->scribe);
    if (served->worker)
        cli_worker_drain(served->worker);
}

void cli_served_abort(const struct cli_served *served)
{
    if (served->scribe)
        cli_scribe_abort(served->scribe);
    if (served->worker)
        cli_worker_abort(served->worker);
}

/* Ends all jobs while every worker is there: the end of a job may submit the next one to another
 * worker, which refuses it. */
static void end_jobs(const struct cli_models *models)
{
    for (size_t i = 0; i < models->n; i++)
        cli_served_abort(&models->items[i]);
    for (size_t i = 0; i < models->n; i++) {
        if (models->items[i].worker)
            (void)cli_worker_wait(models->items[i].worker, -1);
        if (models->items[i].scribe)
            cli_scribe_wait(models->items[i].scribe);
    }
}

void cli_models_close(struct cli_models *models)
{
    end_jobs(models);
    for (size_t i = 0; i < models->n; i++) {
        struct cli_served *served = &models->items[i];
        cli_worker_destroy(&served->worker);
        cli_scribe_destroy(&served->scribe);
        cli_engines_close(&served->engines);
        elcl_codec_close(&served->codec);
        free(served->directory);
        elcl_free(served->packages);
        elcl_free(served->opening);
        elcl_free(served->languages);
        elcl_free(served->name);
    }
    free(models->items);
    *models = (struct cli_models){0};
}

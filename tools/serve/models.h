/* The models that a server has open, each with its worker. */
#ifndef CLI_MODELS_H
#define CLI_MODELS_H

#include "serve/scribe.h"
#include "serve/sizes.h"
#include "serve/worker.h"

struct cli_models_params {
    const struct cli_model_options *options;
    struct cli_sizes sizes;
    int n_engines; /* of each model on each device */
    int queue;     /* requests of each model that may wait */
    elcl_log_fn log;
    void *log_user;
    void (*on_lost)(void *user, const elcl_error *why); /* as in struct cli_worker_params */
    void *user;
};

/* A model that is served. Constant once cli_models_start() has returned. */
struct cli_served {
    char *name;
    const char *path; /* as the command line names it */
    char *directory;  /* with the tokenizer, or an archive of argostranslate */
    char *packages;   /* the directory that archives are unpacked in; NULL: the model is none */
    struct cli_engines engines;
    elcl_model *model; /* of the first engine */
    elcl_model_info info;
    elcl_gen_options defaults; /* the model's own */
    elcl_codec *codec;         /* NULL: the model has no tokenizer */
    char *languages;           /* codes, each with a line end, or "" */
    int32_t *opening;          /* [n_opening] decoder-only: the special tokens before a prompt */
    size_t n_opening;
    struct cli_worker *worker; /* NULL: the model reads sound */
    struct cli_scribe *scribe; /* NULL: the model reads text */
};

/* {0} has none. */
struct cli_models {
    struct cli_served *items; /* [n] */
    size_t n;
};

/* Opens the models that the words name: [NAME=]PATH, where NAME is the last part of PATH if it is
 * not given. `words` must outlive them. Fails with ELCL_E_ARG if a name is empty or occurs twice.
 */
int cli_models_open(struct cli_models *models, char *const *words, int n,
                    const struct cli_models_params *params, elcl_error *err);
/* Chooses the sizes of the engines and starts the workers. */
int cli_models_start(struct cli_models *models, const struct cli_models_params *params,
                     elcl_error *err);
/* Returns the model of this name, or the first one for NULL if it is the only one; else NULL. */
const struct cli_served *cli_models_find(const struct cli_models *models, const char *name);
/* Puts the model's name in the place of its directory where a message names a file in it: clients
 * need not know where it is. */
void cli_served_hide_path(const struct cli_served *served, elcl_error *err);
/* As those of the worker or the scribe. */
void cli_served_figures(const struct cli_served *served, struct cli_figures *figures);
void cli_served_drain(const struct cli_served *served);
void cli_served_abort(const struct cli_served *served);
/* Ends the jobs that are left with CLI_WORKER_STOPPING. */
void cli_models_close(struct cli_models *models);

#endif

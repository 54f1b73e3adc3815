#include "generate/fingerprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/os.h"
#include "common/model_files.h"
#include "common/remedy.h"
#include "common/sentences.h"

/* ---- options ------------------------------------------------------------------------------- */

static bool add_text(cJSON *to, const char *name, const char *text)
{
    return cJSON_AddStringToObject(to, name, text) != NULL;
}

static bool add_int(cJSON *to, const char *name, int value)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%d", value);
    return add_text(to, name, text);
}

/* Adds an option that is an integer or a word. */
static bool add_option(cJSON *to, const struct cli_generate_options *o, const struct cli_opt *opt)
{
    int value;
    memcpy(&value, (const char *)o + opt->offset, sizeof(value));
    return opt->kind == CLI_OPT_CHOICE ? add_text(to, opt->name, cli_word_of(opt->choices, value))
                                       : add_int(to, opt->name, value);
}

/* Other versions of ICU may find other sentences. */
static bool add_split(cJSON *to, const struct cli_generate_options *o)
{
    char text[48];
    (void)snprintf(text, sizeof(text), "sentences by %.16s", cli_sentences_finder());
    return add_text(to, "split", o->split == CLI_SPLIT_SENTENCES ? text : "none");
}

/* Adds the options outside elcl_gen_options that change the text. */
static bool add_own(cJSON *to, const struct cli_generate_options *o, const elcl_model_info *info)
{
    static const char *const names[] = {
        "input-format", "format",    "scores",     "weights",         "state",         "max-source",
        "long-source",  "unordered", "alignments", "alignment-layer", "alignment-head"};
    bool ok = add_text(to, "attention", cli_attention_word(info->attention)) &&
              add_text(to, "compute", cli_word_of(cli_compute_words, (int)info->compute)) &&
              add_split(to, o) &&
              add_text(to, "src-lang", o->samples.src_lang ? o->samples.src_lang : "") &&
              add_text(to, "tgt-lang", o->samples.tgt_lang ? o->samples.tgt_lang : "");
    for (size_t i = 0; ok && i < ELCL_COUNT(names); i++)
        ok = add_option(to, o, cli_args_find(&o->args, names[i]));
    return ok;
}

/* Adds what the run makes of each option of the library's table. */
static bool add_settings(cJSON *to, const struct cli_args *args, const elcl_gen_options *gen)
{
    bool ok = true;
    for (size_t i = 0; ok && i < args->n_opts; i++) {
        const elcl_gen_option *option = cli_args_setting(&args->opts[i]);
        char *value = NULL;
        if (!option || option->type == ELCL_OPTION_TEXTS)
            continue;
        ok = !elcl_gen_options_get(gen, option->name, &value, NULL) &&
             add_text(to, args->opts[i].name, value);
        elcl_free(value);
    }
    return ok && add_int(to, "pad-token-id", gen->pad_token_id) &&
           add_int(to, "ban-pad", gen->ban_pad);
}

/* Adds the strings as the text of a JSON array. */
static bool add_stop(cJSON *to, const elcl_gen_options *gen)
{
    cJSON *array = cJSON_CreateArray();
    bool ok = array != NULL;
    for (int i = 0; ok && i < gen->n_stop_strings; i++)
        ok = cJSON_AddItemToArray(array, cJSON_CreateString(gen->stop_strings[i]));
    char *printed = ok ? cJSON_PrintUnformatted(array) : NULL;
    ok = printed && add_text(to, "stop", printed);
    cJSON_free(printed);
    cJSON_Delete(array);
    return ok;
}

static bool add_options(cJSON *to, const struct cli_generate_options *o,
                        const elcl_model_info *info, const elcl_gen_options *gen)
{
    return add_own(to, o, info) && add_settings(to, &o->args, gen) && add_stop(to, gen);
}

/* ---- files --------------------------------------------------------------------------------- */

static bool add_digest(cJSON *to, const char *name, const struct cli_digest *digest)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "%" PRIu64 " bytes, %016" PRIx64, digest->bytes,
                   digest->hash);
    return add_text(to, name, text);
}

static int add_file(cJSON *to, const char *path, const char *name, elcl_error *err)
{
    struct cli_digest digest;
    const int rc = cli_digest_sample(path, &digest, err);
    return rc || add_digest(to, name, &digest) ? rc : elcl_fail_nomem(err);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct elcl_file_info *)a)->name,
                  ((const struct elcl_file_info *)b)->name);
}

static int add_directory(cJSON *to, const char *directory, elcl_error *err)
{
    struct elcl_file_info *files;
    size_t n;
    int rc = ELCL_OK;
    if (!elcl_list_files(directory, &files, &n))
        return elcl_fail_nomem(err);
    if (n)
        qsort(files, n, sizeof(*files), by_name);
    for (size_t i = 0; !rc && i < n; i++) {
        if (!cli_is_model_file(files[i].name))
            continue;
        char *path = elcl_path_join(directory, files[i].name);
        rc = path ? add_file(to, path, files[i].name, err) : elcl_fail_nomem(err);
        elcl_free(path);
    }
    elcl_free_files(files, n);
    return rc;
}

/* Adds the files of a directory, or the package that the model is. */
static int add_model(cJSON *to, const char *model, elcl_error *err)
{
    char *path = cli_model_directory(model);
    if (!path)
        return elcl_fail_nomem(err);
    const int rc =
        elcl_is_file(path) ? add_file(to, path, "the package", err) : add_directory(to, path, err);
    free(path);
    return rc;
}

int cli_fingerprint(const struct cli_generate_options *options, const elcl_model_info *info,
                    const struct cli_resolved *resolved, const struct cli_digest *input,
                    struct cli_run_record *record, elcl_error *err)
{
    cJSON *of = cJSON_CreateObject();
    cJSON *given = cJSON_AddObjectToObject(of, "options");
    cJSON *model = cJSON_AddObjectToObject(of, "model");
    const bool ok = given && model && add_text(of, "elcl", elcl_version()) &&
                    add_text(of, "device", info->device) && add_digest(of, "input", input) &&
                    add_options(given, options, info, &resolved->gen);
    const int rc = ok ? add_model(model, options->samples.model, err) : elcl_fail_nomem(err);
    if (rc) {
        cJSON_Delete(of);
        return rc;
    }
    *record = (struct cli_run_record){.of = of, .shard = 1, .shards = 1, .samples = input->lines};
    return ELCL_OK;
}

#include "model/model.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "format/model_file.h"
#include "model/encoder_cache.h"
#include "model/synthetic.h"
#include "model/unused.h"

/* Limits on devices that end loops after 65,535 iterations. */
#define SHORT_LOOPS_VOCABULARY 8192
#define SHORT_LOOPS_POSITIONS 128

/* Sets the defaults of a prompt. The token that begins texts precedes it if the family or the
 * tokenizer says so; an empty prompt is that token. Hugging Face's default length counts tokens
 * after the prompt. */
static int set_prompt_defaults(struct elcl_model *m, const char *directory, elcl_error *err)
{
    bool add_bos = m->family->prompt_bos;
    const int rc =
        directory && elcl_is_directory(directory)
            ? elcl_tokenizer_config_bool(directory, "add_bos_token", add_bos, &add_bos, err)
            : ELCL_OK;
    if (rc)
        return rc;
    add_bos = add_bos && m->bos >= 0;
    m->empty = add_bos ? -1 : m->bos >= 0 ? m->bos : m->eos;
    m->eos = -1;
    if (!add_bos)
        m->bos = -1;
    if (elcl_config_default_length(&m->config) && !m->defaults.max_new_tokens)
        m->defaults.max_new_tokens = m->defaults.max_length - 1;
    return ELCL_OK;
}

/* Reads the tokens around a text; directory may be NULL. */
static int read_special_tokens(struct elcl_model *m, const char *directory, elcl_error *err)
{
    int bos, rc;
    ELCL_TRY(elcl_config_int_or(&m->config, "bos_token_id", INT32_MIN, INT32_MAX, -1, &bos, err));
    /* A small model may keep the class's default outside its vocabulary: then it has no BOS. */
    m->bos = bos >= 0 && bos < m->arch.vocabulary ? bos : -1;
    m->eos = m->defaults.n_eos ? m->defaults.eos_token_ids[0] : -1;
    m->empty = -1;
    if (m->arch.decoder_only)
        ELCL_TRY(set_prompt_defaults(m, directory, err));
fail:
    return rc;
}

/* Reads all small files of the directory. */
static int read_directory(struct elcl_model *m, const char *directory, elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_model_file_check(directory, err));
    ELCL_TRY(elcl_config_load(directory, &m->config, err));
    ELCL_TRY(elcl_family_read(&m->config, &m->family, &m->arch, &m->defaults, err));
    ELCL_TRY(elcl_tokenizer_load(directory, &m->tokenizer, err));
    ELCL_TRY(read_special_tokens(m, directory, err));
fail:
    return rc;
}

int elcl_model_read_texts(struct elcl_model *m, const char *directory, elcl_error *err)
{
    elcl_error config_err = {0};
    bool has_config = false;
    m->bos = m->eos = m->empty = -1;
    int rc = elcl_model_file_check(directory, err);
    if (!rc)
        rc = elcl_tokenizer_load(directory, &m->tokenizer, err);
    if (!rc && elcl_is_directory(directory))
        rc = elcl_has_file(directory, "config.json", &has_config, err);
    if (rc || !m->tokenizer)
        return rc;
    const int bad = elcl_config_load(directory, &m->config, &config_err);
    const bool known =
        !bad && !elcl_family_read(&m->config, &m->family, &m->arch, &m->defaults, &config_err);
    if (known)
        rc = read_special_tokens(m, directory, err);
    else if (has_config && config_err.code != ELCL_E_UNSUPPORTED &&
             (!elcl_tokenizer_wraps(m->tokenizer) || config_err.code == ELCL_E_IO))
        rc = elcl_fail(err, config_err.code, "%s", config_err.msg);
    else
        m->defaults.forced_bos_token_id = -1;
    m->arch.vocabulary = m->arch.source_vocabulary = INT_MAX;
    return rc;
}

/* Refuses large models on drivers that end long loops early; CPU kernels loop over the vocabulary
 * and over all keys of a block of rows. */
static int check_loops(const struct elcl_model *m, elcl_error *err)
{
    const int positions = elcl_arch_default_positions(&m->arch);
    if (!m->features.short_loops || m->device->kernels != ELCL_KERNELS_CPU ||
        (m->arch.vocabulary <= SHORT_LOOPS_VOCABULARY && positions <= SHORT_LOOPS_POSITIONS))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s ends long loops early, so CPU kernels would be wrong for a "
                     "vocabulary of %d and %d positions, expected at most %d and %d: use "
                     "--kernels gpu or another device",
                     m->device->desc.name, m->arch.vocabulary, positions, SHORT_LOOPS_VOCABULARY,
                     SHORT_LOOPS_POSITIONS);
}

static int open_device(struct elcl_model *m, const elcl_model_params *params, elcl_error *err)
{
    const struct elcl_device_params device_params = {
        .device = params->device,
        .kernels = params->kernels,
        .memory_limit_bytes = params->memory_limit_bytes,
        .no_cache = params->no_cache != 0,
        .no_matrix_instructions = params->no_matrix_instructions != 0,
        .log = params->log,
        .log_user = params->log_user};
    const int rc = elcl_device_open(&device_params, &m->device, err);
    if (rc)
        return rc;
    elcl_probe_features(m->device, &m->features);
    if (m->device->kernels == ELCL_KERNELS_GPU)
        elcl_device_log(m->device, ELCL_LOG_INFO, "matrix instructions: %s, %s",
                        m->features.mma ? "on" : "off",
                        m->features.verdicts[ELCL_PROBE_MATRIX].reason);
    return check_loops(m, err);
}

static int read_synthetic(struct elcl_model *m, const char *name, uint64_t seed,
                          struct elcl_synthetic *tensors, elcl_error *err)
{
    int rc;
    ELCL_TRY(elcl_synthetic_config(name, &m->config, err));
    ELCL_TRY(elcl_family_read(&m->config, &m->family, &m->arch, &m->defaults, err));
    ELCL_TRY(read_special_tokens(m, NULL, err));
    ELCL_TRY(elcl_synthetic_model(&m->config, &m->arch, seed, tensors, err));
fail:
    return rc;
}

int elcl_model_begin(const char *directory, const char *synthetic, uint64_t seed,
                     const elcl_model_params *params, struct elcl_synthetic *tensors,
                     struct elcl_model **model, elcl_error *err)
{
    struct elcl_model *m = elcl_calloc(1, sizeof(*m));
    if (!m)
        return elcl_fail_nomem(err);
    int rc = directory ? read_directory(m, directory, err)
                       : read_synthetic(m, synthetic, seed, tensors, err);
    if (!rc)
        rc = open_device(m, params, err);
    if (rc)
        elcl_model_close(&m);
    else
        *model = m;
    return rc;
}

/* The reference warns too. A tensor that nothing reads may mean that the configuration does not fit
 * the file. */
static int warn_of_unused(const struct elcl_model *m, const struct elcl_tensors *st,
                          const struct elcl_strmap *used, elcl_error *err)
{
    struct elcl_str names = {0};
    const size_t n = elcl_unused_tensors(st, used, &names);
    const int rc = names.failed ? elcl_fail_nomem(err) : ELCL_OK;
    if (!rc && n)
        elcl_device_log(m->device, ELCL_LOG_WARNING,
                        "%s: %zu tensors are stored but have no use in model_type %s: %s", st->path,
                        n, m->config.model_type, names.data);
    elcl_str_finish(&names);
    return rc;
}

int elcl_model_load(struct elcl_model *m, const elcl_model_params *params, struct elcl_tensors *st,
                    elcl_error *err)
{
    const struct elcl_ops_params ops_params = {.gemm = params->gemm,
                                               .clblast_rows = m->clblast_rows,
                                               .ways = &m->ways,
                                               .weights = params->weights,
                                               .state = params->state,
                                               .compute = params->compute,
                                               .act_keys = !m->arch.decoder_only,
                                               .profile = params->profile != 0};
    int rc = elcl_ops_create(m->device, &m->features, &ops_params, &m->ops, err);
    if (rc)
        return rc;
    struct elcl_strmap used = {0};
    uint64_t content = ELCL_HASH_INIT;
    struct elcl_loader loader = {
        .ops = m->ops,
        .st = st,
        .used = &used,
        .content = params->encoder_cache && !m->arch.decoder_only ? &content : NULL,
        .panel = m->ops->panel,
        .rounds_inputs = m->ops->dot != ELCL_DOT_NONE,
        .storage = m->ops->weights,
        .attention = m->attention,
        .err = err};
    rc = m->family->load(m->family, &loader, &m->arch, &m->weights);
    m->weight_bytes = loader.bytes;
    if (!rc)
        rc = warn_of_unused(m, st, &used, err);
    if (!rc)
        elcl_encoder_cache_open(m, params, &ops_params, content);
    elcl_strmap_finish(&used);
    return rc;
}

const char *elcl_synthetic_name(int i)
{
    return elcl_synthetic_model_name(i);
}

int elcl_synthetic_export(const char *name, uint64_t seed, const char *directory, elcl_error *err)
{
    if (!name || !directory)
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_synthetic_export: name and directory must not be NULL");
    struct elcl_model m = {0}; /* only its configuration is used */
    struct elcl_synthetic tensors = {0};
    char *config = elcl_path_join(directory, "config.json");
    char *weights = elcl_path_join(directory, "model.safetensors");
    int rc = config && weights ? ELCL_OK : elcl_fail_nomem(err);
    if (rc)
        goto fail;
    ELCL_TRY(elcl_synthetic_config(name, &m.config, err));
    ELCL_TRY(elcl_family_read(&m.config, &m.family, &m.arch, &m.defaults, err));
    ELCL_TRY(elcl_synthetic_model(&m.config, &m.arch, seed, &tensors, err));
    ELCL_TRY(elcl_make_directories(directory, 0777, err));
    const char *text = elcl_synthetic_config_text(name);
    ELCL_TRY(elcl_write_file_atomic(config, text, strlen(text), err));
    ELCL_TRY(elcl_synthetic_write(&tensors, weights, err));
fail:
    elcl_synthetic_finish(&tensors);
    elcl_config_finish(&m.config);
    elcl_free(config);
    elcl_free(weights);
    return rc;
}

void elcl_model_close(elcl_model **model)
{
    if (!model || !*model)
        return;
    struct elcl_model *m = *model;
    elcl_encoder_cache_close(m);
    elcl_weights_finish(&m->weights);
    elcl_ops_destroy(&m->ops);
    elcl_device_close(&m->device);
    elcl_tokenizer_destroy(&m->tokenizer);
    elcl_config_finish(&m->config);
    elcl_free(m);
    *model = NULL;
}

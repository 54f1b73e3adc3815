#include "model/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"

/* A prompt is the text, and before it the token that texts begin with where the family or the
 * tokenizer has it so; an empty one is that token. Hugging Face's default length is so many tokens
 * behind the prompt. */
static int set_prompt_defaults(struct elcl_model *m, const char *directory, elcl_error *err)
{
    bool add_bos;
    const int rc = elcl_tokenizer_config_bool(directory, "add_bos_token", m->family->prompt_bos,
                                              &add_bos, err);
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

/* Everything that is read from the directory's small files. */
static int read_directory(struct elcl_model *m, const char *directory, elcl_error *err)
{
    int rc;
    if (!elcl_is_directory(directory))
        return elcl_fail(err, ELCL_E_IO, "%s: no such model directory", directory);
    ELCL_TRY(elcl_config_load(directory, &m->config, err));
    ELCL_TRY(elcl_family_find(&m->config, &m->family, err));
    ELCL_TRY(elcl_config_add_defaults(&m->config, m->family->defaults, err));
    ELCL_TRY(m->family->read_arch(&m->config, &m->arch, err));
    ELCL_TRY(elcl_config_gen_options(&m->config, &m->defaults, err));
    ELCL_TRY(elcl_tokenizer_load(directory, &m->tokenizer, err));
    if (m->tokenizer && elcl_tokenizer_size(m->tokenizer) > m->arch.source_vocabulary)
        return elcl_fail(
            err, ELCL_E_FORMAT, "%s: the tokenizer has ids up to %d, the model's vocab_size is %d",
            directory, elcl_tokenizer_size(m->tokenizer) - 1, m->arch.source_vocabulary);
    int bos;
    const int last = m->arch.vocabulary - 1;
    ELCL_TRY(elcl_config_int_or(&m->config, "bos_token_id", -1, last, -1, &bos, err));
    m->bos = bos;
    m->eos = m->defaults.n_eos ? m->defaults.eos_token_ids[0] : -1;
    m->empty = -1;
    if (m->arch.decoder_only)
        ELCL_TRY(set_prompt_defaults(m, directory, err));
fail:
    return rc;
}

/* Without a choice: EL-attention where arithmetic is cheap against memory traffic. Its scores and
 * contexts take H times the arithmetic of `mha`; that pays on GPUs, not on CPUs. */
static enum elcl_attention choose_attention(const struct elcl_device *device,
                                            enum elcl_attention asked)
{
    if (asked != ELCL_ATTN_AUTO)
        return asked;
    return device->desc.type == ELCL_DEVICE_CPU ? ELCL_ATTN_MHA : ELCL_ATTN_EL;
}

static int open_device(struct elcl_model *m, const elcl_model_params *params, elcl_error *err)
{
    const struct elcl_device_params device_params = {.device = params->device,
                                                     .kernels = params->kernels,
                                                     .memory_limit_bytes =
                                                         params->memory_limit_bytes,
                                                     .no_cache = params->no_cache != 0,
                                                     .log = params->log,
                                                     .log_user = params->log_user};
    const struct elcl_ops_params ops_params = {.gemm = params->gemm,
                                               .weights = params->weights,
                                               .state = params->state,
                                               .profile = params->profile != 0};
    const int rc = elcl_device_open(&device_params, &m->device, err);
    if (rc)
        return rc;
    m->attention = choose_attention(m->device, params->attention);
    return elcl_ops_create(m->device, &ops_params, &m->ops, err);
}

static int load_weights(struct elcl_model *m, const char *directory, elcl_error *err)
{
    struct elcl_tensors *st = NULL;
    struct elcl_loader loader = {.ops = m->ops,
                                 .panel = m->ops->panel,
                                 .storage = m->ops->weights,
                                 .attention = m->attention,
                                 .err = err};
    int rc;
    ELCL_TRY(elcl_tensors_open(directory, &st, err));
    loader.st = st;
    ELCL_TRY(m->family->load(&loader, &m->arch, &m->weights));
    m->weight_bytes = loader.bytes;
fail:
    elcl_tensors_close(&st);
    return rc;
}

int elcl_model_open(const char *directory, const elcl_model_params *params, elcl_model **model,
                    elcl_error *err)
{
    const elcl_model_params defaults = elcl_model_params_default();
    if (!directory || !model)
        return elcl_fail(err, ELCL_E_ARG, "elcl_model_open: directory and model must not be NULL");
    if (!params)
        params = &defaults;
    struct elcl_model *m = elcl_calloc(1, sizeof(*m));
    if (!m)
        return elcl_fail_nomem(err);
    int rc;
    ELCL_TRY(read_directory(m, directory, err));
    ELCL_TRY(open_device(m, params, err));
    ELCL_TRY(load_weights(m, directory, err));
    *model = m;
    return ELCL_OK;
fail:
    elcl_model_close(&m);
    return rc;
}

void elcl_model_close(elcl_model **model)
{
    if (!model || !*model)
        return;
    struct elcl_model *m = *model;
    elcl_weights_finish(&m->weights);
    elcl_ops_destroy(&m->ops);
    elcl_device_close(&m->device);
    elcl_tokenizer_destroy(&m->tokenizer);
    elcl_config_finish(&m->config);
    elcl_free(m);
    *model = NULL;
}

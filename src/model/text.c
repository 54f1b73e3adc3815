/* Text to token ids and back, with the tokens that a model puts around a text. */
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "format/package.h"
#include "model/model.h"
#include "text/text_stream.h"

int elcl_model_source_end(const elcl_model *model)
{
    struct elcl_wrap wrap = {0};
    if (!model->tokenizer || !elcl_tokenizer_wraps(model->tokenizer))
        return model->eos >= 0;
    return elcl_tokenizer_wrap(model->tokenizer, NULL, 0, NULL, NULL, &wrap, NULL) ? 0
                                                                                   : wrap.n_after;
}

static int require_tokenizer(const elcl_model *model, elcl_error *err)
{
    if (model->tokenizer)
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     elcl_is_file(model->config.path) && !model->config.directory
                         ? "%s: the file has no tokenizer; use token ids"
                         : "%s: the model directory has no tokenizer (" ELCL_TOKENIZER_FILES
                           "); use token ids",
                     model->config.path);
}

int elcl_languages(const char *directory, char **codes, elcl_error *err)
{
    struct elcl_tokenizer *tokenizer = NULL;
    struct elcl_str text = {0};
    char *inner = NULL; /* of a package */
    int rc = elcl_package_open(directory, &inner, err);
    if (!rc)
        rc = elcl_tokenizer_load(inner, &tokenizer, err);
    elcl_free(inner);
    elcl_str_text(&text, "");
    if (!rc && tokenizer)
        rc = elcl_tokenizer_list_languages(tokenizer, &text, err);
    if (!rc && text.failed)
        rc = elcl_fail_nomem(err);
    elcl_tokenizer_destroy(&tokenizer);
    if (!rc)
        *codes = text.data;
    else
        elcl_str_finish(&text);
    return rc;
}

/* Adds bos and eos of the configuration if the tokenizer leaves them to it. An empty text may need
 * a token. */
static void complete_wrap(const elcl_model *model, size_t n, struct elcl_wrap *wrap)
{
    if (!elcl_tokenizer_wraps(model->tokenizer)) {
        if (model->bos >= 0)
            wrap->before[wrap->n_before++] = model->bos;
        if (model->eos >= 0)
            wrap->after[wrap->n_after++] = model->eos;
    }
    if (!n && !wrap->n_before && !wrap->n_after && model->empty >= 0)
        wrap->before[wrap->n_before++] = model->empty;
}

/* Finds the tokens around the ids of a source. */
static int find_wrap(const elcl_model *model, const int32_t *ids, size_t n, const char *source,
                     const char *target, struct elcl_wrap *wrap, elcl_error *err)
{
    const int rc = elcl_tokenizer_wrap(model->tokenizer, ids, n, source, target, wrap, err);
    if (!rc)
        complete_wrap(model, n, wrap);
    return rc;
}

/* The same for an output. If it begins with its language, that is the chosen one or the one that
 * the configuration forces. */
static int find_target_wrap(const elcl_model *model, const int32_t *ids, size_t n,
                            const char *target, struct elcl_wrap *wrap, elcl_error *err)
{
    int32_t id = model->defaults.forced_bos_token_id;
    int rc =
        target ? elcl_tokenizer_language(model->tokenizer, "target", target, &id, err) : ELCL_OK;
    if (rc)
        return rc;
    elcl_tokenizer_wrap_target(model->tokenizer, ids, n, wrap);
    complete_wrap(model, n, wrap);
    if (elcl_tokenizer_target_language(model->tokenizer) != ELCL_TARGET_FIRST)
        return ELCL_OK;
    if (id < 0)
        return elcl_fail(err, ELCL_E_ARG,
                         "%s: outputs begin with their language, and none is chosen",
                         model->config.path);
    wrap->before[wrap->n_before++] = id;
    return ELCL_OK;
}

/* A tokenizer may have more ids than the model has embeddings. */
static int check_ids(const elcl_model *model, const int32_t *ids, size_t n, int vocabulary,
                     elcl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < vocabulary)
            continue;
        char *token = NULL;
        const int bad = elcl_tokenizer_decode(model->tokenizer, &ids[i], 1, false, &token, NULL);
        const int rc = elcl_fail(err, ELCL_E_ARG,
                                 "%s: the text needs the token \"%.100s\" with the id %d, and the "
                                 "model has only the ids 0 .. %d",
                                 model->config.path, bad ? "" : token, (int)ids[i], vocabulary - 1);
        elcl_free(token);
        return rc;
    }
    return ELCL_OK;
}

static int put_wrap(const elcl_model *model, int vocabulary, const struct elcl_wrap *wrap,
                    const int32_t *inner, size_t n_inner, int32_t **ids, size_t *n_ids,
                    elcl_error *err)
{
    const size_t before = (size_t)wrap->n_before, after = (size_t)wrap->n_after;
    int32_t *all = elcl_calloc(n_inner + before + after, sizeof(*all));
    if (!all)
        return elcl_fail_nomem(err);
    memcpy(all, wrap->before, before * sizeof(*all));
    if (n_inner)
        memcpy(all + before, inner, n_inner * sizeof(*all));
    memcpy(all + before + n_inner, wrap->after, after * sizeof(*all));
    const int rc = check_ids(model, all, n_inner + before + after, vocabulary, err);
    if (rc) {
        elcl_free(all);
        return rc;
    }
    *ids = all;
    *n_ids = before + n_inner + after;
    return ELCL_OK;
}

int elcl_encode_lang(const elcl_model *model, const char *text, size_t n, const char *source,
                     const char *target, int32_t **ids, size_t *n_ids, elcl_error *err)
{
    if (!model || (!text && n) || !ids || !n_ids)
        return elcl_fail(err, ELCL_E_ARG, "elcl_encode: arguments must not be NULL");
    int32_t *inner = NULL;
    size_t n_inner = 0;
    struct elcl_wrap wrap = {0};
    int rc;
    ELCL_TRY(require_tokenizer(model, err));
    ELCL_TRY(elcl_tokenizer_encode(model->tokenizer, text ? text : "", n, &inner, &n_inner, err));
    ELCL_TRY(find_wrap(model, inner, n_inner, source, target, &wrap, err));
    ELCL_TRY(
        put_wrap(model, model->arch.source_vocabulary, &wrap, inner, n_inner, ids, n_ids, err));
fail:
    elcl_free(inner);
    return rc;
}

int elcl_encode_target(const elcl_model *model, const char *text, size_t n, const char *target,
                       int32_t **ids, size_t *n_ids, elcl_error *err)
{
    if (!model || (!text && n) || !ids || !n_ids)
        return elcl_fail(err, ELCL_E_ARG, "elcl_encode_target: arguments must not be NULL");
    if (model->arch.decoder_only)
        return elcl_fail(err, ELCL_E_ARG,
                         "elcl_encode_target is for models with an encoder; %s has none",
                         model->family->model_type);
    int32_t *inner = NULL;
    size_t n_inner = 0;
    struct elcl_wrap wrap = {0};
    int rc;
    ELCL_TRY(require_tokenizer(model, err));
    ELCL_TRY(
        elcl_tokenizer_encode_target(model->tokenizer, text ? text : "", n, &inner, &n_inner, err));
    ELCL_TRY(find_target_wrap(model, inner, n_inner, target, &wrap, err));
    ELCL_TRY(put_wrap(model, model->arch.vocabulary, &wrap, inner, n_inner, ids, n_ids, err));
fail:
    elcl_free(inner);
    return rc;
}

int elcl_encode(const elcl_model *model, const char *text, size_t n, int32_t **ids, size_t *n_ids,
                elcl_error *err)
{
    return elcl_encode_lang(model, text, n, NULL, NULL, ids, n_ids, err);
}

int elcl_gen_options_language(const elcl_model *model, const char *target,
                              elcl_gen_options *options, elcl_error *err)
{
    if (!model || !target || !options)
        return elcl_fail(err, ELCL_E_ARG, "elcl_gen_options_language: arguments must not be NULL");
    int32_t id;
    int rc = require_tokenizer(model, err);
    if (!rc)
        rc = elcl_tokenizer_language(model->tokenizer, "target", target, &id, err);
    if (rc)
        return rc;
    switch (elcl_tokenizer_target_language(model->tokenizer)) {
    case ELCL_TARGET_START:
        options->decoder_start_token_id = id;
        break;
    case ELCL_TARGET_FIRST:
        options->forced_bos_token_id = id;
        break;
    case ELCL_TARGET_SOURCE:
        break;
    case ELCL_TARGET_NONE:
        return elcl_fail(err, ELCL_E_ARG,
                         "%s: the language of speech is chosen with elcl transcribe --language",
                         model->config.path);
    }
    return ELCL_OK;
}

int elcl_decode(const elcl_model *model, const int32_t *ids, size_t n_ids, char **text,
                elcl_error *err)
{
    if (!model || (!ids && n_ids) || !text)
        return elcl_fail(err, ELCL_E_ARG, "elcl_decode: arguments must not be NULL");
    const int rc = require_tokenizer(model, err);
    return rc ? rc : elcl_tokenizer_decode(model->tokenizer, ids, n_ids, true, text, err);
}

int elcl_text_stream_create(const elcl_model *model, elcl_text_stream **stream, elcl_error *err)
{
    if (!model || !stream)
        return elcl_fail(err, ELCL_E_ARG, "elcl_text_stream_create: arguments must not be NULL");
    const int rc = require_tokenizer(model, err);
    return rc ? rc : elcl_text_stream_of(model->tokenizer, stream, err);
}

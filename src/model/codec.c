/* A tokenizer without its model. */
#include "base/os.h"
#include "base/util.h"
#include "format/package.h"
#include "model/model.h"

struct elcl_codec {
    struct elcl_model model; /* only its configuration and its tokenizer */
};

int elcl_codec_open(const char *directory, elcl_codec **codec, elcl_error *err)
{
    if (!directory || !codec)
        return elcl_fail(err, ELCL_E_ARG, "elcl_codec_open: arguments must not be NULL");
    elcl_codec *c = elcl_calloc(1, sizeof(*c));
    if (!c)
        return elcl_fail_nomem(err);
    char *inner = NULL; /* of a package */
    int rc = elcl_package_open(directory, &inner, err);
    if (!rc)
        rc = elcl_model_read_texts(&c->model, inner, err);
    elcl_free(inner);
    if (!rc && !c->model.tokenizer)
        rc = elcl_fail(err, ELCL_E_UNSUPPORTED,
                       elcl_is_file(directory)
                           ? "%s: the file has no tokenizer; use token ids"
                           : "%s: the directory has no tokenizer (" ELCL_TOKENIZER_FILES ")",
                       directory);
    if (rc)
        elcl_codec_close(&c);
    else
        *codec = c;
    return rc;
}

void elcl_codec_close(elcl_codec **codec)
{
    if (!codec || !*codec)
        return;
    elcl_tokenizer_destroy(&(*codec)->model.tokenizer);
    elcl_config_finish(&(*codec)->model.config);
    elcl_free(*codec);
    *codec = NULL;
}

int elcl_codec_encode(const elcl_codec *codec, const char *text, size_t n,
                      const elcl_codec_options *options, int32_t **ids, size_t *n_ids,
                      elcl_error *err)
{
    const elcl_codec_options none = {0}, *o = options ? options : &none;
    if (!codec || (!text && n) || !ids || !n_ids)
        return elcl_fail(err, ELCL_E_ARG, "elcl_codec_encode: arguments must not be NULL");
    const struct elcl_tokenizer *t = codec->model.tokenizer;
    if (!o->no_special_tokens)
        return o->as_target ? elcl_encode_target(&codec->model, text, n, o->target, ids, n_ids, err)
                            : elcl_encode_lang(&codec->model, text, n, o->source, o->target, ids,
                                               n_ids, err);
    const char *s = text ? text : "";
    return o->as_target ? elcl_tokenizer_encode_target(t, s, n, ids, n_ids, err)
                        : elcl_tokenizer_encode(t, s, n, ids, n_ids, err);
}

int elcl_codec_decode(const elcl_codec *codec, const int32_t *ids, size_t n_ids,
                      const elcl_codec_options *options, char **text, elcl_error *err)
{
    if (!codec || (!ids && n_ids) || !text)
        return elcl_fail(err, ELCL_E_ARG, "elcl_codec_decode: arguments must not be NULL");
    return elcl_tokenizer_decode(codec->model.tokenizer, ids, n_ids,
                                 options && options->no_special_tokens, text, err);
}

const char *elcl_codec_token(const elcl_codec *codec, int32_t id, int as_target, size_t *n)
{
    return elcl_tokenizer_token(codec->model.tokenizer, id, as_target != 0, n);
}

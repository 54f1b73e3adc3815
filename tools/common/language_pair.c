#include "common/language_pair.h"

#include "common/remedy.h"

int cli_language_pair_apply(const struct cli_language_pair *l, const elcl_model *model,
                            elcl_gen_options *gen, elcl_error *err)
{
    elcl_error why = {0};
    int32_t *ids = NULL;
    size_t n;
    if (l->source && l->ids)
        return elcl_fail(err, ELCL_E_ARG,
                         "src_lang does nothing with %s: the ids contain the language", l->ids);
    const char *code = l->target;
    int rc = code ? elcl_gen_options_language(model, code, gen, &why) : ELCL_OK;
    if (!rc && l->source) {
        code = l->source;
        rc = elcl_encode_lang(model, "", 0, code, NULL, &ids, &n, &why);
    }
    elcl_free(ids);
    if (rc && l->model)
        return cli_fail_language(l->model, code, &why, err);
    return rc ? elcl_fail(err, rc, "%s", why.msg) : ELCL_OK;
}

int cli_language_pair_fail_idle(const struct cli_language_pair *l, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_ARG,
                     "tgt_lang changes nothing here: with %s the ids or the model's defaults "
                     "choose the language",
                     l->ids);
}

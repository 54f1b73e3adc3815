/* spm.h without libsentencepiece: no model is ever created, so only elcl_spm_create() is called. */
#include "text/spm.h"

int elcl_spm_create(const void *bytes, size_t n, const char *path, struct elcl_spm **spm,
                    elcl_error *err)
{
    (void)bytes;
    (void)n;
    (void)spm;
    return elcl_fail(err, ELCL_E_UNSUPPORTED,
                     "%s: this elcl was built without libsentencepiece: install "
                     "libsentencepiece-dev and build it with -Dsentencepiece=enabled, or put the "
                     "model's tokenizer.json next to the file",
                     path);
}

void elcl_spm_destroy(struct elcl_spm **spm)
{
    *spm = NULL;
}

int32_t elcl_spm_size(const struct elcl_spm *spm)
{
    (void)spm;
    return 0;
}

const char *elcl_spm_piece(const struct elcl_spm *spm, int32_t id, size_t *n)
{
    (void)spm;
    (void)id;
    *n = 0;
    return "";
}

int32_t elcl_spm_unknown(const struct elcl_spm *spm)
{
    (void)spm;
    return 0;
}

int elcl_spm_encode(const struct elcl_spm *spm, const char *text, size_t n, elcl_spm_use use,
                    void *user, elcl_error *err)
{
    (void)spm;
    (void)text;
    (void)n;
    (void)use;
    (void)user;
    return elcl_fail(err, ELCL_E_INTERNAL, "built without libsentencepiece");
}

int elcl_spm_decode(const struct elcl_spm *spm, const struct elcl_spm_span *pieces, size_t n,
                    char **text, size_t *n_text, elcl_error *err)
{
    (void)spm;
    (void)pieces;
    (void)n;
    (void)text;
    (void)n_text;
    return elcl_fail(err, ELCL_E_INTERNAL, "built without libsentencepiece");
}

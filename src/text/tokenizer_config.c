/* Reads flags of tokenizer_config.json. */
#include <stdlib.h>

#include "base/os.h"
#include "base/util.h"
#include "format/json.h"
#include "text/tokenizer.h"

#define MAX_BYTES ((size_t)64 << 20)

static int read_flag(const char *path, const char *key, bool *out, elcl_error *err)
{
    char *text = NULL;
    size_t n = 0;
    cJSON *root = NULL;
    int rc;
    ELCL_TRY(elcl_read_file(path, MAX_BYTES, &text, &n, err));
    ELCL_TRY(elcl_json_parse(text, n, path, &root, err));
    rc = elcl_json_bool(root, key, path, out, err);
fail:
    cJSON_Delete(root);
    free(text);
    return rc;
}

int elcl_tokenizer_config_bool(const char *directory, const char *key, bool fallback, bool *out,
                               elcl_error *err)
{
    char *path = elcl_path_join(directory, "tokenizer_config.json");
    if (!path)
        return elcl_fail_nomem(err);
    bool flag = fallback;
    const int rc = elcl_is_file(path) ? read_flag(path, key, &flag, err) : ELCL_OK;
    free(path);
    if (!rc)
        *out = flag;
    return rc;
}

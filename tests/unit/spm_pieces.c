/* Cuts and joins texts by a SentencePiece model, for golden/make_spm.py --compare.
 * Usage: spm_pieces MODEL
 * Reads one JSON value a line: a string to cut, or an array of pieces to join. Writes an array of
 * pieces, or a string. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "format/json.h"
#include "text/spm.h"

static int add(void *user, const char *piece, size_t n, elcl_error *err)
{
    char *copy = elcl_strndup(piece, n);
    if (!copy || !cJSON_AddItemToArray(user, cJSON_CreateString(copy)))
        return elcl_fail_nomem(err);
    elcl_free(copy);
    return ELCL_OK;
}

static int join(const struct elcl_spm *spm, const cJSON *list, cJSON **out, elcl_error *err)
{
    struct elcl_spm_span *spans = elcl_calloc((size_t)cJSON_GetArraySize(list), sizeof(*spans));
    size_t n = 0, n_text = 0;
    char *text = NULL;
    if (!spans)
        return elcl_fail_nomem(err);
    for (const cJSON *item = list->child; item; item = item->next)
        spans[n++] = (struct elcl_spm_span){item->valuestring, strlen(item->valuestring)};
    const int rc = elcl_spm_decode(spm, spans, n, &text, &n_text, err);
    *out = rc ? NULL : cJSON_CreateString(text);
    elcl_free(text);
    free(spans);
    return rc;
}

static int answer(const struct elcl_spm *spm, const char *line, elcl_error *err)
{
    cJSON *in = cJSON_Parse(line), *out = NULL;
    int rc;
    if (cJSON_IsString(in)) {
        out = cJSON_CreateArray();
        rc = elcl_spm_encode(spm, in->valuestring, strlen(in->valuestring), add, out, err);
    } else if (cJSON_IsArray(in)) {
        rc = join(spm, in, &out, err);
    } else {
        rc = elcl_fail(err, ELCL_E_FORMAT, "expected a string or an array, found %s", line);
    }
    char *text = rc ? NULL : cJSON_PrintUnformatted(out);
    if (text)
        puts(text);
    cJSON_free(text);
    cJSON_Delete(in);
    cJSON_Delete(out);
    return rc;
}

int main(int argc, char **argv)
{
    elcl_error err = {0};
    struct elcl_spm *spm = NULL;
    char *data = NULL, *line = NULL;
    size_t n = 0, capacity = 0;
    int rc = argc == 2 ? elcl_read_file(argv[1], (size_t)1 << 28, &data, &n, &err)
                       : elcl_fail(&err, ELCL_E_ARG, "usage: spm_pieces MODEL");
    if (!rc)
        rc = elcl_spm_create(data, n, argv[1], &spm, &err);
    while (!rc && getline(&line, &capacity, stdin) > 0)
        rc = answer(spm, line, &err);
    if (rc)
        fprintf(stderr, "%s\n", err.msg);
    elcl_spm_destroy(&spm);
    elcl_free(data);
    free(line);
    return rc ? 1 : 0;
}

/* The stand-in for the library (fake_elcl.c): tokens and texts. */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <string.h>

#include "fake_elcl.h"

int elcl_encode(const elcl_model *model, const char *text, size_t n, int32_t **ids, size_t *n_ids,
                elcl_error *err)
{
    (void)model;
    int32_t *out = malloc((n + 2) * sizeof(*out));
    if (!out)
        return fail(err, ELCL_E_NOMEM, "out of memory");
    out[0] = 0;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] == 0xff) {
            free(out);
            return fail(err, ELCL_E_FORMAT, "invalid UTF-8");
        }
        out[i + 1] = (unsigned char)text[i] + FIRST_BYTE;
    }
    out[n + 1] = 2;
    *ids = out;
    *n_ids = n + 2;
    return ELCL_OK;
}

/* The languages are "aa" and "bb". A text in "bb" begins with 1, an output in "bb" with 3. */
static int check_language(const char *code, elcl_error *err)
{
    return !code || !strcmp(code, "aa") || !strcmp(code, "bb")
               ? ELCL_OK
               : fail(err, ELCL_E_ARG, "the model does not know the language");
}

int elcl_languages(const char *directory, char **codes, elcl_error *err)
{
    *codes = strdup(strcmp(directory, "bare") ? "aa\nbb\n" : "");
    return *codes ? ELCL_OK : fail(err, ELCL_E_NOMEM, "out of memory");
}

int elcl_direction_read(const char *directory, elcl_direction *direction, elcl_error *err)
{
    (void)directory;
    (void)err;
    *direction = (elcl_direction){0};
    return ELCL_OK;
}

int elcl_encode_lang(const elcl_model *model, const char *text, size_t n, const char *source,
                     const char *target, int32_t **ids, size_t *n_ids, elcl_error *err)
{
    int rc = check_language(source, err);
    if (!rc)
        rc = check_language(target, err);
    if (!rc)
        rc = elcl_encode(model, text, n, ids, n_ids, err);
    if (!rc && source && *source == 'b')
        (*ids)[0] = 1;
    return rc;
}

int elcl_encode_target(const elcl_model *model, const char *text, size_t n, const char *target,
                       int32_t **ids, size_t *n_ids, elcl_error *err)
{
    int rc = check_language(target, err);
    if (!rc)
        rc = elcl_encode(model, text, n, ids, n_ids, err);
    if (!rc && target && *target == 'b')
        (*ids)[0] = 3;
    return rc;
}

int elcl_gen_options_language(const elcl_model *model, const char *target,
                              elcl_gen_options *options, elcl_error *err)
{
    (void)model;
    const int rc = check_language(target, err);
    if (!rc)
        options->forced_bos_token_id = *target == 'b' ? 3 : 2;
    return rc;
}

/* Replaces an incomplete last character by U+FFFD, as the library does. */
static size_t whole_characters(char *text, size_t n)
{
    size_t first = n;
    while (first && ((unsigned char)text[first - 1] & 0xc0) == 0x80)
        first--;
    const unsigned char lead = first ? (unsigned char)text[first - 1] : 0;
    const size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (!first || n - first + 1 >= want)
        return n;
    memcpy(text + first - 1, "\xef\xbf\xbd", 3);
    return first + 2;
}

int elcl_decode(const elcl_model *model, const int32_t *ids, size_t n_ids, char **text,
                elcl_error *err)
{
    (void)model;
    char *out = malloc(n_ids + 5);
    if (!out)
        return fail(err, ELCL_E_NOMEM, "out of memory");
    size_t n = 0;
    out[n++] = ' ';
    for (size_t i = 0; i < n_ids; i++) {
        if (ids[i] >= FIRST_BYTE)
            out[n++] = (char)(ids[i] - FIRST_BYTE);
    }
    n = whole_characters(out, n);
    out[n] = '\0';
    *text = out;
    return ELCL_OK;
}

struct elcl_text_stream {
    int32_t ids[MAX_SOURCE + MAX_TARGET];
    size_t n_ids, n_given;
    char *text;
};

int elcl_text_stream_create(const elcl_model *model, elcl_text_stream **stream, elcl_error *err)
{
    (void)model;
    *stream = calloc(1, sizeof(**stream));
    return *stream ? ELCL_OK : fail(err, ELCL_E_NOMEM, "out of memory");
}

void elcl_text_stream_destroy(elcl_text_stream **stream)
{
    if (*stream)
        free((*stream)->text);
    free(*stream);
    *stream = NULL;
}

int elcl_text_stream_add(elcl_text_stream *s, const int32_t *ids, size_t n_ids, const char **text,
                         elcl_error *err)
{
    if (n_ids)
        memcpy(s->ids + s->n_ids, ids, n_ids * sizeof(*ids));
    s->n_ids += n_ids;
    free(s->text);
    s->text = NULL;
    const int rc = elcl_decode(NULL, s->ids, s->n_ids, &s->text, err);
    if (rc)
        return rc;
    size_t n = strlen(s->text);
    while (n > s->n_given && n >= 3 && !memcmp(s->text + n - 3, "\xef\xbf\xbd", 3))
        n -= 3;
    s->text[n] = '\0';
    *text = s->text + s->n_given;
    s->n_given = n;
    return ELCL_OK;
}

int elcl_text_stream_end(elcl_text_stream *s, const char **text, elcl_error *err)
{
    free(s->text);
    s->text = NULL;
    const int rc = elcl_decode(NULL, s->ids, s->n_ids, &s->text, err);
    if (rc)
        return rc;
    *text = s->text + s->n_given;
    s->n_ids = s->n_given = 0;
    return ELCL_OK;
}

/* ---- texts without a model ----------------------------------------------------------------- */

int elcl_codec_open(const char *directory, elcl_codec **codec, elcl_error *err)
{
    const elcl_model_params params = {0};
    elcl_model *model = NULL;
    const int rc = elcl_model_open(directory, &params, &model, err);
    *codec = (elcl_codec *)model;
    return rc;
}

void elcl_codec_close(elcl_codec **codec)
{
    free(*codec);
    *codec = NULL;
}

int elcl_codec_encode(const elcl_codec *codec, const char *text, size_t n,
                      const elcl_codec_options *options, int32_t **ids, size_t *n_ids,
                      elcl_error *err)
{
    return elcl_encode_lang((const elcl_model *)codec, text, n, options->source, options->target,
                            ids, n_ids, err);
}

int elcl_codec_decode(const elcl_codec *codec, const int32_t *ids, size_t n_ids,
                      const elcl_codec_options *options, char **text, elcl_error *err)
{
    (void)options;
    return elcl_decode((const elcl_model *)codec, ids, n_ids, text, err);
}

const char *elcl_codec_token(const elcl_codec *codec, int32_t id, int as_target, size_t *n)
{
    (void)codec;
    (void)as_target;
    *n = 1;
    return id < FIRST_BYTE ? "^" : "x";
}

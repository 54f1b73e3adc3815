#include "text/convert.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "common/remedy.h"
#include "common/output.h"
#include "common/sys.h"

/* Written at once, unless the input pauses. */
#define OUTPUT_BYTES 65536

struct conversion {
    struct cli_conversion *c;
    struct cli_input input;
    struct cli_output output;
    struct elcl_str lines; /* not yet written */
    uint64_t n_samples;
};

void cli_convert_begin_json(const struct cli_parsed *line, uint64_t index, struct elcl_str *out)
{
    elcl_str_printf(out, "{\"index\": %llu, ", (unsigned long long)index);
    if (line->id)
        elcl_str_printf(out, "\"id\": %s, ", line->id);
}

/* ---- lines --------------------------------------------------------------------------------- */

static int write_lines(struct conversion *r, elcl_error *err)
{
    if (r->lines.failed)
        return elcl_fail_nomem(err);
    const int rc = cli_output_write(&r->output, r->lines.data, r->lines.n, err);
    r->lines.n = 0;
    return rc;
}

/* Refuses keys that would be ignored. */
static int check_keys(const cJSON *json, elcl_error *err)
{
    const cJSON *item;
    cJSON_ArrayForEach(item, json)
    {
        if (!cli_input_is_own_key(item->string))
            return elcl_fail(err, ELCL_E_FORMAT, "unknown key \"%.60s\": expected text, ids or id",
                             item->string);
    }
    return ELCL_OK;
}

static int take_line(struct conversion *r, const char *text, size_t n, elcl_error *err)
{
    struct cli_parsed line = {0};
    elcl_error bad = {0};
    int rc = cli_input_parse(&r->input, CLI_PARTS_SOURCE, text, n, &line, &bad);
    if (!rc)
        rc = check_keys(line.json, &bad);
    const size_t before = r->lines.n;
    if (!rc)
        rc = r->c->convert(r->c, &line, r->n_samples, &r->lines, &bad);
    cli_parsed_finish(&line);
    if (!rc) {
        elcl_str_text(&r->lines, "\n");
        r->n_samples++;
        return r->lines.n < OUTPUT_BYTES ? ELCL_OK : write_lines(r, err);
    }
    r->lines.n = before;
    if (rc == ELCL_E_NOMEM)
        return elcl_fail_nomem(err);
    char place[256];
    cli_input_place(&r->input, r->input.n_lines, place, sizeof(place));
    elcl_fail(err, ELCL_E_FORMAT, "%s: %s", place, bad.msg);
    return ELCL_E_FORMAT;
}

static int convert_all(struct conversion *r, elcl_error *err)
{
    int rc = ELCL_OK;
    for (bool done = false; !rc && !done && !cli_sys_interrupted();) {
        const char *line = NULL;
        size_t n = 0;
        switch (cli_input_next(&r->input, r->lines.n ? 0 : -1, &line, &n, err)) {
        case CLI_NEXT_NOTHING:
            rc = r->lines.n ? write_lines(r, err) : ELCL_OK;
            break;
        case CLI_NEXT_END:
            done = true;
            break;
        case CLI_NEXT_FAILED:
            rc = ELCL_E_IO;
            break;
        case CLI_NEXT_LINE:
            rc = take_line(r, line, n, err);
            break;
        }
    }
    elcl_error lost = {0};
    const int written = r->lines.n || r->lines.failed ? write_lines(r, &lost) : ELCL_OK;
    if (!rc && written)
        rc = elcl_fail(err, written, "%s", lost.msg);
    return rc;
}

/* ---- start and end ------------------------------------------------------------------------- */

/* Finds a language that the model does not know before any line is read. */
static int check_languages(const struct cli_conversion *c, elcl_error *err)
{
    const char *const codes[] = {c->samples.src_lang, c->samples.tgt_lang};
    for (int i = 0; i < 2; i++) {
        const elcl_codec_options options = {.source = i ? NULL : codes[i],
                                            .target = i ? codes[i] : NULL};
        elcl_error why = {0};
        int32_t *ids = NULL;
        size_t n;
        const int rc = codes[i] ? elcl_codec_encode(c->codec, "", 0, &options, &ids, &n, &why) : 0;
        elcl_free(ids);
        if (rc)
            return cli_fail_language(c->samples.model, codes[i], &why, err);
    }
    return ELCL_OK;
}

static int start(struct conversion *r, elcl_error *err)
{
    struct cli_conversion *c = r->c;
    char *directory = cli_model_directory(c->samples.model);
    int rc = directory ? elcl_codec_open(directory, &c->codec, err) : elcl_fail_nomem(err);
    if (rc == ELCL_E_IO) /* any other failure is the tokenizer's */
        rc = cli_explain_model(directory, rc, err);
    free(directory);
    c->options = (elcl_codec_options){.source = c->samples.src_lang,
                                      .target = c->samples.tgt_lang,
                                      .as_target = c->target,
                                      .no_special_tokens = c->no_special_tokens};
    if (!rc)
        rc = check_languages(c, err);
    if (!rc)
        rc = cli_samples_open(&c->samples, &r->input, err);
    return rc ? rc : cli_output_open(c->common.output ? c->common.output : "-", &r->output, err);
}

int cli_convert(struct cli_conversion *c)
{
    struct conversion r = {.c = c, .input = {.fd = -1}, .output = {.fd = -1}};
    elcl_error err = {0};
    int rc = start(&r, &err);
    if (!rc)
        rc = convert_all(&r, &err);
    if (!rc && !cli_sys_interrupted())
        rc = cli_output_commit(&r.output, &err);
    cli_output_abandon(&r.output, NULL);
    if (!rc && !c->common.quiet && !cli_sys_interrupted())
        cli_samples_warn(&c->samples, r.n_samples);
    cli_input_close(&r.input);
    elcl_str_finish(&r.lines);
    elcl_codec_close(&c->codec);
    if (cli_sys_interrupted())
        return CLI_EXIT_SIGNAL + cli_sys_interrupted();
    if (rc)
        return cli_error(rc == ELCL_E_ARG ? CLI_EXIT_USAGE : CLI_EXIT_FAILURE, "%s", err.msg);
    return CLI_EXIT_OK;
}

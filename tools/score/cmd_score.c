/* elcl score: reads samples in bounded batches, cuts them into requests, scores them, and writes
 * them in input order; the summary comes last. */
#include "score/score_options.h"
#include "common/alignments.h"
#include "common/summary.h"
#include "common/output.h"
#include "common/sys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#define BATCH_SAMPLES ((size_t)1024)
#define BATCH_TOKENS ((size_t)1 << 14) /* a failure or a signal loses no more */

/* A sample and its scores. For decoder-only models the first n_given tokens of `ids` are the
 * source; others have it apart. */
struct scored {
    uint64_t line;
    char *id; /* JSON text, or NULL */
    int32_t *source;
    size_t n_source;
    int32_t *ids; /* [n_ids] */
    size_t n_ids, n_given;
    float *log_probs;  /* [n_ids - n_given] */
    float *alignments; /* [n_ids, n_source], or NULL */
};

struct scoring {
    struct cli_score_options *opt;
    elcl_model *model;
    elcl_scorer *scorer;
    elcl_model_info info;
    struct cli_input input;
    struct cli_output output;
    struct scored *batch; /* [BATCH_SAMPLES], n_batch in use */
    size_t n_batch;
    elcl_score_request *requests; /* [n_requests] of the batch */
    size_t n_requests, requests_capacity;
    bool input_done;
    elcl_error bad; /* code not 0: the sample after the batch cannot be scored */
    uint64_t n_samples, n_tokens;
    double log_prob; /* of all samples written */
};

static void scored_finish(struct scored *s)
{
    free(s->id);
    free(s->source);
    free(s->ids);
    free(s->log_probs);
    free(s->alignments);
    *s = (struct scored){0};
}

/* ---- from a line to requests --------------------------------------------------------------- */

static int encode(const struct scoring *r, const struct cli_side *side, bool target, int32_t **ids,
                  size_t *n, elcl_error *err)
{
    const struct cli_score_options *o = r->opt;
    if (target && !r->info.decoder_only)
        return elcl_encode_target(r->model, side->text, side->n_text, o->samples.tgt_lang, ids, n,
                                  err);
    return elcl_encode_lang(r->model, side->text, side->n_text, o->samples.src_lang,
                            o->samples.tgt_lang, ids, n, err);
}

/* Appends the tokens of one side to ids[*n ..]. */
static int append(const struct scoring *r, const struct cli_side *side, bool target, int32_t **ids,
                  size_t *n, elcl_error *err)
{
    int32_t *encoded = NULL;
    size_t n_new = side->n_ids;
    int rc = ELCL_OK;
    if (side->text && (side->n_text || !r->info.decoder_only))
        rc = encode(r, side, target, &encoded, &n_new, err);
    if (rc)
        return rc;
    const int32_t *from = side->text ? encoded : side->ids;
    int32_t *grown = realloc(*ids, (*n + n_new + 1) * sizeof(*grown));
    if (grown && n_new)
        memcpy(grown + *n, from, n_new * sizeof(*grown));
    elcl_free(encoded);
    if (!grown)
        return elcl_fail_nomem(err);
    *ids = grown;
    *n += n_new;
    return ELCL_OK;
}

static int check_ids(const struct scoring *r, const int32_t *ids, size_t n, elcl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= r->info.vocabulary)
            return elcl_fail(err, ELCL_E_FORMAT, "expected token ids below %d, found %d",
                             r->info.vocabulary, (int)ids[i]);
    }
    return ELCL_OK;
}

/* Takes a text, or source and target, after the model's first token of texts. */
static int take_text(const struct scoring *r, const struct cli_parsed *line, struct scored *s,
                     elcl_error *err)
{
    const bool pair = line->target.text || line->target.ids;
    const struct cli_side start = {.ids = (int32_t[]){r->info.text_start}, .n_ids = 1};
    int rc = ELCL_OK;
    if (!r->opt->no_bos && r->info.text_start >= 0)
        rc = append(r, &start, false, &s->ids, &s->n_ids, err);
    if (!rc)
        rc = append(r, &line->source, false, &s->ids, &s->n_ids, err);
    s->n_given = pair ? s->n_ids : 1;
    if (!rc && pair)
        rc = append(r, &line->target, true, &s->ids, &s->n_ids, err);
    if (rc)
        return rc;
    if (s->n_ids < s->n_given)
        s->n_given = s->n_ids;
    if (pair && s->n_given >= (size_t)r->opt->context)
        return elcl_fail(err, ELCL_E_FORMAT, "expected a source of less than %d tokens, found %zu",
                         r->opt->context, s->n_given);
    if (s->n_ids > (size_t)r->opt->context && !r->opt->stride)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "expected at most %d tokens, found %zu (--stride N scores longer "
                         "texts in windows)",
                         r->opt->context, s->n_ids);
    return check_ids(r, s->ids, s->n_ids, err);
}

static int take_pair(const struct scoring *r, const struct cli_parsed *line, struct scored *s,
                     elcl_error *err)
{
    int rc = append(r, &line->source, false, &s->source, &s->n_source, err);
    if (!rc)
        rc = append(r, &line->target, true, &s->ids, &s->n_ids, err);
    if (!rc)
        rc = check_ids(r, s->ids, s->n_ids, err);
    if (rc)
        return rc;
    if (!s->n_source)
        return elcl_fail(err, ELCL_E_FORMAT, "the tokenizer found no token in the source");
    const int most = r->info.max_target - 1; /* without the start token */
    if (s->n_source > (size_t)r->info.max_source || s->n_ids > (size_t)most)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "expected at most %d source and %d target tokens, found %zu and %zu",
                         r->info.max_source, most, s->n_source, s->n_ids);
    return ELCL_OK;
}

static int add_request(struct scoring *r, const elcl_score_request *request, elcl_error *err)
{
    void *requests = r->requests;
    if (!elcl_grow(&requests, &r->requests_capacity, r->n_requests + 1, sizeof(*request)))
        return elcl_fail_nomem(err);
    r->requests = requests;
    r->requests[r->n_requests++] = *request;
    return ELCL_OK;
}

/* Adds the windows of a sample: window k begins at token k * stride, and each token is scored in
 * the first window that has it. */
static int add_windows(struct scoring *r, struct scored *s, elcl_error *err)
{
    const size_t context = (size_t)r->opt->context, stride = (size_t)r->opt->stride;
    size_t next = s->n_given;
    int rc = ELCL_OK;
    for (size_t begin = 0; !rc && next < s->n_ids; begin += stride) {
        const size_t end = begin + context < s->n_ids ? begin + context : s->n_ids;
        if (end <= next)
            continue;
        const elcl_score_request window = {.source = s->ids + begin,
                                           .n_source = next - begin,
                                           .target = s->ids + next,
                                           .n_target = end - next,
                                           .log_probs = s->log_probs + (next - s->n_given)};
        rc = add_request(r, &window, err);
        next = end;
    }
    return rc;
}

static int add_sample(struct scoring *r, struct scored *s, elcl_error *err)
{
    s->log_probs = malloc((s->n_ids - s->n_given + 1) * sizeof(*s->log_probs));
    if (!s->log_probs)
        return elcl_fail_nomem(err);
    if (r->info.decoder_only)
        return add_windows(r, s, err);
    if (r->opt->alignments)
        s->alignments = calloc(s->n_ids * s->n_source + 1, sizeof(*s->alignments));
    if (r->opt->alignments && !s->alignments)
        return elcl_fail_nomem(err);
    const elcl_score_request whole = {.source = s->source,
                                      .n_source = s->n_source,
                                      .target = s->ids,
                                      .n_target = s->n_ids,
                                      .decoder_start_token_id = r->opt->decoder_start_token_id,
                                      .log_probs = s->log_probs,
                                      .alignments = s->alignments};
    return add_request(r, &whole, err);
}

/* Makes a line the last sample of the batch. A bad line ends the input; its error waits in `bad`.
 */
static int take_line(struct scoring *r, const char *text, size_t n, elcl_error *err)
{
    const enum cli_sample_parts parts = r->info.decoder_only ? CLI_PARTS_TEXT : CLI_PARTS_PAIR;
    struct cli_parsed line = {0};
    struct scored s = {.line = r->input.n_lines};
    elcl_error bad = {0};
    int rc = cli_input_parse(&r->input, parts, text, n, &line, &bad);
    if (!rc)
        rc = r->info.decoder_only ? take_text(r, &line, &s, &bad) : take_pair(r, &line, &s, &bad);
    if (!rc)
        rc = add_sample(r, &s, &bad);
    s.id = line.id;
    line.id = NULL;
    cli_parsed_finish(&line);
    if (!rc) {
        r->batch[r->n_batch++] = s;
        return ELCL_OK;
    }
    scored_finish(&s);
    if (rc == ELCL_E_NOMEM)
        return elcl_fail(err, rc, "%s", bad.msg);
    char place[256];
    cli_input_place(&r->input, r->input.n_lines, place, sizeof(place));
    r->input_done = true;
    elcl_fail(&r->bad, ELCL_E_FORMAT, "%s: %s", place, bad.msg);
    return ELCL_OK;
}

/* Reads a batch: waits for its first line, then takes the lines that are there. */
static int read_batch(struct scoring *r, elcl_error *err)
{
    size_t n_tokens = 0;
    int rc = ELCL_OK;
    r->n_requests = 0;
    while (!rc && !r->input_done && r->n_batch < BATCH_SAMPLES && n_tokens < BATCH_TOKENS) {
        const char *line = NULL;
        size_t n = 0;
        elcl_error bad = {0};
        switch (cli_input_next(&r->input, r->n_batch ? 0 : -1, &line, &n, &bad)) {
        case CLI_NEXT_NOTHING:
            return rc;
        case CLI_NEXT_END:
            r->input_done = true;
            break;
        case CLI_NEXT_FAILED:
            r->input_done = true;
            r->bad = bad;
            break;
        case CLI_NEXT_LINE:
            rc = take_line(r, line, n, err);
            if (!rc && r->n_batch)
                n_tokens += r->batch[r->n_batch - 1].n_ids;
            break;
        }
    }
    return rc;
}

/* ---- results ------------------------------------------------------------------------------- */

static double perplexity(double log_prob, uint64_t n)
{
    return n ? exp(-log_prob / (double)n) : NAN;
}

static void append_number(struct elcl_str *out, const char *format, double value, const char *none)
{
    if (isfinite(value))
        elcl_str_printf(out, format, value);
    else
        elcl_str_text(out, none);
}

static void append_log_probs(const struct scored *s, const char *between, struct elcl_str *out)
{
    for (size_t i = 0; i < s->n_ids - s->n_given; i++)
        elcl_str_printf(out, "%s%.9g", i ? between : "", (double)s->log_probs[i]);
}

/* Appends a key and an array. */
static void append_ids(const char *key, const int32_t *ids, size_t n, struct elcl_str *out)
{
    elcl_str_printf(out, ", \"%s\": [", key);
    for (size_t i = 0; i < n; i++)
        elcl_str_printf(out, "%s%d", i ? ", " : "", (int)ids[i]);
    elcl_str_text(out, "]");
}

/* Appends the source's tokens and the alignments. Only soft ones are an array. */
static void append_alignments(enum cli_alignments how, const struct scored *s, struct elcl_str *out)
{
    const char *quote = how == CLI_ALIGNMENTS_HARD ? "\"" : "";
    append_ids("source_ids", s->source, s->n_source, out);
    elcl_str_printf(out, ", \"alignments\": %s", quote);
    cli_alignments_append(how, s->alignments, s->n_ids, s->n_source, out);
    elcl_str_text(out, quote);
}

static void append_sample(const struct scoring *r, const struct scored *s, double log_prob,
                          struct elcl_str *out)
{
    const size_t n = s->n_ids - s->n_given;
    if (r->opt->common.format == CLI_FORMAT_TEXT) {
        elcl_str_printf(out, "%.6f\t%zu\t", log_prob, n);
        append_number(out, "%.6g", perplexity(log_prob, n), "-");
        if (r->opt->token_logprobs)
            elcl_str_text(out, "\t");
        if (r->opt->token_logprobs)
            append_log_probs(s, " ", out);
        elcl_str_text(out, "\n");
        return;
    }
    elcl_str_printf(out, "{\"index\": %llu, ", (unsigned long long)r->n_samples);
    if (s->id)
        elcl_str_printf(out, "\"id\": %s, ", s->id);
    elcl_str_printf(out, "\"log_prob\": %.9g, \"tokens\": %zu, \"perplexity\": ", log_prob, n);
    append_number(out, "%.9g", perplexity(log_prob, n), "null");
    if (r->opt->token_logprobs || s->alignments)
        append_ids("ids", s->ids + s->n_given, n, out);
    if (r->opt->token_logprobs) {
        elcl_str_text(out, ", \"token_logprobs\": [");
        append_log_probs(s, ", ", out);
        elcl_str_text(out, "]");
    }
    if (s->alignments)
        append_alignments((enum cli_alignments)r->opt->alignments, s, out);
    elcl_str_text(out, "}\n");
}

/* Writes the lines of the batch and empties it. */
static int write_batch(struct scoring *r, elcl_error *err)
{
    struct elcl_str lines = {0};
    for (size_t i = 0; i < r->n_batch; i++) {
        struct scored *s = &r->batch[i];
        double log_prob = 0;
        for (size_t t = 0; t < s->n_ids - s->n_given; t++)
            log_prob += (double)s->log_probs[t];
        if (!r->opt->summary)
            append_sample(r, s, log_prob, &lines);
        r->log_prob += log_prob;
        r->n_tokens += s->n_ids - s->n_given;
        r->n_samples++;
        scored_finish(s);
    }
    r->n_batch = 0;
    int rc = lines.failed ? elcl_fail_nomem(err) : ELCL_OK;
    if (!rc && lines.n)
        rc = cli_output_write(&r->output, lines.data, lines.n, err);
    elcl_str_finish(&lines);
    return rc;
}

static int write_summary(struct scoring *r, elcl_error *err)
{
    struct elcl_str line = {0};
    const double nll = r->log_prob == 0 ? 0 : -r->log_prob; /* not -0 */
    const double each = r->n_tokens ? nll / (double)r->n_tokens : NAN;
    const bool text = r->opt->common.format == CLI_FORMAT_TEXT;
    const char *none = text ? "-" : "null";
    elcl_str_printf(&line,
                    text ? "samples %llu, tokens %llu, nll %.6f, nll per token "
                         : "{\"summary\": {\"samples\": %llu, \"tokens\": %llu, \"nll\": %.9g, "
                           "\"nll_per_token\": ",
                    (unsigned long long)r->n_samples, (unsigned long long)r->n_tokens, nll);
    append_number(&line, text ? "%.6f" : "%.9g", each, none);
    elcl_str_text(&line, text ? ", perplexity " : ", \"perplexity\": ");
    append_number(&line, text ? "%.6g" : "%.9g", perplexity(r->log_prob, r->n_tokens), none);
    elcl_str_text(&line, text ? "\n" : "}}\n");
    const int rc =
        line.failed ? elcl_fail_nomem(err) : cli_output_write(&r->output, line.data, line.n, err);
    elcl_str_finish(&line);
    return rc;
}

/* ---- start and end -----------------------------------------------------------------------------
 */

static int score_all(struct scoring *r, elcl_error *err)
{
    int rc = ELCL_OK;
    cli_sys_stop_in_time(true);
    while (!rc && !r->input_done && !cli_sys_interrupted()) {
        rc = read_batch(r, err);
        if (!rc && !cli_sys_interrupted())
            rc = elcl_scorer_run(r->scorer, r->requests, r->n_requests, err);
        if (!rc && !cli_sys_interrupted())
            rc = write_batch(r, err);
    }
    if (!rc && r->bad.code)
        rc = elcl_fail(err, r->bad.code, "%s", r->bad.msg);
    return rc || cli_sys_interrupted() ? rc : write_summary(r, err);
}

static void log_line(void *user, enum elcl_log_level level, const char *line)
{
    if (cli_logs(user, level))
        cli_log(level, line);
}

static int start(struct scoring *r, elcl_error *err)
{
    struct cli_score_options *o = r->opt;
    elcl_scorer_params params = elcl_scorer_params_default();
    int rc;
    r->batch = calloc(BATCH_SAMPLES, sizeof(*r->batch));
    if (!r->batch)
        return elcl_fail_nomem(err);
    ELCL_TRY(cli_samples_open(&o->samples, &r->input, err));
    ELCL_TRY(cli_output_open(o->common.output ? o->common.output : "-", &r->output, err));
    ELCL_TRY(cli_model_open(&o->model, o->samples.model, log_line, &o->common, &r->model, &r->info,
                            err));
    ELCL_TRY(cli_check_reads_text(&r->info, o->samples.model, err));
    ELCL_TRY(cli_score_resolve(o, r->model, &r->info, err));
    params.batch_tokens = o->batch_tokens;
    params.alignment_layer = o->alignment_layer;
    params.alignment_head = o->alignment_head;
    ELCL_TRY(elcl_scorer_create(r->model, &params, &r->scorer, err));
fail:
    return rc;
}

/* Gives a whole output its name; reports a failure, and where the part of an output stays. */
static int end_output(struct scoring *r, int rc, elcl_error *err)
{
    char *kept = NULL;
    const bool interrupted = cli_sys_interrupted() != 0;
    if (!rc && !interrupted)
        rc = cli_output_commit(&r->output, err);
    cli_output_abandon(&r->output, &kept);
    if (rc || interrupted)
        cli_report_end(err, r->n_samples, kept, false);
    else if (!r->opt->common.quiet)
        cli_samples_warn(&r->opt->samples, r->n_samples);
    free(kept);
    return rc;
}

static void finish(struct scoring *r)
{
    for (size_t i = 0; r->batch && i < r->n_batch; i++)
        scored_finish(&r->batch[i]);
    free(r->batch);
    free(r->requests);
    elcl_scorer_destroy(&r->scorer);
    elcl_model_close(&r->model);
    cli_input_close(&r->input);
}

static int score(struct cli_score_options *options)
{
    struct scoring r = {.opt = options, .input = {.fd = -1}, .output = {.fd = -1}};
    elcl_error err = {0};
    int rc = start(&r, &err);
    if (!rc)
        rc = score_all(&r, &err);
    cli_args_name_option(&options->args, &err);
    rc = end_output(&r, rc, &err);
    if (!rc && !cli_sys_interrupted()) {
        elcl_engine_stats stats;
        elcl_scorer_get_stats(r.scorer, &stats);
        if (cli_summary_wanted(&options->common, stats.seconds))
            cli_summary_score(&r.info, &stats);
    }
    finish(&r);
    if (cli_sys_interrupted())
        return CLI_EXIT_SIGNAL + cli_sys_interrupted();
    return !rc ? CLI_EXIT_OK : rc == ELCL_E_ARG ? CLI_EXIT_USAGE : CLI_EXIT_FAILURE;
}

int cli_cmd_score(int argc, char **argv)
{
    struct cli_score_options options;
    int exit_code;
    return cli_score_parse(&options, argc, argv, &exit_code) ? score(&options) : exit_code;
}

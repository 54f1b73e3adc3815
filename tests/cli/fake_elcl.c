/*
 * A stand-in for the library, to test only the command. It needs no device, finishes requests out
 * of order, and fails when a test wants it to. Any name is a model directory: "missing" cannot be
 * opened, "bare" has no tokenizer, "scarce" has little memory. A token is a byte plus 4. The output
 * repeats the source in upper case, with "|k" for the k-th sequence. Texts that start with a cue
 * control the engine: "!request" fails, "!step" makes the step fail that would finish it, "!slow"
 * takes a hundred steps, the output of "!lines" has a line end in it, and the output of "!lists"
 * shows the lists among the options. With FAKE_SILENT set the library logs nothing. A step takes
 * FAKE_STEP_MS; step number FAKE_KILL_STEP kills the process; every submission adds a byte to the
 * file FAKE_SUBMITTED. With FAKE_COMPILE the driver has no kernels in its cache. With FAKE_POOLS
 * only so many pools can be created.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "elcl/plan.h"
#include "elcl/selftest.h"

enum { BATCH = 8, MAX_SOURCE = 64, MAX_TARGET = 64, FIRST_BYTE = 4, VOCABULARY = 260 };

struct elcl_model {
    int has_tokenizer;
    int scarce; /* batches above 2 do not fit */
    enum elcl_attention attention;
};

struct job {
    struct job *next;
    uint64_t id;
    int steps;
    int cancelled;
    size_t n_emitted;
    elcl_request request; /* the caller owns its lists until it is submitted */
    char lists[48];
};

struct elcl_engine {
    elcl_engine_params params;
    struct job *jobs;
    uint64_t n_submitted;
    uint64_t first_id, id_stride; /* of its requests, so that the engines of a pool differ */
    elcl_engine_stats stats;
};

/* Of all engines: their lists of jobs, and news of them. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t news = PTHREAD_COND_INITIALIZER;

struct elcl_device_list {
    int count;
};

static int fail(elcl_error *err, int code, const char *msg)
{
    if (err) {
        err->code = code;
        (void)snprintf(err->msg, sizeof(err->msg), "%s", msg);
    }
    return code;
}

const char *elcl_version(void)
{
    return "0.0.0-fake";
}

/* ---- devices ------------------------------------------------------------------------------- */

int elcl_device_list_create(elcl_device_list **list, elcl_error *err)
{
    const char *count = getenv("FAKE_DEVICES");
    *list = malloc(sizeof(**list));
    if (!*list)
        return fail(err, ELCL_E_NOMEM, "out of memory");
    (*list)->count = count ? atoi(count) : 2;
    return ELCL_OK;
}

void elcl_device_list_destroy(elcl_device_list **list)
{
    free(*list);
    *list = NULL;
}

int elcl_device_list_count(const elcl_device_list *list)
{
    return list->count;
}

const elcl_device_desc *elcl_device_list_get(const elcl_device_list *list, int i)
{
    static const elcl_device_desc descs[] = {
        {.index = 0,
         .name = "Fake \"GPU\"",
         .platform = "Fake",
         .vendor = "Nobody",
         .driver = "1.0",
         .version = "OpenCL 1.2",
         .extensions = "cl_khr_fp16 cl_khr_fp64",
         .type = ELCL_DEVICE_GPU,
         .memory_bytes = UINT64_C(8) << 30,
         .max_alloc_bytes = 1 << 30,
         .local_bytes = 32768,
         .compute_units = 40,
         .clock_mhz = 1500,
         .max_work_group = 256,
         .vector_width = 1,
         .is_default = 1,
         .gpu_kernels = 1},
        {.index = 1,
         .name = "Silent",
         .platform = "",
         .vendor = "",
         .driver = "",
         .version = "",
         .extensions = "",
         .type = ELCL_DEVICE_OTHER},
    };
    return i >= 0 && i < list->count && i < 2 ? &descs[i] : NULL;
}

int elcl_device_list_probe(elcl_device_list *list, int i, const elcl_probe_verdict **verdicts,
                           int *n_verdicts, elcl_error *err)
{
    static const elcl_probe_verdict items[] = {
        {"fma", 1, "exact and as fast as a multiplication and an addition"},
        {"fp16", 0,
         "the device does not report cl_khr_fp16, so that halves are only stored and all "
         "arithmetic is done in floats"},
    };
    (void)list;
    if (i == 1)
        return fail(err, ELCL_E_BUILD, "the driver's compiler refused the probe");
    *verdicts = items;
    *n_verdicts = 2;
    return ELCL_OK;
}

int elcl_device_list_probe_again(elcl_device_list *list, int i, const elcl_probe_verdict **verdicts,
                                 int *n_verdicts, elcl_error *err)
{
    static const elcl_probe_verdict again[] = {{"fma", 0, "measured again"}};
    const int rc = elcl_device_list_probe(list, i, verdicts, n_verdicts, err);
    *verdicts = rc ? *verdicts : again;
    *n_verdicts = rc ? *n_verdicts : 1;
    return rc;
}

int elcl_check_cache(char **directory, elcl_error *err)
{
    *directory = strdup("/fake/cache");
    return getenv("FAKE_CACHE") ? fail(err, ELCL_E_IO, "/fake/cache: other users may write to it")
                                : ELCL_OK;
}

/* ---- model --------------------------------------------------------------------------------- */

elcl_model_params elcl_model_params_default(void)
{
    return (elcl_model_params){.weights = ELCL_F32, .state = ELCL_F32};
}

int elcl_model_open(const char *directory, const elcl_model_params *params, elcl_model **model,
                    elcl_error *err)
{
    if (!strcmp(directory, "missing"))
        return fail(err, ELCL_E_IO, "missing/config.json: cannot open: No such file or directory");
    if (params->log && !getenv("FAKE_SILENT")) {
        params->log(params->log_user, ELCL_LOG_WARNING, "a warning of the library");
        params->log(params->log_user, ELCL_LOG_INFO, "opened");
    }
    if (params->log && getenv("FAKE_COMPILE"))
        params->log(params->log_user, ELCL_LOG_INFO, "compiling kernels: all.cl");
    elcl_model *m = calloc(1, sizeof(*m));
    if (!m)
        return fail(err, ELCL_E_NOMEM, "out of memory");
    m->has_tokenizer = strcmp(directory, "bare") != 0;
    m->scarce = strcmp(directory, "scarce") == 0;
    m->attention = params->attention == ELCL_ATTN_AUTO ? ELCL_ATTN_EL : params->attention;
    *model = m;
    return ELCL_OK;
}

void elcl_model_close(elcl_model **model)
{
    if (model)
        free(*model);
    if (model)
        *model = NULL;
}

void elcl_model_get_info(const elcl_model *model, elcl_model_info *info)
{
    *info = (elcl_model_info){.family = "fake",
                              .device = "fake",
                              .driver = "1",
                              .platform = "Fake",
                              .attention = model->attention,
                              .gemm = ELCL_GEMM_NATIVE,
                              .kernels = ELCL_KERNELS_CPU,
                              .compute = ELCL_COMPUTE_F32,
                              .max_source = MAX_SOURCE,
                              .default_length = MAX_SOURCE,
                              .max_target = MAX_TARGET,
                              .vocabulary = VOCABULARY,
                              .source_vocabulary = VOCABULARY,
                              .has_tokenizer = model->has_tokenizer,
                              .source_end = 1};
}

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

/* ---- generation ---------------------------------------------------------------------------- */

void elcl_model_gen_defaults(const elcl_model *model, elcl_gen_options *options)
{
    (void)model;
    *options = (elcl_gen_options){.num_beams = 4,
                                  .num_return_sequences = 1,
                                  .length_penalty = 1,
                                  .max_length = 100,
                                  .max_new_tokens = 20,
                                  .n_eos = 1,
                                  .eos_token_ids = {2},
                                  .repetition_penalty = 1};
}

void elcl_gen_options_fairseq(elcl_gen_options *options)
{
    options->search_style = ELCL_STYLE_FAIRSEQ;
    options->max_length = options->max_new_tokens = 0;
    options->max_len_b = 200;
}

elcl_engine_params elcl_engine_params_default(void)
{
    return (elcl_engine_params){.max_beams = 4, .alignment_layer = -1, .alignment_head = -1};
}

int elcl_engine_create(elcl_model *model, const elcl_engine_params *params, elcl_engine **engine,
                       elcl_error *err)
{
    if (model->scarce && params->batch_size > 2)
        return fail(err, ELCL_E_DEVICE_NOMEM, "too little memory for the batch");
    elcl_engine *e = calloc(1, sizeof(*e));
    if (!e)
        return fail(err, ELCL_E_NOMEM, "out of memory");
    e->params = *params;
    e->stats.batch_size = params->batch_size ? params->batch_size : BATCH;
    e->stats.planned_bytes = 1000 * (uint64_t)e->stats.batch_size;
    e->id_stride = 1;
    *engine = e;
    return ELCL_OK;
}

static void free_job(struct job *job)
{
    int32_t *source = (int32_t *)(void *)(uintptr_t)job->request.source;
    free(source);
    free(job);
}

void elcl_engine_destroy(elcl_engine **engine)
{
    if (!engine || !*engine)
        return;
    while ((*engine)->jobs) {
        struct job *next = (*engine)->jobs->next;
        free_job((*engine)->jobs);
        (*engine)->jobs = next;
    }
    free(*engine);
    *engine = NULL;
}

static int starts_with(const elcl_request *request, const char *cue)
{
    size_t n = strlen(cue);
    if (request->n_source < n + 2)
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (request->source[i + 1] != cue[i] + FIRST_BYTE)
            return 0;
    }
    return 1;
}

/* Whether nothing ends the request before max_new_tokens. */
static int is_fixed(const elcl_request *request)
{
    return !request->options.n_eos && request->options.forced_eos_token_id < 0;
}

static void put_tokens(char *text, size_t room, char name, const elcl_tokens *lists, int n)
{
    size_t at = strlen(text);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < lists[i].n && at < room; k++)
            at += (size_t)snprintf(text + at, room - at, "%c%d",
                                   k   ? ','
                                   : i ? ';'
                                       : name,
                                   (int)lists[i].ids[k]);
}

/* Writes the lists as "p5,6w7;8,9" and so on. */
static void put_lists(const elcl_gen_options *o, char *text, size_t room)
{
    put_tokens(text, room, 'p', &o->prefix, 1);
    put_tokens(text, room, 'w', o->bad_words, o->n_bad_words);
    put_tokens(text, room, 's', &o->suppress_tokens, 1);
    put_tokens(text, room, 'b', &o->begin_suppress_tokens, 1);
    put_tokens(text, room, 'a', o->alternatives, o->n_alternatives);
    for (int i = 0; i < o->n_stop_strings; i++)
        (void)snprintf(text + strlen(text), room - strlen(text), "<%s>", o->stop_strings[i]);
}

static void count_submission(void)
{
    const char *path = getenv("FAKE_SUBMITTED");
    FILE *file = path ? fopen(path, "a") : NULL;
    if (file) {
        (void)fputc('x', file);
        (void)fclose(file);
    }
}

int elcl_engine_submit(elcl_engine *engine, const elcl_request *request, uint64_t *id,
                       elcl_error *err)
{
    if (request->options.num_beams > engine->params.max_beams)
        return fail(err, ELCL_E_ARG, "num_beams is above max_beams");
    if (request->options.length_penalty == 13.0f)
        return fail(err, ELCL_E_ARG, "length_penalty: 13 is not liked");
    if (request->options.suppress_tokens.n >
        (engine->params.max_list_tokens ? engine->params.max_list_tokens : 256))
        return fail(err, ELCL_E_ARG, "no room for the lists");
    struct job *job = calloc(1, sizeof(*job));
    int32_t *source = malloc(request->n_source * sizeof(*source));
    if (!job || !source) {
        free(job);
        free(source);
        return fail(err, ELCL_E_NOMEM, "out of memory");
    }
    memcpy(source, request->source, request->n_source * sizeof(*source));
    job->request = *request;
    job->request.source = source;
    if (starts_with(request, "!lists"))
        put_lists(&request->options, job->lists, sizeof(job->lists));
    pthread_mutex_lock(&mutex);
    const uint64_t number = engine->n_submitted++;
    job->id = engine->first_id + number * engine->id_stride;
    count_submission();
    /* Neither the order of submission nor its reverse. */
    job->steps = 1 + (int)(number * 7 % 11);
    if (is_fixed(request))
        job->steps = 2;
    if (starts_with(&job->request, "!slow"))
        job->steps = 100;
    struct job **end = &engine->jobs;
    while (*end)
        end = &(*end)->next;
    *end = job;
    if (id)
        *id = job->id;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&mutex);
    return ELCL_OK;
}

static void cancel(elcl_engine *engine, uint64_t id)
{
    for (struct job *job = engine->jobs; job; job = job->next)
        job->cancelled |= job->id == id;
}

static int32_t upper(int32_t id)
{
    int c = id - FIRST_BYTE;
    return c >= 'a' && c <= 'z' ? id - ('a' - 'A') : id;
}

/* Makes a hypothesis: start token, source in upper case, "|k", EOS. With a fixed length: the start
 * token and max_new_tokens tokens of the source. */
static size_t make_output(const struct job *job, int k, int32_t *ids)
{
    size_t n = 0;
    ids[n++] = 2;
    if (is_fixed(&job->request)) {
        while (n <= (size_t)job->request.options.max_new_tokens) {
            ids[n] = job->request.source[n % job->request.n_source];
            n++;
        }
        return n;
    }
    for (size_t i = 1; i + 1 < job->request.n_source; i++)
        ids[n++] = upper(job->request.source[i]);
    if (job->request.source[0] == 1)
        ids[n++] = '~' + FIRST_BYTE;
    if (job->request.options.forced_bos_token_id == 3)
        ids[n++] = '^' + FIRST_BYTE;
    if (starts_with(&job->request, "!lines")) {
        ids[n++] = '\n' + FIRST_BYTE;
        ids[n++] = '\t' + FIRST_BYTE;
    }
    for (const char *c = job->lists; *c; c++)
        ids[n++] = *c + FIRST_BYTE;
    if (job->request.options.num_return_sequences > 1) {
        ids[n++] = '|' + FIRST_BYTE;
        ids[n++] = '0' + k % 10 + FIRST_BYTE;
    }
    ids[n++] = 2;
    return n;
}

/* Rows [n, n_source] with three quarters at one place. */
static void align(float *rows, size_t n, size_t n_source)
{
    for (size_t i = 0; i < n * n_source; i++)
        rows[i] = i % n_source == i / n_source % n_source ? 0.75f : 0.125f;
}

static void finish_job(elcl_engine *engine, const struct job *job)
{
    static const elcl_error bad = {ELCL_E_ARG, "the request asked for it"};
    int32_t ids[ELCL_MAX_BEAMS][MAX_SOURCE + 8];
    float alignments[MAX_SOURCE * (MAX_SOURCE + 8)];
    elcl_hypothesis hypotheses[ELCL_MAX_BEAMS];
    elcl_result result = {.id = job->id,
                          .user = job->request.user,
                          .hypotheses = hypotheses,
                          .n_source = job->request.n_source};
    if (starts_with(&job->request, "!request")) {
        result.error = &bad;
    } else {
        result.n_hypotheses = job->request.options.num_return_sequences;
        for (int k = 0; k < result.n_hypotheses; k++) {
            size_t n = make_output(job, k, ids[k]);
            align(alignments, n - 1, result.n_source);
            hypotheses[k] = (elcl_hypothesis){
                .ids = ids[k],
                .n_ids = n,
                .n_generated = n - 1,
                .alignments = job->request.options.alignments ? alignments : NULL,
                .score = -0.125f * (float)(k + 1),
                .finish = is_fixed(&job->request) ? ELCL_FINISH_LENGTH : ELCL_FINISH_EOS};
        }
    }
    pthread_mutex_lock(&mutex);
    engine->stats.samples++;
    engine->stats.output_tokens += is_fixed(&job->request)
                                       ? (uint64_t)job->request.options.max_new_tokens
                                       : job->request.n_source;
    pthread_mutex_unlock(&mutex);
    engine->params.on_result(engine->params.user, &result);
}

/* Greedy search emits one token per step, and at the last step all that remain. */
static void emit(const elcl_engine *engine, struct job *job, int last)
{
    int32_t ids[MAX_SOURCE + 8];
    const size_t n = make_output(job, 0, ids);
    while (engine->params.on_token && job->request.options.num_beams == 1 &&
           job->n_emitted < n - 1) {
        const elcl_token token = {
            .id = job->id, .user = job->request.user, .token = ids[1 + job->n_emitted++]};
        engine->params.on_token(engine->params.user, &token);
        if (!last)
            return;
    }
}

static void kill_in_step(void)
{
    static int steps;
    const char *last = getenv("FAKE_KILL_STEP");
    if (last && ++steps == atoi(last))
        (void)raise(SIGKILL);
}

/* Whether the job has ended; the mutex is not held. */
static int run_job(elcl_engine *engine, struct job *job, int is_cancelled)
{
    static const elcl_error cancelled = {ELCL_E_INTERRUPTED, "the request was cancelled"};
    if (is_cancelled) {
        engine->params.on_result(
            engine->params.user,
            &(elcl_result){.id = job->id, .user = job->request.user, .error = &cancelled});
        return 1;
    }
    const int last = !--job->steps;
    if (last && starts_with(&job->request, "!step"))
        return -1;
    emit(engine, job, last);
    if (last)
        finish_job(engine, job);
    return last;
}

int elcl_engine_step(elcl_engine *engine, size_t *pending, elcl_error *err)
{
    int running = 0;
    kill_in_step();
    const char *slow = getenv("FAKE_STEP_MS");
    struct timespec pause = {0, slow ? atoi(slow) * 1000000L : 0};
    (void)nanosleep(&pause, NULL);
    pthread_mutex_lock(&mutex);
    engine->stats.steps += engine->jobs != NULL;
    for (struct job **at = &engine->jobs; *at && running < engine->stats.batch_size; running++) {
        struct job *job = *at;
        const int is_cancelled = job->cancelled;
        pthread_mutex_unlock(&mutex); /* others only append, and cancel */
        const int ended = run_job(engine, job, is_cancelled);
        pthread_mutex_lock(&mutex);
        if (ended < 0) {
            pthread_mutex_unlock(&mutex);
            return fail(err, ELCL_E_DEVICE, "the device was lost");
        }
        if (!ended) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        free_job(job);
    }
    size_t n = 0;
    for (const struct job *job = engine->jobs; job; job = job->next)
        n++;
    if (pending)
        *pending = n;
    pthread_mutex_unlock(&mutex);
    return ELCL_OK;
}

int elcl_engine_run(elcl_engine *engine, elcl_error *err)
{
    size_t pending = 1;
    int rc = ELCL_OK;
    while (!rc && pending)
        rc = elcl_engine_step(engine, &pending, err);
    return rc;
}

void elcl_engine_get_stats(elcl_engine *engine, elcl_engine_stats *stats)
{
    pthread_mutex_lock(&mutex);
    *stats = engine->stats;
    for (const struct job *job = engine->jobs; job; job = job->next)
        *(stats->in_flight < (uint64_t)stats->batch_size ? &stats->in_flight : &stats->waiting) +=
            1;
    pthread_mutex_unlock(&mutex);
    stats->compile_seconds = getenv("FAKE_COMPILE") ? 9 : 0;
}

/* ---- pools --------------------------------------------------------------------------------- */

struct elcl_pool {
    elcl_engine *engines[ELCL_MAX_ENGINES];
    int n;
    int woken;
    uint64_t n_submitted;
};

int elcl_pool_create(elcl_model *const *models, int n, const elcl_engine_params *params,
                     elcl_pool **pool, elcl_error *err)
{
    elcl_pool *p = calloc(1, sizeof(*p));
    int rc = p ? ELCL_OK : fail(err, ELCL_E_NOMEM, "out of memory");
    static int n_pools;
    const char *pools = getenv("FAKE_POOLS");
    if (!rc && pools && n_pools++ >= atoi(pools))
        rc = fail(err, ELCL_E_DEVICE, "the device is gone");
    for (int i = 0; !rc && i < n; i++) {
        rc = elcl_engine_create(models[i], params, &p->engines[i], err);
        if (rc)
            break;
        p->engines[i]->first_id = (uint64_t)i;
        p->engines[i]->id_stride = (uint64_t)n;
        p->n++;
    }
    if (rc)
        elcl_pool_destroy(&p);
    else
        *pool = p;
    return rc;
}

void elcl_pool_destroy(elcl_pool **pool)
{
    if (!pool || !*pool)
        return;
    for (int i = 0; i < (*pool)->n; i++)
        elcl_engine_destroy(&(*pool)->engines[i]);
    free(*pool);
    *pool = NULL;
}

/* Engines take turns. */
int elcl_pool_submit(elcl_pool *pool, const elcl_request *request, uint64_t *id, elcl_error *err)
{
    pthread_mutex_lock(&mutex);
    const uint64_t i = pool->n_submitted++ % (uint64_t)pool->n;
    pthread_mutex_unlock(&mutex);
    return elcl_engine_submit(pool->engines[i], request, id, err);
}

void elcl_pool_cancel(elcl_pool *pool, uint64_t id)
{
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < pool->n; i++)
        cancel(pool->engines[i], id);
    pthread_mutex_unlock(&mutex);
}

static size_t count_jobs(const elcl_pool *pool)
{
    size_t n = 0;
    for (int i = 0; i < pool->n; i++)
        for (const struct job *job = pool->engines[i]->jobs; job; job = job->next)
            n++;
    return n;
}

/* Only waits without a limit. */
size_t elcl_pool_wait(elcl_pool *pool, double seconds)
{
    (void)seconds;
    pthread_mutex_lock(&mutex);
    while (!pool->woken && !count_jobs(pool))
        pthread_cond_wait(&news, &mutex);
    pool->woken = 0;
    const size_t n = count_jobs(pool);
    pthread_mutex_unlock(&mutex);
    return n;
}

void elcl_pool_wake(elcl_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&mutex);
    pool->woken = 1;
    pthread_cond_broadcast(&news);
    pthread_mutex_unlock(&mutex);
}

int elcl_pool_step(elcl_pool *pool, size_t *pending, elcl_error *err)
{
    int rc = ELCL_OK;
    size_t n = 0;
    for (int i = 0; !rc && i < pool->n; i++) {
        size_t more = 0;
        rc = elcl_engine_step(pool->engines[i], &more, err);
        n += more;
    }
    if (pending)
        *pending = n;
    return rc;
}

int elcl_pool_run(elcl_pool *pool, elcl_error *err)
{
    size_t pending = 1;
    int rc = ELCL_OK;
    while (!rc && pending)
        rc = elcl_pool_step(pool, &pending, err);
    return rc;
}

void elcl_pool_get_stats(elcl_pool *pool, int i, elcl_engine_stats *stats)
{
    elcl_engine_get_stats(pool->engines[i], stats);
}

void elcl_pool_get_profile(elcl_pool *pool, int i, elcl_engine_profile *profile)
{
    elcl_engine_get_profile(pool->engines[i], profile);
}

/* ---- scores -------------------------------------------------------------------------------- */

struct elcl_scorer {
    elcl_engine_stats stats;
};

elcl_scorer_params elcl_scorer_params_default(void)
{
    return (elcl_scorer_params){.alignment_layer = -1, .alignment_head = -1};
}

int elcl_scorer_create(elcl_model *model, const elcl_scorer_params *params, elcl_scorer **scorer,
                       elcl_error *err)
{
    (void)model;
    (void)params;
    *scorer = calloc(1, sizeof(**scorer));
    return *scorer ? ELCL_OK : fail(err, ELCL_E_NOMEM, "out of memory");
}

void elcl_scorer_destroy(elcl_scorer **scorer)
{
    free(*scorer);
    *scorer = NULL;
}

/* The log-probability of a token is minus a 64th of the number of tokens before it. A target with
 * "!" in it loses the device. */
int elcl_scorer_run(elcl_scorer *scorer, const elcl_score_request *requests, size_t n,
                    elcl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t t = 0; t < requests[i].n_target; t++) {
            if (requests[i].target[t] == '!' + FIRST_BYTE)
                return fail(err, ELCL_E_DEVICE, "the device was lost");
            requests[i].log_probs[t] = -(float)(requests[i].n_source + t) / 64;
        }
        if (requests[i].alignments)
            align(requests[i].alignments, requests[i].n_target, requests[i].n_source);
        scorer->stats.output_tokens += requests[i].n_target;
    }
    return ELCL_OK;
}

void elcl_scorer_get_stats(const elcl_scorer *scorer, elcl_engine_stats *stats)
{
    *stats = scorer->stats;
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

/* ---- self-test ----------------------------------------------------------------------------- */

elcl_selftest_params elcl_selftest_params_default(void)
{
    return (elcl_selftest_params){.kernels = ELCL_KERNELS_AUTO};
}

/* Reports one case of each verdict, without the failure if the seed is 1. There is no device
 * "gone". */
int elcl_selftest(const elcl_selftest_params *params, elcl_selftest_summary *summary,
                  elcl_error *err)
{
    static const elcl_device_desc device = {.name = "Fake \"GPU\"",
                                            .platform = "Fake platform",
                                            .vendor = "",
                                            .driver = "1.0",
                                            .version = "OpenCL 1.2 fake"};
    if (params->device && !strcmp(params->device, "gone"))
        return fail(err, ELCL_E_DEVICE, "there is no device gone");
    elcl_selftest_case cases[] = {
        {.operation = "gemm native",
         .shape = "M=1",
         .error = 1e-6,
         .tolerance = 4e-6,
         .ratio = 0.25,
         .seconds = 0.5,
         .reason = ""},
        {.operation = "gemm native",
         .shape = "M=2",
         .verdict = ELCL_SELFTEST_FAIL,
         .error = 1,
         .tolerance = 1e-6,
         .ratio = 1e6,
         .reason = "y[3 of 9]: got 2, want 1 within 1e-06"},
        {.operation = "gemm clblast",
         .shape = "all",
         .verdict = ELCL_SELFTEST_SKIP,
         .reason = "the time budget is spent"},
    };
    *summary = (elcl_selftest_summary){.passed = 1, .skipped = 1, .seconds = 0.5};
    for (int i = 0; i < 3; i++) {
        if (i == 1 && params->seed == 1)
            continue;
        summary->failed += i == 1;
        cases[i].device = &device;
        cases[i].kernels = params->kernels;
        params->on_case(params->user, &cases[i]);
    }
    return ELCL_OK;
}

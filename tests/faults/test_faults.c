/*
 * Lets one call after another fail, of OpenCL, of the allocator or of the system's files, while
 * elcl opens a model, generates and scores. Each time the outcome must be one clear error or the
 * right result; no device object may be left, and the same call without a fault must give the right
 * result afterwards. A case is one piece of work with one way to fail. Without --all it takes a
 * sample of the calls that the seed chooses; --all takes every one.
 *
 * The faults of a case come in one process, because loading a driver takes longer than a run. It is
 * a child, so that a crash costs one fault: the next child goes on with the one after it.
 */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include "check.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/os.h"
#include "base/util.h"
#include "device/program_cache.h"
#include "elcl/speech.h"
#include "elcl/transcribe.h"
#include "engine/tune_file.h"
#include "faults.h"

#define SAMPLE 10 /* faults of a case without --all */
/* For one fault. Some values of a driver make it compile all kernels again. */
#define HANG_SECONDS 1800

/* ---- the work ------------------------------------------------------------------------------ */

/* The result, in memory that no fault can take away. */
struct text {
    char s[1024];
    size_t n;
};

static void add(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const int n = vsnprintf(text->s + text->n, sizeof(text->s) - text->n, fmt, args);
    va_end(args);
    text->n += n < 0 ? 0 : (size_t)n;
    if (text->n >= sizeof(text->s))
        text->n = sizeof(text->s) - 1;
}

/* What a piece of work needs and makes. */
struct work {
    enum elcl_attention attention;
    elcl_model *model; /* open already, or NULL: the work opens it */
    bool no_cache, profile;
    bool opened;           /* tokenizers: faults only after the opening */
    const char *directory; /* of the model, NULL: models/g2p-en; or of a tokenizer, "": the one that
                            * main() writes */
    struct text result;
};

static int open_model(struct work *w, elcl_model **model, elcl_error *err)
{
    char path[512];
    elcl_model_params params = elcl_model_params_default();
    snprintf(path, sizeof(path), "%s/%s", check_root(),
             w->directory ? w->directory : "models/g2p-en");
    params.attention = w->attention;
    params.gemm = ELCL_GEMM_NATIVE;
    params.no_cache = w->no_cache;
    params.profile = w->profile;
    return elcl_model_open(path, &params, model, err);
}

static int generate(struct work *w, elcl_model *model, elcl_error *err)
{
    elcl_gen_options options;
    char *text = NULL;
    elcl_model_gen_defaults(model, &options);
    options.num_beams = 2;
    options.max_new_tokens = 3;
    const int rc = elcl_generate(model, "attention", &options, &text, err);
    if (!rc)
        add(&w->result, "%s", text);
    elcl_free(text);
    return rc;
}

static int work_generate(struct work *w, elcl_error *err)
{
    return generate(w, w->model, err);
}

/* Only the opening meets faults: the other cases have the rest. */
static int work_open(struct work *w, elcl_error *err)
{
    elcl_model *model = NULL;
    int rc = open_model(w, &model, err);
    fault_pause();
    if (!rc)
        rc = generate(w, model, err);
    elcl_model_close(&model);
    return rc;
}

#define N_POOLED 3

static void add_result(void *user, const elcl_result *result)
{
    struct text *outputs = user;
    for (int i = 0; i < result->n_hypotheses; i++) {
        const elcl_hypothesis *h = &result->hypotheses[i];
        for (size_t k = 0; k < h->n_ids; k++)
            add(&outputs[result->id], "%d ", (int)h->ids[k]);
    }
}

static int submit(elcl_model *model, elcl_pool *pool, elcl_error *err)
{
    static const int32_t source[] = {4, 5, 6, 7, 2};
    elcl_request request = {.source = source, .n_source = ELCL_COUNT(source)};
    int rc = ELCL_OK;
    elcl_model_gen_defaults(model, &request.options);
    request.options.num_beams = 1;
    request.options.do_sample = 1;
    request.options.num_return_sequences = 2;
    request.options.max_new_tokens = 3;
    request.options.alignments = 1;
    for (; request.sample < N_POOLED && !rc; request.sample++)
        rc = elcl_pool_submit(pool, &request, NULL, err);
    return rc;
}

/* Draws two outputs for each of three requests on two engines, which finish in any order. */
static int work_pool(struct work *w, elcl_error *err)
{
    elcl_model *const models[] = {w->model, w->model};
    struct text outputs[N_POOLED] = {{.n = 0}};
    elcl_engine_params params = elcl_engine_params_default();
    elcl_pool *pool = NULL;
    params.batch_size = 2;
    params.max_source = 20;
    params.max_target = 8;
    params.on_result = add_result;
    params.user = outputs;
    int rc = elcl_pool_create(models, 2, &params, &pool, err);
    if (!rc)
        rc = submit(w->model, pool, err);
    if (!rc)
        rc = elcl_pool_run(pool, err);
    elcl_pool_destroy(&pool);
    for (int i = 0; i < N_POOLED; i++)
        add(&w->result, "%s;", outputs[i].s);
    return rc;
}

static int work_score(struct work *w, elcl_error *err)
{
    static const int32_t source[] = {4, 5, 6, 7, 2}, target[] = {8, 9, 10, 2};
    float log_probs[2][ELCL_COUNT(target)];
    static const elcl_cross_head heads[] = {{-1, 1}, {0, -1}};
    float alignments[ELCL_COUNT(heads) * ELCL_COUNT(target) * ELCL_COUNT(source)];
    const elcl_scorer_params params = {.heads = heads, .n_heads = ELCL_COUNT(heads)};
    elcl_score_request requests[2];
    elcl_scorer *scorer = NULL;
    for (int i = 0; i < 2; i++)
        requests[i] = (elcl_score_request){.source = source,
                                           .n_source = ELCL_COUNT(source),
                                           .target = target,
                                           .n_target = ELCL_COUNT(target),
                                           .decoder_start_token_id = -1,
                                           .log_probs = log_probs[i],
                                           .alignments = i ? alignments : NULL};
    int rc = elcl_scorer_create(w->model, &params, &scorer, err);
    if (!rc)
        rc = elcl_scorer_run(scorer, requests, 2, err);
    for (size_t i = 0; i < ELCL_COUNT(target) && !rc; i++)
        add(&w->result, "%.6g %.6g ", (double)log_probs[0][i], (double)log_probs[1][i]);
    if (rc == ELCL_E_NOMEM && scorer) { /* it works again when there is memory */
        fault_pause();
        if (elcl_scorer_run(scorer, requests, 2, NULL))
            rc = ELCL_E_INTERNAL;
    }
    elcl_scorer_destroy(&scorer);
    return rc;
}

/* Transcribes a sound of two windows with the times of words, at two temperatures each. */
static int work_transcribe(struct work *w, elcl_error *err)
{
    static const float temperatures[] = {0, 0.5f};
    static float samples[24000];
    elcl_transcribe_options options = elcl_transcribe_options_default();
    elcl_sound *sound = NULL;
    char *text = NULL;
    for (size_t i = 0; i < ELCL_COUNT(samples); i++)
        samples[i] = (float)(i % 97) / 500 - 0.1f;
    options.timestamps = ELCL_TIMESTAMPS_WORD;
    options.num_beams = options.best_of = 2;
    options.max_new_tokens = 5;
    options.temperatures = temperatures;
    options.n_temperatures = ELCL_COUNT(temperatures);
    options.initial_prompt = "the";
    int rc = elcl_sound_from_pcm(samples, ELCL_COUNT(samples), ELCL_PCM_F32, ELCL_SOUND_RATE, 1,
                                 "sound", NULL, &sound, err);
    if (!rc)
        rc = elcl_transcribe(w->model, sound, &options, &text, err);
    add(&w->result, "%s", text ? text : "");
    elcl_free(text);
    elcl_sound_destroy(&sound);
    return rc;
}

/* Normalizers, a regular expression and a decoder of tokenizer.json. */
static const char parts_json[] =
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true}],"
    "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFKC\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"q+\"},\"content\":\"a\"}]},"
    "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\","
    "\"pattern\":{\"Regex\":\"\\\\p{L}+|[^a]\"},\"behavior\":\"Isolated\",\"invert\":false}]},"
    "\"decoder\":{\"type\":\"ByteFallback\"},"
    "\"model\":{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"<s>\",0],[\"<unk>\",0],[\"a\",-1],"
    "[\"tt\",-2]]}}";

/* Opens a tokenizer, encodes a text and decodes its ids. */
static int work_codec(struct work *w, elcl_error *err)
{
    static const char text[] = "attention qq \xc3\xa9 \xef\xbc\xa1 12";
    elcl_codec *codec = NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    char path[512], *decoded = NULL;
    const bool golden = w->directory[0] != '\0';
    snprintf(path, sizeof(path), "%s/%s", golden ? check_root() : check_temporary_directory(),
             golden ? w->directory : "parts");
    if (w->opened)
        fault_pause();
    int rc = elcl_codec_open(path, &codec, err);
    fault_resume();
    if (!rc)
        rc = elcl_codec_encode(codec, text, strlen(text), NULL, &ids, &n, err);
    if (!rc)
        rc = elcl_codec_decode(codec, ids, n, NULL, &decoded, err);
    for (size_t i = 0; i < n && !rc; i++)
        add(&w->result, "%d ", (int)ids[i]);
    add(&w->result, "%s", decoded ? decoded : "");
    elcl_free(decoded);
    elcl_free(ids);
    elcl_codec_close(&codec);
    return rc;
}

/* Stores a program, and loads it: as it was, or not at all. */
static int work_store(struct work *w, elcl_error *err)
{
    static char data[5000] = "program";
    void *loaded = NULL;
    size_t n = sizeof(data);
    const char *directory = check_temporary_directory();
    (void)err;
    elcl_cache_remove(directory, 1);
    elcl_cache_store(directory, 1, data, sizeof(data));
    fault_pause();
    const bool found = elcl_cache_load(directory, 1, &loaded, &n);
    add(&w->result, !found || (n == sizeof(data) && !memcmp(loaded, data, n)) ? "right" : "wrong");
    elcl_free(loaded);
    return ELCL_OK;
}

/* Stores what was tuned: an error leaves the old file or none. */
static int work_tune_file(struct work *w, elcl_error *err)
{
    static const elcl_device_desc device = {
        .name = "a", .platform = "b", .driver = "c", .version = "d"};
    const struct elcl_tune_file file = {.has_rates = true, .rates = {.memory_gbs = 2.5}};
    struct elcl_tune_file found = {0};
    const char *directory = check_temporary_directory();
    const int rc = elcl_tune_file_write(directory, &device, &file, err);
    fault_pause();
    if (!rc && !elcl_tune_file_read(directory, &device, &found, NULL))
        add(&w->result, "%g", found.rates.memory_gbs);
    return rc;
}

/* ---- outcomes ------------------------------------------------------------------------------ */

enum outcome {
    CLEAN,     /* an error with a sentence */
    RECOVERED, /* the right result */
    WRONG,     /* another result, without an error */
    UNNAMED,   /* an error without a sentence, or a lack of memory by another name */
    LEFT,      /* device objects were not released */
    BROKEN,    /* the same work fails or is wrong afterwards */
    CRASH,
    HANG,
    N_OUTCOMES
};
static const char *const outcome_names[] = {"clean",        "recovered",         "WRONG", "UNNAMED",
                                            "OBJECTS LEFT", "BROKEN AFTERWARDS", "CRASH", "HANG"};

/* What children report. */
struct report {
    long total;      /* calls without a fault; 0: the work failed without one */
    long step;       /* from one fault to the next */
    long n;          /* the fault of now; 0: none yet */
    uint64_t random; /* chooses the first fault of a sample */
    long counts[N_OUTCOMES];
};

struct subject {
    const char *name;
    int (*run)(struct work *w, elcl_error *err);
    struct work work;
    bool opens; /* run() opens the model itself, if it needs one */
    int most;   /* faults with --all; 0: every call */
    enum fault_kind kind;
    enum fault_way way; /* of the case; a row has the first */
};

/* One run of the work, with call n failing. */
struct attempt {
    int rc;
    elcl_error err;
    struct text result;
    long objects; /* that it left */
    struct fault_report fault;
};

static struct attempt attempt(const struct subject *s, const struct work *base, long n)
{
    struct attempt a = {0};
    struct work w = *base;
    const long objects = fault_live_objects();
    w.result = (struct text){.n = 0};
    fault_arm(s->kind, n, s->way);
    a.rc = s->run(&w, &a.err);
    a.fault = fault_disarm();
    a.result = w.result;
    a.objects = fault_live_objects() - objects;
    return a;
}

static enum outcome judge(const struct subject *s, const struct attempt *a, const char *want)
{
    if (!a->rc)
        return a->objects ? LEFT : !strcmp(a->result.s, want) ? RECOVERED : WRONG;
    const bool is_memory = s->kind == FAULT_MEMORY || s->kind == FAULT_REGEX;
    const bool memory = !is_memory || a->rc == ELCL_E_NOMEM;
    if (a->err.code != a->rc || !a->err.msg[0] || !memory)
        return UNNAMED;
    return a->objects ? LEFT : CLEAN;
}

/* Whether the work succeeds without a fault. */
static bool works(const struct subject *s, const struct work *base, const char *want)
{
    const struct attempt a = attempt(s, base, 0);
    return !a.rc && !a.objects && !strcmp(a.result.s, want);
}

static void try_fault(const struct subject *s, const struct work *base, const char *want,
                      struct report *report)
{
    const struct attempt a = attempt(s, base, report->n);
    enum outcome outcome = judge(s, &a, want);
    if (!a.fault.fired)
        printf("  fault %ld: only %ld calls this time\n", report->n, a.fault.calls);
    if (outcome <= RECOVERED && !works(s, base, want))
        outcome = BROKEN;
    report->counts[outcome]++;
    if (outcome > RECOVERED || getenv("FAULTS_PRINT"))
        printf("  %s: %s: fault %ld, %s returned %d: code %d, %ld objects left, \"%s\"\n", s->name,
               outcome_names[outcome], report->n, a.fault.name, a.fault.code, a.rc, a.objects,
               a.rc ? a.err.msg : a.result.s);
}

/* ---- children ------------------------------------------------------------------------------ */

/* Chooses about n calls at equal distances; 0: all. */
static void choose_faults(struct report *report, long total, int n)
{
    report->total = total;
    report->step = !n || total < n ? 1 : total / n;
    report->n = 1 + (long)(report->random % (uint64_t)report->step);
}

/* Tries the faults that are left. */
static void child(const struct subject *s, struct report *report, int n)
{
    struct work work = s->work;
    elcl_error err = {0};
    if (!s->opens && open_model(&work, &work.model, &err)) {
        printf("  %s: %s\n", s->name, err.msg);
        return;
    }
    const struct attempt first = attempt(s, &work, 0); /* fills caches */
    const struct attempt base = attempt(s, &work, 0);
    if (first.rc || base.rc)
        printf("  %s: %s%s\n", s->name, first.err.msg, base.err.msg);
    else if (!report->n)
        choose_faults(report, base.fault.calls, n);
    for (; report->n <= report->total; report->n += report->step) {
        alarm(HANG_SECONDS);
        try_fault(s, &work, base.result.s, report);
    }
    alarm(0);
    elcl_model_close(&work.model);
}

/* Starts children until the faults are done. Returns false if one died otherwise than by a fault:
 * of leaks, for example. */
static bool run_children(const struct subject *s, struct report *report, int n)
{
    for (;;) {
        int status = 0;
        fflush(stdout);
        const pid_t pid = fork();
        if (!pid) {
            child(s, report, n);
            fflush(stdout);
            exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return false;
        if (!status || !report->total || report->n > report->total)
            return !status;
        const bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
        report->counts[hung ? HANG : CRASH]++;
        printf("  %s: %s: fault %ld\n", s->name, outcome_names[hung ? HANG : CRASH], report->n);
        report->n += report->step;
    }
}

static void test_subject(const struct subject *s, const struct check_options *options,
                         struct report *report)
{
    static const char *const ways[] = {"one", "all from one on", "one after the fact"};
    const bool quick = s->run == work_codec || s->run == work_store || s->run == work_tune_file;
    const int sample = quick ? 5 * SAMPLE : s->opens ? SAMPLE / 2 : SAMPLE;
    const int n = options->all ? s->most : sample;
    if (!check_case("%s, %s", s->name, ways[s->way]))
        return;
    memset(report, 0, sizeof(*report));
    report->random = check_random();
    CHECK(run_children(s, report, n), "a child failed after its faults");
    CHECK(report->total > 0, "no call was counted");
    long bad = 0, runs = 0;
    for (int i = 0; i < N_OUTCOMES; i++) {
        runs += report->counts[i];
        bad += i > RECOVERED ? report->counts[i] : 0;
    }
    printf("%s, %s: %ld calls, %ld faults:", s->name, ways[s->way], report->total, runs);
    for (int i = 0; i < N_OUTCOMES; i++) {
        if (report->counts[i])
            printf(" %ld %s", report->counts[i], outcome_names[i]);
    }
    putchar('\n');
    CHECK(!bad, "%ld bad outcomes", bad);
}

static void test_ways(const struct subject *subject, const struct check_options *options,
                      struct report *report)
{
    struct subject s = *subject;
    for (s.way = FAULT_ONCE; s.way <= FAULT_AFTER; s.way++) {
        if ((s.way != FAULT_AFTER || s.kind == FAULT_OPENCL) && (!s.most || options->all))
            test_subject(&s, options, report);
    }
}

/* Writes the tokenizer of parts_json. */
static void write_parts(void)
{
    char path[256];
    elcl_error err = {0};
    snprintf(path, sizeof(path), "%s/parts", check_temporary_directory());
    if (elcl_make_directories(path, 0777, &err))
        printf("%s\n", err.msg);
    snprintf(path, sizeof(path), "%s/parts/tokenizer.json", check_temporary_directory());
    if (elcl_write_file_atomic(path, parts_json, strlen(parts_json), &err))
        printf("%s\n", err.msg);
}

int main(int argc, char **argv)
{
    static const char *const tokenizers[] = {"",
                                             "tests/golden/pieces/marian",
                                             "tests/golden/pieces/t5",
                                             "tests/golden/pieces/t5-json",
                                             "tests/golden/pieces/bpe-json",
                                             "tests/golden/pieces/unigram-bytes-json",
                                             "tests/golden/pieces/nllb",
                                             "tests/golden/pieces/fsmt",
                                             "tests/golden/ct2-marian",
                                             "tests/golden/tokenizer/a"};
    const struct check_options *options = check_begin(argc, argv);
    const struct work el = {.attention = ELCL_ATTN_EL}, mha = {.attention = ELCL_ATTN_MHA};
    const struct work speech = {.directory = "tests/golden/tiny-whisper"};
    const struct work cold = {.attention = ELCL_ATTN_EL, .no_cache = true};
    const struct work profile = {.attention = ELCL_ATTN_EL, .profile = true};
    const struct subject subjects[] = {
        {"OpenCL: generate by el", work_generate, el, false, 0, FAULT_OPENCL, FAULT_ONCE},
        {"OpenCL: generate by mha", work_generate, mha, false, 0, FAULT_OPENCL, FAULT_ONCE},
        {"OpenCL: generate with a profile", work_generate, profile, false, 0, FAULT_OPENCL,
         FAULT_ONCE},
        {"OpenCL: a pool of two engines", work_pool, el, false, 0, FAULT_OPENCL, FAULT_ONCE},
        {"OpenCL: score", work_score, mha, false, 0, FAULT_OPENCL, FAULT_ONCE},
        {"OpenCL: open", work_open, el, true, 0, FAULT_OPENCL, FAULT_ONCE},
        {"memory: generate by el", work_generate, el, false, 0, FAULT_MEMORY, FAULT_ONCE},
        {"memory: a pool of two engines", work_pool, el, false, 0, FAULT_MEMORY, FAULT_ONCE},
        {"memory: score", work_score, mha, false, 0, FAULT_MEMORY, FAULT_ONCE},
        {"memory: transcribe", work_transcribe, speech, false, 0, FAULT_MEMORY, FAULT_ONCE},
        {"memory: open", work_open, mha, true, 0, FAULT_MEMORY, FAULT_ONCE},
        {"memory: store what was tuned", work_tune_file, el, true, 0, FAULT_MEMORY, FAULT_ONCE},
        {"memory: store a program", work_store, el, true, 0, FAULT_MEMORY, FAULT_ONCE},
        {"files: open", work_open, el, true, 0, FAULT_FILES, FAULT_ONCE},
        {"files: store what was tuned", work_tune_file, el, true, 0, FAULT_FILES, FAULT_ONCE},
        {"files: store a program", work_store, el, true, 0, FAULT_FILES, FAULT_ONCE},
#ifndef FAULTS_WRAP /* which reaches no library */
        {"memory of Oniguruma: encode",
         work_codec,
         {.directory = "", .opened = true},
         true,
         0,
         FAULT_REGEX,
         FAULT_ONCE},
#endif
        /* Measures the device each time, which takes seconds. */
        {"OpenCL: open without caches", work_open, cold, true, 100, FAULT_OPENCL, FAULT_ONCE},
    };
    struct report *report =
        mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    setenv("ELCL_CACHE_DIR", check_temporary_directory(), 1);
    write_parts();
    for (size_t i = 0; i < ELCL_COUNT(tokenizers) && report != MAP_FAILED; i++) {
        char name[64];
        struct subject s = {name,         work_codec, {.directory = tokenizers[i]}, true, 0,
                            FAULT_MEMORY, FAULT_ONCE};
        snprintf(name, sizeof(name), "memory: encode by %s",
                 i ? strrchr(tokenizers[i], '/') + 1 : "parts");
        test_ways(&s, options, report);
    }
    for (size_t i = 0; i < ELCL_COUNT(subjects) && report != MAP_FAILED; i++)
        test_ways(&subjects[i], options, report);
    return check_end();
}

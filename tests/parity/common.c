#include "parity/common.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"

/* Lists of options live until the next golden_finish(). */
static void *list_memory[4096];
static int n_list_memory;

/* ---- goldens ------------------------------------------------------------------------------- */

char *read_text(const char *path, size_t *n)
{
    char *data = NULL;
    elcl_error err = {0};
    CHECK(!elcl_read_file(path, (size_t)64 << 20, &data, n, &err), "%s", err.msg);
    return data;
}

void write_file(const char *directory, const char *name, const void *data, size_t n)
{
    char path[512];
    elcl_error err = {0};
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    CHECK(!elcl_write_file_atomic(path, data, n, &err), "%s", err.msg);
}

const char *copy_golden_model(const char *model)
{
    static const char *const files[] = {"config.json",
                                        "generation_config.json",
                                        "model.safetensors",
                                        "model.safetensors.index.json",
                                        "model-00001-of-00003.safetensors",
                                        "model-00002-of-00003.safetensors",
                                        "model-00003-of-00003.safetensors"};
    static char directory[256];
    static int count;
    elcl_error err = {0};
    snprintf(directory, sizeof(directory), "%s/model-%d", check_temporary_directory(), count++);
    CHECK(!elcl_make_directories(directory, 0777, &err), "%s", err.msg);
    for (size_t i = 0; i < ELCL_COUNT(files); i++) {
        char path[512];
        size_t n = 0;
        snprintf(path, sizeof(path), "%s/tests/golden/%s/%s", check_root(), model, files[i]);
        if (!elcl_is_file(path))
            continue;
        char *data = read_text(path, &n);
        write_file(directory, files[i], data, n);
        elcl_free(data);
    }
    return directory;
}

cJSON *read_json(const char *path)
{
    size_t n;
    char *data = read_text(path, &n);
    cJSON *root = data ? cJSON_ParseWithLength(data, n) : NULL;
    CHECK(root, "%s is no JSON", path);
    elcl_free(data);
    return root;
}

void change_json(const char *directory, const char *name, const char *changes)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    cJSON *root = read_json(path), *object = cJSON_Parse(changes);
    while (CHECK(root && object, "%s: %s", name, changes) && object->child) {
        cJSON *item = cJSON_DetachItemViaPointer(object, object->child);
        cJSON_DeleteItemFromObjectCaseSensitive(root, item->string);
        if (cJSON_IsNull(item))
            cJSON_Delete(item);
        else
            cJSON_AddItemToObject(root, item->string, item);
    }
    char *text = cJSON_Print(root);
    write_file(directory, name, text, strlen(text));
    cJSON_free(text);
    cJSON_Delete(root);
    cJSON_Delete(object);
}

void change_header(const char *directory, const struct header_change *change)
{
    char path[512];
    size_t bytes = 0;
    snprintf(path, sizeof(path), "%s/model.safetensors", directory);
    unsigned char *data = (unsigned char *)read_text(path, &bytes);
    size_t n = 0;
    for (int i = 3; i >= 0; i--)
        n = n << 8 | data[i];
    cJSON *header = cJSON_ParseWithLength((char *)data + 8, n);
    cJSON *tensor = cJSON_GetObjectItemCaseSensitive(header, change->tensor);
    if (CHECK(tensor, "no tensor %s", change->tensor) && change->key)
        cJSON_ReplaceItemInObjectCaseSensitive(tensor, change->key, cJSON_Parse(change->value));
    if (tensor && change->rename)
        cJSON_AddItemToObject(header, change->rename, cJSON_DetachItemViaPointer(header, tensor));
    char *text = cJSON_PrintUnformatted(header);
    const size_t n_text = strlen(text), rest = bytes - 8 - n;
    unsigned char *out = elcl_calloc(8 + n_text + rest, 1);
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)((uint64_t)n_text >> 8 * i);
    memcpy(out + 8, text, n_text);
    memcpy(out + 8 + n_text, data + 8 + n, rest);
    write_file(directory, "model.safetensors", out, 8 + n_text + rest);
    elcl_free(out);
    cJSON_free(text);
    cJSON_Delete(header);
    elcl_free(data);
}

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

bool golden_load(const char *model, struct golden *golden)
{
    return golden_load_file(model, "golden.json", golden);
}

bool golden_load_file(const char *model, const char *file, struct golden *golden)
{
    struct golden g = {0};
    char path[512];
    snprintf(g.directory, sizeof(g.directory), "%s/tests/golden/%s", check_root(), model);
    snprintf(path, sizeof(path), "%s/%s", g.directory, file);
    g.root = read_json(path);
    const cJSON *inputs = get(g.root, "inputs"), *input;
    g.n_inputs = cJSON_GetArraySize(inputs);
    g.n_cases = cJSON_GetArraySize(get(g.root, "cases"));
    g.inputs = elcl_calloc((size_t)g.n_inputs, sizeof(*g.inputs));
    int i = 0;
    cJSON_ArrayForEach(input, inputs) golden_tokens(input, &g.inputs[i++]);
    *golden = g;
    const bool ok = CHECK(g.n_inputs && g.n_cases, "%s: nothing in it", path);
    if (!ok)
        golden_finish(golden);
    return ok;
}

void golden_finish(struct golden *golden)
{
    cJSON_Delete(golden->root);
    elcl_free(golden->inputs);
    while (n_list_memory)
        elcl_free(list_memory[--n_list_memory]);
    *golden = (struct golden){0};
}

void golden_tokens(const cJSON *array, struct tokens *tokens)
{
    const cJSON *item;
    tokens->n = 0;
    cJSON_ArrayForEach(item, array)
    {
        if (tokens->n < MAX_TOKENS)
            tokens->ids[tokens->n++] = (int32_t)item->valuedouble;
    }
}

double *golden_rows(const cJSON *rows, int *n_rows, int *n_columns)
{
    const int r = cJSON_GetArraySize(rows), c = cJSON_GetArraySize(cJSON_GetArrayItem(rows, 0));
    double *values = elcl_calloc((size_t)r * (size_t)c, sizeof(*values)), *p = values;
    const cJSON *row, *item;
    cJSON_ArrayForEach(row, rows)
    {
        CHECK(cJSON_GetArraySize(row) == c, "rows of different lengths");
        cJSON_ArrayForEach(item, row) *p++ = item->valuedouble;
    }
    *n_rows = r;
    *n_columns = c;
    return values;
}

static int read_int(const cJSON *options, const char *key, int none)
{
    const cJSON *item = get(options, key);
    return cJSON_IsNumber(item) ? (int)item->valuedouble : none;
}

static enum elcl_early_stopping read_early_stopping(const cJSON *item)
{
    if (cJSON_IsString(item))
        return ELCL_EARLY_NEVER;
    return cJSON_IsTrue(item) ? ELCL_EARLY_TRUE : ELCL_EARLY_FALSE;
}

static float read_float(const cJSON *options, const char *key, float none)
{
    const cJSON *item = get(options, key);
    return cJSON_IsNumber(item) ? (float)item->valuedouble : none;
}

static int32_t *put_list(const cJSON *array, int *n)
{
    struct tokens tokens;
    golden_tokens(array, &tokens);
    int32_t *ids = elcl_calloc((size_t)tokens.n + 1, sizeof(*ids));
    memcpy(ids, tokens.ids, (size_t)tokens.n * sizeof(*ids));
    *n = tokens.n;
    if (CHECK(n_list_memory < (int)ELCL_COUNT(list_memory), "more lists than there is room for"))
        list_memory[n_list_memory++] = ids;
    return ids;
}

static void read_list(const cJSON *options, const char *key, elcl_tokens *out)
{
    if (cJSON_GetArraySize(get(options, key)))
        out->ids = put_list(get(options, key), &out->n);
}

static const elcl_tokens *read_lists(const cJSON *options, const char *key, int *n)
{
    const cJSON *array = get(options, key), *item;
    *n = cJSON_GetArraySize(array);
    if (!*n || !CHECK(n_list_memory < (int)ELCL_COUNT(list_memory), "too many lists"))
        return NULL;
    elcl_tokens *lists = elcl_calloc((size_t)*n, sizeof(*lists));
    list_memory[n_list_memory++] = lists;
    int i = 0;
    cJSON_ArrayForEach(item, array)
    {
        lists[i].ids = put_list(item, &lists[i].n);
        i++;
    }
    return lists;
}

/* They stay valid as long as the JSON. */
static const char *const *read_strings(const cJSON *options, const char *key, int *n)
{
    const cJSON *array = get(options, key), *item;
    *n = cJSON_GetArraySize(array);
    if (!*n || !CHECK(n_list_memory < (int)ELCL_COUNT(list_memory), "too many lists"))
        return NULL;
    const char **strings = elcl_calloc((size_t)*n, sizeof(*strings));
    list_memory[n_list_memory++] = strings;
    int i = 0;
    cJSON_ArrayForEach(item, array) strings[i++] = item->valuestring;
    return strings;
}

static void rule_options(const cJSON *options, elcl_gen_options *o)
{
    o->bad_words = read_lists(options, "bad_words_ids", &o->n_bad_words);
    if (o->n_bad_words == 1 && o->bad_words[0].n == 1 &&
        o->bad_words[0].ids[0] == o->pad_token_id) { /* as generation_config.json is read */
        o->n_bad_words = 0;
        o->ban_pad = 1;
    }
    o->alternatives = read_lists(options, "alternatives", &o->n_alternatives);
    read_list(options, "suppress_tokens", &o->suppress_tokens);
    read_list(options, "begin_suppress_tokens", &o->begin_suppress_tokens);
    read_list(options, "prefix", &o->prefix);
    o->encoder_no_repeat_ngram_size = read_int(options, "encoder_no_repeat_ngram_size", 0);
    o->encoder_repetition_penalty = read_float(options, "encoder_repetition_penalty", 1);
    o->presence_penalty = read_float(options, "presence_penalty", 0);
    o->frequency_penalty = read_float(options, "frequency_penalty", 0);
    o->stop_strings = read_strings(options, "stop_strings", &o->n_stop_strings);
    o->patience = read_float(options, "patience", 1);
    o->timestamp_begin_token_id = read_int(options, "timestamp_begin_token_id", -1);
    o->no_timestamps_token_id = read_int(options, "no_timestamps_token_id", -1);
    o->max_initial_timestamp = read_int(options, "max_initial_timestamp", -1);
}

static void speech_options(const cJSON *options, elcl_gen_options *o)
{
    o->timestamp_begin_token_id = read_int(options, "timestamp_begin_token_id", -1);
    o->no_timestamps_token_id = read_int(options, "no_timestamps_token_id", -1);
    o->max_initial_timestamp = read_int(options, "max_initial_timestamp", -1);
    o->scores_after_rules = cJSON_IsTrue(get(options, "scores_after_rules"));
    o->no_speech_token_id = read_int(options, "no_speech_token_id", -1);
    o->no_speech_length = read_int(options, "no_speech_length", 0);
}

static void fairseq_options(const cJSON *options, elcl_gen_options *o)
{
    elcl_gen_options_fairseq(o);
    o->diversity_penalty = read_float(options, "diversity_penalty", 0);
    o->forced_bos_token_id = read_int(options, "forced_bos_token_id", -1);
    o->min_len = read_int(options, "min_len", 1);
    o->max_len_a = read_float(options, "max_len_a", 0);
    o->max_len_b = read_int(options, "max_len_b", 200);
    o->unk_penalty = read_float(options, "unk_penalty", 0);
    o->unk_token_id = read_int(options, "unk_token_id", -1);
}

void golden_options(const cJSON *options, elcl_gen_options *out)
{
    const cJSON *eos = get(options, "eos_token_id"), *item;
    elcl_gen_options o = {
        .num_beams = read_int(options, "num_beams", 1),
        .num_return_sequences = read_int(options, "num_return_sequences", 1),
        .num_beam_groups = read_int(options, "num_beam_groups", 0),
        .diversity_penalty = read_float(options, "diversity_penalty", 0),
        .length_penalty = (float)get(options, "length_penalty")->valuedouble,
        .early_stopping = read_early_stopping(get(options, "early_stopping")),
        .max_length = read_int(options, "max_length", 20),
        .max_new_tokens = read_int(options, "max_new_tokens", 0),
        .min_length = read_int(options, "min_length", 0),
        .min_new_tokens = read_int(options, "min_new_tokens", 0),
        .no_repeat_ngram_size = read_int(options, "no_repeat_ngram_size", 0),
        .repetition_penalty = read_float(options, "repetition_penalty", 1),
        .decoder_start_token_id = read_int(options, "decoder_start_token_id", -1),
        .forced_bos_token_id = read_int(options, "forced_bos_token_id", -1),
        .forced_eos_token_id = read_int(options, "forced_eos_token_id", -1),
        .pad_token_id = read_int(options, "pad_token_id", -1),
        .renormalize_logits = cJSON_IsTrue(cJSON_GetObjectItem(options, "renormalize_logits")),
    };
    if (cJSON_IsTrue(get(options, "do_sample"))) {
        o.do_sample = 1;
        o.temperature = read_float(options, "temperature", 1);
        o.top_k = read_int(options, "top_k", 0);
        o.top_p = read_float(options, "top_p", 1);
        o.min_p = read_float(options, "min_p", 0);
        o.typical_p = read_float(options, "typical_p", 1);
        o.seed = (uint64_t)read_int(options, "seed", 0);
    }
    if (cJSON_IsNumber(eos))
        o.eos_token_ids[o.n_eos++] = (int32_t)eos->valuedouble;
    else
        cJSON_ArrayForEach(item, eos) o.eos_token_ids[o.n_eos++] = (int32_t)item->valuedouble;
    rule_options(options, &o);
    speech_options(options, &o);
    if (get(options, "search_style"))
        fairseq_options(options, &o);
    *out = o;
}

/* ---- models -------------------------------------------------------------------------------- */

const enum elcl_attention all_variants[3] = {ELCL_ATTN_EL, ELCL_ATTN_MHA, ELCL_ATTN_MHA_BEAM};
const enum elcl_kernels all_shapes[2] = {ELCL_KERNELS_CPU, ELCL_KERNELS_GPU};

const char *attention_name(enum elcl_attention attention)
{
    return elcl_attention_variant(attention)->name;
}

const char *kernels_name(enum elcl_kernels kernels)
{
    return kernels == ELCL_KERNELS_CPU ? "cpu" : "gpu";
}

const char *gemm_name(enum elcl_gemm gemm)
{
    return gemm == ELCL_GEMM_CLBLAST ? "clblast" : "native";
}

const char *storage_name(enum elcl_storage storage)
{
    return storage == ELCL_F32    ? "f32"
           : storage == ELCL_F16  ? "f16"
           : storage == ELCL_BF16 ? "bf16"
           : storage == ELCL_INT8 ? "int8"
                                  : "int4";
}

static enum elcl_compute compute_of(const struct setup *setup)
{
    return setup->compute ? setup->compute : ELCL_COMPUTE_F32;
}

bool setup_case(const char *what, const char *model, const struct setup *s)
{
    return check_case("%s, %s, %s, %s kernels, %s, weights %s, state %s%s%s", what, model,
                      attention_name(s->attention), kernels_name(s->kernels), gemm_name(s->gemm),
                      storage_name(s->weights), storage_name(s->state),
                      compute_of(s) == ELCL_COMPUTE_F32 ? "" : ", rounded inputs",
                      s->mma ? ", matrix instructions" : "");
}

elcl_model_params setup_params(const struct setup *setup, const struct check_options *options)
{
    elcl_model_params params = elcl_model_params_default();
    params.device = options->device;
    params.attention = setup->attention;
    params.kernels = setup->kernels;
    params.gemm = setup->gemm;
    params.weights = setup->weights;
    params.state = setup->state;
    params.compute = compute_of(setup);
    return params;
}

/* GPU kernels have one layout of weights for all instructions. */
static void emulate(elcl_model *model, const struct setup *setup)
{
    const struct elcl_ops_params params = {.gemm = ELCL_GEMM_NATIVE,
                                           .weights = model->ops->weights,
                                           .state = model->ops->state,
                                           .compute = compute_of(setup),
                                           .act_keys = !model->arch.decoder_only,
                                           .mma = setup->mma};
    elcl_error err = {0};
    elcl_ops_destroy(&model->ops);
    CHECK(!elcl_ops_create(model->device, &model->features, &params, &model->ops, &err), "%s",
          err.msg);
}

elcl_model *setup_open(const char *directory, const struct setup *setup,
                       const struct check_options *options)
{
    const elcl_model_params params = setup_params(setup, options);
    elcl_model *model = NULL;
    elcl_error err = {0};
    CHECK(!elcl_model_open(directory, &params, &model, &err), "%s", err.msg);
    if (model && setup->mma)
        emulate(model, setup);
    return model;
}

static void count_warnings(void *user, enum elcl_log_level level, const char *line)
{
    (void)line;
    *(int *)user += level == ELCL_LOG_WARNING;
}

/* The device warns of buffers that are left when it closes. */
void setup_close(elcl_model **model)
{
    if (!*model)
        return;
    int warnings = 0;
    (*model)->device->log = count_warnings;
    (*model)->device->log_user = &warnings;
    elcl_model_close(model);
    CHECK(!warnings, "device buffers are left at close");
}

const char *g2p_directory(void)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/models/g2p-en", check_root());
    return path;
}

static void encode_word(const elcl_model *model, const char *word, size_t n, struct tokens *tokens)
{
    int32_t *ids = NULL;
    size_t n_ids = 0;
    elcl_error err = {0};
    if (!CHECK(!elcl_encode(model, word, n, &ids, &n_ids, &err), "%s", err.msg))
        return;
    tokens->n = elcl_min_int((int)n_ids, MAX_TOKENS);
    memcpy(tokens->ids, ids, (size_t)tokens->n * sizeof(*ids));
    elcl_free(ids);
}

struct tokens *g2p_words(const elcl_model *model, int n)
{
    char path[640];
    snprintf(path, sizeof(path), "%s/test.tsv", g2p_directory());
    size_t bytes = 0;
    char *text = read_text(path, &bytes);
    struct tokens *words = elcl_calloc((size_t)n, sizeof(*words));
    int lines = 0;
    for (size_t i = 0; i < bytes; i++)
        lines += text[i] == '\n';
    CHECK(lines >= n, "%s: %d lines", path, lines);
    const char *line = text;
    for (int i = 0, taken = 0; i < lines && taken < n; i++) {
        const char *end = strchr(line, '\n');
        if (i >= (int)((int64_t)taken * lines / n))
            encode_word(model, line, strcspn(line, "\t\n"), &words[taken++]);
        line = end + 1;
    }
    elcl_free(text);
    return words;
}

/* ---- generation ---------------------------------------------------------------------------- */

void job_take(struct job *job, const elcl_result *result)
{
    job->deliveries++;
    job->no_speech_prob = result->no_speech_prob;
    job->n = elcl_min_int(result->n_hypotheses, MAX_HYPOTHESES);
    for (int i = 0; i < job->n; i++) {
        const elcl_hypothesis *from = &result->hypotheses[i];
        struct hypothesis *to = &job->hypotheses[i];
        to->score = from->score;
        to->finish = from->finish;
        to->tokens.n = elcl_min_int((int)from->n_ids, MAX_TOKENS);
        memcpy(to->tokens.ids, from->ids, (size_t)to->tokens.n * sizeof(*from->ids));
    }
}

bool job_same(const struct job *a, const struct job *b)
{
    bool same = a->n == b->n;
    for (int k = 0; same && k < a->n; k++) {
        const struct hypothesis *x = &a->hypotheses[k], *y = &b->hypotheses[k];
        same = x->tokens.n == y->tokens.n && x->finish == y->finish &&
               !memcmp(&x->score, &y->score, sizeof(x->score)) &&
               !memcmp(x->tokens.ids, y->tokens.ids, (size_t)x->tokens.n * sizeof(int32_t));
    }
    return same;
}

static void take_result(void *user, const elcl_result *result)
{
    (void)user;
    job_take(result->user, result);
}

elcl_request job_begin(struct job *job)
{
    job->deliveries = job->n = 0;
    return (elcl_request){.source = job->inputs ? NULL : job->source->ids,
                          .n_source = job->inputs ? 0 : (size_t)job->source->n,
                          .inputs = job->inputs,
                          .n_inputs = job->n_inputs,
                          .options = job->options,
                          .user = job};
}

static bool all_delivered(const struct job *jobs, int n)
{
    bool ok = true;
    for (int i = 0; ok && i < n; i++)
        ok = CHECK(jobs[i].deliveries == 1, "job %d was delivered %d times", i, jobs[i].deliveries);
    return ok;
}

bool jobs_run(elcl_model *model, const elcl_engine_params *params, struct job *jobs, int n,
              elcl_engine_stats *stats)
{
    elcl_engine_params p = *params;
    elcl_engine *engine = NULL;
    elcl_error err = {0};
    p.on_result = take_result;
    int rc = elcl_engine_create(model, &p, &engine, &err);
    for (int i = 0; !rc && i < n; i++) {
        const elcl_request request = job_begin(&jobs[i]);
        rc = elcl_engine_submit(engine, &request, NULL, &err);
    }
    if (!rc)
        rc = elcl_engine_run(engine, &err);
    if (!rc && stats)
        elcl_engine_get_stats(engine, stats);
    elcl_engine_destroy(&engine);
    return CHECK(!rc, "%s", err.msg) && all_delivered(jobs, n);
}

bool jobs_run_pool(elcl_model *model, int n_engines, const elcl_engine_params *params,
                   struct job *jobs, int n)
{
    elcl_model *models[] = {model, model, model};
    elcl_engine_params p = *params;
    elcl_pool *pool = NULL;
    elcl_error err = {0};
    p.on_result = take_result;
    int rc = elcl_pool_create(models, n_engines, &p, &pool, &err);
    for (int i = 0; !rc && i < n; i++) {
        const elcl_request request = job_begin(&jobs[i]);
        rc = elcl_pool_submit(pool, &request, NULL, &err);
    }
    if (!rc)
        rc = elcl_pool_run(pool, &err);
    elcl_pool_destroy(&pool);
    return CHECK(!rc, "%s", err.msg) && all_delivered(jobs, n);
}

struct job *golden_jobs(const struct golden *golden, int case_step, int *n, const cJSON ***want)
{
    const size_t room = (size_t)golden->n_cases * (size_t)golden->n_inputs;
    struct job *jobs = elcl_calloc(room, sizeof(*jobs));
    const cJSON **outputs = elcl_calloc(room, sizeof(*outputs));
    const cJSON *test, *input;
    int count = 0, c = 0;
    cJSON_ArrayForEach(test, get(golden->root, "cases"))
    {
        int i = 0;
        if (c++ % case_step)
            continue;
        cJSON_ArrayForEach(input, get(test, "inputs"))
        {
            golden_options(get(test, "options"), &jobs[count].options);
            jobs[count].source = &golden->inputs[(int)input->valuedouble];
            outputs[count++] = cJSON_GetArrayItem(get(test, "outputs"), i++);
        }
    }
    *n = count;
    if (want)
        *want = outputs;
    else
        elcl_free(outputs);
    return jobs;
}

/* elcl plan: memory by category for each variant and batch, without weights. Runs nothing. */
#include "common/remedy.h"
#include "common/args.h"
#include "common/sys.h"
#include "common/output.h"
#include "common/words.h"
#include "plan/plan.h"

#include <stdio.h>
#include <string.h>

#define FIELD(name) offsetof(struct cli_plan_options, name)

/* clang-format off */
static const struct cli_choice format_words[] = {
    {"text", CLI_FORMAT_TEXT}, {"csv", CLI_FORMAT_CSV}, {"json", CLI_FORMAT_JSON},
    {"sql", CLI_FORMAT_SQL}, {NULL, 0}};

static const struct cli_opt options_table[] = {
    CLI_ROW_GROUP("Model:"),
    CLI_ROW_TEXT("synthetic", "NAME", synthetic,
                 "a well-known architecture, without files: " CLI_SYNTHETIC_NAMES),

    CLI_ROW_GROUP("Parameters, every combination of lists (1,4) and ranges (1-64*2, 10-30+10):"),
    CLI_ROW_WORDS("attention", "el|mha|mha-beam|auto", attention, cli_attention_words,
                  "variants (default el,mha,mha-beam)"),
    CLI_ROW_INTS("batch-size", batch_size, 1, 1 << 20,
                 "samples in flight (default: the largest batch that fits)"),
    CLI_ROW_INTS("num-beams", num_beams, 1, ELCL_MAX_BEAMS, "beams (default 1)"),
    CLI_ROW_INTS("source-length", source_length, 1, 1 << 20,
                 "longest source in tokens (default: the model's)"),
    CLI_ROW_INTS("target-length", target_length, 2, 1 << 20,
                 "longest output in tokens, the start token included (default: the model's)"),
    CLI_ROW_WORDS("weights", "f32|f16|bf16|int8|int4", weights, cli_weight_words,
                  "storage of weights (default f32)"),
    CLI_ROW_CHOICE("compute", "auto|f32|f16|bf16|int8", compute, cli_compute_words,
                   "arithmetic of matrix products; auto counts f32 (default auto)"),
    CLI_ROW_WORDS("state", "f32|f16|bf16|int8|int4", state, cli_state_words,
                  "storage of encoder output and caches (default f32); int4 only with el"),

    CLI_ROW_GROUP("Output:"),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_FORMAT_OPTION(FIELD(common), "text|csv|json|sql", format_words,
                      "form of the plan (default text)"),

    CLI_ROW_GROUP("Running:"),
    CLI_ROW_TEXT("device", "INDEX|NAME|cpu|gpu", device,
                 "plan for the memory, largest buffer and type of this device (default: a GPU "
                 "before a CPU; with --batch-size or --memory-limit a GPU without limits)"),
    CLI_ROW_BYTES("memory-limit", memory_limit_bytes,
                  "maximum device memory, such as 512M or 2G (powers of 1024; default: the "
                  "device's, of a GPU less 5 % and 256M)"),
    CLI_ROW_TEXT("device-model", "NAME|FILE|measured", device_model,
                 "also predict speed, from a data sheet (v100, h100, mi300x, a770, adreno740 or a "
                 "JSON file) or from rates measured on --device; sets the default memory limit"),
    CLI_COMMON_OPTIONS(FIELD(common)),
};
/* clang-format on */

static bool is_measured(const struct cli_plan_options *o)
{
    return o->device_model && !strcmp(o->device_model, "measured");
}

static void fill(struct cli_opt_list *list, int n, int a, int b, int c)
{
    const int values[] = {a, b, c};
    if (list->n)
        return;
    list->n = n;
    memcpy(list->values, values, (size_t)n * sizeof(int));
}

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    struct cli_plan_options *o = target;
    if (args->n_words + (o->synthetic != NULL) != 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "expected one model directory or --synthetic NAME, found %d",
                         args->n_words + (o->synthetic != NULL));
    o->model = args->n_words ? args->words[0] : NULL;
    if (o->device && o->device_model && !is_measured(o))
        return elcl_fail(err, ELCL_E_ARG, "--device needs --device-model measured, found '%.100s'",
                         o->device_model);
    fill(&o->attention, 3, ELCL_ATTN_EL, ELCL_ATTN_MHA, ELCL_ATTN_MHA_BEAM);
    fill(&o->weights, 1, ELCL_F32, 0, 0);
    fill(&o->state, 1, ELCL_F32, 0, 0);
    fill(&o->batch_size, 1, 0, 0, 0);
    fill(&o->num_beams, 1, 1, 0, 0);
    fill(&o->source_length, 1, 0, 0, 0);
    fill(&o->target_length, 1, 0, 0, 0);
    return ELCL_OK;
}

/* Takes the limits of a data sheet. */
static int read_model(struct cli_plan_options *o, elcl_plan_params *p, elcl_error *err)
{
    const int rc = cli_device_model_find(o->device_model, &o->sheet, err);
    p->device_type = o->sheet.rates.type;
    p->rates = &o->sheet.rates;
    const elcl_device_desc d = {.type = o->sheet.rates.type, .memory_bytes = o->sheet.memory_bytes};
    if (!p->memory_limit_bytes)
        p->memory_limit_bytes = elcl_planned_memory(&d);
    return rc;
}

/* Takes type and limits of a device, and measures its rates if requested. */
static int read_device(struct cli_plan_options *o, elcl_plan_params *p, elcl_error *err)
{
    elcl_device_list *list = NULL;
    int index = 0;
    int rc = elcl_device_list_create(&list, err);
    if (!rc)
        rc = elcl_device_list_find(list, o->device, &index, err);
    if (!rc) {
        const elcl_device_desc *d = elcl_device_list_get(list, index);
        (void)snprintf(o->device_name, sizeof(o->device_name), "%s", d->name);
        p->device_type = d->type;
        p->max_alloc_bytes = d->max_alloc_bytes;
        if (!p->memory_limit_bytes)
            p->memory_limit_bytes = elcl_planned_memory(d);
        if (d->gpu_kernels)
            p->compute_units = (int)d->compute_units;
        else
            p->vector_width = elcl_cpu_vector_width(d);
        if (is_measured(o))
            rc = cli_device_model_measure(d, &o->sheet, err);
        if (is_measured(o) || elcl_stored_rates(d, &o->sheet.rates))
            p->rates = &o->sheet.rates;
    }
    elcl_device_list_destroy(&list);
    return rc;
}

static int read_limits(struct cli_plan_options *o, elcl_plan_params *p, elcl_error *err)
{
    *p = elcl_plan_params_default();
    p->memory_limit_bytes = o->memory_limit_bytes;
    p->compute = (enum elcl_compute)o->compute;
    if (o->device_model && !is_measured(o))
        return read_model(o, p, err);
    if (!o->device && !o->device_model && (o->memory_limit_bytes || o->batch_size.values[0]))
        return ELCL_OK;
    return read_device(o, p, err);
}

/* Sets combination i; the first list below varies fastest. */
static void set_combination(const struct cli_plan_options *o, size_t i, elcl_plan_params *p)
{
    const struct cli_opt_list *lists[] = {&o->target_length, &o->source_length, &o->batch_size,
                                          &o->num_beams,     &o->attention,     &o->state,
                                          &o->weights};
    int values[ELCL_COUNT(lists)];
    for (size_t l = 0; l < ELCL_COUNT(lists); l++) {
        values[l] = lists[l]->values[i % (size_t)lists[l]->n];
        i /= (size_t)lists[l]->n;
    }
    p->max_target = values[0];
    p->max_source = values[1];
    p->batch_size = values[2];
    p->num_beams = values[3];
    p->attention = (enum elcl_attention)values[4];
    p->state = (enum elcl_storage)values[5];
    p->weights = (enum elcl_storage)values[6];
}

static size_t n_combinations(const struct cli_plan_options *o)
{
    return (size_t)o->target_length.n * (size_t)o->source_length.n * (size_t)o->batch_size.n *
           (size_t)o->num_beams.n * (size_t)o->attention.n * (size_t)o->state.n *
           (size_t)o->weights.n;
}

static int fill_rows(struct cli_plan_options *o, const elcl_blueprint *blueprint,
                     struct cli_plan_table *table, elcl_error *err)
{
    elcl_plan_params p;
    int rc = read_limits(o, &p, err);
    const size_t n = n_combinations(o);
    void *rows = NULL;
    size_t capacity = 0;
    table->limits = p;
    if (!rc && !elcl_grow(&rows, &capacity, n, sizeof(*table->rows)))
        return elcl_fail_nomem(err);
    table->rows = rows;
    for (; !rc && table->n < n; table->n++) {
        struct cli_plan_row *row = &table->rows[table->n];
        set_combination(o, table->n, &p);
        row->params = p;
        rc = elcl_plan_memory(blueprint, &p, &row->plan, err);
        if (!rc && o->device_model) {
            p.batch_size = row->plan.batch_size;
            p.attention = row->plan.attention;
            rc = elcl_predict(blueprint, &p, &o->sheet.rates, &row->prediction, err);
        }
        if (rc)
            break;
    }
    /* The choice of auto, also if other variants were given. */
    if (table->n)
        p = table->rows[table->n - 1].params;
    p.attention = ELCL_ATTN_AUTO;
    return rc ? rc : elcl_plan_memory(blueprint, &p, &table->automatic, err);
}

static int run(struct cli_plan_options *o, elcl_error *err)
{
    elcl_blueprint *blueprint = NULL;
    struct elcl_str out = {0};
    struct cli_plan_table table = {.model = o->synthetic ? o->synthetic : o->model};
    int rc = cli_blueprint_open(table.model, o->synthetic != NULL, &blueprint, err);
    if (!rc) {
        elcl_blueprint_get_info(blueprint, &table.info);
        table.device = o->device_name;
        table.sheet = o->device_model ? &o->sheet : NULL;
        rc = fill_rows(o, blueprint, &table, err);
    }
    if (!rc)
        rc = cli_plan_format(&table, (enum cli_format)o->common.format, &out, err);
    if (!rc)
        rc = cli_output_save(o->common.output, &out, err);
    elcl_str_finish(&out);
    free(table.rows);
    elcl_blueprint_close(&blueprint);
    return rc;
}

int cli_cmd_plan(int argc, char **argv)
{
    struct cli_plan_options options = {0};
    struct cli_args args = {
        .verb = "plan",
        .use = "MODEL|--synthetic NAME",
        .about = "Computes the device memory of generation and the largest batch that fits. Reads\n"
                 "only config.json and runs nothing.\n",
        .examples = "  elcl plan --synthetic bart-large --state f16 --num-beams 4 \\\n"
                    "      --batch-size 32,64,320 --source-length 256,1024\n"
                    "  elcl plan models/g2p-en --num-beams 5 --memory-limit 2G\n",
        .opts = options_table,
        .n_opts = ELCL_COUNT(options_table),
        .max_words = 1,
        .check = check};
    elcl_error err = {0};
    int exit_code;
    if (!cli_args_begin(&args, argc, argv, &options, &exit_code))
        return exit_code;
    const int rc = run(&options, &err);
    if (rc == ELCL_E_INTERRUPTED)
        return CLI_EXIT_SIGNAL + cli_sys_interrupted();
    if (rc)
        return cli_error(rc == ELCL_E_ARG ? CLI_EXIT_USAGE : CLI_EXIT_FAILURE, "%s", err.msg);
    return CLI_EXIT_OK;
}

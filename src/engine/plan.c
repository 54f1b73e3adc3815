#include "engine/plan.h"

#include "base/util.h"
#include "search/options.h"

#define LIST_TOKENS 256 /* a kilobyte per row, little compared with its logits */
/* Source tokens at once: enough rows for efficient GEMMs, few enough for a small workspace. */
#define ENCODE_ROWS 2048
#define ENCODE_MAX_ROWS 16384
/* On GPUs, the work-groups of the narrowest GEMM for each compute unit: with four turns, the last
 * one wastes little although it does not fill the device. With GEMM_TILE outputs of a work-group it
 * makes the workspace proportional to the compute units, whatever the width of the model. */
#define ENCODE_TURNS 4
#define GEMM_TILE (128 * 128)
#define GPU_ROWS 2048 /* keep a GPU busy */
/* On CPUs a step should take some milliseconds, so that its launches cost little: this many
 * multiply-adds of weights and rows. More rows make steps longer, not better. */
#define CPU_STEP_MACS 3e9
#define CPU_MIN_ROWS 128 /* enough for GEMMs that reuse the weights */
#define CPU_MAX_ROWS 1024

bool elcl_plan_make(const struct elcl_arch *arch, enum elcl_attention attention,
                    enum elcl_storage state, const struct elcl_capacity *capacity,
                    uint64_t weight_bytes, struct elcl_plan *plan)
{
    struct elcl_buffer_spec specs[ELCL_B_LAYERS + 2 * ELCL_MAX_LAYERS];
    const int n = elcl_state_n_buffers(arch);
    bool ok = elcl_state_buffers(arch, attention, state, capacity, specs);
    struct elcl_plan p = {.weights = weight_bytes};
    p.category[ELCL_BUFFERS_WORKSPACE] = 2 * ELCL_OPS_BYTES; /* those of model and engine */
    for (int i = 0; ok && i < n; i++) {
        p.category[specs[i].category] += specs[i].bytes;
        if (specs[i].bytes > p.largest_buffer)
            p.largest_buffer = specs[i].bytes;
        ok = p.category[specs[i].category] >= specs[i].bytes;
    }
    p.total = p.weights;
    for (int i = 0; ok && i < ELCL_N_BUFFER_CATEGORIES; i++) {
        p.total += p.category[i];
        ok = p.total >= p.category[i];
    }
    if (ok)
        *plan = p;
    return ok;
}

int elcl_plan_encode_most(const struct elcl_arch *arch, enum elcl_attention attention,
                          uint32_t compute_units)
{
    /* EL-attention expands the queries of prompts to H D. */
    const bool expands = arch->decoder_only && attention == ELCL_ATTN_EL;
    const uint64_t width = (uint64_t)arch->d * (uint64_t)(expands ? arch->decoder_heads : 1);
    const uint64_t rows = (uint64_t)ENCODE_TURNS * GEMM_TILE * compute_units / width;
    return rows > ENCODE_MAX_ROWS ? ENCODE_MAX_ROWS : elcl_max_int(ENCODE_ROWS, (int)rows);
}

int elcl_plan_encode_rows(int sentences, int max_source, int encode_most)
{
    const int64_t all = (int64_t)sentences * max_source;
    return elcl_max_int(max_source, all < encode_most ? (int)all : encode_most);
}

int elcl_plan_useful_rows(enum elcl_kernels kernels, enum elcl_storage weights,
                          uint64_t weight_bytes)
{
    if (kernels != ELCL_KERNELS_CPU)
        return GPU_ROWS;
    const double rows = CPU_STEP_MACS / ((double)weight_bytes / elcl_weight_bytes(weights));
    return rows > CPU_MAX_ROWS ? CPU_MAX_ROWS : elcl_max_int(CPU_MIN_ROWS, (int)rows);
}

/* elcl_plan_sentences() with capacity->encode_most as it is. */
static int largest_batch(const struct elcl_arch *arch, enum elcl_attention attention,
                         enum elcl_storage state, const struct elcl_capacity *capacity,
                         uint64_t weight_bytes, uint64_t limit_bytes, uint64_t max_buffer_bytes,
                         int max)
{
    struct elcl_capacity c = *capacity;
    int low = 0, high = max; /* `low` always fits */
    while (low < high) {
        const int middle = low + (high - low + 1) / 2;
        struct elcl_plan plan;
        c.sentences = middle;
        c.encode_rows = elcl_plan_encode_rows(middle, c.max_source, c.encode_most);
        const bool fits = elcl_plan_make(arch, attention, state, &c, weight_bytes, &plan) &&
                          plan.total <= limit_bytes && plan.largest_buffer <= max_buffer_bytes;
        if (fits)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

int elcl_plan_sentences(const struct elcl_arch *arch, enum elcl_attention attention,
                        enum elcl_storage state, struct elcl_capacity *capacity,
                        uint64_t weight_bytes, uint64_t limit_bytes, uint64_t max_buffer_bytes,
                        int max)
{
    struct elcl_capacity least = *capacity;
    const int n = largest_batch(arch, attention, state, capacity, weight_bytes, limit_bytes,
                                max_buffer_bytes, max);
    if (n == max || capacity->encode_most <= ENCODE_ROWS)
        return n;
    least.encode_most = ENCODE_ROWS;
    const int more = largest_batch(arch, attention, state, &least, weight_bytes, limit_bytes,
                                   max_buffer_bytes, max);
    if (more > n)
        *capacity = least;
    return more;
}

void elcl_plan_publish(const struct elcl_plan *plan, enum elcl_attention attention, int batch_size,
                       elcl_memory_plan *out)
{
    *out = (elcl_memory_plan){.attention = attention,
                              .batch_size = batch_size,
                              .largest_batch = -1,
                              .fits = 1,
                              .weight_bytes = plan->weights,
                              .source_state_bytes = plan->category[ELCL_BUFFERS_SOURCE],
                              .self_state_bytes = plan->category[ELCL_BUFFERS_SELF],
                              .workspace_bytes = plan->category[ELCL_BUFFERS_WORKSPACE],
                              .total_bytes = plan->total,
                              .largest_buffer_bytes = plan->largest_buffer};
}

int elcl_plan_width(const struct elcl_arch *arch, int beams)
{
    const int width = elcl_min_int(beams * (1 + ELCL_MAX_EOS), arch->vocabulary);
    /* Sampling: the best token and the draws. The last candidate may be a watched token. */
    return elcl_max_int(width, beams + 1) + 1;
}

int elcl_plan_lists(const elcl_gen_options *defaults)
{
    return elcl_max_int(LIST_TOKENS, defaults ? (int)elcl_options_list_tokens(defaults) : 0);
}

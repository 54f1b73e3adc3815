/* What is wrong, to standard error; what memory accesses cost, to the file ELCL_NVIDIA_COUNTS. */
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nvidia.h"

bool report_counts;
static _Atomic uint64_t launches, complaints;

__attribute__((constructor)) static void begin(void)
{
    report_counts = getenv("ELCL_NVIDIA_COUNTS") != NULL;
}

/* To standard error and to the end of the file ELCL_NVIDIA_LOG. */
static void print(const char *text)
{
    const char *path = getenv("ELCL_NVIDIA_LOG");
    FILE *f = path ? fopen(path, "a") : NULL;
    fprintf(stderr, "emulated NVIDIA device: %s\n", text);
    if (f) {
        fprintf(f, "%s\n", text);
        fclose(f);
    }
}

__attribute__((destructor)) static void end(void)
{
    char text[96];
    snprintf(text, sizeof(text), "%" PRIu64 " launches, %" PRIu64 " complaints", launches,
             complaints);
    if (launches || complaints)
        print(text);
}

void report_launch(void)
{
    launches++;
}

/* ---- complaints ---------------------------------------------------------------------------- */

static const char *source_file(const struct kernel *k, const struct instr *i)
{
    const char *name = i->source_file < 64 ? k->program->files[i->source_file] : "";
    return *name ? name : "?";
}

void complain(struct warp *w, struct instr *i, int lane, enum complaint kind, const char *fmt, ...)
{
    const struct kernel *k = w->worker->launch->kernel;
    const uint32_t *group = w->worker->group, bit = 1u << kind;
    char what[256], text[640];
    va_list args;
    if (atomic_fetch_or(&i->complaints, bit) & bit)
        return;
    complaints++;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    snprintf(text, sizeof(text), "%s, %s:%u (PTX line %u, %s), group %u,%u,%u, item %u: %s",
             k->name, source_file(k, i), i->source_line, i->line, i->op, group[0], group[1],
             group[2], w->number * WARP + (uint32_t)lane, what);
    print(text);
}

void complain_of_call(const char *kernel, const char *fmt, ...)
{
    char what[256], text[384];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof(what), fmt, args);
    va_end(args);
    complaints++;
    snprintf(text, sizeof(text), "%s: %s", kernel, what);
    print(text);
}

/* ---- counts -------------------------------------------------------------------------------- */

static void add(struct tally *t, uint32_t cost, uint32_t least)
{
    const uint32_t worst = 16 * cost / least;
    t->requests++;
    t->cost += cost;
    t->least += least;
    if (worst > t->worst)
        t->worst = worst; /* a lost update of the other thread changes little */
}

/* Puts a number into a set of at most 128. */
static void put(uint32_t *set, uint32_t *n, uint32_t number)
{
    for (uint32_t k = *n; k-- > 0;)
        if (set[k] == number)
            return;
    set[(*n)++] = number;
}

/*
 * Wavefronts: 32 banks, each of one 32-bit word. Lanes go together as 32, 16 or 8 if each accesses
 * up to 4, 8 or 16 bytes; a group takes as many wavefronts as its fullest bank has different words.
 */
void tally_local(struct instr *i, const uint32_t *offset, uint32_t lanes, uint32_t bytes)
{
    const int together = bytes <= 4 ? 32 : bytes <= 8 ? 16 : 8;
    uint32_t cost = 0, least = 0;
    for (int first = 0; first < WARP; first += together) {
        uint32_t words[32 * 4], n = 0, bank[32] = {0}, most = 0;
        for (int l = first; l < first + together; l++)
            for (uint32_t b = 0; b < bytes && lanes >> l & 1; b += 4)
                put(words, &n, (offset[l] + b) / 4);
        for (uint32_t k = 0; k < n; k++)
            if (++bank[words[k] % 32] > most)
                most = bank[words[k] % 32];
        cost += most;
        least += (n + 31) / 32;
    }
    if (least)
        add(&i->tallies[0], cost, least);
}

/* Sectors of 32 bytes, and as many as the different bytes would fill. */
void tally_global(struct instr *i, const uint64_t *address, uint32_t lanes, uint32_t bytes)
{
    uint32_t sectors[WARP], n = 0, starts[WARP], n_starts = 0;
    for (int l = 0; l < WARP; l++) {
        if (!(lanes >> l & 1))
            continue;
        put(sectors, &n, (uint32_t)(address[l] / 32));
        put(starts, &n_starts, (uint32_t)(address[l] / bytes));
    }
    if (n)
        add(&i->tallies[1], n, (n_starts * bytes + 31) / 32);
}

static void print_tally(FILE *f, const struct kernel *k, const struct instr *i, int memory)
{
    const struct tally *t = &i->tallies[memory];
    if (!t->requests)
        return;
    fprintf(f, "%s\t%s:%u\t%u\t%s\t%s\t%" PRIu64 "\t%.2f\t%.2f\t%.2f\t%.2f\n", k->name,
            source_file(k, i), i->source_line, i->line, i->op, memory ? "sectors" : "wavefronts",
            t->requests, (double)t->cost / (double)t->requests,
            (double)t->least / (double)t->requests, (double)t->cost / (double)t->least,
            t->worst / 16.0);
}

void report_kernels(const struct program *program)
{
    static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
    const char *path = getenv("ELCL_NVIDIA_COUNTS");
    FILE *f = path ? fopen(path, "a") : NULL;
    if (!f)
        return;
    pthread_mutex_lock(&turn);
    for (size_t n = 0; n < program->n; n++) {
        const struct kernel *k = program->kernels[n];
        if (!k->launches)
            continue;
        fprintf(f,
                "# %s: %" PRIu64 " launches, %" PRIu64 " instructions of warps, %" PRIu64
                " products of matrices; %s\n",
                k->name, k->launches, k->instructions, k->matrix_instructions, program->path);
        fprintf(f, "# kernel\tsource\tPTX line\tinstruction\tunit\trequests\tper request\tleast"
                   "\tratio\tworst ratio\n");
        for (size_t c = 0; c < k->n; c++)
            for (int memory = 0; memory < 2; memory++)
                print_tally(f, k, &k->code[c], memory);
    }
    fclose(f);
    pthread_mutex_unlock(&turn);
}

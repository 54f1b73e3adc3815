/*
 * Whether a mma_*.cl takes the elements of A and B from local memory, and gives those of C, as the
 * vendor's documents lay them out over lanes: it runs here, on a processor, one lane after the
 * other, and the instruction is done from the fragments of all lanes by the words of the documents.
 *
 *     fragments NAME   one of the layouts below
 *
 * It shares nothing with cl/: a mistake in reading the documents shows only on a device.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* cl/, see fragments.cl */
extern const int lanes;
void multiply(const uint32_t *a, const uint32_t *b, int ld, float *sums);
void multiply_wide(const void *x, const void *w, int width, int f16, float *sums);
int row_place(int row, int chunk);
int column_place(int k, int chunk, int width);
int row(int lane, int i);
int column(int lane, int i);

struct place {
    int row, column; /* of A: row and k, of B: k and column */
};

/* Where element i of a lane's fragment stands. */
struct layout {
    const char *name;
    int m, n; /* of the instruction; its K is 16 */
    int n_a, n_b, n_c;
    struct place (*a)(int lane, int i), (*b)(int lane, int i), (*c)(int lane, int i);
};

/* PTX ISA 7.0, "Matrix Fragments for mma.m16n8k16 with floating point type": groupID and
 * threadID_in_group. */
static struct place nvidia_a(int lane, int i)
{
    const int group = lane >> 2, thread = lane % 4;
    const int lower = !((0 <= i && i < 2) || (4 <= i && i < 6));
    return (struct place){lower ? group + 8 : group, thread * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
}

static struct place nvidia_b(int lane, int i)
{
    return (struct place){lane % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0), lane >> 2};
}

static struct place nvidia_c(int lane, int i)
{
    return (struct place){i < 2 ? lane >> 2 : (lane >> 2) + 8, lane % 4 * 2 + (i & 1)};
}

/* "RDNA3" ISA guide, 7.9: lanes 16 .. 31 repeat A and B. */
static struct place wmma_a(int lane, int i)
{
    return (struct place){lane % 16, i};
}

static struct place wmma_b(int lane, int i)
{
    return (struct place){i, lane % 16};
}

static struct place wmma_c(int lane, int i)
{
    return (struct place){2 * i + lane / 16, lane % 16};
}

/* AMD's matrix instruction calculator, v_mfma_f32_16x16x16_bf16_1k: four neighbors in k. */
static struct place mfma_a(int lane, int i)
{
    return (struct place){lane % 16, 4 * (lane / 16) + i};
}

static struct place mfma_b(int lane, int i)
{
    return (struct place){4 * (lane / 16) + i, lane % 16};
}

static struct place mfma_c(int lane, int i)
{
    return (struct place){4 * (lane / 16) + i, lane % 16};
}

/* cl_intel_subgroup_matrix_multiply_accumulate: a row of A in each component, over all lanes. */
static struct place intel8_a(int lane, int i)
{
    return (struct place){i / 2, 2 * lane + i % 2};
}

static struct place intel16_a(int lane, int i)
{
    return (struct place){i, lane};
}

static struct place intel_b(int lane, int i)
{
    return (struct place){i, lane};
}

static struct place intel_c(int lane, int i)
{
    return (struct place){i, lane};
}

static const struct layout layouts[] = {
    {"mma_nvidia", 16, 8, 8, 4, 4, nvidia_a, nvidia_b, nvidia_c},
    {"mma_amd_wmma", 16, 16, 16, 16, 8, wmma_a, wmma_b, wmma_c},
    {"mma_amd_mfma", 16, 16, 4, 4, 4, mfma_a, mfma_b, mfma_c},
    {"mma_intel 8", 8, 8, 16, 16, 8, intel8_a, intel_b, intel_c},
    {"mma_intel 16", 8, 16, 8, 16, 8, intel16_a, intel_b, intel_c},
};

/* ---- all lanes, one after the other --------------------------------------------------------- */

enum { MAX_LANES = 64, MAX_CALLS = 4 };

/* What the lanes gave to the instruction at each call: the first round collects, the second
 * multiplies. */
static struct {
    const struct layout *layout;
    int lane, call, second_round;
    float a[MAX_CALLS][16][16], b[MAX_CALLS][16][16];
    int twice; /* lanes gave different numbers for one element */
} all;

int this_item(void);
int this_item(void)
{
    return all.lane + 2 * lanes; /* of the third group of lanes */
}

static float widen(uint16_t bf16)
{
    const uint32_t bits = (uint32_t)bf16 << 16;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

static void keep(float *element, uint16_t bits)
{
    all.twice += *element != 0 && *element != widen(bits);
    *element = widen(bits);
}

void exchange(const void *a, const void *b, float *c);
void exchange(const void *a, const void *b, float *c)
{
    const struct layout *l = all.layout;
    const uint16_t *a16 = a, *b16 = b;
    const int call = all.call++;
    for (int i = 0; i < l->n_a && !all.second_round; i++) {
        const struct place p = l->a(all.lane, i);
        keep(&all.a[call][p.row][p.column], a16[i]);
    }
    for (int i = 0; i < l->n_b && !all.second_round; i++) {
        const struct place p = l->b(all.lane, i);
        keep(&all.b[call][p.row][p.column], b16[i]);
    }
    for (int i = 0; i < l->n_c && all.second_round; i++) {
        const struct place p = l->c(all.lane, i);
        for (int k = 0; k < 16; k++)
            c[i] += all.a[call][p.row][k] * all.b[call][k][p.column];
    }
}

/* Whole numbers but 0, different all over a row and a column. */
static float element(int matrix, int i, int k)
{
    const int v = (5 * i + 3 * k + i * k + 7 * matrix) % 31 - 15;
    return (float)(v ? v : 16);
}

static uint32_t pair_of(float low, float high)
{
    uint32_t l, h;
    memcpy(&l, &low, sizeof(l));
    memcpy(&h, &high, sizeof(h));
    return l >> 16 | (h & 0xffff0000u);
}

static int check_sums(float sums[MAX_LANES][32])
{
    int wrong = 0, covered[16][16] = {{0}};
    for (int lane = 0; lane < lanes; lane++)
        for (int i = 0; i < 256 / lanes; i++) {
            const int m = row(lane, i), n = column(lane, i);
            float want = 1;
            for (int k = 0; k < 16; k++)
                want += element(0, m, k) * element(1, n, k);
            wrong += sums[lane][i] != want;
            covered[m][n]++;
        }
    for (int i = 0; i < 256; i++)
        wrong += covered[i / 16][i % 16] != 1;
    return wrong;
}

/* Both rounds over all lanes; `wide`: of the tiles a and b, where b has rows or `width` chunks. */
static int run(const void *a, const void *b, int ld, int wide, int width, int f16)
{
    static float sums[MAX_LANES][32];
    memset(all.a, 0, sizeof(all.a));
    memset(all.b, 0, sizeof(all.b));
    all.twice = 0;
    for (all.second_round = 0; all.second_round < 2; all.second_round++)
        for (all.lane = 0; all.lane < lanes; all.lane++) {
            for (int i = 0; i < 256 / lanes; i++)
                sums[all.lane][i] = 1;
            all.call = 0;
            if (wide)
                multiply_wide(a, b, width, f16, sums[all.lane]);
            else
                multiply(a, b, ld, sums[all.lane]);
        }
    return check_sums(sums) + all.twice;
}

static uint16_t bf16_of(float value)
{
    return (uint16_t)(pair_of(value, 0) & 0xffff);
}

static int run_panels(void)
{
    enum { LD = 24 };
    uint32_t a[8 * LD] = {0}, b[8 * LD] = {0};
    for (int i = 0; i < 16; i++)
        for (int k = 0; k < 8; k++) {
            a[k * LD + i] = pair_of(element(0, i, 2 * k), element(0, i, 2 * k + 1));
            b[k * LD + i] = pair_of(element(1, i, 2 * k), element(1, i, 2 * k + 1));
        }
    return run(a, b, LD, 0, 0, 0);
}

/* Rows and terms 16 .. 31 of tiles, in chunks of 8; the last 16 columns of tiles of columns. */
static int run_tiles(void)
{
    static const int widths[] = {0, 2, 16};
    enum { CHUNKS = 32 * 16 };
    static uint16_t x[CHUNKS][8], w[CHUNKS][8];
    int wrong = 0;
    for (int v = 0; v < 3 * 2; v++) {
        const int width = widths[v / 2];
        memset(x, 0x41, sizeof(x)); /* not 0 */
        memset(w, 0x41, sizeof(w));
        for (int i = 0; i < 16; i++)
            for (int k = 0; k < 16; k++) {
                x[row_place(16 + i, 2 + k / 8)][k % 8] = bf16_of(element(0, i, k));
                if (width)
                    w[column_place(16 + k, width - 2 + i / 8, width)][i % 8] =
                        bf16_of(element(1, i, k));
                else
                    w[row_place(16 + i, 2 + k / 8)][k % 8] = bf16_of(element(1, i, k));
            }
        wrong += run(x, w, 0, 1, width, v % 2);
    }
    return wrong;
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++)
        if (argc == 2 && !strcmp(argv[1], layouts[i].name))
            all.layout = &layouts[i];
    if (!all.layout)
        return 2;
    const int wrong = run_panels() + run_tiles();
    if (wrong)
        printf("%s: %d elements are wrong\n", argv[1], wrong);
    return wrong != 0;
}

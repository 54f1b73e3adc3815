#include "format/inflate.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/util.h"

#define MAX_BITS 15    /* of a code */
#define N_LITERALS 288 /* bytes, the end of a block, lengths */
#define N_DISTANCES 30
#define N_LENGTH_CODES 19
#define END_OF_BLOCK 256
#define FIRST_LENGTH 257
#define N_LENGTHS 29

/* The next MAX_BITS bits of the data, of which a code is the lowest ones, give symbol << 4 | bits
 * of the code; 0: no code. */
struct codes {
    uint16_t entries[1 << MAX_BITS];
};

struct inflater {
    const unsigned char *p, *end;
    uint64_t bits; /* the lowest n_bits are read and not yet used */
    int n_bits;
    unsigned char *out;
    size_t n, size;
    struct codes literals, distances;
};

/* ---- bits ---- */

/* After the end of the data come zeros, which take_bits() does not give out. */
static uint32_t peek_bits(struct inflater *f, int n)
{
    while (f->n_bits < n && f->p < f->end) {
        f->bits |= (uint64_t)*f->p++ << f->n_bits;
        f->n_bits += 8;
    }
    return (uint32_t)(f->bits & ((UINT64_C(1) << n) - 1));
}

static bool take_bits(struct inflater *f, int n, uint32_t *value)
{
    *value = peek_bits(f, n);
    if (f->n_bits < n)
        return false;
    f->bits >>= n;
    f->n_bits -= n;
    return true;
}

/* ---- codes ---- */

/* Codes of one length count up, shorter ones first; in the data their highest bit comes first.
 * Refuses lengths that need more codes than there are. */
static bool make_codes(struct codes *codes, const unsigned char *lengths, int n)
{
    int count[MAX_BITS + 1] = {0}, next[MAX_BITS + 2] = {0};
    for (int i = 0; i < n; i++)
        count[lengths[i]]++;
    count[0] = 0;
    for (int bits = 1; bits <= MAX_BITS; bits++) {
        next[bits + 1] = (next[bits] + count[bits]) << 1;
        if (next[bits] + count[bits] > 1 << bits)
            return false;
    }
    memset(codes, 0, sizeof(*codes));
    for (int i = 0; i < n; i++) {
        const int length = lengths[i];
        int code = length ? next[length]++ : 0, turned = 0;
        for (int bit = 0; bit < length; bit++, code >>= 1)
            turned = turned << 1 | (code & 1);
        for (int at = turned; length && at < 1 << MAX_BITS; at += 1 << length)
            codes->entries[at] = (uint16_t)(i << 4 | length);
    }
    return true;
}

static bool take_symbol(struct inflater *f, const struct codes *codes, int *symbol)
{
    const int entry = codes->entries[peek_bits(f, MAX_BITS)], length = entry & 15;
    uint32_t code;
    *symbol = entry >> 4;
    return length && take_bits(f, length, &code);
}

static bool fixed_codes(struct inflater *f)
{
    unsigned char lengths[N_LITERALS];
    for (int i = 0; i < N_LITERALS; i++)
        lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    if (!make_codes(&f->literals, lengths, N_LITERALS))
        return false;
    memset(lengths, 5, N_DISTANCES);
    return make_codes(&f->distances, lengths, N_DISTANCES);
}

/* Reads the lengths of both codes, which are coded themselves: 16 repeats the last one, 17 and 18
 * are runs of zeros. */
static bool read_lengths(struct inflater *f, unsigned char *lengths, int n)
{
    static const struct {
        int bits, least;
    } runs[] = {{2, 3}, {3, 3}, {7, 11}};
    for (int i = 0; i < n;) {
        int symbol;
        uint32_t more = 0;
        if (!take_symbol(f, &f->literals, &symbol))
            return false;
        if (symbol < 16) {
            lengths[i++] = (unsigned char)symbol;
            continue;
        }
        if ((symbol == 16 && !i) || !take_bits(f, runs[symbol - 16].bits, &more))
            return false;
        const int run = runs[symbol - 16].least + (int)more;
        if (run > n - i)
            return false;
        memset(lengths + i, symbol == 16 ? lengths[i - 1] : 0, (size_t)run);
        i += run;
    }
    return true;
}

static bool stored_codes(struct inflater *f)
{
    static const unsigned char order[N_LENGTH_CODES] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                        11, 4,  12, 3, 13, 2, 14, 1, 15};
    unsigned char lengths[N_LITERALS + 32] = {0};
    uint32_t literals, distances, n, length;
    if (!take_bits(f, 5, &literals) || !take_bits(f, 5, &distances) || !take_bits(f, 4, &n))
        return false;
    literals += FIRST_LENGTH;
    distances += 1;
    if (literals > N_LITERALS - 2 || distances > N_DISTANCES)
        return false;
    for (uint32_t i = 0; i < n + 4; i++) {
        if (!take_bits(f, 3, &length))
            return false;
        lengths[order[i]] = (unsigned char)length;
    }
    if (!make_codes(&f->literals, lengths, N_LENGTH_CODES))
        return false;
    memset(lengths, 0, sizeof(lengths));
    return read_lengths(f, lengths, (int)(literals + distances)) &&
           make_codes(&f->literals, lengths, (int)literals) &&
           make_codes(&f->distances, lengths + literals, (int)distances);
}

/* ---- blocks ---- */

/* Copies bytes that came `distance` bytes earlier; they may overlap with the copy. */
static bool repeat(struct inflater *f, size_t distance, size_t length)
{
    if (distance > f->n || length > f->size - f->n)
        return false;
    for (; length; length--, f->n++)
        f->out[f->n] = f->out[f->n - distance];
    return true;
}

static bool take_repeat(struct inflater *f, int symbol)
{
    static const uint16_t lengths[N_LENGTHS] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                                15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                                67, 83, 99, 115, 131, 163, 195, 227, 258};
    static const unsigned char length_bits[N_LENGTHS] = {
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
    uint32_t more = 0, far = 0;
    int place;
    symbol -= FIRST_LENGTH;
    if (symbol >= N_LENGTHS || !take_bits(f, length_bits[symbol], &more) ||
        !take_symbol(f, &f->distances, &place) || place >= N_DISTANCES)
        return false;
    /* Two codes for each number of further bits, from the third pair on. */
    const int bits = place < 4 ? 0 : place / 2 - 1;
    const size_t first = place < 4 ? (size_t)place + 1 : ((size_t)(2 + (place & 1)) << bits) + 1;
    return take_bits(f, bits, &far) && repeat(f, first + far, lengths[symbol] + more);
}

static bool coded_block(struct inflater *f)
{
    int symbol;
    while (take_symbol(f, &f->literals, &symbol)) {
        if (symbol == END_OF_BLOCK)
            return true;
        if (symbol > END_OF_BLOCK) {
            if (!take_repeat(f, symbol))
                return false;
        } else {
            if (f->n == f->size)
                return false;
            f->out[f->n++] = (unsigned char)symbol;
        }
    }
    return false;
}

static bool plain_block(struct inflater *f)
{
    uint32_t n, inverted;
    const int odd = f->n_bits % 8; /* up to the next whole byte */
    f->bits >>= odd;
    f->n_bits -= odd;
    if (!take_bits(f, 16, &n) || !take_bits(f, 16, &inverted) || (n ^ inverted) != 0xffff)
        return false;
    f->p -= f->n_bits / 8; /* bytes that were read ahead */
    f->bits = 0;
    f->n_bits = 0;
    if (n > (size_t)(f->end - f->p) || n > f->size - f->n)
        return false;
    if (n)
        memcpy(f->out + f->n, f->p, n);
    f->n += n;
    f->p += n;
    return true;
}

static bool run(struct inflater *f)
{
    uint32_t last = 0, kind;
    while (!last) {
        if (!take_bits(f, 1, &last) || !take_bits(f, 2, &kind))
            return false;
        const bool ok = kind == 0   ? plain_block(f)
                        : kind == 1 ? fixed_codes(f) && coded_block(f)
                        : kind == 2 ? stored_codes(f) && coded_block(f)
                                    : false;
        if (!ok)
            return false;
    }
    return f->n == f->size;
}

int elcl_inflate(const void *data, size_t bytes, const char *name, void *out, size_t size,
                 elcl_error *err)
{
    struct inflater *f = elcl_calloc(1, sizeof(*f)); /* too large for a small stack */
    if (!f)
        return elcl_fail_nomem(err);
    f->p = data;
    f->end = bytes ? f->p + bytes : f->p;
    f->out = out;
    f->size = size;
    const bool ok = run(f);
    elcl_free(f);
    return ok ? ELCL_OK : elcl_fail(err, ELCL_E_FORMAT, "%s: its compressed data is damaged", name);
}

#include "speech/ogg.h"

#include <stdio.h>
#include <string.h>

#include "base/util.h"

#define HEAD_BYTES 27 /* of a page, before the sizes of its segments */
#define MAX_PAGE_BYTES (HEAD_BYTES + 255 + 255 * 255)
#define FIRST 2 /* flags: the page begins a stream, the page ends it */
#define LAST 4

struct pages {
    const struct elcl_file *file;
    size_t at;
    uint32_t table[256];
    unsigned char page[MAX_PAGE_BYTES];
};

/* The polynomial 0x04c11db7, the highest bit first, from 0. */
static void make_table(uint32_t table[256])
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t sum = i << 24;
        for (int bit = 0; bit < 8; bit++)
            sum = sum << 1 ^ (sum >> 31 ? 0x04c11db7u : 0);
        table[i] = sum;
    }
}

/* The sum of a page, in which its own four bytes count as 0. */
static uint32_t sum_page(const struct pages *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned char byte = i >= 22 && i < 26 ? 0 : p->page[i];
        sum = sum << 8 ^ p->table[(sum >> 24) ^ byte];
    }
    return sum;
}

/* Reads the page at p->at; *n is its size, or 0 if it is damaged or cut. */
static int read_page(struct pages *p, size_t *n, elcl_error *err)
{
    const size_t there = p->file->bytes - p->at;
    const size_t most = there < MAX_PAGE_BYTES ? there : MAX_PAGE_BYTES;
    size_t bytes = HEAD_BYTES;
    *n = 0;
    int rc = elcl_file_read(p->file, p->at, p->page, there < 282 ? there : 282, err);
    if (rc || there < HEAD_BYTES || memcmp(p->page, "OggS", 4) != 0)
        return rc;
    const size_t segments = p->page[26];
    bytes += segments;
    for (size_t i = 0; bytes <= most && i < segments; i++)
        bytes += p->page[HEAD_BYTES + i];
    if (bytes > most)
        return ELCL_OK;
    rc = elcl_file_read(p->file, p->at, p->page, bytes, err);
    if (!rc && sum_page(p, bytes) == (uint32_t)elcl_read_le(p->page + 22, 4))
        *n = bytes;
    return rc;
}

static int walk(struct pages *p, char fault[ELCL_FAULT_BYTES], elcl_error *err)
{
    bool ended = false;
    while (p->at < p->file->bytes) {
        size_t n;
        const int rc = read_page(p, &n, err);
        if (rc)
            return rc;
        if (!n && ended) /* tags of other programs */
            return ELCL_OK;
        if (!n || (ended && p->page[5] & FIRST)) {
            snprintf(fault, ELCL_FAULT_BYTES,
                     n ? "another sound begins at byte %zu" : "it is damaged at byte %zu", p->at);
            return ELCL_OK;
        }
        ended = ended || p->page[5] & LAST;
        p->at += n;
    }
    if (!ended)
        snprintf(fault, ELCL_FAULT_BYTES, "the end of the stream is missing");
    return ELCL_OK;
}

int elcl_ogg_check(const struct elcl_file *file, char fault[ELCL_FAULT_BYTES], elcl_error *err)
{
    struct pages *pages = elcl_calloc(1, sizeof(*pages));
    if (!pages)
        return elcl_fail_nomem(err);
    pages->file = file;
    fault[0] = '\0';
    make_table(pages->table);
    const int rc = walk(pages, fault, err);
    elcl_free(pages);
    return rc;
}

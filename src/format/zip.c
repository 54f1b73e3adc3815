#include "format/zip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* Signatures of records, and their sizes without names and other variable parts. */
#define LOCAL 0x04034b50u
#define LOCAL_BYTES 30
#define CENTRAL 0x02014b50u
#define CENTRAL_BYTES 46
#define END 0x06054b50u
#define END_BYTES 22
#define END64 0x06064b50u
#define END64_BYTES 56
#define LOCATOR64 0x07064b50u
#define LOCATOR64_BYTES 20
#define MAX_COMMENT 65535
#define MAX_NAME 65535
#define MAX_ENTRIES ((uint64_t)1 << 22)

#define DEFLATED 8 /* a method; 0: stored */

#define IN_ZIP64_32 0xffffffffu /* the value is in a zip64 field */

/* The state of reading an archive. */
struct reader {
    const struct elcl_file *file;
    const unsigned char *end; /* the last bytes of the file, from end_at on */
    size_t end_at;
    unsigned char *local; /* [LOCAL_BYTES + MAX_NAME] an entry's own header */
    bool deflated;        /* entries may be */
    struct span *spans;   /* [zip->n] the bytes of each entry */
};

struct span {
    size_t begin, end;
};

/* The central directory. */
struct directory {
    uint64_t at, bytes, n;
};

/* One entry of the directory. */
struct record {
    const unsigned char *name;
    size_t n_name;
    unsigned flags, method;
    uint32_t checksum;
    uint64_t stored, size, at; /* bytes in the file, bytes of the content, the local header */
};

static int bad(const struct reader *r, const char *what, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%s: not a whole zip archive: %s", r->file->path, what);
}

/* ---- the end of the archive ---- */

/* Returns the last offset at which an end record with its comment fits exactly, or the file's
 * size. */
static size_t find_end(const struct reader *r)
{
    const size_t n = r->file->bytes;
    for (size_t comment = 0; comment <= MAX_COMMENT && comment + END_BYTES <= n; comment++) {
        const size_t at = n - END_BYTES - comment;
        const unsigned char *p = r->end + (at - r->end_at);
        if (elcl_read_le(p, 4) == END && elcl_read_le(p + 20, 2) == comment)
            return at;
    }
    return n;
}

static int read_end64(const struct reader *r, size_t end, struct directory *d, elcl_error *err)
{
    const unsigned char *locator = r->end + (end - LOCATOR64_BYTES - r->end_at);
    const uint64_t at = elcl_read_le(locator + 8, 8);
    unsigned char record[END64_BYTES] = {0};
    int rc = ELCL_OK;
    if (end - LOCATOR64_BYTES >= END64_BYTES && at <= end - LOCATOR64_BYTES - END64_BYTES)
        rc = elcl_file_read(r->file, (size_t)at, record, sizeof(record), err);
    if (rc)
        return rc;
    if (elcl_read_le(record, 4) != END64)
        return bad(r, "its zip64 end record is not where it should be", err);
    if (elcl_read_le(record + 16, 4) || elcl_read_le(record + 20, 4) ||
        elcl_read_le(record + 24, 8) != elcl_read_le(record + 32, 8))
        return bad(r, "it has several parts", err);
    d->n = elcl_read_le(record + 32, 8);
    d->bytes = elcl_read_le(record + 40, 8);
    d->at = elcl_read_le(record + 48, 8);
    return ELCL_OK;
}

static int read_end(const struct reader *r, struct directory *d, elcl_error *err)
{
    const size_t end = find_end(r);
    if (end == r->file->bytes)
        return bad(r, "it has no end record; is the file complete?", err);
    const unsigned char *record = r->end + (end - r->end_at);
    if (end >= LOCATOR64_BYTES && elcl_read_le(record - LOCATOR64_BYTES, 4) == LOCATOR64) {
        const int rc = read_end64(r, end, d, err);
        if (rc)
            return rc;
    } else {
        if (elcl_read_le(record + 4, 2) || elcl_read_le(record + 6, 2) ||
            elcl_read_le(record + 8, 2) != elcl_read_le(record + 10, 2))
            return bad(r, "it has several parts", err);
        d->n = elcl_read_le(record + 10, 2);
        d->bytes = elcl_read_le(record + 12, 4);
        d->at = elcl_read_le(record + 16, 4);
    }
    if (d->at > end || d->bytes > end - d->at)
        return bad(r, "its directory lies outside the file", err);
    if (d->n > MAX_ENTRIES || d->n > d->bytes / CENTRAL_BYTES)
        return bad(r, "it has fewer entries than its end record says", err);
    return ELCL_OK;
}

/* ---- entries ---- */

/* Reads sizes and offset that do not fit 32 bits from an extra field of type 1, in this order. */
static int read_zip64(const struct reader *r, const unsigned char *extra, size_t n,
                      struct record *record, elcl_error *err)
{
    uint64_t *const values[] = {&record->size, &record->stored, &record->at};
    size_t field = 4, left = 0;
    for (size_t i = 0; i + 4 <= n && !left; i += 4 + elcl_read_le(extra + i + 2, 2)) {
        if (elcl_read_le(extra + i, 2) == 1) {
            field = i + 4;
            left = elcl_read_le(extra + i + 2, 2);
            if (left > n - field)
                return bad(r, "an extra field is too long", err);
        }
    }
    for (size_t i = 0; i < ELCL_COUNT(values); i++) {
        if (*values[i] != IN_ZIP64_32)
            continue;
        if (left < 8)
            return bad(r, "a zip64 field is missing", err);
        *values[i] = elcl_read_le(extra + field, 8);
        field += 8;
        left -= 8;
    }
    return ELCL_OK;
}

/* Reads the directory entry at *p; *left bytes of the directory remain. */
static int read_record(const struct reader *r, const unsigned char **p, size_t *left,
                       struct record *record, elcl_error *err)
{
    const unsigned char *q = *p;
    if (*left < CENTRAL_BYTES || elcl_read_le(q, 4) != CENTRAL)
        return bad(r, "its directory is damaged", err);
    const size_t n_name = elcl_read_le(q + 28, 2), n_extra = elcl_read_le(q + 30, 2);
    const size_t bytes = CENTRAL_BYTES + n_name + n_extra + elcl_read_le(q + 32, 2);
    if (bytes > *left)
        return bad(r, "its directory is damaged", err);
    *record = (struct record){
        .name = q + CENTRAL_BYTES,
        .n_name = n_name,
        .flags = (unsigned)elcl_read_le(q + 8, 2),
        .method = (unsigned)elcl_read_le(q + 10, 2),
        .checksum = (uint32_t)elcl_read_le(q + 16, 4),
        .stored = elcl_read_le(q + 20, 4),
        .size = elcl_read_le(q + 24, 4),
        .at = elcl_read_le(q + 42, 4),
    };
    *p += bytes;
    *left -= bytes;
    return read_zip64(r, q + CENTRAL_BYTES + n_name, n_extra, record, err);
}

static int bad_entry(const struct reader *r, const struct record *record, const char *what,
                     elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%s: entry %.*s %s", r->file->path,
                     record->n_name < 200 ? (int)record->n_name : 200, (const char *)record->name,
                     what);
}

/* Reads the own header of an entry with its name, as far as the file goes to `limit`. */
static int read_local(const struct reader *r, const struct record *record, size_t limit,
                      elcl_error *err)
{
    const size_t left = limit - (size_t)record->at, n = LOCAL_BYTES + record->n_name;
    return elcl_file_read(r->file, (size_t)record->at, r->local, n < left ? n : left, err);
}

/* Finds the content after the entry's own header; entries end before the directory at `limit`. */
static int locate(const struct reader *r, const struct record *record, size_t limit,
                  struct elcl_zip_entry *entry, struct span *span, elcl_error *err)
{
    if (record->flags & 1)
        return bad_entry(r, record, "is encrypted", err);
    const bool deflated = r->deflated && record->method == DEFLATED;
    if (record->method && !deflated)
        return bad_entry(r, record,
                         r->deflated ? "is compressed in a way that elcl does not know"
                                     : "is compressed; expected a stored entry",
                         err);
    if (!deflated && record->stored != record->size)
        return bad_entry(r, record, "is stored but has two different sizes", err);
    const bool inside = record->at <= limit && limit - record->at >= LOCAL_BYTES;
    const int rc = inside ? read_local(r, record, limit, err) : ELCL_OK;
    const unsigned char *local = r->local;
    if (rc)
        return rc;
    if (!inside || elcl_read_le(local, 4) != LOCAL)
        return bad_entry(r, record, "has no header where the directory says", err);
    const size_t n_name = elcl_read_le(local + 26, 2);
    const size_t skip = LOCAL_BYTES + n_name + elcl_read_le(local + 28, 2);
    const size_t left = limit - (size_t)record->at;
    if (skip > left || record->stored > left - skip)
        return bad_entry(r, record, "reaches beyond the entries' end", err);
    if (n_name != record->n_name || memcmp(local + LOCAL_BYTES, record->name, n_name) != 0)
        return bad_entry(r, record, "has another name in its own header", err);
    *entry = (struct elcl_zip_entry){.name = (const char *)record->name,
                                     .n_name = record->n_name,
                                     .at = (size_t)record->at + skip,
                                     .bytes = (size_t)record->stored,
                                     .deflated = deflated,
                                     .checksum = record->checksum,
                                     .size = (size_t)record->size};
    *span = (struct span){(size_t)record->at, (size_t)record->at + skip + (size_t)record->stored};
    return ELCL_OK;
}

static int compare_spans(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

static int read_entries(struct reader *r, const struct directory *d, struct elcl_zip *zip,
                        elcl_error *err)
{
    const unsigned char *p = (const unsigned char *)zip->directory;
    size_t left = (size_t)d->bytes;
    for (; zip->n < d->n; zip->n++) {
        struct record record = {0};
        int rc = read_record(r, &p, &left, &record, err);
        if (!rc)
            rc = locate(r, &record, (size_t)d->at, &zip->entries[zip->n], &r->spans[zip->n], err);
        int32_t found;
        if (!rc)
            rc = elcl_strmap_add(&zip->names, (const char *)record.name, record.n_name,
                                 (int32_t)zip->n, &found, err);
        if (rc)
            return rc;
        if (zip->names.n == zip->n)
            return bad_entry(r, &record, "appears twice", err);
    }
    qsort(r->spans, zip->n, sizeof(*r->spans), compare_spans);
    for (size_t i = 1; i < zip->n; i++)
        if (r->spans[i].begin < r->spans[i - 1].end)
            return elcl_fail(err, ELCL_E_FORMAT, "%s: two entries overlap at byte %zu",
                             r->file->path, r->spans[i].begin);
    return ELCL_OK;
}

/* Reads the last bytes, in which the end record is. */
static int read_tail(struct reader *r, char **tail, elcl_error *err)
{
    const size_t most = LOCATOR64_BYTES + END_BYTES + MAX_COMMENT;
    const size_t n = r->file->bytes < most ? r->file->bytes : most;
    r->end_at = r->file->bytes - n;
    const int rc = elcl_file_copy(r->file, r->end_at, n, tail, err);
    r->end = (const unsigned char *)*tail;
    return rc;
}

static int open_archive(const struct elcl_file *file, bool deflated, struct elcl_zip *zip,
                        elcl_error *err)
{
    struct reader r = {.file = file, .deflated = deflated};
    struct elcl_zip z = {0};
    struct directory d = {0};
    char *tail = NULL;
    int rc;
    ELCL_TRY(read_tail(&r, &tail, err));
    ELCL_TRY(read_end(&r, &d, err));
    ELCL_TRY(elcl_file_copy(file, (size_t)d.at, (size_t)d.bytes, &z.directory, err));
    z.entries = elcl_calloc((size_t)d.n, sizeof(*z.entries));
    r.spans = elcl_calloc((size_t)d.n, sizeof(*r.spans));
    r.local = elcl_calloc(LOCAL_BYTES + MAX_NAME, 1);
    if (!z.entries || !r.spans || !r.local) {
        rc = elcl_fail_nomem(err);
        goto fail;
    }
    ELCL_TRY(read_entries(&r, &d, &z, err));
    *zip = z;
    z = (struct elcl_zip){0};
fail:
    elcl_zip_finish(&z);
    elcl_free(r.spans);
    elcl_free(r.local);
    elcl_free(tail);
    return rc;
}

int elcl_zip_open(const struct elcl_file *file, struct elcl_zip *zip, elcl_error *err)
{
    return open_archive(file, false, zip, err);
}

int elcl_zip_open_deflated(const struct elcl_file *file, struct elcl_zip *zip, elcl_error *err)
{
    return open_archive(file, true, zip, err);
}

void elcl_zip_finish(struct elcl_zip *zip)
{
    elcl_free(zip->entries);
    elcl_free(zip->directory);
    elcl_strmap_finish(&zip->names);
    *zip = (struct elcl_zip){0};
}

const struct elcl_zip_entry *elcl_zip_find(const struct elcl_zip *zip, const char *name, size_t n)
{
    const int32_t i = elcl_strmap_get(&zip->names, name, n);
    return i < 0 ? NULL : &zip->entries[i];
}

#include "format/byte_reader.h"

#include "base/util.h"

int elcl_byte_reader_init(struct elcl_byte_reader *r, const struct elcl_file *file, elcl_error *err)
{
    *r = (struct elcl_byte_reader){.file = file, .window = elcl_calloc(1, ELCL_BYTE_WINDOW)};
    return r->window ? ELCL_OK : elcl_fail_nomem(err);
}

void elcl_byte_reader_finish(struct elcl_byte_reader *r)
{
    elcl_free(r->window);
    *r = (struct elcl_byte_reader){0};
}

int elcl_byte_reader_damaged(const struct elcl_byte_reader *r, const char *what, elcl_error *err)
{
    return elcl_fail(err, ELCL_E_FORMAT, "%s: %s; is the file complete?", r->file->path, what);
}

int elcl_byte_reader_take(struct elcl_byte_reader *r, size_t n, const char **p, elcl_error *err)
{
    const size_t left = elcl_bytes_left(r);
    if (left < n)
        return elcl_byte_reader_damaged(r, "ends too early", err);
    if (r->at < r->window_at || r->at + n > r->window_at + r->n_window) {
        const size_t want = left < ELCL_BYTE_WINDOW ? left : ELCL_BYTE_WINDOW;
        const int rc = elcl_file_read(r->file, r->at, r->window, want, err);
        if (rc)
            return rc;
        r->window_at = r->at;
        r->n_window = want;
    }
    *p = r->window + (r->at - r->window_at);
    r->at += n;
    return ELCL_OK;
}

int elcl_byte_reader_skip(struct elcl_byte_reader *r, size_t n, const char *what, elcl_error *err)
{
    if (n > elcl_bytes_left(r))
        return elcl_byte_reader_damaged(r, what, err);
    r->at += n;
    return ELCL_OK;
}

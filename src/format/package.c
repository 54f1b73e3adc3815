#include "format/package.h"

#include <inttypes.h>
#include <string.h>

#include "base/os.h"
#include "base/own_files.h"
#include "base/util.h"
#include "format/inflate.h"
#include "format/zip.h"

#define MODEL "model/"
#define MODEL_FILE "model/model.bin"
#define METADATA "metadata.json"

/* An archive on its way to the cache. */
struct package {
    const char *path; /* of the archive */
    struct elcl_file file;
    struct elcl_zip zip;
    const struct elcl_zip_entry *model; /* FOLDER/model/model.bin */
    size_t n_folder;                    /* characters of FOLDER/ */
    char *target;                       /* directory */
};

static bool is_archive(const char *path)
{
    const size_t n = strlen(path);
    return (elcl_ends_with(path, n, ".argosmodel") || elcl_ends_with(path, n, ".zip")) &&
           elcl_is_file(path);
}

/* ---- unpacking ------------------------------------------------------------------------------- */

static int find_model(struct package *p, elcl_error *err)
{
    for (size_t i = 0; i < p->zip.n; i++) {
        const struct elcl_zip_entry *e = &p->zip.entries[i];
        const size_t folder = e->n_name - strlen(MODEL_FILE);
        if (elcl_ends_with(e->name, e->n_name, MODEL_FILE) &&
            (!folder || e->name[folder - 1] == '/')) {
            p->model = e;
            p->n_folder = folder;
            return ELCL_OK;
        }
    }
    return elcl_fail(err, ELCL_E_FORMAT,
                     "%s: is an archive without " MODEL_FILE
                     ", which packages of argostranslate have; unpack other archives and name "
                     "their directory",
                     p->path);
}

/* The directory is named by all names, sizes and checksums: those of the archive's directory. */
static int name_target(struct package *p, elcl_error *err)
{
    char *cache = elcl_cache_directory();
    uint64_t hash = ELCL_HASH_INIT;
    struct elcl_str target = {0};
    elcl_error why = {0};
    if (cache && elcl_own_directory(cache, &why)) {
        elcl_free(cache);
        return elcl_fail(err, why.code,
                         "%s: cannot be unpacked: %s; or unpack it and name its directory", p->path,
                         why.msg);
    }
    if (!cache)
        return elcl_fail(err, ELCL_E_IO,
                         "%s: there is no cache directory to unpack it; set ELCL_CACHE_DIR, or "
                         "unpack it and name its directory",
                         p->path);
    for (size_t i = 0; i < p->zip.n; i++) {
        const struct elcl_zip_entry *e = &p->zip.entries[i];
        hash = elcl_hash(hash, e->name, e->n_name);
        hash = elcl_hash(hash, &e->size, sizeof(e->size));
        hash = elcl_hash(hash, &e->checksum, sizeof(e->checksum));
    }
    elcl_str_printf(&target, "%s/packages/%016" PRIx64, cache, hash);
    elcl_free(cache);
    p->target = target.data;
    return target.failed ? elcl_fail_nomem(err) : ELCL_OK;
}

/* Whether an entry is a file of the package or of its model, and a plain name: nothing can be
 * written outside the target. */
static bool is_wanted(const struct package *p, const struct elcl_zip_entry *e)
{
    const size_t n_model = strlen(MODEL);
    if (e->n_name <= p->n_folder || memcmp(e->name, p->model->name, p->n_folder) != 0)
        return false;
    const char *name = e->name + p->n_folder;
    size_t n = e->n_name - p->n_folder;
    if (n > n_model && !memcmp(name, MODEL, n_model)) {
        name += n_model;
        n -= n_model;
    }
    return *name != '.' && n < 200 && !memchr(name, '/', n) && !memchr(name, '\\', n) &&
           !memchr(name, '\0', n);
}

/* Whether the file is there as a whole: files appear only when they are complete. */
static bool is_there(const char *path, size_t bytes)
{
    struct elcl_file file = {0};
    const bool there = !elcl_file_open(path, &file, NULL) && file.bytes == bytes;
    elcl_file_close(&file);
    return there;
}

/* Deflated data is at most this many times larger when unpacked. */
#define MAX_RATIO 1032

/* A stored entry on its way into a file. */
struct copying {
    const struct package *package;
    const struct elcl_zip_entry *entry;
    char block[65536];
};

static int copy_block(void *user, size_t i, const void **data, size_t *bytes, elcl_error *err)
{
    struct copying *c = user;
    const size_t at = i * sizeof(c->block), left = c->entry->bytes - at;
    *bytes = left < sizeof(c->block) ? left : sizeof(c->block);
    *data = c->block;
    return elcl_file_read(&c->package->file, c->entry->at + at, c->block, *bytes, err);
}

static int write_stored(const struct package *p, const struct elcl_zip_entry *e, const char *to,
                        elcl_error *err)
{
    struct copying *c = elcl_calloc(1, sizeof(*c));
    if (!c)
        return elcl_fail_nomem(err);
    c->package = p;
    c->entry = e;
    const int rc =
        elcl_write_parts_atomic(to, elcl_div_up(e->bytes, sizeof(c->block)), copy_block, c, err);
    elcl_free(c);
    return rc;
}

static int write_deflated(const struct package *p, const struct elcl_zip_entry *e, const char *to,
                          elcl_error *err)
{
    if (e->size / MAX_RATIO > e->bytes)
        return elcl_fail(err, ELCL_E_FORMAT, "%s: %.*s: its size cannot be right", p->path,
                         (int)e->n_name, e->name);
    char *data = elcl_calloc(e->size, 1), *stored = NULL;
    int rc = data ? elcl_file_copy(&p->file, e->at, e->bytes, &stored, err) : elcl_fail_nomem(err);
    if (!rc)
        rc = elcl_inflate(stored, e->bytes, p->path, data, e->size, err);
    if (!rc)
        rc = elcl_write_file_atomic(to, data, e->size, err);
    elcl_free(data);
    elcl_free(stored);
    return rc;
}

static int unpack_entry(const struct package *p, const struct elcl_zip_entry *e, elcl_error *err)
{
    struct elcl_str to = {0};
    elcl_str_printf(&to, "%s/%.*s", p->target, (int)(e->n_name - p->n_folder),
                    e->name + p->n_folder);
    int rc = to.failed ? elcl_fail_nomem(err) : ELCL_OK;
    if (!rc && !is_there(to.data, e->size))
        rc = e->deflated ? write_deflated(p, e, to.data, err) : write_stored(p, e, to.data, err);
    elcl_str_finish(&to);
    return rc;
}

static int unpack(struct package *p, char **directory, elcl_error *err)
{
    char *model = NULL;
    int rc;
    ELCL_TRY(elcl_file_open(p->path, &p->file, err));
    ELCL_TRY(elcl_zip_open_deflated(&p->file, &p->zip, err));
    ELCL_TRY(find_model(p, err));
    ELCL_TRY(name_target(p, err));
    model = elcl_path_join(p->target, "model");
    if (!model) {
        rc = elcl_fail_nomem(err);
        goto fail;
    }
    ELCL_TRY(elcl_make_directories(model, 0777, err));
    for (size_t i = 0; i < p->zip.n; i++)
        if (is_wanted(p, &p->zip.entries[i]))
            ELCL_TRY(unpack_entry(p, &p->zip.entries[i], err));
    *directory = model;
    model = NULL;
fail:
    elcl_free(model);
    elcl_free(p->target);
    elcl_zip_finish(&p->zip);
    elcl_file_close(&p->file);
    return rc;
}

/* ---- directories ----------------------------------------------------------------------------- */

int elcl_package_open(const char *path, char **directory, elcl_error *err)
{
    struct package p = {.path = path};
    if (is_archive(path))
        return unpack(&p, directory, err);
    bool package = elcl_is_directory(path);
    int rc = package ? elcl_has_file(path, METADATA, &package, err) : ELCL_OK;
    if (!rc && package)
        rc = elcl_has_file(path, MODEL_FILE, &package, err);
    if (rc)
        return rc;
    char *found = package ? elcl_path_join(path, "model") : elcl_strdup(path);
    if (!found)
        return elcl_fail_nomem(err);
    *directory = found;
    return ELCL_OK;
}

#include "format/open_files.h"

#include "base/util.h"

/* Makes room for a file, which is not open yet. */
static int add_path(struct elcl_open_files *files, const char *path, elcl_error *err)
{
    void *array = files->items;
    if (!elcl_grow(&array, &files->max, files->n + 1, sizeof(*files->items)))
        return elcl_fail_nomem(err);
    files->items = array;
    char *copy = elcl_strdup(path);
    if (!copy)
        return elcl_fail_nomem(err);
    files->items[files->n++] = (struct elcl_open_file){.path = copy};
    return ELCL_OK;
}

int elcl_open_files_add(struct elcl_open_files *files, const char *path, elcl_error *err)
{
    const int rc = add_path(files, path, err);
    if (rc)
        return rc;
    struct elcl_open_file *last = &files->items[files->n - 1];
    return elcl_file_open(last->path, &last->file, err);
}

int elcl_open_files_add_memory(struct elcl_open_files *files, const void *data, size_t bytes,
                               const char *path, elcl_error *err)
{
    const int rc = add_path(files, path, err);
    if (rc)
        return rc;
    struct elcl_open_file *last = &files->items[files->n - 1];
    last->file = elcl_file_of(data, bytes, last->path);
    return ELCL_OK;
}

const struct elcl_file *elcl_open_files_last(const struct elcl_open_files *files)
{
    return &files->items[files->n - 1].file;
}

void elcl_open_files_finish(struct elcl_open_files *files)
{
    for (size_t i = 0; i < files->n; i++) {
        elcl_file_close(&files->items[i].file);
        elcl_free(files->items[i].path);
    }
    elcl_free(files->items);
    *files = (struct elcl_open_files){0};
}

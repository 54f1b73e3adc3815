/* The files that a command line names: an output may not destroy what is read, or another output.
 */
#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "common/args.h"
#include "common/model_files.h"
#include "common/output.h"

/* A file and how messages name it. */
struct named {
    char title[200];
    const char *path;
};

static bool is_file_option(const struct cli_opt *opt)
{
    return opt->kind == CLI_OPT_TEXT && opt->value && strstr(opt->value, "FILE");
}

static bool is_output(const struct cli_opt *opt)
{
    return !strcmp(opt->name, "output") || !strcmp(opt->name, "trace") ||
           !strcmp(opt->name, "html");
}

/* Takes the file of option i; false if it has none. "-" is none. */
static bool take_file(const struct cli_args *args, const void *target, size_t i, struct named *file)
{
    const struct cli_opt *opt = &args->opts[i];
    file->path = NULL;
    if (!args->seen[i] || !is_file_option(opt))
        return false;
    memcpy(&file->path, (const char *)target + opt->offset, sizeof(file->path));
    (void)snprintf(file->title, sizeof(file->title), "--%s %.150s", opt->name,
                   file->path ? file->path : "");
    return file->path && strcmp(file->path, "-") != 0;
}

static int check_pair(const struct named *output, const struct named *other, elcl_error *err)
{
    if (!cli_output_same(output->path, other->path))
        return ELCL_OK;
    return elcl_fail(err, ELCL_E_ARG,
                     "%s and %s are the same file, which would be lost: give the output another "
                     "name",
                     output->title, other->title);
}

/* A word may be a file, a model's directory or a text. */
static int check_word(const struct named *output, const char *word, elcl_error *err)
{
    struct named file = {.path = word};
    struct elcl_file_info *files = NULL;
    size_t n = 0;
    (void)snprintf(file.title, sizeof(file.title), "%.150s", word);
    int rc = check_pair(output, &file, err);
    if (rc || !elcl_is_directory(word))
        return rc;
    if (!elcl_list_files(word, &files, &n))
        return elcl_fail_nomem(err);
    for (size_t i = 0; !rc && i < n; i++) {
        char *path = cli_is_model_file(files[i].name) ? elcl_path_join(word, files[i].name) : NULL;
        file.path = path;
        (void)snprintf(file.title, sizeof(file.title), "%.150s of the model", files[i].name);
        rc = path ? check_pair(output, &file, err) : ELCL_OK;
        elcl_free(path);
    }
    elcl_free_files(files, n);
    return rc;
}

/* Compares an output with all other files of the command line; `skip` is its own option. */
static int check_output(const struct cli_args *args, const void *target, size_t skip,
                        const struct named *output, elcl_error *err)
{
    struct named other;
    bool has_input = false;
    int rc = ELCL_OK;
    for (size_t i = 0; !rc && i < args->n_opts; i++) {
        if (i == skip || !take_file(args, target, i, &other))
            continue;
        has_input = has_input || !strcmp(args->opts[i].name, "input");
        rc = check_pair(output, &other, err);
    }
    for (int i = 0; !rc && i < args->n_words; i++)
        rc = check_word(output, args->words[i], err);
    if (!rc && !has_input && args->needs_model && args->n_words == 1)
        rc = check_pair(output, &(struct named){"standard input", "/dev/stdin"}, err);
    return rc;
}

int cli_args_check_files(const struct cli_args *args, const void *target, elcl_error *err)
{
    const struct named standard = {"standard output", "/dev/stdout"};
    struct named output;
    int rc = ELCL_OK;
    for (size_t i = 0; !rc && i < args->n_opts; i++) {
        if (!args->opts[i].name || !is_output(&args->opts[i]))
            continue;
        if (take_file(args, target, i, &output)) {
            rc = check_output(args, target, i, &output, err);
            if (!rc)
                rc = cli_output_try(output.path, err);
        } else if (!strcmp(args->opts[i].name, "output") && elcl_is_file(standard.path)) {
            rc = check_output(args, target, i, &standard, err);
        }
    }
    return rc;
}

/* elcl languages: the language codes that a model knows. */
#include "base/os.h"
#include "common/args.h"
#include "common/remedy.h"
#include "common/output.h"

#include <stdlib.h>

static const struct cli_opt options_table[] = {
    CLI_OUTPUT_OPTION(0),
    CLI_COMMON_OPTIONS(0),
};

static int list(const char *model, const char *output, elcl_error *err)
{
    char *directory = cli_model_directory(model), *codes = NULL;
    int rc = directory ? elcl_languages(directory, &codes, err) : elcl_fail_nomem(err);
    if (!rc && !*codes && !elcl_is_directory(directory))
        rc = ELCL_E_IO;
    if (rc && directory)
        rc = cli_explain_model(directory, rc, err);
    if (rc ? !*err->msg : !*codes) /* a model that is a file needs no explanation */
        rc = elcl_fail(err, ELCL_E_UNSUPPORTED, "%.200s: the model has no languages", model);
    if (!rc) {
        struct elcl_str text = {0};
        elcl_str_text(&text, codes);
        rc = cli_output_save(output, &text, err);
        elcl_str_finish(&text);
    }
    elcl_free(codes);
    free(directory);
    return rc;
}

int cli_cmd_languages(int argc, char **argv)
{
    struct cli_common_options options = {0};
    struct cli_args args = {
        .verb = "languages",
        .use = "MODEL",
        .about = "Lists the codes that --src-lang and --tgt-lang take with a model, one per line.\n"
                 "Reads only the model's tokenizer.\n",
        .examples = "  elcl languages facebook/mbart-large-50-many-to-many-mmt\n",
        .opts = options_table,
        .n_opts = ELCL_COUNT(options_table),
        .max_words = 1,
        .needs_model = true};
    elcl_error err = {0};
    int exit_code;
    if (!cli_args_begin(&args, argc, argv, &options, &exit_code))
        return exit_code;
    return list(args.words[0], options.output, &err) ? cli_error(CLI_EXIT_FAILURE, "%s", err.msg)
                                                     : CLI_EXIT_OK;
}

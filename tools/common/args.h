/* Option parsing from a table: `--name value`, `--name=value`, flags, and the help text. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "common/option_lists.h"
#include "common/tool.h"

enum cli_opt_kind {
    CLI_OPT_GROUP,   /* a heading of the help: only `help` is read */
    CLI_OPT_FLAG,    /* int, 1 when given */
    CLI_OPT_INT,     /* int, min .. max, or one of `choices` */
    CLI_OPT_NUMBER,  /* float, min .. max */
    CLI_OPT_BYTES,   /* uint64_t: 512M, 1.5GB, 2GiB; K, M, G, T are powers of 1024 */
    CLI_OPT_TEXT,    /* const char *, not empty */
    CLI_OPT_CHOICE,  /* int, one of `choices` */
    CLI_OPT_SETTING, /* struct cli_settings: an option of the library's table, which has all but
                      * the name */
    CLI_OPT_SETTING_FLAG, /* the same for a BOOL: true when given */
    CLI_OPT_INTS,    /* struct cli_opt_list: 1,4 or 1-64*2 or 10-30+10, each min .. max or one of
                      * `choices` */
    CLI_OPT_WORDS,   /* struct cli_opt_list of `choices`: el,mha */
    CLI_OPT_HELP,    /* no field; ends parsing, cli_args_begin() prints the help */
    CLI_OPT_VERSION, /* likewise the version */
};

/* Ends with a word of NULL. Words are read in upper and lower case. Several words may have one
 * value: the first is the one that messages use. */
struct cli_choice {
    const char *word;
    int value;
};

#define CLI_MAX_LIST 64

struct cli_opt_list {
    int n; /* 0: not given */
    int values[CLI_MAX_LIST];
};

struct cli_opt {
    enum cli_opt_kind kind;
    const char *name;  /* without the dashes */
    const char *value; /* the value's name in the help; NULL for flags */
    const char *help;  /* NULL: the library's own, or an old spelling without help */
    size_t offset;     /* of the field in the target */
    double min, max;
    const struct cli_choice *choices;
};

#define CLI_MAX_OPTS 96

/* The command line of one verb. */
struct cli_args {
    const char *verb;
    const char *use;      /* its words, for example "MODEL [TEXT...]" */
    const char *about;    /* help before the options: paragraphs with an empty line between two */
    const char *examples; /* lines of the help after them, or NULL */
    const struct cli_opt *opts;
    size_t n_opts;    /* at most CLI_MAX_OPTS */
    int max_words;    /* 0: the verb takes options only */
    bool needs_model; /* the first word is a model directory */
    /* Checks what was parsed into `target`; may be NULL. */
    int (*check)(const struct cli_args *args, void *target, elcl_error *err);
    /* Set by parsing. */
    bool seen[CLI_MAX_OPTS];
    char **words; /* [n_words] the arguments that are no options, in order */
    int n_words;
    const struct cli_opt *asked; /* the option of kind HELP or VERSION that ended parsing */
    char renamed[128];           /* old spellings that were used, for a warning */
};

/* Forms of a result. Samples come as text, jsonl or ids. */
enum cli_format {
    CLI_FORMAT_TEXT,
    CLI_FORMAT_IDS,
    CLI_FORMAT_MD,
    CLI_FORMAT_CSV,
    CLI_FORMAT_JSON,
    CLI_FORMAT_JSONL,
    CLI_FORMAT_SQL,
    CLI_FORMAT_HTML
};

/* The options that all verbs spell alike. A verb lists the rows that it supports. */
struct cli_common_options {
    const char *output; /* NULL or "-": standard output; as cli_output_save() takes it */
    const char *trace;  /* NULL: no trace */
    int format;
    int quiet, verbose;
};

/* clang-format off */
/* Rows of an options table. The file defines FIELD(name), the offset of a field in the target. */
#define CLI_ROW_GROUP(help) {CLI_OPT_GROUP, NULL, NULL, help, 0, 0, 0, NULL}
#define CLI_ROW_FLAG(name, field, help) {CLI_OPT_FLAG, name, NULL, help, FIELD(field), 0, 0, NULL}
#define CLI_ROW_TEXT(name, value, field, help) \
    {CLI_OPT_TEXT, name, value, help, FIELD(field), 0, 0, NULL}
#define CLI_ROW_INT(name, value, field, min, max, help) \
    {CLI_OPT_INT, name, value, help, FIELD(field), min, max, NULL}
#define CLI_ROW_INTS(name, field, min, max, help) \
    {CLI_OPT_INTS, name, "N,...", help, FIELD(field), min, max, NULL}
#define CLI_ROW_BYTES(name, field, help) \
    {CLI_OPT_BYTES, name, "BYTES", help, FIELD(field), 0, 0, NULL}
#define CLI_ROW_CHOICE(name, value, field, words, help) \
    {CLI_OPT_CHOICE, name, value, help, FIELD(field), 0, 0, words}
#define CLI_ROW_WORDS(name, value, field, words, help) \
    {CLI_OPT_WORDS, name, value, help, FIELD(field), 0, 0, words}
#define CLI_ROW_DEVICE(field) \
    CLI_ROW_TEXT("device", "INDEX|NAME|cpu|gpu", field, \
                 "OpenCL device: its number in elcl devices, a part of its name, or its type " \
                 "(default: a GPU before a CPU)")
#define CLI_ROW_NO_CACHE(field) \
    CLI_ROW_FLAG("no-cache", field, "build all kernels from source and store nothing")
#define CLI_MATRIX_HELP "off: use no matrix instructions of a GPU (default auto: those that work)"
#define CLI_ROW_MATRIX(field) \
    CLI_ROW_CHOICE("matrix-instructions", "auto|off", field, cli_matrix_words, CLI_MATRIX_HELP)
#define CLI_SYNTHETIC_NAMES \
    "bart-large, bart-base, transformer-270m, marian-base, gpt2, gpt2-medium, t5-base"

/* Entries of an options table whose target has struct cli_common_options `at` bytes from its
 * start. */
#define CLI_OUTPUT_OPTION(at) \
    {CLI_OPT_TEXT, "output", "FILE", \
     "write the result to FILE, which appears only when it is complete (default: standard " \
     "output)", \
     (at) + offsetof(struct cli_common_options, output), 0, 0, NULL}
/* `words` such as "text|json", `format_choices` their values. */
#define CLI_FORMAT_OPTION(at, words, format_choices, format_help) \
    {CLI_OPT_CHOICE, "format", words, format_help, \
     (at) + offsetof(struct cli_common_options, format), 0, 0, format_choices}
#define CLI_TRACE_OPTION(at) \
    {CLI_OPT_TEXT, "trace", "FILE", \
     "time every kernel call and write a trace for Perfetto or chrome://tracing", \
     (at) + offsetof(struct cli_common_options, trace), 0, 0, NULL}
#define CLI_COMMON_OPTIONS(at) \
    {CLI_OPT_FLAG, "quiet", NULL, "print results and errors only", \
     (at) + offsetof(struct cli_common_options, quiet), 0, 0, NULL}, \
    {CLI_OPT_FLAG, "verbose", NULL, "report each step on standard error", \
     (at) + offsetof(struct cli_common_options, verbose), 0, 0, NULL}, \
    {CLI_OPT_HELP, "help", NULL, "print this help", 0, 0, 0, NULL}, \
    {CLI_OPT_VERSION, "version", NULL, "print the version", 0, 0, 0, NULL}
/* clang-format on */

/* Begins a verb: parses argv[1..] into `target`, then checks it; or prints the help, the version or
 * the error. Returns false if the verb ends here, with *exit_code. Moves words to the front of
 * argv[1..]; `--` ends the options. */
bool cli_args_begin(struct cli_args *args, int argc, char **argv, void *target, int *exit_code);

/* Sets one option as if it stood on the command line; a flag takes true or false. */
int cli_args_set(struct cli_args *args, const char *name, const char *value, void *target,
                 elcl_error *err);

/* Returns the option of a verb by its name; NULL if the verb has none. */
const struct cli_opt *cli_args_find(const struct cli_args *args, const char *name);
/* Whether the option stood on the command line. */
bool cli_args_seen(const struct cli_args *args, const char *name);

/* A message of the library begins with the name of a field or key: puts the option in its place if
 * that stood on the command line. */
void cli_args_name_option(const struct cli_args *args, elcl_error *err);
/* Fails for the reason `why`, with the options in it as the command spells them: num_beams becomes
 * --num-beams if the verb has that. */
int cli_args_fail_spelled(const struct cli_args *args, const elcl_error *why, elcl_error *err);

/* ---- values (args_value.c, args_list.c) ------------------------------------------------------ */

/* Writes the value that `text` has into the option's field of `target`. */
int cli_args_parse_value(const struct cli_opt *opt, const char *text, void *target,
                         elcl_error *err);
int cli_args_parse_list(const struct cli_opt *opt, const char *text, struct cli_opt_list *list,
                        elcl_error *err);
/* Fails with "--name: expected ..., found 'text'". */
int cli_args_fail_value(const struct cli_opt *opt, const char *text, const char *expected,
                        elcl_error *err);
bool cli_find_choice(const struct cli_choice *choices, const char *text, int *value);

/* ---- options of the library (args_setting.c) --------------------------------------------------
 */

/* Returns what the library says about an option of kind SETTING or SETTING_FLAG, else NULL. */
const elcl_gen_option *cli_args_setting(const struct cli_opt *opt);
/* Returns the value's name in the help; NULL: the option takes none. */
const char *cli_args_form(const struct cli_opt *opt);
/* Appends the help, with options as the command spells them. */
void cli_args_describe(const struct cli_opt *opt, struct elcl_str *help);

/* ---- files (args_files.c) -------------------------------------------------------------------- */

/* Fails with ELCL_E_ARG if an output is the same file as an input, a word or another output, and
 * with ELCL_E_IO if it cannot be written. */
int cli_args_check_files(const struct cli_args *args, const void *target, elcl_error *err);

/* ---- help (args_help.c) ---------------------------------------------------------------------- */

/* Prints usage, options and examples, at most 80 columns wide. */
void cli_args_print_help(const struct cli_args *args);

/* Appends `text` and a line end to a line that is `column` wide so far. Wraps at 80 columns and
 * indents the following lines by `indent`. */
void cli_str_wrapped(struct elcl_str *out, const char *text, int column, int indent);

/* ---- other spellings (args_hints.c) ---------------------------------------------------------- */

/* Returns the option that `name` (n bytes) meant in the last release, if it was renamed and the
 * verb has the new one, else NULL. `value` is the one given, if any; *fixed is the value that the
 * old spelling implies, or NULL. */
const struct cli_opt *cli_args_renamed(const struct cli_args *args, const char *name, size_t n,
                                       const char *value, const char **fixed);
/* What elcl has for an option of another program, or NULL. */
const char *cli_args_advice(const char *name);
/* What to say about a value that the option refuses, or "". */
const char *cli_args_remark(const char *option, const char *value);

#endif

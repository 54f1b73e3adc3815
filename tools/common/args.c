#include "common/args.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 29
#define HELP_WIDTH 80
#define MAX_NAME 32

/* ---- suggestions --------------------------------------------------------------------------- */

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* '_' counts as '-': the names of the options are known with underscores elsewhere. */
static char folded(char c)
{
    return c == '_' ? '-' : c;
}

/* Insertions, deletions and changes between two words; SIZE_MAX for long words. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t n_a = strlen(a), n_b = strlen(b);
    size_t row[MAX_NAME + 1];
    if (n_a > MAX_NAME || n_b > MAX_NAME)
        return SIZE_MAX;
    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t change = diagonal + (folded(a[i - 1]) != b[j - 1]);
            diagonal = row[j];
            row[j] = min_size(change, 1 + min_size(row[j], row[j - 1]));
        }
    }
    return row[n_b];
}

const char *cli_nearest(const char *wrong, const char *const *words, size_t n)
{
    const char *best = NULL;
    size_t n_wrong = strlen(wrong);
    size_t best_distance = min_size(n_wrong / 3 + 1, 3);
    for (size_t i = 0; i < n; i++) {
        size_t distance = edit_distance(wrong, words[i]);
        if (distance < best_distance) {
            best = words[i];
            best_distance = distance;
        } else if (!best && n_wrong >= 3 && !strncmp(wrong, words[i], n_wrong)) {
            best = words[i];
        }
    }
    return best;
}

static int fail_unknown(const struct cli_args *args, const char *name, elcl_error *err)
{
    const char *names[CLI_MAX_OPTS];
    size_t n = 0;
    for (size_t i = 0; i < args->n_opts; i++) {
        if (args->opts[i].name)
            names[n++] = args->opts[i].name;
    }
    const char *near = cli_nearest(name, names, n);
    if (near)
        return elcl_fail(err, ELCL_E_ARG, "unknown option --%s: did you mean --%s?", name, near);
    return elcl_fail(err, ELCL_E_ARG, "unknown option --%s: elcl %s --help lists all", name,
                     args->verb);
}

/* ---- values -------------------------------------------------------------------------------- */

static int fail_value(const struct cli_opt *opt, const char *text, const char *expected,
                      elcl_error *err)
{
    return elcl_fail(err, ELCL_E_ARG, "--%s: expected %s, found '%s'", opt->name, expected, text);
}

/* Decimal digits with an optional sign and nothing else. */
static bool read_whole(const char *text, double min, double max, long long *value)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (!*digits || strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 18)
        return false;
    long long v = strtoll(text, NULL, 10);
    if ((double)v < min || (double)v > max)
        return false;
    *value = v;
    return true;
}

/* A finite decimal number; *end is what follows it. */
static bool read_decimal(const char *text, double *value, const char **end)
{
    size_t n = strspn(text, "+-.0123456789eE");
    char copy[64], *stop;
    if (!n || n >= sizeof(copy))
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    *value = strtod(copy, &stop);
    *end = text + n;
    return stop == copy + n && isfinite(*value);
}

static bool find_choice(const struct cli_choice *choices, const char *text, int *value)
{
    for (const struct cli_choice *c = choices; c && c->word; c++) {
        if (!strcmp(c->word, text)) {
            *value = c->value;
            return true;
        }
    }
    return false;
}

static int parse_int(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    long long v;
    int word, n = 0;
    if (find_choice(opt->choices, text, &word)) {
        memcpy(field, &word, sizeof(word));
        return ELCL_OK;
    }
    if (!read_whole(text, opt->min, opt->max, &v)) {
        char expected[160];
        n = snprintf(expected, sizeof(expected), "a whole number from %.0f to %.0f", opt->min,
                     opt->max);
        if (opt->choices && n > 0 && (size_t)n < sizeof(expected))
            (void)snprintf(expected + n, sizeof(expected) - (size_t)n, " or %s",
                           opt->choices[0].word);
        return fail_value(opt, text, expected, err);
    }
    int value = (int)v;
    memcpy(field, &value, sizeof(value));
    return ELCL_OK;
}

static int parse_number(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    double v;
    const char *end;
    if (!read_decimal(text, &v, &end) || *end || v < opt->min || v > opt->max) {
        char expected[96];
        if (opt->min > 0)
            (void)snprintf(expected, sizeof(expected), "a number from %g to %g", opt->min,
                           opt->max);
        else
            (void)snprintf(expected, sizeof(expected), "a number between %g and %g", opt->min,
                           opt->max);
        return fail_value(opt, text, expected, err);
    }
    float value = (float)v;
    memcpy(field, &value, sizeof(value));
    return ELCL_OK;
}

static int parse_bytes(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    static const char units[] = "KMGT";
    double v;
    const char *end;
    bool ok = read_decimal(text, &v, &end);
    if (ok && *end) {
        char upper = *end >= 'a' && *end <= 'z' ? (char)(*end - 'a' + 'A') : *end;
        const char *unit = strchr(units, upper);
        ok = unit && !end[1];
        if (ok)
            v *= (double)(UINT64_C(1) << 10 * (unit - units + 1));
    }
    if (!ok || v < 1 || v > (double)(UINT64_C(1) << 60))
        return fail_value(opt, text, "bytes with an optional K, M, G or T, as in 512M or 2G", err);
    uint64_t value = (uint64_t)v;
    memcpy(field, &value, sizeof(value));
    return ELCL_OK;
}

static int parse_choice(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    int value;
    if (!find_choice(opt->choices, text, &value)) {
        char expected[128];
        (void)snprintf(expected, sizeof(expected), "one of %s", opt->value);
        return fail_value(opt, text, expected, err);
    }
    memcpy(field, &value, sizeof(value));
    return ELCL_OK;
}

static int parse_ids(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    struct cli_opt_ids list = {0};
    char expected[96];
    (void)snprintf(expected, sizeof(expected), "up to %d token ids separated by commas, or none",
                   ELCL_MAX_EOS);
    for (const char *at = text; strcmp(text, "none") != 0;) {
        size_t n = strcspn(at, ",");
        char number[24];
        long long v;
        if (n >= sizeof(number) || list.n == ELCL_MAX_EOS)
            return fail_value(opt, text, expected, err);
        memcpy(number, at, n);
        number[n] = '\0';
        if (!read_whole(number, 0, INT32_MAX, &v))
            return fail_value(opt, text, expected, err);
        list.ids[list.n++] = (int32_t)v;
        if (!at[n])
            break;
        at += n + 1;
    }
    memcpy(field, &list, sizeof(list));
    return ELCL_OK;
}

static int parse_texts(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    struct cli_opt_texts *texts = field;
    if (!*text)
        return fail_value(opt, text, opt->value, err);
    if (texts->n == CLI_MAX_STOPS)
        return elcl_fail(err, ELCL_E_ARG, "--%s: expected at most %d of it, found more", opt->name,
                         CLI_MAX_STOPS);
    texts->texts[texts->n++] = text;
    return ELCL_OK;
}

static int parse_list(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    struct cli_opt_list list;
    const int rc = cli_args_parse_list(opt, text, &list, err);
    if (!rc)
        memcpy(field, &list, sizeof(list));
    return rc;
}

static int parse_value(const struct cli_opt *opt, const char *text, void *target, elcl_error *err)
{
    void *field = (char *)target + opt->offset;
    switch (opt->kind) {
    case CLI_OPT_INT:
        return parse_int(opt, text, field, err);
    case CLI_OPT_NUMBER:
        return parse_number(opt, text, field, err);
    case CLI_OPT_BYTES:
        return parse_bytes(opt, text, field, err);
    case CLI_OPT_CHOICE:
        return parse_choice(opt, text, field, err);
    case CLI_OPT_IDS:
        return parse_ids(opt, text, field, err);
    case CLI_OPT_TEXTS:
        return parse_texts(opt, text, field, err);
    case CLI_OPT_INTS:
    case CLI_OPT_WORDS:
        return parse_list(opt, text, field, err);
    case CLI_OPT_TEXT:
        if (!*text)
            return fail_value(opt, text, opt->value, err);
        memcpy(field, &text, sizeof(text));
        return ELCL_OK;
    case CLI_OPT_GROUP:
    case CLI_OPT_FLAG:
        break;
    }
    return ELCL_OK;
}

/* ---- parsing ------------------------------------------------------------------------------- */

static const struct cli_opt *find_option(struct cli_args *args, const char *name, size_t n)
{
    for (size_t i = 0; i < args->n_opts; i++) {
        const char *known = args->opts[i].name;
        if (known && strlen(known) == n && !memcmp(known, name, n)) {
            args->seen[i] = true;
            return &args->opts[i];
        }
    }
    return NULL;
}

/* argv[*i] is "--name" or "--name=value"; moves *i over a value that stands apart. */
static int parse_option(struct cli_args *args, int argc, char **argv, int *i, void *target,
                        elcl_error *err)
{
    const char *name = argv[*i] + 2;
    size_t n = strcspn(name, "=");
    const char *value = name[n] ? name + n + 1 : NULL;
    const struct cli_opt *opt = find_option(args, name, n);
    if (!opt) {
        char shown[64];
        (void)snprintf(shown, sizeof(shown), "%.*s", (int)min_size(n, 60), name);
        return fail_unknown(args, shown, err);
    }
    if (opt->kind == CLI_OPT_FLAG) {
        int one = 1;
        if (value)
            return elcl_fail(err, ELCL_E_ARG, "--%s takes no value, found '%s'", opt->name, value);
        memcpy((char *)target + opt->offset, &one, sizeof(one));
        return ELCL_OK;
    }
    if (!value && *i + 1 >= argc)
        return elcl_fail(err, ELCL_E_ARG, "--%s needs a value: %s", opt->name, opt->value);
    if (!value)
        value = argv[++*i];
    return parse_value(opt, value, target, err);
}

int cli_args_parse(struct cli_args *args, int argc, char **argv, void *target, elcl_error *err)
{
    static char help[] = "--help", output[] = "--output";
    bool options = true;
    args->words = argv + 1;
    args->n_words = 0;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        if (options && !strcmp(word, "-h"))
            word = argv[i] = help;
        if (options && !strcmp(word, "-o"))
            word = argv[i] = output;
        if (options && !strcmp(word, "--")) {
            options = false;
        } else if (options && !strncmp(word, "--", 2)) {
            int rc = parse_option(args, argc, argv, &i, target, err);
            if (rc || cli_args_seen(args, "help"))
                return rc;
        } else if (options && word[0] == '-' && word[1]) {
            return elcl_fail(err, ELCL_E_ARG,
                             "unknown option %s: elcl %s --help lists all (a text that starts "
                             "with '-' goes after --)",
                             word, args->verb);
        } else {
            args->words[args->n_words++] = word;
        }
    }
    return ELCL_OK;
}

int cli_args_set(struct cli_args *args, const char *name, const char *value, void *target,
                 elcl_error *err)
{
    static const struct cli_choice truth[] = {{"true", 1}, {"false", 0}, {NULL, 0}};
    const struct cli_opt *opt = find_option(args, name, strlen(name));
    if (!opt)
        return fail_unknown(args, name, err);
    int flag;
    if (opt->kind != CLI_OPT_FLAG)
        return parse_value(opt, value, target, err);
    if (!find_choice(truth, value, &flag))
        return fail_value(opt, value, "true or false", err);
    memcpy((char *)target + opt->offset, &flag, sizeof(flag));
    return ELCL_OK;
}

bool cli_args_begin(struct cli_args *args, int argc, char **argv, void *target, const int *help,
                    void (*print_help)(void), int *exit_code)
{
    elcl_error err = {0};
    *exit_code = CLI_EXIT_OK;
    if (cli_args_parse(args, argc, argv, target, &err))
        *exit_code = cli_error(CLI_EXIT_USAGE, "%s", err.msg);
    else if (*help)
        print_help();
    else
        return true;
    return false;
}

bool cli_args_begin_options(struct cli_args *args, int argc, char **argv, void *target,
                            const int *help, void (*print_help)(void), int *exit_code)
{
    if (!cli_args_begin(args, argc, argv, target, help, print_help, exit_code))
        return false;
    if (!args->n_words)
        return true;
    *exit_code = cli_error(CLI_EXIT_USAGE, "elcl %s takes options only, found '%.100s'", args->verb,
                           args->words[0]);
    return false;
}

bool cli_args_seen(const struct cli_args *args, const char *name)
{
    for (size_t i = 0; i < args->n_opts; i++) {
        if (args->opts[i].name && !strcmp(args->opts[i].name, name))
            return args->seen[i];
    }
    return false;
}

/* ---- help ---------------------------------------------------------------------------------- */

void cli_print_wrapped(const char *text, int column, int indent)
{
    bool first = true;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (!first && column + 1 + n > HELP_WIDTH - 1) {
            printf("\n%*s", indent, "");
            column = indent;
            first = true;
        }
        printf("%s%.*s", first ? "" : " ", n, text);
        column += n + !first;
        first = false;
        text += n;
        text += strspn(text, " ");
    }
    putchar('\n');
}

void cli_args_print_help(const struct cli_opt *opts, size_t n_opts)
{
    for (size_t i = 0; i < n_opts; i++) {
        const struct cli_opt *opt = &opts[i];
        if (opt->kind == CLI_OPT_GROUP) {
            printf("\n%s\n", opt->help);
            continue;
        }
        int n =
            printf("  --%s%s%s", opt->name, opt->value ? " " : "", opt->value ? opt->value : "");
        if (n + 2 > HELP_COLUMN) {
            putchar('\n');
            n = 0;
        }
        printf("%*s", HELP_COLUMN - n, "");
        cli_print_wrapped(opt->help, HELP_COLUMN, HELP_COLUMN);
    }
}

#include "common/args.h"
#include "common/words.h"

#include <stdio.h>
#include <string.h>

static int fail_unknown(const struct cli_args *args, const char *name, elcl_error *err)
{
    const char *names[CLI_MAX_OPTS];
    size_t n = 0;
    for (size_t i = 0; i < args->n_opts; i++) {
        if (args->opts[i].name)
            names[n++] = args->opts[i].name;
    }
    const char *advice = cli_args_advice(name);
    const char *near = advice ? NULL : cli_nearest(name, names, n);
    if (advice && args->needs_model)
        return elcl_fail(err, ELCL_E_ARG, "unknown option --%s: elcl has %s", name, advice);
    if (near)
        return elcl_fail(err, ELCL_E_ARG, "unknown option --%s: did you mean --%s?", name, near);
    return elcl_fail(err, ELCL_E_ARG, "unknown option --%s: elcl %s --help lists all", name,
                     args->verb);
}

static const struct cli_opt *find_option(const struct cli_args *args, const char *name, size_t n)
{
    for (size_t i = 0; i < args->n_opts; i++) {
        const char *known = args->opts[i].name;
        if (known && strlen(known) == n && !memcmp(known, name, n))
            return &args->opts[i];
    }
    return NULL;
}

/* ---- parsing ------------------------------------------------------------------------------- */

/* An option as it was given. */
struct given {
    const char *name; /* n bytes */
    size_t n;
    const char *value; /* after the '=', or the next word, or NULL */
    bool apart;        /* it is the next word */
};

/* Finds the option, under its name or the one of the last release. */
static const struct cli_opt *find_given(struct cli_args *args, struct given *given)
{
    const char *fixed = NULL;
    const struct cli_opt *opt = find_option(args, given->name, given->n);
    const struct cli_opt *renamed =
        cli_args_renamed(args, given->name, given->n, given->value, &fixed);
    if (!renamed || (opt && (fixed || renamed == opt)))
        return opt;
    const size_t at = strlen(args->renamed);
    (void)snprintf(args->renamed + at, sizeof(args->renamed) - at, "%s--%.*s is now --%s%s%s",
                   at ? ", " : "", (int)given->n, given->name, renamed->name, fixed ? " " : "",
                   fixed ? fixed : "");
    if (fixed) {
        given->value = fixed;
        given->apart = false;
    }
    return renamed;
}

/* A value that is an option of the verb was forgotten. */
static bool is_option(const struct cli_args *args, const char *word)
{
    return !strncmp(word, "--", 2) && find_option(args, word + 2, strcspn(word + 2, "="));
}

/* argv[*i] is "--name" or "--name=value"; moves *i over a value that stands apart. */
static int parse_option(struct cli_args *args, int argc, char **argv, int *i, void *target,
                        elcl_error *err)
{
    struct given given = {.name = argv[*i] + 2};
    given.n = strcspn(given.name, "=");
    given.apart = !given.name[given.n];
    if (!given.apart)
        given.value = given.name + given.n + 1;
    else if (*i + 1 < argc)
        given.value = argv[*i + 1];
    const struct cli_opt *opt = find_given(args, &given);
    if (!opt) {
        char shown[64];
        (void)snprintf(shown, sizeof(shown), "%.*s", given.n < 60 ? (int)given.n : 60, given.name);
        return fail_unknown(args, shown, err);
    }
    args->seen[opt - args->opts] = true;
    const char *form = cli_args_form(opt);
    if (!form) { /* a flag, or a request for the help */
        int one = 1;
        if (!given.apart)
            return elcl_fail(err, ELCL_E_ARG, "--%s takes no value, found '%.100s'", opt->name,
                             given.value);
        if (opt->kind == CLI_OPT_SETTING_FLAG)
            return cli_args_parse_value(opt, "true", target, err);
        if (opt->kind == CLI_OPT_FLAG)
            memcpy((char *)target + opt->offset, &one, sizeof(one));
        else
            args->asked = opt;
        return ELCL_OK;
    }
    if (!given.value)
        return elcl_fail(err, ELCL_E_ARG, "--%s needs a value: %s", opt->name, form);
    if (given.apart && is_option(args, given.value))
        return elcl_fail(err, ELCL_E_ARG,
                         "--%s needs a value: %s, found the option %.60s (--%s=%.60s takes it as "
                         "the value)",
                         opt->name, form, given.value, opt->name, given.value);
    *i += given.apart;
    return cli_args_parse_value(opt, given.value, target, err);
}

/* "-o" as "--output" and so on; other words as they are. */
static char *long_name(char *word)
{
    static char help[] = "--help", version[] = "--version", output[] = "--output";
    if (word[0] != '-' || !word[1] || word[2])
        return word;
    return word[1] == 'h' ? help : word[1] == 'V' ? version : word[1] == 'o' ? output : word;
}

static int parse(struct cli_args *args, int argc, char **argv, void *target, elcl_error *err)
{
    bool options = true;
    args->words = argv + 1;
    args->n_words = 0;
    for (int i = 1; i < argc && !args->asked; i++) {
        if (options)
            argv[i] = long_name(argv[i]);
        char *word = argv[i];
        if (options && !strcmp(word, "--")) {
            options = false;
        } else if (options && !strncmp(word, "--", 2)) {
            const int rc = parse_option(args, argc, argv, &i, target, err);
            if (rc)
                return rc;
        } else if (options && word[0] == '-' && word[1]) {
            const char *advice = args->needs_model ? cli_args_advice(word + 1) : NULL;
            return elcl_fail(err, ELCL_E_ARG,
                             advice ? "unknown option %.100s: elcl has %s"
                                    : "unknown option %.100s: elcl %s --help lists all (a text "
                                      "that starts with '-' goes after --)",
                             word, advice ? advice : args->verb);
        } else {
            args->words[args->n_words++] = word;
        }
    }
    return ELCL_OK;
}

/* Checks that hold for every verb, and then the verb's own. */
static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    if (cli_args_seen(args, "quiet") && cli_args_seen(args, "verbose"))
        return elcl_fail(err, ELCL_E_ARG, "expected --quiet or --verbose, found both");
    if (!args->max_words && args->n_words)
        return elcl_fail(err, ELCL_E_ARG, "elcl %s takes options only, found '%.100s'", args->verb,
                         args->words[0]);
    if (args->needs_model && !args->n_words)
        return elcl_fail(err, ELCL_E_ARG, "expected a model directory, found none: elcl %s %s",
                         args->verb, args->use);
    if (args->n_words > args->max_words)
        return elcl_fail(err, ELCL_E_ARG, "expected elcl %s %s, found one more word, '%.100s'",
                         args->verb, args->use, args->words[args->max_words]);
    const int rc = args->check ? args->check(args, target, err) : ELCL_OK;
    return rc ? rc : cli_args_check_files(args, target, err);
}

bool cli_args_begin(struct cli_args *args, int argc, char **argv, void *target, int *exit_code)
{
    elcl_error err = {0};
    int rc = parse(args, argc, argv, target, &err);
    if (!rc && !args->asked)
        rc = check(args, target, &err);
    *exit_code = CLI_EXIT_OK;
    if (rc)
        *exit_code = cli_error(rc == ELCL_E_ARG ? CLI_EXIT_USAGE : CLI_EXIT_FAILURE, "%s", err.msg);
    if (!rc && args->asked && args->asked->kind == CLI_OPT_HELP)
        cli_args_print_help(args);
    else if (!rc && args->asked)
        printf("elcl %s\n", elcl_version());
    else if (!rc && args->renamed[0] && cli_args_seen(args, "verbose"))
        cli_warn("%s; the next release drops old names", args->renamed);
    return !rc && !args->asked;
}

const struct cli_opt *cli_args_find(const struct cli_args *args, const char *name)
{
    return find_option(args, name, strlen(name));
}

int cli_args_set(struct cli_args *args, const char *name, const char *value, void *target,
                 elcl_error *err)
{
    static const struct cli_choice truth[] = {{"true", 1}, {"false", 0}, {NULL, 0}};
    const struct cli_opt *opt = cli_args_find(args, name);
    if (!opt)
        return fail_unknown(args, name, err);
    args->seen[opt - args->opts] = true;
    int flag;
    if (opt->kind != CLI_OPT_FLAG)
        return cli_args_parse_value(opt, value, target, err);
    if (!cli_find_choice(truth, value, &flag))
        return cli_args_fail_value(opt, value, "true or false", err);
    memcpy((char *)target + opt->offset, &flag, sizeof(flag));
    return ELCL_OK;
}

bool cli_args_seen(const struct cli_args *args, const char *name)
{
    const struct cli_opt *opt = cli_args_find(args, name);
    return opt && args->seen[opt - args->opts];
}

/* The option of a field of the library; `name` receives its dashed spelling. */
static void option_of(const char *field, size_t n, char name[64])
{
    (void)snprintf(name, 64, "%.*s", (int)n, field);
    const elcl_gen_option *option = elcl_gen_option_find(name);
    if (option)
        (void)snprintf(name, 64, "%s", option->name);
    else if (!strcmp(name, "max_beams"))
        (void)snprintf(name, 64, "num_beams");
    else if (!strcmp(name, "max_target"))
        (void)snprintf(name, 64, "max_length");
    cli_spell_option(name);
}

void cli_args_name_option(const struct cli_args *args, elcl_error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    const size_t n = strspn(err->msg, letters);
    char name[64], message[sizeof(err->msg)];
    if (!n || n >= sizeof(name) || err->msg[n] != ' ')
        return;
    option_of(err->msg, n, name);
    if (!cli_args_seen(args, name))
        return;
    (void)snprintf(message, sizeof(message), "--%.60s: %.400s", name, err->msg);
    memcpy(err->msg, message, sizeof(message));
}

static bool ends_word(char c)
{
    return !c || strchr(" :,;.)?", c) != NULL;
}

/* Whether a word [n] of a message that stands after `before` is an option in the library's
 * spelling. One without underscores is an English word too, except in the first place. */
static bool is_spelled(const struct cli_args *args, const char *word, size_t n, char before)
{
    char name[64];
    if (!n || n >= sizeof(name) || !ends_word(word[n]) || (before && !strchr(" (", before)))
        return false;
    (void)snprintf(name, sizeof(name), "%.*s", (int)n, word);
    if (!strchr(name, '_') && (before || !elcl_gen_option_find(name)))
        return false;
    cli_spell_option(name);
    return cli_args_find(args, name) != NULL;
}

int cli_args_fail_spelled(const struct cli_args *args, const elcl_error *why, elcl_error *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    char message[sizeof(why->msg)] = "";
    size_t n_message = 0;
    for (const char *at = why->msg; *at;) {
        const size_t n = strspn(at, letters), take = n ? n : 1;
        const bool spelled = is_spelled(args, at, n, at > why->msg ? at[-1] : '\0');
        if (n_message + take + 3 > sizeof(message))
            break;
        if (spelled) {
            memcpy(message + n_message, "--", 2);
            n_message += 2;
        }
        for (size_t i = 0; i < take; i++)
            message[n_message++] = spelled && at[i] == '_' ? '-' : at[i];
        at += take;
    }
    return elcl_fail(err, why->code, "%.*s", (int)n_message, message);
}

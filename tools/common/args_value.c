/* Values of options: text to the type that the table names. */
#include "base/number.h"
#include "common/args.h"
#include "common/words.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int cli_args_fail_value(const struct cli_opt *opt, const char *text, const char *expected,
                        elcl_error *err)
{
    return elcl_fail(err, ELCL_E_ARG, "--%s: expected %s, found '%.100s'%s", opt->name, expected,
                     text, cli_args_remark(opt->name, text));
}

static int parse_int(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    int64_t v;
    int word, n = 0;
    if (cli_find_choice(opt->choices, text, &word)) {
        memcpy(field, &word, sizeof(word));
        return ELCL_OK;
    }
    if (!elcl_read_whole(text, opt->min, opt->max, &v)) {
        char expected[160];
        n = snprintf(expected, sizeof(expected), "a whole number from %.0f to %.0f", opt->min,
                     opt->max);
        if (opt->choices && n > 0 && (size_t)n < sizeof(expected))
            (void)snprintf(expected + n, sizeof(expected) - (size_t)n, " or %s",
                           opt->choices[0].word);
        return cli_args_fail_value(opt, text, expected, err);
    }
    int value = (int)v;
    memcpy(field, &value, sizeof(value));
    return ELCL_OK;
}

static int parse_number(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    double v;
    const char *end;
    if (!elcl_read_decimal(text, &v, &end) || *end || v < opt->min || v > opt->max) {
        char expected[96];
        if (opt->min > 0)
            (void)snprintf(expected, sizeof(expected), "a number from %g to %g", opt->min,
                           opt->max);
        else
            (void)snprintf(expected, sizeof(expected), "a number between %g and %g", opt->min,
                           opt->max);
        return cli_args_fail_value(opt, text, expected, err);
    }
    float value = (float)v;
    memcpy(field, &value, sizeof(value));
    return ELCL_OK;
}

/* Returns the factor of K, KB, KiB and so on; 0 for anything else. */
static double unit_factor(const char *unit)
{
    static const char units[] = "bkmgt";
    const char *known = strchr(units, elcl_lower(*unit));
    if (!*unit)
        return 1;
    if (!known)
        return 0;
    const bool ok = !unit[1] || (known > units &&
                                 (elcl_is_word("b", unit + 1) || elcl_is_word("ib", unit + 1)));
    return ok ? (double)(UINT64_C(1) << 10 * (known - units)) : 0;
}

static int parse_bytes(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    double v;
    const char *end;
    const bool ok = elcl_read_decimal(text, &v, &end);
    if (ok)
        v *= unit_factor(end);
    if (!ok || v < 1 || v > (double)(UINT64_C(1) << 60))
        return cli_args_fail_value(
            opt, text, "bytes with an optional K, M, G or T, as in 512M, 2G or 8GiB", err);
    uint64_t value = (uint64_t)v;
    memcpy(field, &value, sizeof(value));
    return ELCL_OK;
}

static int parse_choice(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    int value;
    if (!cli_find_choice(opt->choices, text, &value)) {
        char expected[128];
        (void)snprintf(expected, sizeof(expected), "one of %s", opt->value);
        return cli_args_fail_value(opt, text, expected, err);
    }
    memcpy(field, &value, sizeof(value));
    return ELCL_OK;
}

static int parse_setting(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    const elcl_gen_option *option = cli_args_setting(opt);
    const size_t n = strlen(option->name);
    elcl_error bad = {0};
    const int rc = cli_settings_add(field, option, text, &bad);
    if (!rc)
        return rc;
    const bool named = !strncmp(bad.msg, option->name, n) && bad.msg[n] == ':';
    return elcl_fail(err, rc, "%s%s%s%s", named ? "--" : "", named ? opt->name : "",
                     bad.msg + (named ? n : 0), cli_args_remark(opt->name, text));
}

static int parse_list(const struct cli_opt *opt, const char *text, void *field, elcl_error *err)
{
    struct cli_opt_list list;
    const int rc = cli_args_parse_list(opt, text, &list, err);
    if (!rc)
        memcpy(field, &list, sizeof(list));
    return rc;
}

int cli_args_parse_value(const struct cli_opt *opt, const char *text, void *target, elcl_error *err)
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
    case CLI_OPT_SETTING:
    case CLI_OPT_SETTING_FLAG:
        return parse_setting(opt, text, field, err);
    case CLI_OPT_INTS:
    case CLI_OPT_WORDS:
        return parse_list(opt, text, field, err);
    case CLI_OPT_TEXT:
        if (!*text)
            return cli_args_fail_value(opt, text, opt->value, err);
        memcpy(field, &text, sizeof(text));
        return ELCL_OK;
    case CLI_OPT_GROUP:
    case CLI_OPT_FLAG:
    case CLI_OPT_HELP:
    case CLI_OPT_VERSION:
        break;
    }
    return ELCL_OK;
}

/* Options that hold several values: 1,4  1-64*2  10-30+10  el,mha */
#include "common/args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail_list(const struct cli_opt *opt, const char *text, elcl_error *err)
{
    char expected[256];
    if (opt->kind == CLI_OPT_WORDS)
        (void)snprintf(expected, sizeof(expected), "some of %s, separated by commas", opt->value);
    else
        (void)snprintf(expected, sizeof(expected),
                       "whole numbers from %.0f to %.0f%s%s as in 1,4 or 1-64*2 or 10-30+10, at "
                       "most %d of them",
                       opt->min, opt->max, opt->choices ? " or " : "",
                       opt->choices ? opt->choices[0].word : "", CLI_MAX_LIST);
    return elcl_fail(err, ELCL_E_ARG, "--%s: expected %s, found '%.100s'", opt->name, expected,
                     text);
}

/* Reads the digits at *at as a number min .. max of the option; *at moves after them. */
static bool take_number(const struct cli_opt *opt, const char **at, double min, long *value)
{
    const size_t n = strspn(*at, "0123456789");
    if (!n || n > 9)
        return false;
    *value = strtol(*at, NULL, 10);
    *at += n;
    return (double)*value >= min && (double)*value <= opt->max;
}

static bool append(struct cli_opt_list *list, long value)
{
    if (list->n == CLI_MAX_LIST)
        return false;
    list->values[list->n++] = (int)value;
    return true;
}

/* Reads N, N-M (all numbers between), N-M+STEP or N-M*FACTOR. */
static bool take_range(const struct cli_opt *opt, const char *item, struct cli_opt_list *list)
{
    long first, last, step = 1;
    char how = '+';
    if (!take_number(opt, &item, opt->min, &first))
        return false;
    if (!*item)
        return append(list, first);
    if (*item++ != '-' || !take_number(opt, &item, (double)first, &last))
        return false;
    if (*item) {
        how = *item++;
        if ((how != '+' && how != '*') || !take_number(opt, &item, how == '*' ? 2 : 1, &step))
            return false;
    }
    if (*item || (how == '*' && first == 0))
        return false;
    for (long v = first; v <= last; v = how == '*' ? v * step : v + step)
        if (!append(list, v))
            return false;
    return true;
}

static bool take_item(const struct cli_opt *opt, const char *item, struct cli_opt_list *list)
{
    int value;
    if (cli_find_choice(opt->choices, item, &value))
        return append(list, value);
    return opt->kind == CLI_OPT_INTS && take_range(opt, item, list);
}

int cli_args_parse_list(const struct cli_opt *opt, const char *text, struct cli_opt_list *list,
                        elcl_error *err)
{
    list->n = 0;
    for (const char *at = text;;) {
        char item[64];
        const size_t n = strcspn(at, ",");
        if (n >= sizeof(item))
            return fail_list(opt, text, err);
        memcpy(item, at, n);
        item[n] = '\0';
        if (!take_item(opt, item, list))
            return fail_list(opt, text, err);
        if (!at[n])
            return ELCL_OK;
        at += n + 1;
    }
}

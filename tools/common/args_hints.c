/* Spellings of the last release and of other programs. */
#include "common/args.h"

#include <string.h>

/* Options of version 0.1 that have new names, which still work. A row stays for one release. */
static const struct renamed {
    const char *verb; /* NULL: every verb that has the new option */
    const char *old, *option;
    const char *value; /* the value that the old flag implies, or NULL */
    bool words;        /* the name has a new meaning: only for values that are words of `option` */
} rows[] = {
    {NULL, "lanes", "engines", NULL, false},       {NULL, "products", "compute", NULL, false},
    {"generate", "profile", "trace", NULL, false}, {"bench", "output-file", "output", NULL, false},
    {"bench", "output", "format", NULL, true},     {"plan", "output", "format", NULL, true},
    {"devices", "json", "format", "json", false},  {"selftest", "json", "format", "json", false},
};

static const struct cli_opt *option_of(const struct cli_args *args, const char *name)
{
    for (size_t i = 0; i < args->n_opts; i++)
        if (args->opts[i].name && !strcmp(args->opts[i].name, name))
            return &args->opts[i];
    return NULL;
}

const struct cli_opt *cli_args_renamed(const struct cli_args *args, const char *name, size_t n,
                                       const char *value, const char **fixed)
{
    int ignored;
    for (size_t i = 0; i < ELCL_COUNT(rows); i++) {
        const struct renamed *row = &rows[i];
        if (strlen(row->old) != n || memcmp(row->old, name, n) ||
            (row->verb && strcmp(row->verb, args->verb) != 0))
            continue;
        const struct cli_opt *opt = option_of(args, row->option);
        if (!opt || (row->words && !(value && cli_find_choice(opt->choices, value, &ignored))))
            continue;
        *fixed = row->value;
        return opt;
    }
    return NULL;
}

/* What other programs call our options. These are not accepted, since values may differ. */
static const struct foreign {
    const char *name, *advice;
} foreign[] = {
    {"batch", "--batch-size"},
    {"beam", "--num-beams"},
    {"beam-size", "--num-beams"},
    {"beams", "--num-beams"},
    {"best-of", "--num-return-sequences"},
    {"compute-type", "--weights and --compute"},
    {"condition-on-previous-text", "on; --no-condition-on-previous-text turns it off"},
    {"dtype", "--weights"},
    {"file", "--input FILE"},
    {"fp16", "--weights f16"},
    {"gpu", "--device gpu"},
    {"half", "--weights f16"},
    {"json", "--format jsonl"},
    {"lenpen", "--length-penalty"},
    {"load-in-4bit", "--weights int4"},
    {"load-in-8bit", "--weights int8"},
    {"logprob-threshold", "--log-prob-threshold"},
    {"m", "MODEL, the first word: elcl generate MODEL [TEXT...]"},
    {"max-decoding-length", "--max-new-tokens"},
    {"max-len", "--max-length"},
    {"max-tokens", "--max-new-tokens"},
    {"model", "MODEL, the first word: elcl generate MODEL [TEXT...]"},
    {"n", "--max-new-tokens"},
    {"n-predict", "--max-new-tokens"},
    {"nbest", "--num-return-sequences"},
    {"num-hypotheses", "--num-return-sequences"},
    {"osrt", "--format srt"},
    {"otxt", "--format txt"},
    {"output-format", "--format"},
    {"ovtt", "--format vtt"},
    {"p", "a word after MODEL: elcl generate MODEL TEXT"},
    {"prompt", "a word after MODEL: elcl generate MODEL TEXT"},
    {"quantization", "--weights int8 or int4"},
    {"repeat-penalty", "--repetition-penalty"},
    {"sample", "--do-sample"},
    {"source-lang", "--src-lang"},
    {"target-lang", "--tgt-lang"},
    {"temp", "--temperature"},
    {"text", "a word after MODEL: elcl generate MODEL TEXT"},
    {"temperature-increment-on-fallback", "--temperatures 0,0.2,0.4"},
    {"threads", "automatic: OpenCL uses all cores of the device"},
    {"word-timestamps", "--timestamps word"},
};

const char *cli_args_advice(const char *name)
{
    for (size_t i = 0; i < ELCL_COUNT(foreign); i++) {
        const char *a = foreign[i].name, *b = name;
        for (; *a && (*a == *b || (*a == '-' && *b == '_')); a++)
            b++;
        if (!*a && !*b)
            return foreign[i].advice;
    }
    return NULL;
}

const char *cli_args_remark(const char *option, const char *value)
{
    static const char *const sampling = "; 0 is greedy search: leave out --do-sample";
    static const char *const greedy = "; 1 is greedy search";
    static const char *const percent = "; 90 % is 0.9";
    const bool zero = *value && !value[strspn(value, "0.")];
    if (!strcmp(option, "temperature") && zero)
        return sampling;
    if (!strcmp(option, "num-beams") && zero)
        return greedy;
    return !strcmp(option, "top-p") && *value >= '1' && *value <= '9' ? percent : "";
}

#include "generate/shard.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SHARDS UINT64_C(1000000000)

/* Reads a whole number up to MAX_SHARDS; *end is the byte after it. */
static bool read_number(const char *text, uint64_t *number, const char **end)
{
    const char *at = text;
    uint64_t value = 0;
    for (; *at >= '0' && *at <= '9' && value <= MAX_SHARDS; at++)
        value = value * 10 + (uint64_t)(*at - '0');
    *end = at;
    *number = value;
    return at > text && value <= MAX_SHARDS;
}

/* Reads a variable of the environment. */
static bool read_variable(const char *name, uint64_t *number)
{
    const char *text = getenv(name), *end;
    return text && read_number(text, number, &end) && !*end;
}

/* Slurm counts from any number in any steps, and a list of tasks may have gaps. */
static int take_slurm(struct cli_shard *shard, elcl_error *err)
{
    uint64_t id, first, last, count, step;
    if (!read_variable("SLURM_ARRAY_TASK_ID", &id) ||
        !read_variable("SLURM_ARRAY_TASK_MIN", &first) ||
        !read_variable("SLURM_ARRAY_TASK_MAX", &last) ||
        !read_variable("SLURM_ARRAY_TASK_COUNT", &count) ||
        !read_variable("SLURM_ARRAY_TASK_STEP", &step) || !step || id < first || last < first)
        return elcl_fail(err, ELCL_E_ARG,
                         "--shard auto: the SLURM_ARRAY_TASK_ variables are not complete: give "
                         "--shard I/N");
    if ((last - first) / step + 1 != count || (id - first) % step)
        return elcl_fail(err, ELCL_E_ARG,
                         "--shard auto: the array has %llu tasks between %llu and %llu, which "
                         "leaves gaps: give --shard I/N",
                         (unsigned long long)count, (unsigned long long)first,
                         (unsigned long long)last);
    *shard = (struct cli_shard){(id - first) / step + 1, count};
    return ELCL_OK;
}

/* `count` is that of auto/N, or 0. */
static int take_environment(uint64_t count, struct cli_shard *shard, elcl_error *err)
{
    uint64_t index;
    if (getenv("SLURM_ARRAY_TASK_ID")) {
        const int rc = take_slurm(shard, err);
        if (rc || !count || shard->count == count)
            return rc;
        return elcl_fail(err, ELCL_E_ARG,
                         "--shard auto/%llu: the Slurm array has %llu tasks: give --shard I/N to "
                         "run a part of them",
                         (unsigned long long)count, (unsigned long long)shard->count);
    }
    if (!getenv("JOB_COMPLETION_INDEX"))
        return elcl_fail(err, ELCL_E_ARG,
                         "--shard auto: found no SLURM_ARRAY_TASK_ID and no JOB_COMPLETION_INDEX: "
                         "give --shard I/N");
    if (!count)
        return elcl_fail(err, ELCL_E_ARG,
                         "--shard auto: JOB_COMPLETION_INDEX comes without the number of "
                         "completions N: give --shard auto/N");
    if (!read_variable("JOB_COMPLETION_INDEX", &index) || index >= count)
        return elcl_fail(err, ELCL_E_ARG,
                         "--shard auto/%llu: expected a JOB_COMPLETION_INDEX below %llu, found "
                         "'%.40s'",
                         (unsigned long long)count, (unsigned long long)count,
                         getenv("JOB_COMPLETION_INDEX"));
    *shard = (struct cli_shard){index + 1, count};
    return ELCL_OK;
}

int cli_shard_parse(const char *text, struct cli_shard *shard, elcl_error *err)
{
    static const char word[] = "auto";
    const bool automatic = !strncmp(text, word, strlen(word));
    const char *at = automatic ? text + strlen(word) : text;
    struct cli_shard s = {0};
    bool good = automatic || read_number(at, &s.index, &at);
    if (good && *at == '/')
        good = read_number(at + 1, &s.count, &at) && s.count;
    else
        good = good && automatic;
    if (!good || *at || (!automatic && (!s.index || s.index > s.count)))
        return elcl_fail(err, ELCL_E_ARG,
                         "--shard: expected I/N (1/4 is the first of 4), auto or auto/N, found "
                         "'%.60s'",
                         text);
    if (automatic)
        return take_environment(s.count, shard, err);
    *shard = s;
    return ELCL_OK;
}

uint64_t cli_shard_first(const struct cli_shard *shard, uint64_t n_lines)
{
    /* floor((index - 1) * n_lines / count) without an overflow. */
    const uint64_t before = shard->index - 1;
    return n_lines / shard->count * before + n_lines % shard->count * before / shard->count;
}

uint64_t cli_shard_lines(const struct cli_shard *shard, uint64_t n_lines)
{
    const struct cli_shard next = {shard->index + 1, shard->count};
    return cli_shard_first(&next, n_lines) - cli_shard_first(shard, n_lines);
}

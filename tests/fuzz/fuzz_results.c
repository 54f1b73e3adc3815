/* Input: a result file of elcl bench, as elcl compare and bench --baseline read it. Writes the
 * comparison with itself in all forms. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare/compare.h"
#include "fuzz.h"

static void check_measured(const struct cli_measured *m)
{
    FUZZ_REQUIRE(isfinite(m->median) && isfinite(m->min) && isfinite(m->max));
    FUZZ_REQUIRE(m->median >= 0 && m->spread >= 0);
}

static void check_row(const struct cli_row *row)
{
    FUZZ_REQUIRE(row->model && row->attention && row->gemm && row->kernels && row->weights &&
                 row->state && row->status);
    check_measured(&row->rate);
    check_measured(&row->step_ms);
    check_measured(&row->first_ms);
}

static void take_chart(void *user, const char *name, const char *caption,
                       const struct elcl_str *svg)
{
    struct elcl_str *all = user;
    FUZZ_REQUIRE(name && caption && !svg->failed);
    elcl_str_text(all, caption);
}

static void write_all(const struct cli_comparison *c)
{
    struct elcl_str out = {0};
    cli_compare_markdown(&out, c);
    cli_compare_csv(&out, c);
    cli_compare_json(&out, c);
    cli_compare_html(&out, c);
    cli_compare_charts(c, take_chart, &out);
    FUZZ_REQUIRE(!out.failed);
    elcl_str_finish(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct cli_comparison c;
    const char *path = fuzz_file("results.json", data, n);
    elcl_error err = {0};
    memset(&c, 0, sizeof(c));
    for (int i = 0; i < 2; i++) {
        const int rc = cli_result_file_read(path, i, &c.files[i], &err);
        fuzz_check_error(rc, &err);
        if (rc)
            break;
        for (int k = 0; k < c.files[i].n_rows; k++)
            check_row(&c.files[i].rows[k]);
        c.n_files++;
    }
    if (c.n_files)
        write_all(&c);
    while (c.n_files)
        cli_result_file_finish(&c.files[--c.n_files]);
    return 0;
}

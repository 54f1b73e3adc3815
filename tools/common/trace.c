#include <inttypes.h>

#include "common/trace.h"

void cli_trace_begin(struct elcl_str *out)
{
    elcl_str_text(out, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n");
}

/* A title has a model's name in it and may need escapes; kernel names are literals of the library.
 */
static void put_title(struct elcl_str *out, const char *title)
{
    for (; *title; title++)
        elcl_str_append(out, *title == '"' || *title == '\\' || *title < ' ' ? "_" : title, 1);
}

void cli_trace_add(struct elcl_str *out, size_t pid, const char *title,
                   const elcl_kernel_span *spans, size_t n_spans)
{
    const uint64_t start = n_spans ? spans[0].start_ns : 0;
    elcl_str_printf(out, "%s{\"name\": \"process_name\", \"ph\": \"M\", \"pid\": %zu, ",
                    pid > 1 ? ",\n" : "", pid);
    elcl_str_text(out, "\"tid\": 0, \"args\": {\"name\": \"");
    put_title(out, title);
    elcl_str_text(out, "\"}}");
    for (size_t i = 0; i < n_spans; i++) {
        const elcl_kernel_span *s = &spans[i];
        const uint64_t at = s->start_ns - start, took = s->end_ns - s->start_ns;
        elcl_str_printf(out,
                        ",\n{\"name\": \"%s\", \"ph\": \"X\", \"pid\": %zu, \"tid\": 0, "
                        "\"ts\": %" PRIu64 ".%03d, \"dur\": %" PRIu64
                        ".%03d, \"args\": {\"phase\": \"%s\", \"bytes\": %" PRIu64
                        ", \"flop\": %" PRIu64 "}}",
                        s->name, pid, at / 1000, (int)(at % 1000), took / 1000, (int)(took % 1000),
                        s->phase == ELCL_PHASE_ENCODE ? "encode" : "step", s->bytes_moved, s->flop);
    }
}

void cli_trace_end(struct elcl_str *out)
{
    elcl_str_text(out, "\n]}\n");
}

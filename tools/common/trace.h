/* A Chrome trace of kernel calls, for Perfetto and chrome://tracing. */
#ifndef CLI_TRACE_H
#define CLI_TRACE_H

#include "elcl/measure.h"

#include "common/tool.h"

/* Begins a trace, appends the calls of `title` as process `pid` (1, 2, ...), ends the trace. */
void cli_trace_begin(struct elcl_str *out);
void cli_trace_add(struct elcl_str *out, size_t pid, const char *title,
                   const elcl_kernel_span *spans, size_t n_spans);
void cli_trace_end(struct elcl_str *out);

#endif

/* A Chrome trace of kernel calls, as Perfetto and chrome://tracing open it. */
#ifndef ELCL_TOOLS_TRACE_H
#define ELCL_TOOLS_TRACE_H

#include <elcl/elcl.h>

#include "tool.h"

/* Begins, appends what `title` did as process `pid`, 1, 2, ..., ends. */
void elcl_trace_begin(struct elcl_bytes *out);
void elcl_trace_add(struct elcl_bytes *out, size_t pid, const char *title,
                    const elcl_kernel_span *spans, size_t n_spans);
void elcl_trace_end(struct elcl_bytes *out);

#endif

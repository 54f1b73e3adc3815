/* What decides the text of a run of `elcl generate`: its version, options, model and input. */
#ifndef CLI_FINGERPRINT_H
#define CLI_FINGERPRINT_H

#include "common/run_record.h"
#include "generate/generate_options.h"

/* Sets record->of and the counts of a run over the whole input, a regular file whose digest is
 * `input`. cli_run_record_finish() frees it.
 *
 * Two runs of the same fingerprint have the same text. The device, its kernels, the GEMM and the
 * batch are not in it: they change only the rounding of sums. */
int cli_fingerprint(const struct cli_generate_options *options, const elcl_model_info *info,
                    const struct cli_resolved *resolved, const struct cli_digest *input,
                    struct cli_run_record *record, elcl_error *err);

#endif

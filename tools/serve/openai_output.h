/* One output of a model on its way into an answer: tokens become text. */
#ifndef CLI_SERVE_OPENAI_OUTPUT_H
#define CLI_SERVE_OPENAI_OUTPUT_H

#include "serve/openai_text.h"

/* {0} has not begun. */
struct cli_openai_output {
    struct cli_openai_text text;
    elcl_text_stream *stream; /* NULL: the model has no tokenizer */
    bool begun;
};

/* Begins an output.
 *
 * gen:        its stop strings must stay valid
 * before:     [n_before] the text that the output continues, in which a stop string may begin
 * characters: in the answer before the output */
int cli_openai_output_begin(struct cli_openai_output *output, const elcl_model *model,
                            const elcl_gen_options *gen, const char *before, size_t n_before,
                            size_t characters, elcl_error *err);
/* Adds n tokens. log_probs: NULL: not known. */
int cli_openai_output_add(struct cli_openai_output *output, const int32_t *ids,
                          const float *log_probs, size_t n, elcl_error *err);
/* Adds the text that waited for more tokens. */
int cli_openai_output_end(struct cli_openai_output *output, elcl_error *err);
void cli_openai_output_finish(struct cli_openai_output *output);

#endif

#include "serve/openai_output.h"

#include <math.h>
#include <string.h>

int cli_openai_output_begin(struct cli_openai_output *output, const elcl_model *model,
                            const elcl_gen_options *gen, const char *before, size_t n_before,
                            size_t characters, elcl_error *err)
{
    elcl_model_info info;
    elcl_model_get_info(model, &info);
    *output = (struct cli_openai_output){.begun = true};
    cli_openai_text_begin(&output->text, gen->stop_strings, gen->n_stop_strings, before, n_before,
                          characters);
    return info.has_tokenizer ? elcl_text_stream_create(model, &output->stream, err) : ELCL_OK;
}

int cli_openai_output_add(struct cli_openai_output *output, const int32_t *ids,
                          const float *log_probs, size_t n, elcl_error *err)
{
    for (size_t i = 0; i < n; i++) {
        const char *text = "";
        const int rc =
            output->stream ? elcl_text_stream_add(output->stream, ids + i, 1, &text, err) : ELCL_OK;
        if (rc)
            return rc;
        cli_openai_text_add(&output->text, ids[i], log_probs ? log_probs[i] : NAN, text,
                            strlen(text));
    }
    return cli_openai_text_failed(&output->text) ? elcl_fail_nomem(err) : ELCL_OK;
}

int cli_openai_output_end(struct cli_openai_output *output, elcl_error *err)
{
    const char *text = "";
    const int rc = output->stream ? elcl_text_stream_end(output->stream, &text, err) : ELCL_OK;
    if (!rc)
        cli_openai_text_more(&output->text, text, strlen(text));
    return rc ? rc : cli_openai_text_failed(&output->text) ? elcl_fail_nomem(err) : ELCL_OK;
}

void cli_openai_output_finish(struct cli_openai_output *output)
{
    elcl_text_stream_destroy(&output->stream);
    cli_openai_text_finish(&output->text);
    output->begun = false;
}

/* The options of `elcl transcribe`. */
#ifndef CLI_TRANSCRIBE_OPTIONS_H
#define CLI_TRANSCRIBE_OPTIONS_H

#include "common/model_options.h"
#include "common/transcripts.h"

#define CLI_MAX_TEMPERATURES 16

enum cli_raw { CLI_RAW_NONE, CLI_RAW_S16, CLI_RAW_F32 };

struct cli_transcribe_options {
    struct cli_args args; /* words: the model, then the sounds */
    struct cli_common_options common;
    struct cli_model_options model;
    /* Input and output. */
    int raw; /* enum cli_raw */
    int raw_rate, raw_channels;
    int allow_partial;
    const char *output_dir;      /* NULL: standard output or common.output */
    struct cli_opt_list formats; /* enum cli_transcript_format */
    struct cli_subtitle_options subtitles;
    /* Decoding: `decode` is complete after parsing. */
    elcl_transcribe_options decode;
    const char *language, *temperature_text;
    const char *compression_text, *log_prob_text, *no_speech_text;
    int no_condition, seed;
    float temperatures[CLI_MAX_TEMPERATURES];
    int batch_size; /* 0: automatic */
};

/* As cli_args_begin(). */
bool cli_transcribe_parse(struct cli_transcribe_options *options, int argc, char **argv,
                          int *exit_code);

/* How many sounds the command line names, and their names. */
int cli_transcribe_sounds(const struct cli_transcribe_options *options, char ***names);

#endif

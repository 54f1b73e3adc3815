#include "transcribe/transcribe_options.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/number.h"

#define FIELD(name) offsetof(struct cli_transcribe_options, name)
#define ALL_FORMATS CLI_TRANSCRIPT_FORMATS

/* clang-format off */
static const struct cli_choice format_words[] = {
    {"txt", CLI_TRANSCRIPT_TXT}, {"srt", CLI_TRANSCRIPT_SRT}, {"vtt", CLI_TRANSCRIPT_VTT},
    {"tsv", CLI_TRANSCRIPT_TSV}, {"lrc", CLI_TRANSCRIPT_LRC}, {"json", CLI_TRANSCRIPT_JSON},
    {"text", CLI_TRANSCRIPT_TXT}, {"all", ALL_FORMATS}, {NULL, 0}};
static const struct cli_choice raw_words[] = {
    {"s16", CLI_RAW_S16}, {"f32", CLI_RAW_F32}, {"s16le", CLI_RAW_S16}, {"f32le", CLI_RAW_F32},
    {NULL, 0}};
static const struct cli_choice task_words[] = {
    {"transcribe", ELCL_TASK_TRANSCRIBE}, {"translate", ELCL_TASK_TRANSLATE}, {NULL, 0}};
static const struct cli_choice timestamp_words[] = {
    {"none", ELCL_TIMESTAMPS_NONE}, {"segment", ELCL_TIMESTAMPS_SEGMENT},
    {"word", ELCL_TIMESTAMPS_WORD}, {NULL, 0}};
static const struct cli_choice style_words[] = {
    {"whisper", ELCL_SPEECH_STYLE_WHISPER}, {"hf", ELCL_SPEECH_STYLE_HF}, {NULL, 0}};
static const struct cli_choice auto_word[] = {{"auto", 0}, {NULL, 0}};

#define ROW_NUMBER(name, field, min, max, help) \
    {CLI_OPT_NUMBER, name, "X", help, FIELD(field), min, max, NULL}

static const struct cli_opt options_table[] = {
    CLI_ROW_GROUP("Input and output:"),
    CLI_ROW_CHOICE("raw", "s16|f32", raw, raw_words,
        "the sounds are raw samples: 16-bit integers or 32-bit floats, little-endian"),
    CLI_ROW_INT("raw-rate", "HZ", raw_rate, 1000, 768000,
        "samples per second and channel of raw sounds (default 16000)"),
    CLI_ROW_INT("raw-channels", "N", raw_channels, 1, 1024,
        "channels of raw sounds, whose samples alternate (default 1)"),
    CLI_ROW_FLAG("allow-partial", allow_partial,
        "transcribe what can be decoded of a damaged file, with a warning (default: refuse it)"),
    CLI_OUTPUT_OPTION(FIELD(common)),
    CLI_ROW_TEXT("output-dir", "DIR", output_dir,
        "write each transcript to DIR, under the sound's name with the format's ending"),
    CLI_ROW_WORDS("format", "txt,srt,vtt,tsv,lrc,json|all", formats, format_words,
        "formats of the transcripts (default txt); several need --output-dir"),

    CLI_ROW_GROUP("Subtitles (srt and vtt with --timestamps word):"),
    CLI_ROW_INT("max-line-width", "N", subtitles.max_line_width, 1, INT32_MAX,
        "characters of a line (default: no limit)"),
    CLI_ROW_INT("max-line-count", "N", subtitles.max_line_count, 1, INT32_MAX,
        "lines of a subtitle (default: no limit)"),
    CLI_ROW_INT("max-words-per-line", "N", subtitles.max_words_per_line, 1, INT32_MAX,
        "words of a subtitle; no effect with --max-line-width (default: no limit)"),
    CLI_ROW_FLAG("highlight-words", subtitles.highlight_words,
        "underline each word while it is spoken"),

    CLI_ROW_GROUP("Speech:"),
    CLI_ROW_TEXT("language", "auto|CODE", language,
        "language that is spoken, as in elcl languages (default auto: found in the first window)"),
    CLI_ROW_CHOICE("task", "transcribe|translate", decode.task, task_words,
        "write the language that is spoken (default), or English"),
    CLI_ROW_CHOICE("timestamps", "none|segment|word", decode.timestamps, timestamp_words,
        "times of nothing, of segments (default), or of words too"),
    CLI_ROW_CHOICE("style", "whisper|hf", decode.style, style_words,
        "decode long sounds as OpenAI's whisper and faster-whisper do (default), or as "
        "transformers does"),
    CLI_ROW_FLAG("batched", decode.batched,
        "cut each sound at silence and decode all its windows at once: faster, but no window sees "
        "the text before it"),
    CLI_ROW_TEXT("initial-prompt", "TEXT", decode.initial_prompt,
        "text before the first window, for names and style"),
    CLI_ROW_TEXT("hotwords", "TEXT", decode.hotwords, "words to expect, before each window"),
    CLI_ROW_TEXT("prefix", "TEXT", decode.prefix, "text that the first window begins with"),
    CLI_ROW_FLAG("no-condition-on-previous-text", no_condition,
        "decode each window without the text before it"),

    CLI_ROW_GROUP("Search:"),
    CLI_ROW_INT("num-beams", "N", decode.num_beams, 1, ELCL_MAX_BEAMS,
        "beams at temperature 0; 1 is greedy search (default 5)"),
    ROW_NUMBER("patience", decode.patience, 0.01, 100,
        "beams to finish, relative to their number (default 1)"),
    ROW_NUMBER("length-penalty", decode.length_penalty, -100, 100,
        "divide scores by the length to this power (default 1)"),
    CLI_ROW_INT("best-of", "N", decode.best_of, 1, ELCL_MAX_BEAMS,
        "samples at temperatures above 0, of which the most probable counts (default 5)"),
    CLI_ROW_INT("max-new-tokens", "N", decode.max_new_tokens, 1, INT32_MAX,
        "the most tokens of a window (default: half of the model's positions)"),
    ROW_NUMBER("max-initial-timestamp", decode.max_initial_timestamp, -1, 30,
        "latest time of a window's first segment in seconds; below 0: any (default 1)"),
    ROW_NUMBER("repetition-penalty", decode.repetition_penalty, 0.01, 100,
        "above 1: tokens that the window has already become less probable (default 1)"),
    CLI_ROW_INT("no-repeat-ngram-size", "N", decode.no_repeat_ngram_size, 0, INT32_MAX,
        "no N tokens in a row occur twice in a window (default 0: off)"),

    CLI_ROW_GROUP("Fallback (a window that fails a threshold is decoded again):"),
    CLI_ROW_TEXT("temperatures", "X,...", temperature_text,
        "temperatures to try one after another (default 0,0.2,0.4,0.6,0.8,1)"),
    CLI_ROW_TEXT("compression-ratio-threshold", "X|off", compression_text,
        "texts that zlib compresses more than this repeat themselves (default 2.4)"),
    CLI_ROW_TEXT("log-prob-threshold", "X|off", log_prob_text,
        "texts whose mean log-probability is less than this are improbable (default -1)"),
    CLI_ROW_TEXT("no-speech-threshold", "X|off", no_speech_text,
        "improbable windows that are silent with more than this probability have no text (default "
        "0.6)"),
    CLI_ROW_INT("seed", "N", seed, 0, INT32_MAX, "seed of sampling (default 0)"),

    CLI_ROW_GROUP("Model and device:"),
    CLI_MODEL_OPTIONS(FIELD(model), CLI_ONE_DEVICE),
    {CLI_OPT_INT, "batch-size", "N|auto",
     "windows decoded at the same time (default auto: as many as fit in memory)",
     FIELD(batch_size), 1, 1 << 20, auto_word},

    CLI_ROW_GROUP("Messages:"),
    CLI_COMMON_OPTIONS(FIELD(common)),
};
/* clang-format on */

_Static_assert(ELCL_COUNT(options_table) <= CLI_MAX_OPTS, "raise CLI_MAX_OPTS");

int cli_transcribe_sounds(const struct cli_transcribe_options *options, char ***names)
{
    *names = options->args.words + 1;
    return options->args.n_words - 1;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static int fail_value(const struct cli_args *args, const char *name, const char *text,
                      const char *expected, elcl_error *err)
{
    return cli_args_fail_value(cli_args_find(args, name), text, expected, err);
}

static int read_temperatures(struct cli_transcribe_options *o, elcl_error *err)
{
    const char *at = o->temperature_text;
    int n = 0;
    while (at) {
        double value;
        if (n == CLI_MAX_TEMPERATURES || !elcl_read_decimal(at, &value, &at) || value < 0 ||
            value > 2 || (*at && *at != ','))
            return fail_value(&o->args, "temperatures", o->temperature_text,
                              "up to 16 numbers from 0 to 2 with commas between them", err);
        o->temperatures[n++] = (float)value;
        at = *at ? at + 1 : NULL;
    }
    if (n) {
        o->decode.temperatures = o->temperatures;
        o->decode.n_temperatures = n;
    }
    return ELCL_OK;
}

/* A threshold that is off is NAN. */
static int read_threshold(const struct cli_args *args, const char *name, const char *text,
                          float *value, elcl_error *err)
{
    double number;
    const char *end;
    if (!text)
        return ELCL_OK;
    if (elcl_is_word("off", text))
        *value = NAN;
    else if (elcl_read_decimal(text, &number, &end) && !*end)
        *value = (float)number;
    else
        return fail_value(args, name, text, "a number or off", err);
    return ELCL_OK;
}

/* Repeats no format, and puts all in place of "all". */
static void spread_formats(struct cli_opt_list *list)
{
    bool wanted[CLI_TRANSCRIPT_FORMATS] = {false};
    for (int i = 0; i < list->n; i++)
        for (int f = 0; f < CLI_TRANSCRIPT_FORMATS; f++)
            wanted[f] = wanted[f] || list->values[i] == f || list->values[i] == ALL_FORMATS;
    if (!list->n)
        wanted[CLI_TRANSCRIPT_TXT] = true;
    list->n = 0;
    for (int f = 0; f < CLI_TRANSCRIPT_FORMATS; f++)
        if (wanted[f])
            list->values[list->n++] = f;
}

static int check_outputs(const struct cli_transcribe_options *o, elcl_error *err)
{
    char **names;
    const int n = cli_transcribe_sounds(o, &names);
    int n_stdin = 0;
    for (int i = 0; i < n; i++)
        n_stdin += !strcmp(names[i], "-");
    if (n < 1)
        return elcl_fail(err, ELCL_E_ARG,
                         "no sound given: expected elcl transcribe MODEL FILE..., where - is "
                         "standard input");
    if (n_stdin > 1)
        return elcl_fail(err, ELCL_E_ARG, "standard input can be only one of the sounds");
    if (o->output_dir && o->common.output)
        return elcl_fail(err, ELCL_E_ARG, "expected --output or --output-dir, found both");
    if (n > 1 && !o->output_dir)
        return elcl_fail(err, ELCL_E_ARG,
                         "%d sounds have %d transcripts: name a directory for them with "
                         "--output-dir",
                         n, n);
    if (o->formats.n > 1 && !o->output_dir)
        return elcl_fail(err, ELCL_E_ARG,
                         "--format names %d formats: name a directory for them with --output-dir",
                         o->formats.n);
    return ELCL_OK;
}

static int check_raw(const struct cli_args *args, const struct cli_transcribe_options *o,
                     elcl_error *err)
{
    static const char *const only[] = {"raw-rate", "raw-channels"};
    for (size_t i = 0; i < ELCL_COUNT(only); i++)
        if (!o->raw && cli_args_seen(args, only[i]))
            return elcl_fail(err, ELCL_E_ARG, "--%s does nothing without --raw", only[i]);
    return ELCL_OK;
}

static int check_subtitles(const struct cli_args *args, const struct cli_transcribe_options *o,
                           elcl_error *err)
{
    static const char *const only[] = {"max-line-width", "max-line-count", "max-words-per-line",
                                       "highlight-words"};
    for (size_t i = 0; i < ELCL_COUNT(only); i++)
        if (o->decode.timestamps != ELCL_TIMESTAMPS_WORD && cli_args_seen(args, only[i]))
            return elcl_fail(err, ELCL_E_ARG, "--%s needs --timestamps word", only[i]);
    return ELCL_OK;
}

static int check(const struct cli_args *args, void *target, elcl_error *err)
{
    struct cli_transcribe_options *o = target;
    int rc;
    spread_formats(&o->formats);
    ELCL_TRY(check_outputs(o, err));
    ELCL_TRY(check_raw(args, o, err));
    ELCL_TRY(check_subtitles(args, o, err));
    ELCL_TRY(read_temperatures(o, err));
    ELCL_TRY(read_threshold(args, "compression-ratio-threshold", o->compression_text,
                            &o->decode.compression_ratio_threshold, err));
    ELCL_TRY(read_threshold(args, "log-prob-threshold", o->log_prob_text,
                            &o->decode.log_prob_threshold, err));
    ELCL_TRY(read_threshold(args, "no-speech-threshold", o->no_speech_text,
                            &o->decode.no_speech_threshold, err));
    ELCL_TRY(cli_check_encoder_cache(&o->model, err));
    ELCL_TRY(cli_check_devices(&o->model, 1, err));
    o->decode.seed = (uint64_t)o->seed;
    o->decode.condition_on_previous_text = !o->no_condition;
    if (o->language && !elcl_is_word("auto", o->language))
        o->decode.language = o->language;
    o->model.expected_batch = o->batch_size;
    o->model.expected_beams = o->decode.num_beams;
fail:
    return rc;
}

bool cli_transcribe_parse(struct cli_transcribe_options *options, int argc, char **argv,
                          int *exit_code)
{
    static const char about[] =
        "Writes what is said in sounds with the Whisper model in the directory MODEL.\n"
        "MODEL can also be a file of whisper.cpp, or the name of a model in the Hugging\n"
        "Face cache, like openai/whisper-tiny.\n"
        "\n"
        "A FILE is WAV, FLAC, OGG, MP3, AIFF, AU or CAF at any rate and with any number of\n"
        "channels; - is standard input. The transcript of one sound goes to standard output,\n"
        "those of several to --output-dir.\n";
    static const char examples[] =
        "  elcl transcribe models/digits-en models/digits-en/sample.flac\n"
        "  elcl transcribe openai/whisper-tiny *.mp3 --format srt,json --output-dir out\n"
        "  ffmpeg -i talk.mp4 -f s16le -ac 1 -ar 16000 - |\n"
        "      elcl transcribe openai/whisper-tiny --raw s16 -\n";
    *options = (struct cli_transcribe_options){.args = {.verb = "transcribe",
                                                        .use = "MODEL FILE...",
                                                        .about = about,
                                                        .examples = examples,
                                                        .opts = options_table,
                                                        .n_opts = ELCL_COUNT(options_table),
                                                        .max_words = INT_MAX,
                                                        .needs_model = true,
                                                        .check = check},
                                               .model = CLI_MODEL_DEFAULTS,
                                               .raw_rate = ELCL_SOUND_RATE,
                                               .raw_channels = 1,
                                               .decode = elcl_transcribe_options_default()};
    return cli_args_begin(&options->args, argc, argv, options, exit_code);
}

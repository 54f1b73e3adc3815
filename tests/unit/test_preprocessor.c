/* preprocessor_config.json: what it sets, and what is refused by name. */
#include <string.h>

#include "check.h"
#include "files.h"
#include "speech/preprocessor.h"

static void parse(const char *text, int mels, int frames)
{
    struct elcl_preprocessor p = {0};
    elcl_error err = {0};
    if (CHECK(!elcl_preprocessor_parse(text, strlen(text), "x", &p, &err), "%s", err.msg))
        CHECK(p.mels == mels && p.window_frames == frames, "%s: %d mels, %d frames", text, p.mels,
              p.window_frames);
}

static void refuse(const char *text, int code, const char *part)
{
    struct elcl_preprocessor p = {0};
    elcl_error err = {0};
    check_failure(text, elcl_preprocessor_parse(text, strlen(text), "x", &p, &err), &err, code,
                  part);
}

static void test_parse(void)
{
    if (!check_case("preprocessor: values"))
        return;
    parse("{}", 80, 3000);
    parse("{\"feature_size\": 128, \"chunk_length\": 6, \"sampling_rate\": 16000, \"n_fft\": 400}",
          128, 600);
    parse("{\"feature_extractor\": {\"feature_size\": 128}, \"feature_size\": 3}", 128, 3000);
    parse("{\"feature_extractor_type\": \"WhisperFeatureExtractor\", \"dither\": 0.0, "
          "\"padding_value\": 0.0, \"hop_length\": null}",
          80, 3000);
}

static void test_refused(void)
{
    if (!check_case("preprocessor: what is refused"))
        return;
    refuse("{\"sampling_rate\": 8000}", ELCL_E_UNSUPPORTED,
           "x: sampling_rate: elcl computes "
           "features only with 16000, found 8000");
    refuse("{\"hop_length\": 200}", ELCL_E_UNSUPPORTED, "hop_length");
    refuse("{\"n_fft\": 512}", ELCL_E_UNSUPPORTED, "n_fft");
    refuse("{\"padding_value\": 1.0}", ELCL_E_UNSUPPORTED, "padding_value");
    refuse("{\"dither\": 0.1}", ELCL_E_UNSUPPORTED, "dither");
    refuse("{\"dither\": \"0\"}", ELCL_E_UNSUPPORTED, "dither");
    refuse("{\"feature_extractor_type\": \"Wav2Vec2FeatureExtractor\"}", ELCL_E_UNSUPPORTED,
           "feature_extractor_type");
    refuse("{\"feature_size\": 0}", ELCL_E_FORMAT, "feature_size");
    refuse("{\"feature_size\": 257}", ELCL_E_FORMAT, "feature_size");
    refuse("{\"chunk_length\": 0.5}", ELCL_E_FORMAT, "chunk_length");
    refuse("[]", ELCL_E_FORMAT, "x");
}

static void check(const char *name, int mels, int frames)
{
    const struct elcl_preprocessor encoder = {mels, frames};
    elcl_error err = {0};
    CHECK(!elcl_preprocessor_check(temporary_path(name), &encoder, &err), "%d mels, %d frames: %s",
          mels, frames, err.msg);
}

static void refuse_files(const char *name, int mels, int frames, int code, const char *part)
{
    const struct elcl_preprocessor encoder = {mels, frames};
    elcl_error err = {0};
    check_failure(part, elcl_preprocessor_check(temporary_path(name), &encoder, &err), &err, code,
                  part);
}

static void test_files(void)
{
    if (!check_case("preprocessor: which file counts"))
        return;
    directory("model");
    check("model", 80, 3000);
    check("model", 128, 100);
    write_text("model/processor_config.json", "{\"feature_extractor\": {\"feature_size\": 64}}");
    check("model", 64, 3000);
    refuse_files("model", 80, 3000, ELCL_E_FORMAT,
                 "model/processor_config.json: feature_size: the encoder reads 80 mels, found 64");
    write_text("model/preprocessor_config.json", "{\"feature_size\": 128, \"chunk_length\": 1}");
    check("model", 128, 100);
    refuse_files("model", 128, 150, ELCL_E_FORMAT,
                 "model/preprocessor_config.json: chunk_length: the encoder reads 1.5 s, found 1");
    write_text("model/preprocessor_config.json", "{\"dither\": 1}");
    refuse_files("model", 80, 3000, ELCL_E_UNSUPPORTED, "model/preprocessor_config.json: dither");
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_parse();
    test_refused();
    test_files();
    return check_end();
}

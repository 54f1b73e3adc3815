/*
 * Prints what is said in sound files, with the times of the segments.
 *
 *     cc transcribe.c $(pkg-config --cflags --libs elcl) -o transcribe
 *     ./transcribe models/digits-en models/digits-en/sample.flac
 */
#include <elcl/speech.h>
#include <elcl/transcribe.h>
#include <stdio.h>

/* Segments of several files arrive in turns: each names its file. */
static void on_segment(void *user, const elcl_transcript *transcript, const elcl_segment *segment)
{
    (void)user;
    printf("%s: %.2f to %.2f:%s\n", (const char *)transcript->user, segment->start, segment->end,
           segment->text);
    fflush(stdout);
}

static void on_file(void *user, const elcl_transcript *transcript)
{
    (void)user;
    if (transcript->error)
        fprintf(stderr, "transcribe: %s: %s\n", (const char *)transcript->user,
                transcript->error->msg);
}

static int add_file(elcl_transcriber *transcriber, char *path, elcl_error *err)
{
    elcl_sound *sound = NULL;
    if (!elcl_sound_read(path, NULL, &sound, err))
        elcl_transcriber_add(transcriber, sound, NULL, path, NULL, err);
    elcl_sound_destroy(&sound);
    return err->code;
}

int main(int argc, char **argv)
{
    elcl_error err = {0};
    elcl_model *model = NULL;
    elcl_transcriber *transcriber = NULL;
    elcl_transcriber_params params = elcl_transcriber_params_default();
    if (argc < 3 || elcl_api_version() != ELCL_API_VERSION) {
        fprintf(stderr, "usage: transcribe MODEL SOUND..., with elcl %d.%d\n", ELCL_VERSION_MAJOR,
                ELCL_VERSION_MINOR);
        return 2;
    }
    params.on_segment = on_segment;
    params.on_file = on_file;
    if (!elcl_model_open(argv[1], NULL, &model, &err))
        elcl_transcriber_create(&model, 1, &params, &transcriber, &err);
    for (int i = 2; i < argc && !err.code; i++)
        add_file(transcriber, argv[i], &err);
    if (!err.code)
        elcl_transcriber_run(transcriber, &err);
    if (err.code)
        fprintf(stderr, "transcribe: %s\n", err.msg);
    elcl_transcriber_destroy(&transcriber);
    elcl_model_close(&model);
    return err.code != 0;
}

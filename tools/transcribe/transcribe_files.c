#include "transcribe/transcribe_files.h"

#include <string.h>

#include "common/output.h"
#include "common/sys.h"

#define MAX_RAW_BYTES ((size_t)8 << 30)

/* ---- outputs --------------------------------------------------------------------------------- */

/* Returns DIR/NAME.FORMAT, where NAME is the sound's without its last ending. */
static char *output_path(const char *directory, const char *sound,
                         enum cli_transcript_format format)
{
    const char *slash = strrchr(sound, '/'), *name = slash ? slash + 1 : sound;
    if (!strcmp(sound, "-"))
        name = "stdin";
    const char *dot = strrchr(name, '.');
    const size_t n = dot && dot != name ? (size_t)(dot - name) : strlen(name);
    struct elcl_str path = {0};
    elcl_str_printf(&path, "%s/", directory);
    elcl_str_append(&path, name, n);
    elcl_str_printf(&path, ".%s", cli_transcript_name(format));
    if (path.failed)
        elcl_str_finish(&path);
    return path.data;
}

/* Refuses an output that is a sound, or that an earlier sound has too. */
static int check_path(const struct cli_transcribe_file *files, int n, int file, const char *path,
                      elcl_error *err)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(files[i].name, "-") && cli_output_same(path, files[i].name))
            return elcl_fail(err, ELCL_E_ARG,
                             "%s is a sound and would be a transcript: expected another "
                             "--output-dir",
                             path);
        for (int f = 0; i < file && f < CLI_TRANSCRIPT_FORMATS; f++)
            if (files[i].paths[f] && !strcmp(files[i].paths[f], path))
                return elcl_fail(err, ELCL_E_ARG,
                                 "%s would be the transcript of %s and of %s: expected sounds with "
                                 "different names",
                                 path, files[i].title, files[file].title);
    }
    return cli_output_try(path, err);
}

static int name_outputs(const struct cli_transcribe_options *o, struct cli_transcribe_file *files,
                        int n, int file, elcl_error *err)
{
    int rc = ELCL_OK;
    for (int f = 0; !rc && f < o->formats.n; f++) {
        const int format = o->formats.values[f];
        char **path = &files[file].paths[format];
        if (!o->output_dir) {
            *path = o->common.output ? elcl_strdup(o->common.output) : NULL;
            rc = o->common.output && !*path ? elcl_fail_nomem(err) : ELCL_OK;
            continue;
        }
        char *made =
            output_path(o->output_dir, files[file].name, (enum cli_transcript_format)format);
        rc = made ? check_path(files, n, file, made, err) : elcl_fail_nomem(err);
        *path = made;
    }
    return rc;
}

int cli_transcribe_files_create(const struct cli_transcribe_options *o,
                                struct cli_transcribe_file **out, int *n_out, elcl_error *err)
{
    char **names;
    const int n = cli_transcribe_sounds(o, &names);
    struct cli_transcribe_file *files = elcl_calloc((size_t)n, sizeof(*files));
    int rc = files ? ELCL_OK : elcl_fail_nomem(err);
    if (!rc && o->output_dir)
        rc = cli_sys_make_directory(o->output_dir, err);
    for (int i = 0; !rc && i < n; i++) {
        files[i].name = names[i];
        files[i].title = strcmp(names[i], "-") ? names[i] : "standard input";
    }
    for (int i = 0; !rc && i < n; i++)
        rc = name_outputs(o, files, n, i, err);
    if (rc) {
        cli_transcribe_files_destroy(files, n);
        return rc;
    }
    *out = files;
    *n_out = n;
    return ELCL_OK;
}

void cli_transcribe_files_destroy(struct cli_transcribe_file *files, int n)
{
    for (int i = 0; files && i < n; i++)
        for (int f = 0; f < CLI_TRANSCRIPT_FORMATS; f++)
            elcl_free(files[i].paths[f]);
    elcl_free(files);
}

/* ---- sounds ---------------------------------------------------------------------------------- */

/* Turns little-endian samples of 2 or 4 bytes into those of this machine, in place. */
static void swap_samples(char *bytes, size_t n, int width)
{
    for (size_t i = 0; i < n; i++) {
        char *at = bytes + i * (size_t)width;
        const uint64_t value = elcl_read_le(at, width);
        const uint16_t half = (uint16_t)value;
        const uint32_t word = (uint32_t)value;
        memcpy(at, width == 2 ? (const void *)&half : &word, (size_t)width);
    }
}

static int make_raw(const struct cli_transcribe_options *o, const char *title,
                    struct elcl_str *bytes, const elcl_sound_params *params, elcl_sound **sound,
                    elcl_error *err)
{
    const int width = o->raw == CLI_RAW_S16 ? 2 : 4;
    const size_t frame = (size_t)width * (size_t)o->raw_channels;
    if (bytes->n % frame)
        return elcl_fail(err, ELCL_E_FORMAT,
                         "%s: has %zu bytes, which is not a whole number of samples of %zu bytes",
                         title, bytes->n, frame);
    swap_samples(bytes->data, bytes->n / (size_t)width, width);
    return elcl_sound_from_pcm(bytes->data, bytes->n / frame,
                               o->raw == CLI_RAW_S16 ? ELCL_PCM_S16 : ELCL_PCM_F32, o->raw_rate,
                               o->raw_channels, title, params, sound, err);
}

int cli_transcribe_read(const struct cli_transcribe_options *o,
                        const struct cli_transcribe_file *file, elcl_sound **sound, elcl_error *err)
{
    const bool from_stdin = !strcmp(file->name, "-");
    elcl_sound_params params = elcl_sound_params_default();
    struct elcl_str bytes = {0};
    int rc;
    params.allow_partial = o->allow_partial;
    if (!from_stdin && !o->raw)
        return elcl_sound_read(file->name, &params, sound, err);
    rc = from_stdin ? cli_sys_load_stdin(&bytes, err)
                    : cli_sys_load(file->name, MAX_RAW_BYTES, &bytes, err);
    if (!rc)
        rc = o->raw ? make_raw(o, file->title, &bytes, &params, sound, err)
                    : elcl_sound_read_memory(bytes.data, bytes.n, file->title, &params, sound, err);
    elcl_str_finish(&bytes);
    return rc;
}

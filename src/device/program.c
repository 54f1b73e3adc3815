#include "device/program.h"

#include <stdio.h>
#include <string.h>

#include "base/os.h"
#include "base/util.h"
#include "device/cl_source.h"
#include "device/program_cache.h"

#define CACHE_FORMAT_VERSION 2 /* of the key and of the file's contents */

/* Everything that a build depends on. */
struct program_text {
    struct elcl_str source;
    struct elcl_str options;
    struct elcl_str names; /* "prelude.cl, a.cl", for messages */
};

static void finish_text(struct program_text *text)
{
    elcl_str_finish(&text->source);
    elcl_str_finish(&text->options);
    elcl_str_finish(&text->names);
}

static void append_source(struct program_text *text, const char *name, const void *bytes, size_t n)
{
    elcl_str_printf(&text->source, "#line 1 \"%s\"\n", name);
    elcl_str_append(&text->source, bytes, n);
    elcl_str_append(&text->source, "\n", 1);
    elcl_str_printf(&text->names, "%s%s", text->names.n ? ", " : "", name);
}

static int append_file(struct program_text *text, const char *name, elcl_error *err)
{
    const struct elcl_cl_source *s = elcl_cl_find(name);
    if (!s)
        return elcl_fail(err, ELCL_E_INTERNAL, "%s: no such kernel file in the library", name);
    append_source(text, name, s->text, s->bytes);
    return ELCL_OK;
}

static int append_sources(struct program_text *text, const struct elcl_program_parts *parts,
                          elcl_error *err)
{
    int rc = append_file(text, "records.h", err);
    if (!rc)
        rc = append_file(text, "prelude.cl", err);
    for (const char *const *file = parts->files; *file && !rc; file++)
        rc = append_file(text, *file, err);
    if (!rc && parts->text)
        append_source(text, "test.cl", parts->text, strlen(parts->text));
    return rc;
}

static void append_options(struct elcl_str *s, const char *options)
{
    if (options && *options)
        elcl_str_printf(s, " %s", options);
}

/* Finishes `text` if it fails. */
static int make_text(struct program_text *text, const struct elcl_device *device,
                     const struct elcl_program_parts *parts, elcl_error *err)
{
    static const char *const macs[] = {
        [ELCL_MAC_FMA] = "FMA", [ELCL_MAC_MAD] = "MAD", [ELCL_MAC_PLAIN] = "PLAIN"};
    elcl_str_printf(&text->options, "-cl-std=CL1.2 -DELCL_MAC_%s=1", macs[parts->mac]);
    append_options(&text->options, device->quirks.options);
    append_options(&text->options, parts->options);
    int rc = append_sources(text, parts, err);
    if (!rc && (text->source.failed || text->options.failed || text->names.failed))
        rc = elcl_fail_nomem(err);
    if (rc)
        finish_text(text);
    return rc;
}

int elcl_program_text(const struct elcl_device *device, const struct elcl_program_parts *parts,
                      struct elcl_str *source, struct elcl_str *options, elcl_error *err)
{
    struct program_text text = {0};
    const int rc = make_text(&text, device, parts, err);
    if (rc)
        return rc;
    *source = text.source;
    *options = text.options;
    elcl_str_finish(&text.names);
    return ELCL_OK;
}

/* ---- build log ----------------------------------------------------------------------------- */

/* Returns NULL if there is none. */
static char *read_log(const struct elcl_device *device, cl_program program)
{
    size_t bytes = 0;
    if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes) || !bytes)
        return NULL;
    char *log = elcl_calloc(bytes + 1, 1);
    if (log && clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL)) {
        elcl_free(log);
        return NULL;
    }
    return log;
}

/* Cuts off the line at *rest, and returns it without blanks around it; NULL at the end. */
static char *next_line(char **rest)
{
    char *line = *rest;
    if (!*line)
        return NULL;
    size_t n = strcspn(line, "\r\n");
    *rest = line + n + (line[n] != '\0');
    while (n && (line[n - 1] == ' ' || line[n - 1] == '\t'))
        n--;
    line[n] = '\0';
    return line + strspn(line, " \t");
}

/* Logs every line. *first is the first line with the word "error", else the first line that is not
 * empty, else "". Returns whether there is an error. */
static bool log_lines(const struct elcl_device *device, enum elcl_log_level level, char *log,
                      const char **first)
{
    const char *any = NULL;
    const char *error = NULL;
    for (char *line; (line = next_line(&log));) {
        if (!*line)
            continue;
        if (!any)
            any = line;
        if (!error && strstr(line, "error"))
            error = line;
        elcl_device_log(device, level, "%s", line);
    }
    *first = error ? error : any ? any : "";
    return error != NULL;
}

/* Whether the code may mean that the compiler has judged the program. Others mean that it did not
 * come to that: memory, a device that is not there. */
static bool is_judgement(cl_int code)
{
    return code == CL_BUILD_PROGRAM_FAILURE || code == CL_COMPILE_PROGRAM_FAILURE ||
           code == CL_INVALID_BUILD_OPTIONS || code == CL_INVALID_COMPILER_OPTIONS;
}

/* ELCL_E_BUILD only if the compiler says what is wrong: a full disk also ends in
 * CL_BUILD_PROGRAM_FAILURE, and another time the program may compile. */
static int fail_build(const struct elcl_device *device, const struct program_text *text,
                      cl_program program, cl_int code, elcl_error *err)
{
    char *log = read_log(device, program);
    const char *first = "";
    const bool diagnosed = log && log_lines(device, ELCL_LOG_WARNING, log, &first);
    int rc;
    if (is_judgement(code) && (diagnosed || code == CL_INVALID_BUILD_OPTIONS))
        rc = elcl_fail(err, ELCL_E_BUILD, "%s: the compiler of %s refused the kernels: %s",
                       text->names.data, device->desc.name,
                       *first ? first : elcl_cl_error_name(code));
    else if (is_judgement(code))
        rc = elcl_fail(err, ELCL_E_DEVICE, "%s: the compiler of %s failed%s%s (%s)",
                       text->names.data, device->desc.name, *first ? ": " : " without a reason",
                       first, elcl_cl_error_name(code));
    else
        rc = elcl_cl_check(code, "clBuildProgram", text->names.data, err);
    elcl_free(log);
    return rc;
}

/* ---- building ------------------------------------------------------------------------------ */

static int build_source(struct elcl_device *device, const struct program_text *text,
                        cl_program *program, elcl_error *err)
{
    const char *source = text->source.data;
    cl_int code;
    cl_program p = clCreateProgramWithSource(device->context, 1, &source, &text->source.n, &code);
    if (code)
        return elcl_cl_check(code, "clCreateProgramWithSource", text->names.data, err);
    elcl_device_log(device, ELCL_LOG_INFO, "compiling kernels: %s", text->names.data);
    const uint64_t start = elcl_clock_ns();
    code = clBuildProgram(p, 1, &device->id, text->options.data, NULL, NULL);
    atomic_fetch_add(&device->compilations, 1);
    atomic_fetch_add(&device->compile_ns, elcl_clock_ns() - start);
    if (code) {
        const int rc = fail_build(device, text, p, code, err);
        clReleaseProgram(p);
        return rc;
    }
    char *log = device->log ? read_log(device, p) : NULL;
    const char *first;
    if (log)
        (void)log_lines(device, ELCL_LOG_DEBUG, log, &first);
    elcl_free(log);
    *program = p;
    return ELCL_OK;
}

static uint64_t cache_key(const struct elcl_device *device, const struct program_text *text)
{
    const uint32_t version = CACHE_FORMAT_VERSION;
    uint64_t key = elcl_hash(ELCL_HASH_INIT, &version, sizeof(version));
    key = elcl_hash_string(key, text->source.data);
    key = elcl_hash_string(key, text->options.data);
    key = elcl_hash(key, &device->processor, sizeof(device->processor));
    key = elcl_hash_string(key, device->desc.name);
    key = elcl_hash_string(key, device->desc.version);
    key = elcl_hash_string(key, device->desc.driver);
    return elcl_hash_string(key, device->desc.platform);
}

/* Returns NULL if the cache has no binary, or if the driver refuses it; then removes the file. */
static cl_program build_cached(struct elcl_device *device, const struct program_text *text)
{
    if (device->quirks.caches_programs)
        return NULL;
    const uint64_t key = cache_key(device, text);
    void *data;
    size_t bytes;
    if (!elcl_cache_load(device->cache_directory, key, &data, &bytes))
        return NULL;
    const unsigned char *binary = data;
    cl_int status = CL_SUCCESS;
    cl_int code = CL_SUCCESS;
    cl_program p =
        clCreateProgramWithBinary(device->context, 1, &device->id, &bytes, &binary, &status, &code);
    elcl_free(data);
    if (!code && !status)
        code = clBuildProgram(p, 1, &device->id, text->options.data, NULL, NULL);
    if (!code && !status)
        return p;
    if (p)
        clReleaseProgram(p);
    elcl_cache_remove(device->cache_directory, key);
    return NULL;
}

int elcl_program_build(struct elcl_device *device, const struct elcl_program_parts *parts,
                       cl_program *program, elcl_error *err)
{
    struct program_text text = {0};
    int rc = make_text(&text, device, parts, err);
    if (rc)
        return rc;
    cl_program p = build_cached(device, &text);
    if (!p)
        rc = build_source(device, &text, &p, err);
    if (!rc)
        *program = p;
    finish_text(&text);
    return rc;
}

/* ---- storing ------------------------------------------------------------------------------- */

/* Returns the binary of a program for one device, or NULL if the driver gives none. */
static unsigned char *read_binary(cl_program program, size_t *bytes)
{
    cl_uint n = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof(n), &n, NULL) || n != 1)
        return NULL;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof(*bytes), bytes, NULL) || !*bytes)
        return NULL;
    unsigned char *binary = elcl_calloc(*bytes, 1);
    if (binary &&
        clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof(binary), (void *)&binary, NULL)) {
        elcl_free(binary);
        return NULL;
    }
    return binary;
}

void elcl_program_store(struct elcl_device *device, const struct elcl_program_parts *parts,
                        cl_program program)
{
    if (device->quirks.caches_programs || !device->cache_directory)
        return;
    struct program_text text = {0};
    if (make_text(&text, device, parts, NULL))
        return;
    const uint64_t key = cache_key(device, &text);
    finish_text(&text);
    void *old = NULL;
    size_t bytes;
    if (elcl_cache_load(device->cache_directory, key, &old, &bytes)) {
        elcl_free(old);
        return;
    }
    unsigned char *binary = read_binary(program, &bytes);
    if (binary)
        elcl_cache_store(device->cache_directory, key, binary, bytes);
    elcl_free(binary);
}

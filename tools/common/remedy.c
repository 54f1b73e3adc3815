#include "common/remedy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"
#include "base/os.h"
#include "common/sys.h"
#include "common/words.h"

/* ---- the Hugging Face cache ------------------------------------------------------------------ */

/* Where huggingface_hub keeps its downloads. */
static void hub_cache(struct elcl_str *path)
{
    static const struct {
        const char *variable, *below;
    } places[] = {{"HF_HUB_CACHE", ""},
                  {"HF_HOME", "/hub"},
                  {"XDG_CACHE_HOME", "/huggingface/hub"},
                  {"HOME", "/.cache/huggingface/hub"}};
    for (size_t i = 0; i < ELCL_COUNT(places) && !path->n; i++) {
        const char *value = getenv(places[i].variable);
        if (value && *value)
            elcl_str_printf(path, "%s%s", value, places[i].below);
    }
}

/* ORG/NAME or NAME, in the letters that the hub allows. A path into a directory that exists is
 * none. */
static bool is_hub_name(const char *model)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-_.";
    const size_t n = strspn(model, letters);
    const char *rest = model + n;
    if (!n || *model == '.')
        return false;
    if (!*rest)
        return true;
    if (*rest != '/' || !rest[1] || rest[1] == '.' || rest[1 + strspn(rest + 1, letters)])
        return false;
    char *first = elcl_strndup(model, n);
    const bool exists = first && elcl_is_directory(first);
    free(first);
    return !exists;
}

/* The snapshot that refs/main names, or the newest one. */
static char *find_snapshot(const char *model)
{
    struct elcl_str path = {0}, snapshot = {0};
    char *commit = NULL, *found = NULL;
    size_t n = 0;
    hub_cache(&path);
    elcl_str_text(&path, "/models--");
    for (const char *c = model; *c; c++)
        elcl_str_append(&path, *c == '/' ? "--" : c, *c == '/' ? 2 : 1);
    elcl_str_printf(&snapshot, "%s/refs/main", path.failed ? "" : path.data);
    if (!snapshot.failed && elcl_read_file(snapshot.data, 256, &commit, &n, NULL))
        commit = NULL;
    elcl_str_text(&path, "/snapshots");
    if (commit)
        commit[strcspn(commit, "\r\n ")] = '\0';
    else if (!path.failed)
        commit = cli_sys_newest_directory(path.data);
    elcl_str_printf(&path, "/%s", commit ? commit : "");
    if (commit && !path.failed && elcl_is_directory(path.data))
        found = elcl_strdup(path.data);
    free(commit);
    elcl_str_finish(&path);
    elcl_str_finish(&snapshot);
    return found;
}

char *cli_model_directory(const char *model)
{
    char *found = NULL;
    if (!elcl_is_directory(model) && !elcl_is_file(model) && is_hub_name(model))
        found = find_snapshot(model);
    return found ? found : elcl_strdup(model);
}

/* ---- models that cannot be opened ------------------------------------------------------------ */

/* Files that elcl does not read, from the surest sign on. A '*' stands for the start of a name. */
static const struct foreign {
    const char *name, *is, *remedy;
} foreign[] = {
    {"adapter_config.json", "an adapter, not a whole model",
     "merge it into its base model with merge_and_unload() and save_pretrained() of peft"},
    {"*.gguf", "a GGUF file", "name the file itself as the model"},
    {"*.onnx", "an ONNX model", NULL},
    {"tf_model.h5", "TensorFlow weights",
     "load them with from_pretrained(..., from_tf=True) and save_pretrained() of transformers"},
    {"*.h5", "TensorFlow weights",
     "load them with from_pretrained(..., from_tf=True) and save_pretrained() of transformers"},
    {"*.msgpack", "Flax weights",
     "load them with from_pretrained(..., from_flax=True) and save_pretrained() of transformers"},
    {"saved_model.pb", "a TensorFlow SavedModel", NULL},
    {"*.ot", "weights of rust-bert", NULL},
    {"*.pt", "a fairseq or plain PyTorch checkpoint",
     "tools/convert_fairseq.py converts fairseq's"},
    {"*.tflite", "a TensorFlow Lite model", NULL},
    {"*.mlmodel", "a Core ML model", NULL},
    {"model_index.json", "a diffusers pipeline, not a language model", NULL},
    {"*.zip", "an archive", "unpack it first and name its directory"},
    {"*.gz", "an archive", "unpack it first and name its directory"},
    {"*.tar", "an archive", "unpack it first and name its directory"},
};

static const char original[] = "elcl reads the Hugging Face model that it was made from "
                               "(hf download ORG/NAME --local-dir DIR)";

static bool is_named(const char *name, const char *pattern)
{
    return *pattern == '*' ? elcl_ends_with(name, strlen(name), pattern + 1)
                           : !strcmp(name, pattern);
}

static const struct foreign *find_foreign(const char *name)
{
    for (size_t i = 0; i < ELCL_COUNT(foreign); i++)
        if (is_named(name, foreign[i].name))
            return &foreign[i];
    return NULL;
}

/* The files of a directory, and conclusions from their names. */
struct listing {
    struct elcl_file_info *files;
    size_t n;
    bool config, weights; /* that elcl reads */
    const char *pointer;  /* the first file that Git LFS has not fetched, or NULL */
    const struct foreign *foreign;
    const char *foreign_name;
};

static bool is_pointer(const char *directory, const struct elcl_file_info *file)
{
    static const char start[] = "version https://git-lfs";
    char *path = elcl_path_join(directory, file->name), *text = NULL;
    size_t n = 0;
    const bool is = path && file->bytes < 1024 && !elcl_read_file(path, 1024, &text, &n, NULL) &&
                    !strncmp(text, start, sizeof(start) - 1);
    free(path);
    free(text);
    return is;
}

static void look(const char *directory, struct listing *l)
{
    if (elcl_list_names(directory, &l->files, &l->n, NULL))
        l->n = 0;
    for (size_t i = 0; i < l->n; i++) {
        const char *name = l->files[i].name;
        const bool ctranslate2 = !strcmp(name, "model.bin");
        l->config = l->config || ctranslate2 || !strcmp(name, "config.json");
        l->weights =
            l->weights || ctranslate2 || elcl_ends_with(name, strlen(name), ".safetensors") ||
            (!strncmp(name, "pytorch_model", 13) && elcl_ends_with(name, strlen(name), ".bin"));
        if (!l->pointer && is_pointer(directory, &l->files[i]))
            l->pointer = name;
        const struct foreign *f = find_foreign(name);
        if (f && (!l->foreign || f < l->foreign)) {
            l->foreign = f;
            l->foreign_name = name;
        }
    }
}

static int explain_directory(const char *model, int rc, elcl_error *err)
{
    struct listing l = {0};
    elcl_error why = {0};
    look(model, &l);
    char *inner = l.config ? NULL : cli_sys_newest_directory(model);
    char *below = inner ? elcl_path_join(model, inner) : NULL;
    char *config = below ? elcl_path_join(below, "config.json") : NULL;
    if (l.pointer)
        elcl_fail(&why, rc,
                  "%.200s: %.80s is a pointer of Git LFS: git lfs pull there fetches the "
                  "file itself",
                  model, l.pointer);
    else if (l.foreign && !(l.config && l.weights))
        elcl_fail(&why, rc, "%.200s: %.80s is %s: %s", model, l.foreign_name, l.foreign->is,
                  l.foreign->remedy ? l.foreign->remedy : original);
    else if (config && elcl_is_file(config))
        elcl_fail(&why, rc, "%.200s: no config.json here: did you mean %.200s?", model, below);
    else if (!l.n && !cli_sys_can_read(model))
        elcl_fail(&why, rc, "%.200s: cannot read the directory: permission denied", model);
    else if (!l.config)
        elcl_fail(
            &why, rc,
            "%.200s: no config.json: expected a Hugging Face model directory with config.json, "
            "tokenizer files and model.safetensors or pytorch_model.bin",
            model);
    else if (!l.weights)
        elcl_fail(&why, rc,
                  "%.200s: no weights: expected model.safetensors or pytorch_model.bin; is the "
                  "download complete?",
                  model);
    if (why.code)
        *err = why;
    elcl_free_files(l.files, l.n);
    free(inner);
    free(below);
    free(config);
    return rc;
}

/* Whether elcl opens files of this kind, so that *err says what is wrong with this one. */
static bool is_model_file(const char *model)
{
    static const char whisper_cpp[] = "lmgg", gguf[] = "GGUF";
    const size_t n = sizeof(gguf) - 1;
    char *start = NULL;
    struct elcl_file file = {0};
    bool is = elcl_ends_with(model, strlen(model), ".argosmodel");
    if (is || elcl_file_open(model, &file, NULL))
        return is;
    is = file.bytes >= n && !elcl_file_copy(&file, 0, n, &start, NULL) &&
         (!memcmp(start, whisper_cpp, n) || !memcmp(start, gguf, n));
    elcl_free(start);
    elcl_file_close(&file);
    return is;
}

static int explain_file(const char *model, int rc, elcl_error *err)
{
    const char *slash = strrchr(model, '/');
    const char *name = slash ? slash + 1 : model;
    const struct foreign *f = find_foreign(name);
    if (is_model_file(model))
        return rc;
    *err = (elcl_error){0};
    if (elcl_ends_with(name, strlen(name), ".gguf"))
        return elcl_fail(err, rc, "%.200s is no GGUF file: is the download complete?", model);
    if (f)
        return elcl_fail(err, rc, "%.200s is %s: %s", model, f->is,
                         f->remedy ? f->remedy : original);
    return elcl_fail(err, rc, "%.200s is a file: expected the directory that holds it, %.*s", model,
                     slash > model ? (int)(slash - model) : 1, slash ? model : ".");
}

static int explain_missing(const char *model, int rc, elcl_error *err)
{
    static const char address[] = "https://huggingface.co/";
    struct elcl_str cache = {0};
    *err = (elcl_error){0};
    hub_cache(&cache);
    if (!strncmp(model, address, sizeof(address) - 1))
        elcl_fail(err, rc,
                  "%.200s is a web address: fetch the model with hf download %.100s "
                  "--local-dir DIR",
                  model, model + sizeof(address) - 1);
    else if (is_hub_name(model) && strchr(model, '/'))
        elcl_fail(err, rc,
                  "%.100s: no such directory, and no such model in the Hugging Face cache: fetch "
                  "it with hf download %.100s --local-dir DIR",
                  model, model);
    else if (is_hub_name(model) && cache.n && !cache.failed)
        elcl_fail(err, rc, "%.200s: no such directory, and no such model in %.200s", model,
                  cache.data);
    else
        elcl_fail(err, rc, "%.200s: no such directory", model);
    elcl_str_finish(&cache);
    return rc;
}

int cli_explain_model(const char *model, int rc, elcl_error *err)
{
    if (rc != ELCL_E_IO && rc != ELCL_E_FORMAT && rc != ELCL_E_UNSUPPORTED)
        return rc;
    if (elcl_is_directory(model))
        return explain_directory(model, rc, err);
    if (elcl_is_file(model))
        return explain_file(model, rc, err);
    return cli_sys_exists(model) ? rc : explain_missing(model, rc, err);
}

int cli_blueprint_open(const char *model, bool synthetic, elcl_blueprint **blueprint,
                       elcl_error *err)
{
    if (synthetic)
        return elcl_blueprint_open_synthetic(model, blueprint, err);
    char *directory = cli_model_directory(model);
    int rc = directory ? elcl_blueprint_open(directory, blueprint, err) : elcl_fail_nomem(err);
    if (rc && directory)
        rc = cli_explain_model(directory, rc, err);
    free(directory);
    return rc;
}

/* ---- languages ------------------------------------------------------------------------------- */

#define MAX_NEAR 3

/* Codes that begin like the given one, as en_XX for en and fra_Latn for french; else the nearest.
 */
static void near_codes(const char *code, const char **codes, size_t n, struct elcl_str *near)
{
    int found = 0;
    for (size_t i = 0; i < n && found < MAX_NEAR; i++)
        if (elcl_lower(code[0]) == elcl_lower(codes[i][0]) &&
            elcl_lower(code[1]) == elcl_lower(codes[i][1]))
            elcl_str_printf(near, "%s%s", found++ ? ", " : "", codes[i]);
    const char *nearest = found ? NULL : cli_nearest(code, codes, n);
    if (nearest)
        elcl_str_text(near, nearest);
}

/* Cuts lines apart; NULL when memory is short. */
static const char **cut_lines(char *lines, size_t *n)
{
    size_t capacity = 0;
    void *cut = NULL;
    *n = 0;
    for (char *at = lines; *at; at += strlen(at) + 1) {
        if (!elcl_grow(&cut, &capacity, *n + 1, sizeof(const char *)))
            break;
        at[strcspn(at, "\n")] = '\0';
        ((const char **)cut)[(*n)++] = at;
    }
    return cut;
}

int cli_fail_language(const char *model, const char *code, const elcl_error *why, elcl_error *err)
{
    char *directory = cli_model_directory(model), *lines = NULL;
    struct elcl_str near = {0};
    size_t n = 0;
    if (directory && *code && !elcl_languages(directory, &lines, NULL)) {
        const char **codes = cut_lines(lines, &n);
        near_codes(code, codes, n, &near);
        free(codes);
    }
    const int rc = n ? elcl_fail(err, why->code, "%s%s%s%s elcl languages %.100s lists all",
                                 why->msg, near.n ? "; did you mean " : "", near.n ? near.data : "",
                                 near.n ? "?" : ";", model)
                     : elcl_fail(err, why->code, "%s", why->msg);
    elcl_str_finish(&near);
    elcl_free(lines);
    free(directory);
    return rc;
}

/* GGUF files that are refused, and by which message. */
#include <string.h>

#include <cjson/cJSON.h>

#include "check.h"
#include "files.h"
#include "gguf_files.h"
#include "text/tokenizer_load.h"

static int read_all(const char *data, size_t n, elcl_error *err)
{
    cJSON *config = NULL;
    struct elcl_tensors *tensors = NULL;
    struct elcl_tokenizer *t = NULL;
    write_file("refused.gguf", data, n);
    const char *path = temporary_path("refused.gguf");
    int rc = elcl_gguf_tensors_open(path, &tensors, err);
    if (!rc)
        rc = elcl_gguf_config(path, &config, err);
    if (!rc)
        rc = elcl_gguf_tokenizer_load(path, &t, err);
    elcl_tensors_close(&tensors);
    elcl_tokenizer_destroy(&t);
    cJSON_Delete(config);
    return rc;
}

static void refuse(struct gguf_made *m, int code, const char *message)
{
    elcl_error err = {0};
    const int rc = read_all(m->bytes.data, m->bytes.n, &err);
    check_failure(message, rc, &err, code, message);
    elcl_str_finish(&m->bytes);
    *m = (struct gguf_made){0};
}

/* Changes bytes of the small file. */
static void refuse_changed(size_t at, uint64_t value, int bytes, int code, const char *message)
{
    struct gguf_made m = {0};
    size_t n = 0;
    char *data = read_golden_file(SMALL_GGUF, &n);
    for (int i = 0; data && i < bytes; i++)
        data[at + (size_t)i] = (char)(value >> 8 * i);
    elcl_str_append(&m.bytes, data, n);
    elcl_free(data);
    refuse(&m, code, message);
}

static void test_head(void)
{
    if (!check_case("what is refused: the head"))
        return;
    refuse_changed(0, 'g', 1, ELCL_E_FORMAT, ": is no GGUF file");
    refuse_changed(4, 1, 4, ELCL_E_UNSUPPORTED, "expected a GGUF file of version 2 or 3, found 1");
    refuse_changed(4, 4, 4, ELCL_E_UNSUPPORTED, "expected a GGUF file of version 2 or 3, found 4");
    refuse_changed(4, 0x03000000, 4, ELCL_E_UNSUPPORTED, ": is a big-endian GGUF file");
    refuse_changed(8, UINT64_MAX, 8, ELCL_E_FORMAT, ": has fewer tensors than it says; is the");
    refuse_changed(16, UINT64_MAX, 8, ELCL_E_FORMAT, ": has fewer keys than it says; is the");
    refuse_changed(24, UINT64_MAX, 8, ELCL_E_FORMAT, ": a key has a name of 18446744073709551615");
    refuse_changed(24, 0, 8, ELCL_E_FORMAT, ": a key has a name of 0 bytes, expected 1 .. 1024");
    refuse_changed(24 + 8 + 20, 13, 4, ELCL_E_FORMAT,
                   ": key general.architecture has the unknown type 13");
}

static void test_values_refused(void)
{
    struct gguf_made m = {0};
    if (!check_case("what is refused: values"))
        return;
    gguf_put_int(&m, "a", 1);
    gguf_put_int(&m, "a", 1);
    gguf_put_head(&m, 2, 0);
    refuse(&m, ELCL_E_FORMAT, ": the key a appears twice");
    gguf_put_key(&m, "a", ELCL_GGUF_ARRAY);
    gguf_put_number(&m, ELCL_GGUF_ARRAY, 4);
    gguf_put_number(&m, 0, 8);
    gguf_put_head(&m, 3, 0);
    refuse(&m, ELCL_E_UNSUPPORTED, ": key a: arrays of arrays are not supported");
    gguf_put_key(&m, "a", ELCL_GGUF_ARRAY);
    gguf_put_number(&m, ELCL_GGUF_U64, 4);
    gguf_put_number(&m, UINT64_MAX / 8 + 2, 8);
    gguf_put_head(&m, 3, 0);
    refuse(&m, ELCL_E_FORMAT, ": an array is too large; is the file complete?");
    gguf_put_key(&m, "a", ELCL_GGUF_ARRAY);
    gguf_put_number(&m, ELCL_GGUF_STRING, 4);
    gguf_put_number(&m, UINT64_MAX, 8);
    gguf_put_head(&m, 3, 0);
    refuse(&m, ELCL_E_FORMAT, ": ends inside an array; is the file complete?");
    gguf_put_key(&m, "a", ELCL_GGUF_STRING);
    gguf_put_number(&m, UINT64_MAX, 8);
    gguf_put_head(&m, 3, 0);
    refuse(&m, ELCL_E_FORMAT, ": ends inside a string; is the file complete?");
    gguf_put_int(&m, "general.alignment", 24);
    gguf_put_head(&m, 3, 0);
    refuse(&m, ELCL_E_FORMAT, ": general.alignment: expected a power of two, found 24");
}

static void refuse_tensor(const char *name, int n_dims, uint64_t inner, uint64_t outer,
                          uint32_t type, uint64_t offset, int code, const char *message)
{
    const uint64_t extents[5] = {inner, outer, 1, 1, 1};
    struct gguf_made m = {0};
    gguf_put_tensor(&m, "t", 1, extents + 2, 0, 0);
    gguf_put_tensor(&m, name, n_dims, extents, type, offset);
    gguf_put_head(&m, 3, 64);
    refuse(&m, code, message);
}

static void test_tensors_refused(void)
{
    if (!check_case("what is refused: tensors"))
        return;
    refuse_tensor("t", 1, 1, 1, 0, 0, ELCL_E_FORMAT, ": the tensor t appears twice");
    refuse_tensor("u", 0, 1, 1, 0, 0, ELCL_E_FORMAT, ": tensor u has no dimensions, or more");
    refuse_tensor("u", 5, 1, 1, 0, 0, ELCL_E_FORMAT, ": tensor u has no dimensions, or more");
    refuse_tensor("u", 2, 0, 1, 0, 0, ELCL_E_FORMAT, ": tensor u has no elements, or too many");
    refuse_tensor("u", 2, UINT64_C(1) << 40, UINT64_C(1) << 40, 0, 0, ELCL_E_FORMAT,
                  ": tensor u has no elements, or too many");
    refuse_tensor("u", 1, 31, 1, 8, 0, ELCL_E_FORMAT,
                  ": tensor u: rows of 31 elements are no whole blocks of type q8_0");
    refuse_tensor("u", 1, 1, 1, 0, 16, ELCL_E_FORMAT,
                  ": tensor u does not begin at a multiple of general.alignment");
    refuse_tensor("u", 1, 17, 1, 0, 0, ELCL_E_FORMAT, ": tensor u is cut off; is the file");
    refuse_tensor("u", 1, 1, 1, 0, UINT64_MAX - 31, ELCL_E_FORMAT, ": tensor u is cut off");
    refuse_tensor("u", 1, 1, 1, 0, 0, ELCL_E_FORMAT, ": has no key general.architecture");
}

static void test_models_refused(void)
{
    static const struct {
        const char *architecture, *why;
    } cases[] = {
        {"t5encoder", "\"t5encoder\" is only an encoder and generates no text; elcl reads GGUF"},
        {"llama", "\"llama\" has rotary positions, which EL-attention cannot reorder"},
        {"qwen3moe", "\"qwen3moe\" has rotary positions"},
        {"newest", "\"newest\" has rotary positions"}, /* by its key */
        {"mamba2", "\"mamba2\" is recurrent"},
        {"bloom", "\"bloom\" is not supported; elcl reads GGUF files of t5 and gpt2"},
        {"t5", ": has no key t5.embedding_length"},
    };
    struct gguf_made m = {0};
    if (!check_case("what is refused: models"))
        return;
    for (size_t i = 0; i < ELCL_COUNT(cases); i++) {
        gguf_put_text(&m, "general.architecture", cases[i].architecture);
        gguf_put_int(&m, "newest.rope.dimension_count", 1);
        gguf_put_head(&m, 3, 0);
        refuse(&m, *cases[i].why == ':' ? ELCL_E_FORMAT : ELCL_E_UNSUPPORTED, cases[i].why);
    }
    gguf_put_text(&m, "general.architecture", "t5");
    gguf_put_int(&m, "split.count", 2);
    gguf_put_head(&m, 3, 0);
    refuse(&m, ELCL_E_UNSUPPORTED, ": is one of 2 parts; join them first");
    gguf_put_text(&m, "general.type", "adapter");
    gguf_put_head(&m, 3, 0);
    refuse(&m, ELCL_E_UNSUPPORTED, ": general.type is adapter, expected a model");
    gguf_make_t5(&m, (const char *const[]){"output.weight", NULL}, 0);
    refuse(&m, ELCL_E_FORMAT, ": has no tensor token_embd.weight");
}

/* A file that ends anywhere is refused. */
static void test_cut(void)
{
    size_t n = 0;
    if (!check_case("files that end early"))
        return;
    char *data = read_golden_file(SMALL_GGUF, &n);
    for (size_t cut = 0; data && cut < n; cut += cut < 200 ? 1 : 61) {
        struct elcl_gguf g = {0};
        elcl_error err = {0};
        const int rc = elcl_gguf_parse(data, cut, "f", &g, &err);
        CHECK(rc == ELCL_E_FORMAT && *err.msg, "%zu bytes: code %d", cut, rc);
        elcl_gguf_finish(&g);
    }
    elcl_free(data);
}

int main(int argc, char **argv)
{
    check_begin(argc, argv);
    test_head();
    test_values_refused();
    test_tensors_refused();
    test_models_refused();
    test_cut();
    return check_end();
}

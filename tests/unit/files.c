#include "files.h"

#include <stdio.h>
#include <string.h>

#include <cJSON.h>

#include "base/os.h"
#include "check.h"

void check_failure(const char *what, int rc, const elcl_error *err, int code, const char *part)
{
    CHECK(rc == code && err->code == code, "%s: code %d, want %d: %s", what, rc, code, err->msg);
    CHECK(strstr(err->msg, part) != NULL, "%s: \"%s\", want \"%s\"", what, err->msg, part);
}

char *read_golden_file(const char *name, size_t *n)
{
    char path[512], *text = NULL;
    elcl_error err = {0};
    snprintf(path, sizeof(path), "%s/%s", check_root(), name);
    CHECK(!elcl_read_file(path, (size_t)16 << 20, &text, n, &err), "%s", err.msg);
    return text;
}

cJSON *read_golden_texts(void)
{
    size_t n = 0;
    char *lines = read_golden_file("tests/golden/tokenizer/strings.jsonl", &n);
    cJSON *texts = cJSON_CreateArray();
    for (char *line = lines ? strtok(lines, "\n") : NULL; line; line = strtok(NULL, "\n")) {
        cJSON *row = cJSON_Parse(line);
        cJSON *text = cJSON_DetachItemFromObject(row, "text");
        if (CHECK(cJSON_IsString(text), "a row without text: %s", line))
            cJSON_AddItemToArray(texts, text);
        cJSON_Delete(row);
    }
    CHECK(cJSON_GetArraySize(texts) > 2000, "%d texts", cJSON_GetArraySize(texts));
    elcl_free(lines);
    return texts;
}

const char *temporary_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", check_temporary_directory(), name);
    return path;
}

const char *directory(const char *name)
{
    static char path[512];
    elcl_error err = {0};
    snprintf(path, sizeof(path), "%s/%s", check_temporary_directory(), name);
    CHECK(!elcl_make_directories(path, 0777, &err), "%s", err.msg);
    return path;
}

void write_file(const char *name, const void *data, size_t n)
{
    char path[512];
    elcl_error err = {0};
    snprintf(path, sizeof(path), "%s/%s", check_temporary_directory(), name);
    CHECK(!elcl_write_file_atomic(path, data, n, &err), "%s", err.msg);
}

void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

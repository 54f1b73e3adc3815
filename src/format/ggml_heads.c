/* The heads of OpenAI's models whose attention follows the sound, which a whisper.cpp file does not
 * name: its sizes tell which model it is. */
#include <stddef.h>
#include <stdlib.h>

#include "base/util.h"
#include "format/config.h"
#include "format/ggml.h"
#include "format/json.h"

static const struct {
    int audio_layers, text_layers, heads, mels;
    bool english;
    const char *list; /* layer.head */
} models[] = {
    {4, 4, 6, 80, true, "1.0 2.0 2.5 3.0 3.1 3.2 3.3 3.4"},
    {4, 4, 6, 80, false, "2.2 3.0 3.2 3.3 3.4 3.5"},
    {6, 6, 8, 80, true, "3.3 4.7 5.1 5.5 5.7"},
    {6, 6, 8, 80, false, "3.1 4.2 4.3 4.7 5.1 5.2 5.4 5.6"},
    {12, 12, 12, 80, true,
     "6.6 7.0 7.3 7.8 8.2 8.5 8.7 9.0 9.4 9.8 9.10 10.0 10.1 10.2 10.3 10.6 10.11 11.2 11.4"},
    {12, 12, 12, 80, false, "5.3 5.9 8.0 8.4 8.7 8.8 9.0 9.7 9.9 10.5"},
    {24, 24, 16, 80, true,
     "11.4 14.1 14.12 14.14 15.4 16.0 16.4 16.9 17.12 17.14 18.7 18.10 18.15 20.0 20.3 20.9 20.14 "
     "21.12"},
    {24, 24, 16, 80, false, "13.15 15.4 15.15 16.1 20.0 23.4"},
    /* large-v2; large-v1 has the same sizes */
    {32, 32, 20, 80, false,
     "10.12 13.17 16.11 16.12 16.13 17.15 17.16 18.4 18.11 18.19 19.11 21.2 21.3 22.3 22.9 22.12 "
     "23.5 23.7 23.13 25.5 26.1 26.12 27.15"},
    {32, 32, 20, 128, false, "7.0 10.17 12.18 13.12 16.1 17.14 19.11 21.4 24.1 25.6"},
    {32, 4, 20, 128, false, "2.4 2.11 3.3 3.6 3.11 3.14"},
};

static const char *find_list(const struct elcl_ggml *ggml)
{
    const int *sizes = ggml->sizes;
    const bool english = sizes[ELCL_GGML_VOCABULARY] < ELCL_MULTILINGUAL_VOCABULARY;
    for (size_t i = 0; i < ELCL_COUNT(models); i++)
        if (models[i].audio_layers == sizes[ELCL_GGML_AUDIO_LAYERS] &&
            models[i].text_layers == sizes[ELCL_GGML_TEXT_LAYERS] &&
            models[i].heads == sizes[ELCL_GGML_TEXT_HEADS] &&
            models[i].mels == sizes[ELCL_GGML_MELS] && models[i].english == english)
            return models[i].list;
    return NULL;
}

static bool add_pair(cJSON *heads, int layer, int head)
{
    const int numbers[] = {layer, head};
    cJSON *pair = cJSON_CreateIntArray(numbers, 2);
    if (pair && cJSON_AddItemToArray(heads, pair))
        return true;
    cJSON_Delete(pair);
    return false;
}

int elcl_ggml_put_heads(const struct elcl_ggml *ggml, cJSON *to, elcl_error *err)
{
    const char *list = find_list(ggml);
    cJSON *heads = list ? cJSON_AddArrayToObject(to, "alignment_heads") : NULL;
    if (list && !heads)
        return elcl_fail_nomem(err);
    while (list && *list) {
        char *end;
        const int layer = (int)strtol(list, &end, 10), head = (int)strtol(end + 1, &end, 10);
        if (!add_pair(heads, layer, head))
            return elcl_fail_nomem(err);
        list = *end ? end + 1 : end;
    }
    return ELCL_OK;
}

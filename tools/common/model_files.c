#include "common/model_files.h"

#include <string.h>

#include "base/util.h"

bool cli_is_model_file(const char *name)
{
    static const char *const ends[] = {".safetensors", ".bin", ".model", ".spm", ".index.json"};
    static const char names[] =
        "config.json generation_config.json tokenizer.json tokenizer_config.json "
        "special_tokens_map.json added_tokens.json vocab.json target_vocab.json vocab-src.json "
        "vocab-tgt.json merges.txt vocabulary.json vocabulary.txt shared_vocabulary.json "
        "shared_vocabulary.txt source_vocabulary.json source_vocabulary.txt "
        "target_vocabulary.json target_vocabulary.txt";
    for (size_t i = 0; i < ELCL_COUNT(ends); i++)
        if (elcl_ends_with(name, strlen(name), ends[i]))
            return true;
    return elcl_has_word(names, name);
}

/* Model families: the meaning of a model_type's configuration keys and tensor names. A new family
 * is one file and one line in family.c. */
#ifndef ELCL_MODEL_FAMILY_H
#define ELCL_MODEL_FAMILY_H

#include "format/config.h"
#include "model/weights.h"

/* Another name of a key (attribute_map of the reference's class). */
struct elcl_key_alias {
    const char *other, *key; /* NULL ends a list */
};

extern const struct elcl_key_alias elcl_gpt2_aliases[];

struct elcl_family {
    const char *model_type;
    const struct elcl_key_alias *aliases; /* may be NULL; bart_like families have their own */
    /* Token ids and similar values that the reference assumes if config.json lacks the key. Ends
     * with a NULL key. May be NULL. */
    const struct elcl_config_default *defaults;
    /* Decoder-only models: bos_token_id precedes a text unless add_bos_token in
     * tokenizer_config.json says no; otherwise only if that says yes. */
    bool prompt_bos;
    const struct elcl_bart_like *bart_like; /* for the functions of bart_like.h */
    /* Reads the hyper-parameters from config.json; refuses unsupported values by name. */
    int (*read_arch)(const struct elcl_family *family, const struct elcl_config *config,
                     struct elcl_arch *arch, elcl_error *err);
    /* Wires all tensors. The caller finishes the weights, also after a failure. */
    int (*load)(const struct elcl_family *family, struct elcl_loader *loader,
                const struct elcl_arch *arch, struct elcl_weights *weights);
};

extern const struct elcl_family elcl_family_bart;
extern const struct elcl_family elcl_family_biogpt;
extern const struct elcl_family elcl_family_blenderbot;
extern const struct elcl_family elcl_family_blenderbot_small;
extern const struct elcl_family elcl_family_bloom;
extern const struct elcl_family elcl_family_ctranslate2;
extern const struct elcl_family elcl_family_fsmt;
extern const struct elcl_family elcl_family_gpt2;
extern const struct elcl_family elcl_family_gpt_bigcode;
extern const struct elcl_family elcl_family_gpt_neo;
extern const struct elcl_family elcl_family_led;
extern const struct elcl_family elcl_family_m2m_100;
extern const struct elcl_family elcl_family_marian;
extern const struct elcl_family elcl_family_mbart;
extern const struct elcl_family elcl_family_mpt;
extern const struct elcl_family elcl_family_mt5;
extern const struct elcl_family elcl_family_openai_gpt;
extern const struct elcl_family elcl_family_opt;
extern const struct elcl_family elcl_family_pegasus;
extern const struct elcl_family elcl_family_plbart;
extern const struct elcl_family elcl_family_t5;
extern const struct elcl_family elcl_family_umt5;
extern const struct elcl_family elcl_family_whisper;
extern const struct elcl_family elcl_family_xglm;

/* Finds the family of a config.json, adds its defaults, and reads hyper-parameters and generation
 * options. ELCL_E_UNSUPPORTED names the model_type and lists the supported ones. */
int elcl_family_read(struct elcl_config *config, const struct elcl_family **family,
                     struct elcl_arch *arch, elcl_gen_options *options, elcl_error *err);

/* Finds an activation by its Hugging Face name; returns false if the name is unknown. */
bool elcl_activation_named(const char *name, enum elcl_activation *act);
/* Reads the activation that `key` names, or takes `fallback` if config.json lacks the key. */
int elcl_read_activation(const struct elcl_config *config, const char *key, const char *fallback,
                         enum elcl_activation *act, elcl_error *err);

#endif

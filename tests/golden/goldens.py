"""Shared by the make_*.py scripts of every version of transformers: complete options,
outputs without padding, scores of greedy search, and JSON output."""
import json
import platform

import torch
import transformers

OPTIONS = {  # every option of a case, with the value that means "off"
    "num_beams": 1,
    "num_return_sequences": 1,
    "num_beam_groups": 1,
    "diversity_penalty": 0.0,
    "max_length": 24,
    "max_new_tokens": None,
    "min_length": 0,
    "min_new_tokens": None,
    "length_penalty": 1.0,
    "early_stopping": False,
    "no_repeat_ngram_size": 0,
    "repetition_penalty": 1.0,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "decoder_start_token_id": 2,
    "bos_token_id": 0,
    "pad_token_id": 1,
    "eos_token_id": 2,
    "do_sample": False,
}
MORE_OPTIONS = (  # present if a case has them
    "bad_words_ids", "renormalize_logits", "suppress_tokens", "begin_suppress_tokens",
    "encoder_no_repeat_ngram_size", "encoder_repetition_penalty",
    "prefix", "alternatives", "presence_penalty", "frequency_penalty", "patience",  # see generate()
    "timestamp_begin_token_id", "no_timestamps_token_id", "max_initial_timestamp",
    "scores_after_rules", "no_speech_token_id", "no_speech_length",
)


def options_of(**changes):
    """Returns a complete set of options, without generation_config.json or defaults."""
    unknown = set(changes) - set(OPTIONS) - set(MORE_OPTIONS)
    assert not unknown, unknown
    options = {**OPTIONS, **changes}
    if options["max_new_tokens"] is not None:
        options["max_length"] = None
    if options["min_new_tokens"] is not None:
        options["min_length"] = None
    return options


def without_padding(ids, options):
    pad = options["pad_token_id"]
    if pad == options["eos_token_id"]:  # the first one after the start token is the end
        return ids[:ids.index(pad, 1) + 1] if pad in ids[1:] else ids
    n = len(ids)
    while ids[-1] == pad:
        ids = ids[:-1]
    eos = options["eos_token_id"]
    ended = ids[-1] in (eos if isinstance(eos, list) else [eos])
    assert pad not in ids[1:] and (ended or len(ids) == n), "the model chose the padding token"
    return ids


def sum_of_log_probs(step_logits, ids):
    """Sums log_softmax(raw logits) over the generated tokens, for searches without a score."""
    steps = zip(step_logits, ids[-len(step_logits):])
    return sum(logits[0].double().log_softmax(-1)[token].item() for logits, token in steps)


def nine_digits(x):
    return float("%.9g" % x)


def rows(tensor):
    return [[nine_digits(x) for x in row] for row in tensor.tolist()]


def versions():
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def write_json(path, document):
    """Writes an object whose long lists have one element on each line."""
    members = []
    for key, value in document.items():
        if isinstance(value, list):
            lines = ",\n".join(json.dumps(element) for element in value)
            members.append("%s: [\n%s\n]" % (json.dumps(key), lines))
        else:
            members.append("%s: %s" % (json.dumps(key), json.dumps(value)))
    with open(path, "w") as f:
        f.write("{\n" + ",\n".join(members) + "\n}\n")

"""Generation by CTranslate2, on a conversion of the exported model."""

import json
import os

import ctranslate2

TYPES = {"f32": "float32", "bf16": "bfloat16", "int8": "int8"}


class NumberedTokens:
    """The tokenizer for the converter: token i is `ti`, special tokens have their names.

    The converter removes Marian's last token, the padding that starts the decoder, from the
    embeddings, and from the vocabulary if its name is `<pad>`. CTranslate2 starts such a model from
    zeros: if that token has weights, as in synthetic models, the outputs differ.
    """

    def __init__(self, config):
        self.names = [f"t{i}" for i in range(config["vocab_size"])]
        special = {"bos_token": 0, "eos_token": 2, "pad_token": 1, "unk_token": 3}
        for key, default in special.items():
            given = config.get(key + "_id")
            i = default if given is None else given
            if i < len(self.names):
                self.names[i] = "<pad>" if key == "pad_token" else f"<{i}>"
                setattr(self, key, self.names[i])
        self.ids = {name: i for i, name in enumerate(self.names)}

    def get_vocab(self):
        return self.ids

    def convert_ids_to_tokens(self, i):
        return self.names[i]


class Converter(ctranslate2.converters.TransformersConverter):
    """Uses the tokenizer above, and adds a key to config.json that its loaders need."""

    def __init__(self, directory, tokenizer):
        super().__init__(directory)
        self.tokenizer = tokenizer

    def load_model(self, model_class, directory, **kwargs):
        kwargs["config"].normalize_before = False
        return model_class.from_pretrained(directory, config=kwargs["config"])

    def load_tokenizer(self, tokenizer_class, directory, **kwargs):
        return self.tokenizer


def convert(args, tokenizer):
    out = os.path.join(args.keep, f"ctranslate2-{args.type}")
    if not os.path.exists(out):
        Converter(args.directory, tokenizer).convert(
            out + ".part", quantization=TYPES[args.type], force=True
        )
        os.rename(out + ".part", out)
    return out


def runner(args, config, sources):
    """A function that generates once and returns all ids, and a dict about the program."""
    if TYPES[args.type] not in ctranslate2.get_supported_compute_types("cpu"):
        raise SystemExit(f"ctranslate2 does not compute in {TYPES[args.type]} on this CPU")
    tokenizer = NumberedTokens(config)
    directory = convert(args, tokenizer)
    tokens = [[tokenizer.names[i] for i in row] for row in sources]
    load = dict(
        device="cpu", compute_type=TYPES[args.type], inter_threads=1, intra_threads=args.threads
    )
    options = dict(beam_size=args.beams, max_batch_size=0)
    if args.decoder_only:
        model = ctranslate2.Generator(directory, **load)

        def run():
            results = model.generate_batch(
                tokens,
                min_length=args.new,
                max_length=args.new,
                include_prompt_in_result=False,
                **options,
            )
            return [row + r.sequences_ids[0] for row, r in zip(sources, results)]

    else:
        model = ctranslate2.Translator(directory, **load)
        start = [config["decoder_start_token_id"]]

        def run():
            results = model.translate_batch(
                tokens, min_decoding_length=args.new, max_decoding_length=args.new, **options
            )
            return [start + [tokenizer.ids[t] for t in r.hypotheses[0]] for r in results]

    return run, {"ctranslate2": ctranslate2.__version__, "compute_type": model.compute_type}

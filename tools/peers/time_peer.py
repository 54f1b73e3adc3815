#!/usr/bin/env python3
"""Times another program on a model directory that `elcl` exported, with equal work.

    time_peer.py PEER DIRECTORY [--batch B] [--source S] [--new N] [--beams K] [--type f32|bf16|int8]
                 [--threads N] [--repeat N]

PEER is `transformers` or `ctranslate2`. B sources of S random tokens each, K beams (1: greedy), and
exactly N new tokens: the end token is held back. Prints one line of JSON: the median, least and
greatest seconds of the repetitions after one warm-up, and the versions. int8 is dynamic
quantisation of the linear layers in transformers (torch), and int8 weights with quantised
activations in CTranslate2.

Needs numpy and the peer's packages. Unset OPENBLAS_* and set OMP_NUM_THREADS and OMP_WAIT_POLICY as
suits the peer best; CTranslate2 also has CT2_USE_MKL=1.
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time


def sources(args, vocabulary):
    import numpy

    rng = numpy.random.default_rng(1)
    return rng.integers(4, vocabulary - 1, size=(args.batch, args.source)).tolist()


def is_decoder_only(config):
    return config["model_type"] in ("gpt2", "opt")


def transformers_runner(args, config):
    import torch
    import transformers

    torch.set_num_threads(args.threads)
    decoder_only = is_decoder_only(config)
    kind = (
        transformers.AutoModelForCausalLM if decoder_only else transformers.AutoModelForSeq2SeqLM
    )
    dtype = torch.bfloat16 if args.type == "bf16" else torch.float32
    model = kind.from_pretrained(args.directory, torch_dtype=dtype).eval()
    if args.type == "int8":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, torch.qint8)
    ids = torch.tensor(sources(args, config["vocab_size"]))
    options = dict(
        num_beams=args.beams,
        do_sample=False,
        min_new_tokens=args.new,
        max_new_tokens=args.new,
        early_stopping=False,
        attention_mask=torch.ones_like(ids),
    )
    if decoder_only:
        options["pad_token_id"] = 0

    def run():
        with torch.inference_mode():
            out = model.generate(ids, **options)
        produced = out.shape[1] - (args.source if decoder_only else 1)
        assert produced == args.new, f"{produced} new tokens instead of {args.new}"

    versions = {"transformers": transformers.__version__, "torch": torch.__version__}
    return run, versions


def with_vocabulary(args, config, directory):
    """CTranslate2's converter asks for a tokenizer: one whose tokens are numbers."""
    with open(os.path.join(directory, "config.json"), "w") as f:
        json.dump({"normalize_before": False, **config}, f)  # its converter asks for the key
    for name in ("generation_config.json", "model.safetensors"):
        source = os.path.join(args.directory, name)
        if os.path.exists(source):
            os.symlink(os.path.abspath(source), os.path.join(directory, name))
    names = {i: f"t{i}" for i in range(config["vocab_size"])}
    special = {"bos_token": 0, "eos_token": 2, "pad_token": 1, "unk_token": 3}
    for key, i in special.items():
        given = config.get(key + "_id")
        special[key] = i if given is None else given
        names[special[key]] = f"<{special[key]}>"
    with open(os.path.join(directory, "vocab.json"), "w") as f:
        json.dump({name: i for i, name in names.items()}, f)
    with open(os.path.join(directory, "merges.txt"), "w") as f:
        f.write("#version: 0.2\n")
    tokenizer = {key: names[i] for key, i in special.items()}
    tokenizer["tokenizer_class"] = "GPT2Tokenizer"
    with open(os.path.join(directory, "tokenizer_config.json"), "w") as f:
        json.dump(tokenizer, f)
    return names


def ctranslate2_runner(args, config):
    import ctranslate2

    types = {"f32": "float32", "bf16": "bfloat16", "int8": "int8"}
    with tempfile.TemporaryDirectory() as directory:
        names = with_vocabulary(args, config, directory)
        out = os.path.join(directory, "converted")
        converter = ctranslate2.converters.TransformersConverter(directory)
        converter.convert(out, quantization=types[args.type])
        kept = tempfile.mkdtemp()
        shutil.copytree(out, kept, dirs_exist_ok=True)
    tokens = [[names[i] for i in row] for row in sources(args, config["vocab_size"])]
    load = dict(
        device="cpu",
        compute_type=types[args.type],
        inter_threads=1,
        intra_threads=args.threads,
    )
    common = dict(beam_size=args.beams, max_batch_size=0)
    if is_decoder_only(config):
        model = ctranslate2.Generator(kept, **load)

        def run():
            results = model.generate_batch(
                tokens,
                min_length=args.new,
                max_length=args.new,
                include_prompt_in_result=False,
                **common,
            )
            assert all(len(r.sequences_ids[0]) == args.new for r in results)

    else:
        model = ctranslate2.Translator(kept, **load)

        def run():
            results = model.translate_batch(
                tokens, min_decoding_length=args.new, max_decoding_length=args.new, **common
            )
            assert all(len(r.hypotheses[0]) == args.new for r in results)

    shutil.rmtree(kept)
    return run, {"ctranslate2": ctranslate2.__version__, "compute_type": model.compute_type}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("peer", choices=["transformers", "ctranslate2"])
    parser.add_argument("directory")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--source", type=int, default=64)
    parser.add_argument("--new", type=int, default=16)
    parser.add_argument("--beams", type=int, default=1)
    parser.add_argument("--type", choices=["f32", "bf16", "int8"], default="f32")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    with open(os.path.join(args.directory, "config.json")) as f:
        config = json.load(f)
    make = {"transformers": transformers_runner, "ctranslate2": ctranslate2_runner}[args.peer]
    run, versions = make(args, config)
    run()
    seconds = []
    for _ in range(args.repeat):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    result = {
        "peer": args.peer,
        "versions": versions,
        "type": args.type,
        "batch": args.batch,
        "source": args.source,
        "new": args.new,
        "beams": args.beams,
        "threads": args.threads,
        "median_s": round(statistics.median(seconds), 4),
        "min_s": round(min(seconds), 4),
        "max_s": round(max(seconds), 4),
    }
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

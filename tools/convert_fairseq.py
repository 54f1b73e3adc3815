#!/usr/bin/env python3
"""Converts a fairseq checkpoint of a Transformer (translation) or of BART to a directory that elcl
opens.

usage: convert_fairseq.py CHECKPOINT.pt OUTPUT [--source-dict FILE] [--target-dict FILE]
                          [--codes FILE] [--source-lang XX] [--target-lang YY]

By default the dictionaries are dict.XX.txt and dict.YY.txt next to the checkpoint (dict.txt for
BART), and the codes of fastBPE or subword-nmt are bpecodes or code, if there is such a file. Needs
torch, but not fairseq.

torch.load can run code from a checkpoint: convert only files that you trust. The files that elcl
reads cannot run anything.
"""
import argparse
import importlib.machinery
import json
import re
import sys
from pathlib import Path

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


class Refused(Exception):
    """The reason why a checkpoint cannot be converted, as one sentence."""


# ---- the checkpoint ----

class Anything:
    """Replaces an object of a class that is not installed; keeps its attributes."""

    def __init__(self, *args, **kwargs):
        pass

    def __setstate__(self, state):
        if isinstance(state, tuple):  # attributes and slots
            for part in state:
                self.__dict__.update(part or {})
        elif isinstance(state, dict):
            self.__dict__.update(state)

    def __reduce__(self):
        return (Anything, ())


class StubLoader:
    """Provides empty modules for fairseq and omegaconf if they are missing, so that checkpoints
    with their classes can be read."""
    ROOTS = ("fairseq", "omegaconf")

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.ROOTS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        module.__getattr__ = lambda name: type(name, (Anything,), {})


def read_checkpoint(path):
    try:
        import torch
    except ImportError:
        raise Refused("torch is needed to read a checkpoint: pip install torch")
    finder = StubLoader()
    sys.meta_path.append(finder)  # after the real ones
    try:
        options = {"map_location": "cpu"}
        try:
            checkpoint = torch.load(path, weights_only=False, **options)
        except TypeError:  # before torch 1.13
            checkpoint = torch.load(path, **options)
    finally:
        sys.meta_path.remove(finder)
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get("model"), dict):
        raise Refused(f"{path}: not a fairseq checkpoint: it has no \"model\" dictionary")
    return checkpoint


def plain(value):
    """Returns a Namespace, a dictionary or a configuration node as a dictionary."""
    if isinstance(value, dict):
        return dict(value)
    content = getattr(value, "__dict__", {})
    if isinstance(content.get("_content"), dict):  # a node of omegaconf
        return {key: getattr(node, "_val", node) for key, node in content["_content"].items()}
    return dict(content)


def referred(value, task):
    """Resolves a reference to the task's options, "${task.max_source_positions}"."""
    match = re.fullmatch(r"\$\{task\.(\w+)\}", value) if isinstance(value, str) else None
    return task.get(match[1]) if match else value


def model_arguments(checkpoint, path):
    """Returns the model's options: "args" of fairseq up to 0.10, "cfg" of later versions."""
    if checkpoint.get("args") is not None:
        return plain(checkpoint["args"])
    if checkpoint.get("cfg") is not None:
        config = plain(checkpoint["cfg"])
        task, model = plain(config.get("task")), plain(config.get("model"))
        for side in ("encoder", "decoder"):  # separate groups in the newest versions
            for key, value in plain(model.get(side)).items():
                model.setdefault(f"{side}_{key}", value)
        model = {key: referred(value, task) for key, value in model.items()}
        return {**task, **model, "arch": model.get("arch") or model.get("_name")}
    raise Refused(f"{path}: has neither \"args\" nor \"cfg\", so the model's options are unknown")


# ---- options ----

def option(arguments, key, default=None):
    value = arguments.get(key)
    return default if value is None else value


def flag(arguments, key, default=False):
    value = option(arguments, key, default)
    return value if isinstance(value, bool) else str(value).lower() in ("1", "true")


def refuse_variations(arguments, is_bart):
    """Refuses options that change the mathematics and that neither family has."""
    for side in ("encoder", "decoder"):
        if flag(arguments, f"{side}_normalize_before"):
            raise Refused(f"{side}_normalize_before is set: elcl has no pre-norm family for it")
        if flag(arguments, f"{side}_learned_pos") != is_bart:
            raise Refused(f"{side}_learned_pos must be {is_bart}")
        if option(arguments, f"{side}_layers_to_keep"):
            raise Refused(f"{side}_layers_to_keep is set: save the pruned model first")
    for key in ("no_token_positional_embeddings", "no_cross_attention", "cross_self_attention",
                "adaptive_input", "character_embeddings", "full_context_alignment"):
        if flag(arguments, key):
            raise Refused(f"{key} is set, which elcl does not have")
    if option(arguments, "adaptive_softmax_cutoff"):
        raise Refused("adaptive_softmax_cutoff is set, which elcl does not have")
    if not is_bart and (flag(arguments, "layernorm_embedding")):
        raise Refused("layernorm_embedding is set, which model_type fsmt does not have")


def refuse_other_widths(arguments):
    width = arguments.get("encoder_embed_dim")
    for key in ("decoder_embed_dim", "decoder_output_dim", "decoder_input_dim"):
        if option(arguments, key, width) != width:
            raise Refused(f"{key} is {arguments[key]} but encoder_embed_dim is {width}: elcl "
                          "has one width")


# ---- dictionaries ----

def read_dictionary(path):
    """Returns the symbols in the order of their ids: special ones first, then one for each line."""
    symbols = list(SPECIAL)
    seen = set(SPECIAL)
    with open(path, encoding="utf-8", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip("\r\n")
            if not line:
                continue
            overwrite = line.endswith(" #fairseq:overwrite")
            if overwrite:
                line = line[: -len(" #fairseq:overwrite")]
            symbol, space, count = line.rpartition(" ")
            if not space or not re.fullmatch(r"-?\d+", count):
                raise Refused(f"{path}: line {number}: expected a symbol, a space and a count")
            if symbol in seen and not overwrite:
                raise Refused(f"{path}: line {number}: {symbol} appears twice")
            seen.add(symbol)
            symbols.append(symbol)
    return symbols


def add_symbols(symbols, rows, path):
    """Adds names for rows after the dictionary: symbols that a task adds (<mask>, languages)."""
    if len(symbols) > rows:
        raise Refused(f"{path}: has {len(symbols)} symbols, but the model's table has {rows} rows")
    return symbols + [f"<unused{i}>" for i in range(len(symbols), rows)]


def word_ends(symbols):
    """Spells symbols for model_type fsmt: "le@@" becomes "le"; "er" at a word's end, "er</w>"."""
    vocabulary = {}
    for i, symbol in enumerate(symbols):
        if i >= len(SPECIAL):
            symbol = symbol[:-2] if symbol.endswith("@@") else symbol + "</w>"
        if symbol in vocabulary:
            raise Refused(f"two symbols of the dictionary become {symbol}")
        vocabulary[symbol] = i
    return vocabulary


def read_codes(path):
    """Returns one pair for each line, without fastBPE's counts and subword-nmt's header."""
    merges = []
    with open(path, encoding="utf-8", newline="\n") as lines:
        for line in lines:
            line = line.rstrip("\r\n")
            if line.startswith("#version") or not line:
                continue
            parts = line.split(" ")
            if len(parts) == 3 and parts[2].isdigit():
                parts.pop()
            if len(parts) != 2:
                raise Refused(f"{path}: expected two symbols in a line, found \"{line}\"")
            merges.append(" ".join(parts))
    return merges


# ---- tensors ----

def split_input_projections(state):
    """Splits in_proj_weight: q, k and v are one matrix in fairseq before 0.9."""
    out = {}
    for name, tensor in state.items():
        match = re.fullmatch(r"(.*)\.in_proj_(weight|bias)", name)
        if not match:
            out[name] = tensor
            continue
        for part, piece in zip(("q_proj", "k_proj", "v_proj"), tensor.chunk(3)):
            out[f"{match[1]}.{part}.{match[2]}"] = piece
    return out


def old_norm_names(state):
    """Renames layer_norms.N of fairseq before 0.6, whose layers are post-norm."""
    names = {"encoder": ["self_attn_layer_norm", "final_layer_norm"],
             "decoder": ["self_attn_layer_norm", "encoder_attn_layer_norm", "final_layer_norm"]}
    out = {}
    for name, tensor in state.items():
        match = re.fullmatch(r"(encoder|decoder)(\.layers\.\d+)\.layer_norms\.(\d)\.(.*)", name)
        if match:
            name = f"{match[1]}{match[2]}.{names[match[1]][int(match[3])]}.{match[4]}"
        out[name] = tensor
    return out


IGNORED = re.compile(r"(encoder|decoder)\.(version|embed_positions\._float_tensor)|.*\._\w+_hook"
                     r"|classification_heads\..*|(encoder|decoder)\.embed_positions\.weights")


def tidy(state):
    state = old_norm_names(split_input_projections(state))
    return {name: tensor for name, tensor in state.items() if not IGNORED.fullmatch(name)}


def same(a, b):
    return a.shape == b.shape and bool((a == b).all())


def check_names(state, layers, is_bart):
    """Refuses missing and unknown tensors: an unknown one would be dropped silently."""
    norms = ["layernorm_embedding"] if is_bart else []
    known = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight",
             "decoder.output_projection.weight", "decoder.embed_out"}
    for stack, n in layers.items():
        attention = ["self_attn"] + (["encoder_attn"] if stack == "decoder" else [])
        parts = [f"{a}.{p}" for a in attention for p in ("q_proj", "k_proj", "v_proj", "out_proj")]
        parts += [f"{a}_layer_norm" for a in attention] + ["fc1", "fc2", "final_layer_norm"]
        prefixes = [f"{stack}.layers.{i}.{part}" for i in range(n) for part in parts]
        prefixes += [f"{stack}.{norm}" for norm in norms]
        wanted = {f"{p}.{role}" for p in prefixes for role in ("weight", "bias")}
        missing = sorted(wanted - set(state))
        if missing:
            raise Refused(f"tensor {missing[0]} is missing")
        known |= wanted | ({f"{stack}.embed_positions.weight"} if is_bart else set())
    unknown = sorted(set(state) - known)
    if unknown:
        raise Refused(f"tensor {unknown[0]} belongs to no model that elcl knows")


def layer_count(state, stack):
    found = {int(m[1]) for m in (re.match(stack + r"\.layers\.(\d+)\.", n) for n in state) if m}
    if found != set(range(len(found))) or not found:
        raise Refused(f"the layers of the {stack} are numbered {sorted(found)}")
    return len(found)


# ---- the two families ----

def sizes(arguments, state, is_bart):
    refuse_variations(arguments, is_bart)
    refuse_other_widths(arguments)
    layers = {stack: layer_count(state, stack) for stack in ("encoder", "decoder")}
    check_names(state, layers, is_bart)
    config = {"d_model": state["encoder.embed_tokens.weight"].shape[1]}
    for stack, n in layers.items():
        config[f"{stack}_layers"] = n
        heads = option(arguments, f"{stack}_attention_heads")
        if heads is None:
            raise Refused(f"{stack}_attention_heads is not among the checkpoint's options")
        config[f"{stack}_attention_heads"] = int(heads)
        config[f"{stack}_ffn_dim"] = state[f"{stack}.layers.0.fc1.weight"].shape[0]
    activation = "gelu" if is_bart else "relu"
    config["activation_function"] = option(arguments, "activation_fn", activation)
    config["scale_embedding"] = not flag(arguments, "no_scale_embedding")
    config.update(bos_token_id=0, pad_token_id=1, eos_token_id=2, decoder_start_token_id=2,
                  forced_eos_token_id=2, is_encoder_decoder=True)
    return config


def convert_transformer(arguments, state, source, target, langs):
    """Returns config.json and the tensors of model_type fsmt."""
    config = {"model_type": "fsmt", "architectures": ["FSMTForConditionalGeneration"],
              "langs": list(langs), **sizes(arguments, state, is_bart=False)}
    encoder, decoder = state["encoder.embed_tokens.weight"], state["decoder.embed_tokens.weight"]
    config.update(src_vocab_size=encoder.shape[0], tgt_vocab_size=decoder.shape[0])
    config["max_position_embeddings"] = max(int(option(arguments, f"max_{side}_positions", 1024))
                                            for side in ("source", "target"))
    output = state.pop("decoder.embed_out", None)
    output = state.pop("decoder.output_projection.weight", output)
    tied = output is None or same(output, decoder)
    config["share_decoder_input_output_embed"] = tied
    config["tie_word_embeddings"] = tied and same(encoder, decoder)
    if config["tie_word_embeddings"]:
        state["decoder.embed_tokens.weight"] = encoder
    state["decoder.output_projection.weight"] = (state["decoder.embed_tokens.weight"] if tied
                                                 else output)
    if config["tie_word_embeddings"] and source != target:
        raise Refused("source and target share a table but not a dictionary")
    return config, {f"model.{name}": tensor for name, tensor in state.items()}


def convert_bart(arguments, state):
    """Returns config.json and the tensors of model_type bart."""
    config = {"model_type": "bart", "architectures": ["BartForConditionalGeneration"],
              **sizes(arguments, state, is_bart=True)}
    encoder, decoder = state["encoder.embed_tokens.weight"], state["decoder.embed_tokens.weight"]
    output = state.pop("decoder.output_projection.weight", decoder)
    if not same(encoder, decoder) or not same(output, decoder):
        raise Refused("the tables of encoder, decoder and output differ, which BART does not have")
    positions = [state[f"{stack}.embed_positions.weight"] for stack in ("encoder", "decoder")]
    if positions[0].shape != positions[1].shape:
        raise Refused("encoder and decoder have position tables of different lengths")
    config.update(vocab_size=encoder.shape[0], tie_word_embeddings=True,
                  max_position_embeddings=positions[0].shape[0] - 2)
    tensors = {f"model.{name}": tensor for name, tensor in state.items()
               if not name.endswith("embed_tokens.weight")}
    return config, {"model.shared.weight": encoder, **tensors}


# ---- files ----

def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def note(why):
    print(f"convert_fairseq.py: {why}: no tokenizer is written, so elcl reads and writes ids",
          file=sys.stderr)


def find_file(named, directory, *names):
    """Returns the named file, or the first of `names` that the directory has."""
    if named:
        if not Path(named).is_file():
            raise Refused(f"{named}: no such file")
        return Path(named)
    for name in names:
        if (directory / name).is_file():
            return directory / name
    return None


def languages(options, arguments):
    return (options.source_lang or option(arguments, "source_lang", "src"),
            options.target_lang or option(arguments, "target_lang", "tgt"))


def write_transformer(options, arguments, state, output):
    directory = options.checkpoint.parent
    langs = languages(options, arguments)
    symbols = []
    for lang, named, stack in ((langs[0], options.source_dict, "encoder"),
                               (langs[1], options.target_dict, "decoder")):
        path = find_file(named, directory, f"dict.{lang}.txt", "dict.txt")
        if not path:
            raise Refused(f"{directory}: has no dict.{lang}.txt; name it with "
                          "--source-dict or --target-dict")
        rows = state[f"{stack}.embed_tokens.weight"].shape[0]
        symbols.append(add_symbols(read_dictionary(path), rows, path))
    config, tensors = convert_transformer(arguments, state, *symbols, langs)
    write_tokenizer(options, symbols, langs, output)
    return config, tensors


def write_tokenizer(options, symbols, langs, output):
    if any(symbol.startswith("\u2581") for symbol in symbols[0] + symbols[1]):
        note("the dictionaries use SentencePiece, for which fsmt has no tokenizer")
        return
    codes = find_file(options.codes, options.checkpoint.parent, "bpecodes", "code")
    if not codes:
        note("there is no bpecodes or code next to the checkpoint")
        return
    merges = read_codes(codes)
    for name, part in zip(("vocab-src.json", "vocab-tgt.json"), symbols):
        write_json(output / name, word_ends(part))
    (output / "merges.txt").write_text("".join(m + "\n" for m in merges), encoding="utf-8")
    write_json(output / "tokenizer_config.json", {"langs": list(langs), "model_max_length": 1024})


def write_bart(options, arguments, state, output):
    """Writes GPT-2's BPE. The dictionary has its ids as symbols, so encoder.json is needed too."""
    path = find_file(options.source_dict, options.checkpoint.parent, "dict.txt")
    encoder = find_file(None, options.checkpoint.parent, "encoder.json")
    codes = find_file(options.codes, options.checkpoint.parent, "vocab.bpe")
    rows = state["encoder.embed_tokens.weight"].shape[0]
    config, tensors = convert_bart(arguments, state)
    if path and encoder and codes:
        names = {str(i): token for token, i in json.loads(encoder.read_text("utf-8")).items()}
        symbols = read_dictionary(path)
        vocabulary = {names.get(symbol, symbol): i for i, symbol in enumerate(symbols)}
        if rows == len(symbols) + 1:
            vocabulary["<mask>"] = rows - 1
        write_json(output / "vocab.json", vocabulary)
        merges = codes.read_text("utf-8")
        (output / "merges.txt").write_text(merges, encoding="utf-8")
    else:
        note("dict.txt, encoder.json and vocab.bpe are not all next to the checkpoint")
    return config, tensors


def convert(options):
    checkpoint = read_checkpoint(options.checkpoint)
    import torch  # read_checkpoint() reports if it is missing
    arguments = model_arguments(checkpoint, options.checkpoint)
    architecture = str(option(arguments, "arch", ""))
    state = tidy(checkpoint["model"])
    output = options.output
    output.mkdir(parents=True, exist_ok=True)
    if architecture.startswith("bart"):
        config, tensors = write_bart(options, arguments, state, output)
    elif architecture.startswith("transformer") and "lm" not in architecture:
        config, tensors = write_transformer(options, arguments, state, output)
    else:
        raise Refused(f"{options.checkpoint}: architecture \"{architecture}\" is neither a "
                      "translation Transformer nor BART")
    write_json(output / "config.json", config)
    generation = {key: value for key, value in config.items() if key.endswith("token_id")}
    write_json(output / "generation_config.json",
               {**generation, "num_beams": 5, "max_length": 200, "length_penalty": 1.0})
    torch.save({name: tensor.contiguous() for name, tensor in tensors.items()},
               output / "pytorch_model.bin")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0],
                                     epilog=__doc__.split("\n\n", 2)[2],
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--source-dict")
    parser.add_argument("--target-dict")
    parser.add_argument("--codes")
    parser.add_argument("--source-lang")
    parser.add_argument("--target-lang")
    options = parser.parse_args()
    try:
        convert(options)
    except (Refused, OSError) as error:
        print(f"convert_fairseq.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

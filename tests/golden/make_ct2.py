"""Makes ct2-*: models of CTranslate2 and its own answers, and ct2-argos.argosmodel.

The models are the tiny ones here, converted by CTranslate2's converters with weights of several
types, and a random one with OpenNMT's structure: norms before the sublayers and after each stack,
computed positions, no biases of queries, keys and values, a SentencePiece model.

golden.json has the form that reference.py writes. CTranslate2 computes in float32 from the stored
weights; for int8.json, with integers. A beam search that reaches the longest length is left out:
there CTranslate2 counts its open beams as results, and transformers only while results are
missing.

ct2-whisper is tiny-whisper; its golden.json has, for the features of that one's inputs, what
CTranslate2 transcribes without times, greedily and with 5 beams.

usage: make_ct2.py [whisper] (versions: README.md; whisper: only ct2-whisper, with transformers 5)
"""
import io
import json
import random
import shutil
import sys
import zipfile
from pathlib import Path

import ctranslate2
import numpy as np
import sentencepiece
import torch
import transformers
from ctranslate2.converters import transformers as loaders
from ctranslate2.specs import transformer_spec

HERE = Path(__file__).resolve().parent
LONGEST = 24
OFF = dict(max_length=None, max_new_tokens=LONGEST, min_length=0, no_repeat_ngram_size=0,
           repetition_penalty=1.0, early_stopping=True, forced_bos_token_id=None,
           forced_eos_token_id=None, do_sample=False)


# ---- models --------------------------------------------------------------------------------------

def save(spec, directory, quantization):
    spec.validate()
    spec.optimize(quantization=quantization)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    spec.save(str(directory))


def converted(name):
    """Returns the specification of a tiny model and the configuration of the model."""
    config = transformers.AutoConfig.from_pretrained(HERE / name)
    loader = loaders._MODEL_LOADERS[type(config).__name__]
    model = getattr(transformers, loader.architecture_name).from_pretrained(
        HERE / name, dtype=torch.float32)
    if config.model_type == "mbart":
        model.config.normalize_before = True
    with torch.no_grad():
        spec = loader.get_model_spec(model)
    if hasattr(config, "decoder_attention_heads"):  # the converter takes the encoder's for both
        spec.decoder.num_heads = np.int16(config.decoder_attention_heads)
    return spec, config


def make_converted(name, to, quantization):
    spec, config = converted(name)
    tokens = ["t%d" % i for i in range(spec.decoder.embeddings.weight.shape[0])]
    tokens[3] = "<unk>"
    for id, token in ((config.pad_token_id, "<pad>"), (config.bos_token_id, "<s>"),
                      (config.eos_token_id, "</s>")):
        if id is not None and id < len(tokens):
            tokens[id] = token
    if isinstance(spec, transformer_spec.TransformerSpec):
        spec.register_source_vocabulary(tokens)
        spec.register_target_vocabulary(tokens)
        spec.config.decoder_start_token = "</s>"  # no effect where it starts from zeros
    else:
        spec.register_vocabulary(tokens)
    save(spec, HERE / to, quantization)


def fill(spec, shape, scale=0.5):
    """Sets weight and bias of a linear map or of an embedding."""
    spec.weight = (np.random.randn(*shape) * scale).astype(np.float32)
    if hasattr(spec, "bias"):
        spec.bias = (np.random.randn(shape[0]) * 0.1).astype(np.float32)


def fill_norm(norm, d):
    norm.gamma = (1 + 0.1 * np.random.randn(d)).astype(np.float32)
    norm.beta = (0.1 * np.random.randn(d)).astype(np.float32)


def fill_layer(layer, d, ffn, cross):
    for attention, shapes in ((layer.self_attention, (3 * d, d)),
                              (cross and layer.attention, (d, 2 * d, d))):
        if not attention:
            continue
        fill_norm(attention.layer_norm, d)
        for linear, rows in zip(attention.linear, shapes):
            fill(linear, (rows, d))
            linear.bias = "__optional"
    fill(layer.ffn.linear_0, (ffn, d))
    fill(layer.ffn.linear_1, (d, ffn))
    fill_norm(layer.ffn.layer_norm, d)


def opennmt(pieces, seed):
    d, ffn, v = 16, 24, len(pieces)
    np.random.seed(seed)
    spec = transformer_spec.TransformerSpec.from_config((2, 1), 4, pre_norm=True)
    fill(spec.encoder.embeddings[0], (v, d))
    fill(spec.decoder.embeddings, (v, d))
    fill(spec.decoder.projection, (v, d), 1.0)
    spec.decoder.projection.bias[pieces.index("</s>")] += 6  # ends outputs
    for stack in (spec.encoder, spec.decoder):
        fill_norm(stack.layer_norm, d)
        for layer in stack.layer:
            fill_layer(layer, d, ffn, stack is spec.decoder)
    spec.register_source_vocabulary(pieces)
    spec.register_target_vocabulary(pieces)
    return spec


def make_pieces(path):
    """Trains a SentencePiece model of 60 pieces, writes it and returns its pieces."""
    text = (HERE / ".." / ".." / "LICENSE").read_text().split()
    lines = [" ".join(text[i:i + 8]).lower() for i in range(0, 400, 8)]
    file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=file, vocab_size=60, model_type="bpe",
        character_coverage=0.98, normalization_rule_name="identity", minloglevel=2)
    path.write_bytes(file.getvalue())
    model = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    return [model.id_to_piece(i) for i in range(model.get_piece_size())], model


# ---- answers -------------------------------------------------------------------------------------

def read_vocabulary(directory):
    for name in ("shared_vocabulary.json", "vocabulary.json"):
        if (directory / name).exists():
            return json.loads((directory / name).read_text())


def translate(directory, tokens, inputs, beams, penalty, from_zero, compute):
    """Returns the options of a case and, per input, the ids and scores of the best results."""
    translator = ctranslate2.Translator(str(directory), compute_type=compute, intra_threads=1)
    ids = {t: i for i, t in enumerate(tokens)}
    start = len(tokens) if from_zero else ids["</s>"]
    if not from_zero and json.loads((directory / "config.json").read_text())[
            "decoder_start_token"] == "<s>":
        start = ids["<s>"]
    least = 1 if beams > 1 else 0  # elcl's greedy scores are before the rules
    kept, outputs = [], []
    for i, source in enumerate(inputs):
        result = translator.translate_batch(
            [[tokens[t] for t in source]], beam_size=beams, num_hypotheses=min(beams, 2),
            length_penalty=penalty, max_decoding_length=LONGEST, min_decoding_length=least,
            return_scores=True, return_end_token=True)[0]
        if beams > 1 and any(h[-1] != "</s>" for h in result.hypotheses):
            continue
        kept.append(i)
        outputs.append([dict(ids=[start] + [ids[t] for t in h],
                             score=s * (len(h) ** penalty if beams == 1 else 1))
                        for h, s in zip(result.hypotheses, result.scores)])
    options = dict(OFF, num_beams=beams, num_return_sequences=min(beams, 2),
                   length_penalty=penalty, min_new_tokens=least, renormalize_logits=True,
                   decoder_start_token_id=start, eos_token_id=ids["</s>"], pad_token_id=None)
    return dict(options=options, inputs=kept, outputs=outputs)


def continue_greedily(directory, tokens, inputs):
    generator = ctranslate2.Generator(str(directory), compute_type="float32", intra_threads=1)
    ids = {t: i for i, t in enumerate(tokens)}
    outputs = []
    for source in inputs:
        result = generator.generate_batch(
            [[tokens[t] for t in source]], max_length=len(source) + LONGEST, sampling_topk=1,
            return_scores=True, return_end_token=True, min_length=0)[0]
        sequence = [ids[t] for t in result.sequences[0]]
        scores = generator.score_batch([[tokens[t] for t in sequence]])[0].log_probs
        sequence = sequence[:len(source) + LONGEST]
        outputs.append([dict(ids=sequence, score=sum(scores[len(source) - 1:len(sequence) - 1]))])
    options = dict(OFF, num_beams=1, length_penalty=1.0, min_new_tokens=0, eos_token_id=ids["</s>"],
                   pad_token_id=None, decoder_start_token_id=None)
    return dict(options=options, inputs=list(range(len(inputs))), outputs=outputs)


def texts_of(directory, tokens, model, **options):
    """What argostranslate does with a text, without its sentence splitter."""
    options = options or dict(beam_size=2, max_decoding_length=LONGEST)
    translator = ctranslate2.Translator(str(directory), compute_type="float32", intra_threads=1)
    rows = []
    for text in ("the license applies", "a copy of the work", "terms, and", "\u00e9t\u00e9 Q"):
        pieces = model.encode(text, out_type=str)
        best = translator.translate_batch([pieces], **options)[0]
        rows.append(dict(text=text, ids=[tokens.index(p) if p in tokens else 0 for p in pieces],
                         output="".join(best.hypotheses[0]).replace("\u2581", " ").strip()))
    return rows


def write_golden(directory, seed, pieces=None, compute="float32"):
    rng = random.Random(seed)
    tokens = read_vocabulary(directory)
    generates = (directory / "vocabulary.json").exists()
    ends = [] if generates or pieces else [tokens.index("</s>")]
    inputs = [[rng.randrange(4, len(tokens)) for _ in range(n)] + ends for n in (1, 3, 5, 8, 14)]
    from_zero = "marian" in directory.name
    cases = [continue_greedily(directory, tokens, inputs)] if generates else [
        translate(directory, tokens, inputs, beams, penalty, from_zero, compute)
        for beams, penalty in ((1, 1.0), (2, 1.0), (4, 1.0), (4, 0.2))]
    golden = dict(versions=dict(ctranslate2=ctranslate2.__version__), inputs=inputs, cases=cases)
    if pieces:
        golden["texts"] = texts_of(directory, tokens, pieces)
    name = "golden.json" if compute == "float32" else compute + ".json"
    with open(directory / name, "w") as f:
        json.dump(golden, f, separators=(", ", ": "))
        f.write("\n")


def make_argos(path, directory, model_file):
    """Writes a package as argostranslate's are: a folder in a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        def add(name, data):
            info = zipfile.ZipInfo("translate-en_xx-1_0/" + name, (2026, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
        add("metadata.json", json.dumps(dict(
            package_version="1.0", argos_version="1.0", from_code="en", from_name="English",
            to_code="xx", to_name="None")))
        add("sentencepiece.model", model_file.read_bytes())
        for file in ("model.bin", "config.json", "shared_vocabulary.json"):
            add("model/" + file, (directory / file).read_bytes())
        add("stanza/resources.json", "{}")


def make_seed(path, directory):
    """Writes a model of width 4 as a seed of the fuzzer."""
    np.random.seed(1)
    spec = transformer_spec.TransformerSpec.from_config((1, 1), 2, pre_norm=False)
    d, ffn, v = 4, 4, 5
    fill(spec.encoder.embeddings[0], (v, d))
    spec.decoder.embeddings.weight = spec.decoder.projection.weight = \
        spec.encoder.embeddings[0].weight
    spec.decoder.start_from_zero_embedding = True
    for stack in (spec.encoder, spec.decoder):
        for layer in stack.layer:
            fill_layer(layer, d, ffn, stack is spec.decoder)
    tokens = ["<s>", "</s>", "<unk>", "a", "b"]
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    save(spec, directory, "int8")
    path.parent.mkdir(exist_ok=True)
    shutil.copy(directory / "model.bin", path)


# ---- speech --------------------------------------------------------------------------------------

def transcribe(model, config, inputs, mels, frames, beams):
    """Returns the options of a case and, per input, the ids and scores of all results."""
    from make_whisper import features
    prompt = [config["sot"], config["no_timestamps"]]
    suppressed = [] if beams == 1 else config["suppress"]  # elcl's greedy scores are before rules
    begin = [] if beams == 1 else config["begin"]
    options = dict(OFF, num_beams=beams, num_return_sequences=beams, length_penalty=0.0,
                   min_new_tokens=0, renormalize_logits=True, decoder_start_token_id=prompt[0],
                   prefix=prompt[1:], eos_token_id=config["eot"], pad_token_id=config["eot"],
                   suppress_tokens=suppressed, begin_suppress_tokens=begin)
    kept, outputs = [], []
    for i, (seed,) in enumerate(inputs):
        view = ctranslate2.StorageView.from_array(
            np.ascontiguousarray(features(seed, frames, mels).T[None]))
        result = model.generate(view, [prompt], beam_size=beams, num_hypotheses=beams,
                                max_length=LONGEST + 2, return_scores=True, length_penalty=0,
                                suppress_tokens=suppressed, suppress_blank=beams > 1)[0]
        if any(len(h) >= LONGEST for h in result.sequences_ids):
            continue
        kept.append(i)
        outputs.append([dict(ids=prompt + h + [config["eot"]], score=s)
                        for h, s in zip(result.sequences_ids, result.scores)])
    return dict(options=options, inputs=kept, outputs=outputs)


def make_speech_seed(path, directory):
    """Writes a Whisper of width 4 as a seed of the fuzzer."""
    from ctranslate2.specs import whisper_spec
    np.random.seed(2)
    spec = whisper_spec.WhisperSpec(1, 2, 1, 2)
    d, ffn, v, mels = 4, 4, 6, 2
    for conv, width in ((spec.encoder.conv1, mels), (spec.encoder.conv2, d)):
        fill(conv, (d, width, 3))
    fill(spec.decoder.embeddings, (v, d))
    spec.decoder.projection.weight = spec.decoder.embeddings.weight
    for stack in (spec.encoder, spec.decoder):
        stack.position_encodings.encodings = np.random.randn(3, d).astype(np.float32)
        fill_norm(stack.layer_norm, d)
        for layer in stack.layer:
            fill_layer(layer, d, ffn, stack is spec.decoder)
    spec.register_vocabulary(["a"] * v)
    save(spec, directory, "int8_float16")
    shutil.copy(directory / "model.bin", path)
    shutil.rmtree(directory)


def make_whisper(source, to):
    model = transformers.WhisperForConditionalGeneration.from_pretrained(
        HERE / source, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(HERE / source)
    loader = loaders._MODEL_LOADERS["WhisperConfig"]
    with torch.no_grad():
        spec = loader.get_model_spec(model)
    spec.decoder.num_heads = np.int16(model.config.decoder_attention_heads)
    loader.set_config(spec.config, model, tokenizer)
    tokens = loader.get_vocabulary(model, tokenizer)
    loader.set_vocabulary(spec, tokens)
    directory = HERE / to
    save(spec, directory, "int8_float16")
    whisper = ctranslate2.models.Whisper(str(directory), compute_type="float32", intra_threads=1)
    inputs = json.loads((HERE / source / "golden.json").read_text())["inputs"]
    config = dict(sot=tokens.index("<|startoftranscript|>"), eot=tokens.index("<|endoftext|>"),
                  no_timestamps=tokens.index("<|notimestamps|>"),
                  suppress=spec.config.suppress_ids, begin=spec.config.suppress_ids_begin)
    cases = [transcribe(whisper, config, inputs, model.config.num_mel_bins,
                        2 * model.config.max_source_positions, beams) for beams in (1, 5)]
    golden = dict(versions=dict(ctranslate2=ctranslate2.__version__), inputs=inputs, cases=cases)
    with open(directory / "golden.json", "w") as f:
        json.dump(golden, f, separators=(", ", ": "))
        f.write("\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    if sys.argv[1:] == ["whisper"]:
        make_whisper("tiny-whisper", "ct2-whisper")
        make_speech_seed(HERE / ".." / "fuzz" / "seeds" / "ctranslate2" / "whisper.bin",
                         HERE / "ct2.tmp")
        sys.exit()
    for source, to, quantization, number in (
            ("tiny-marian", "ct2-marian", "int8", 1), ("tiny-mbart", "ct2-mbart", "bfloat16", 2),
            ("tiny-gpt2", "ct2-gpt2", "int16", 3), ("tiny-opt-post", "ct2-opt-post", "float16", 4)):
        make_converted(source, to, quantization)
        write_golden(HERE / to, number)
    write_golden(HERE / "ct2-marian", 1, compute="int8")
    target = HERE / "ct2-opennmt"
    pieces, model = make_pieces(HERE / "pieces.tmp")
    save(opennmt(pieces, 35), target, None)
    (HERE / "pieces.tmp").rename(target / "sentencepiece.model")
    write_golden(target, 5, model)
    small = HERE / "ct2.tmp"
    save(opennmt(pieces, 35), small, "int8")
    make_argos(HERE / "ct2-argos.argosmodel", small, target / "sentencepiece.model")
    rows = texts_of(small, pieces, model, beam_size=4, length_penalty=0.2)
    (HERE / "ct2-argos.json").write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n")
    make_seed(HERE / ".." / "fuzz" / "seeds" / "ctranslate2" / "small.bin", small)
    shutil.rmtree(small)

"""Makes alignments.json of models: what the decoder attends to in the source while it generates.

usage: make_alignments.py transformers|ctranslate2

The form is that of golden.json. The alignments of a hypothesis are a row for each token after the
start token, of `head` of the last layer's cross attention (-1: the mean over all heads), in
millionths. transformers: cross_attentions of generate(output_attentions=True), in
double precision, of the beams that beam_indices name. ctranslate2: return_attention of ct2-marian,
which gives the first head; options and hypotheses are those of its golden.json.
"""
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODELS = ["tiny-bart", "tiny-marian", "tiny-mbart", "tiny-t5"]
CASES = [dict(), dict(num_beams=4, num_return_sequences=3, no_repeat_ngram_size=3)]
MOST = 12  # tokens of sources and outputs, to keep the files small


def millionths(row):
    return [round(1e6 * p) for p in row]


def write(name, versions, inputs, cases):
    from goldens import write_json
    write_json(HERE / name / "alignments.json",
               {"versions": versions, "inputs": inputs, "cases": cases})
    print(name, [len(c["inputs"]) for c in cases])


# ---- transformers --------------------------------------------------------------------------------

def aligned(model, source, options):
    """Returns the hypotheses with their alignments."""
    import torch

    from reference import without_padding
    ids = torch.tensor([source])
    out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), synced_gpus=False,
                         return_dict_in_generate=True, output_attentions=True, output_scores=True,
                         **options)
    hypotheses = []
    for i, sequence in enumerate(out.sequences.tolist()):
        sequence = without_padding(sequence, options)
        rows = []
        for t in range(len(sequence) - 1):
            beam = out.beam_indices[i][t] if options["num_beams"] > 1 else 0
            rows.append(millionths(out.cross_attentions[t][-1][beam, :, -1].mean(0).tolist()))
        hypotheses.append({"ids": sequence, "alignments": rows})
    return hypotheses


def run_model(name):
    import torch
    from transformers import AutoModelForSeq2SeqLM, GenerationConfig

    from reference import SMALLEST_GAP, generate, options_of, versions
    torch.set_default_dtype(torch.float64)
    model = AutoModelForSeq2SeqLM.from_pretrained(HERE / name, attn_implementation="eager")
    model = model.double().eval()
    model.generation_config = GenerationConfig()
    config = model.config
    inputs = json.loads((HERE / name / "golden.json").read_text())["inputs"]
    inputs = [source for source in inputs if len(source) <= MOST]
    special = dict(decoder_start_token_id=config.decoder_start_token_id, max_length=MOST,
                   pad_token_id=config.pad_token_id, eos_token_id=config.eos_token_id)
    if config.decoder_start_token_id == config.pad_token_id:  # marian, t5: see their own scripts
        special["bad_words_ids"] = [[config.pad_token_id]]
    cases = []
    for changes in CASES:
        options = options_of(**special, **changes)
        case = {"options": options, "head": -1, "inputs": [], "outputs": []}
        for i, source in enumerate(inputs):
            results, gap = generate(model, source, options)
            if gap < SMALLEST_GAP or len(case["inputs"]) == 3:
                continue
            hypotheses = aligned(model, source, options)
            assert [h["ids"] for h in hypotheses] == [r["ids"] for r in results]
            case["inputs"].append(i)
            case["outputs"].append(hypotheses)
        assert len(case["inputs"]) >= 2, (name, options)
        cases.append(case)
    write(name, versions(), inputs, cases)


# ---- CTranslate2 ---------------------------------------------------------------------------------

def run_ctranslate2(name):
    import ctranslate2
    directory = HERE / name
    golden = json.loads((directory / "golden.json").read_text())
    tokens = json.loads((directory / "shared_vocabulary.json").read_text())
    translator = ctranslate2.Translator(str(directory), compute_type="float32", intra_threads=1)
    cases = []
    for case in golden["cases"]:
        options = case["options"]
        kept = {"options": options, "head": 0, "inputs": [], "outputs": []}
        for i, output in zip(case["inputs"], case["outputs"]):
            source = golden["inputs"][i]
            result = translator.translate_batch(
                [[tokens[t] for t in source]], beam_size=options["num_beams"],
                num_hypotheses=options["num_return_sequences"],
                length_penalty=options["length_penalty"],
                max_decoding_length=options["max_new_tokens"],
                min_decoding_length=options["min_new_tokens"], return_end_token=True,
                return_attention=True)[0]
            found = [[tokens.index(t) for t in h] for h in result.hypotheses]
            assert found == [o["ids"][1:] for o in output]
            if len(source) > MOST or len(found[0]) > MOST:
                continue
            kept["inputs"].append(i)
            kept["outputs"].append([{"ids": o["ids"], "alignments": [millionths(r) for r in rows]}
                                    for o, rows in zip(output, result.attention)])
        cases += [kept] if kept["inputs"] else []
    write(name, {"ctranslate2": ctranslate2.__version__}, golden["inputs"], cases)


if __name__ == "__main__":
    if sys.argv[1:] == ["ctranslate2"]:
        run_ctranslate2("ct2-marian")
    else:
        assert sys.argv[1:] == ["transformers"], __doc__
        for model_name in MODELS:
            run_model(model_name)

"""Compares `elcl transcribe` with faster-whisper and transformers on real models and sounds.

    python compare_speech.py [--set NAME]... ELCL HF_MODEL CT2_MODEL SOUND...
    python compare_speech.py --make SECONDS OUTPUT SOUND...

HF_MODEL and CT2_MODEL are directories of the same weights. All tokens of all segments are compared,
and the times of words. The second form puts sounds, sentences of espeak-ng and silence together.
Needs faster-whisper 1.2.1 and transformers 5.24; sounds have 16 kHz. It is no part of the tests.
"""
import argparse
import json
import random
import subprocess
import sys
import tempfile

import numpy
import soundfile

SETS = {  # name: elcl's options, the reference, its options
    "greedy": (["--num-beams", "1"], "faster-whisper", dict(beam_size=1)),
    "beam-5": ([], "faster-whisper", {}),
    "plain": (["--timestamps", "none"], "faster-whisper", dict(without_timestamps=True)),
    "words": (["--timestamps", "word"], "faster-whisper", dict(word_timestamps=True)),
    "prompt": (["--initial-prompt", "A speech by JFK:"], "faster-whisper",
               dict(initial_prompt="A speech by JFK:")),
    "unconditioned": (["--no-condition-on-previous-text"], "faster-whisper",
                      dict(condition_on_previous_text=False)),
    "hf-greedy": (["--style", "hf", "--num-beams", "1"], "transformers", dict(num_beams=1)),
    "hf-beam-5": (["--style", "hf"], "transformers", dict(num_beams=5)),
}
SENTENCES = """\
The harbour master counted forty three boats before the storm reached the coast.
Nobody expected the library to open on a Sunday morning.
She carried two baskets of apples across the narrow wooden bridge.
Engineers measured the tower again and found that it leaned by six inches.
When the orchestra stopped playing, the audience remained silent for a minute.
Please remember to lock the garden gate when you leave the house.
The train to Edinburgh departs from platform nine at half past seven.
My grandfather repaired old clocks in a small workshop near the river.
Scientists have discovered a new species of frog in the northern rain forest.
The price of bread has doubled since the beginning of the year.
Turn left at the second traffic light and continue for three miles.
They painted the kitchen yellow because the winter days were so dark.
A letter arrived from Australia with seventeen colourful stamps on it.
The children built a castle of sand that the tide washed away.
Our meeting has been moved to Thursday afternoon at a quarter to four.
Every morning the baker whistles the same cheerful melody.
It is impossible to see the mountains through such heavy fog.
The museum owns a collection of more than two thousand ancient coins.
He forgot his umbrella in the restaurant and walked home in the rain.
Water boils at a lower temperature on the top of a mountain.""".split("\n")


def say(text, voice, speed):
    with tempfile.NamedTemporaryFile(suffix=".wav") as f:
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", f.name, text], check=True)
        x, rate = soundfile.read(f.name, dtype="float32")
    at = numpy.arange(int(len(x) * 16000 / rate)) * rate / 16000
    return numpy.interp(at, numpy.arange(len(x)), x).astype("float32") * 0.7


def make(seconds, output, sounds):
    """Two of seven parts are the sounds, the others sentences."""
    rng, parts, n, i = random.Random(5), [], 0, 0
    recordings = [soundfile.read(s, dtype="float32")[0] for s in sounds]
    while n < seconds * 16000:
        if i % 7 in (0, 3):
            parts.append(recordings[(i % 7 > 0) % len(recordings)])
        else:
            sentence = rng.choice(SENTENCES)
            voice = rng.choice(["en-us", "en-gb", "en-gb-scotland", "en-us"])
            parts.append(say(sentence, voice, rng.randint(130, 180)))
        gap = rng.choice([0.2, 0.5, 0.8, 1.5, 3, 8 if i % 11 == 0 else 1,
                          40 if i % 29 == 28 else 0.6])
        parts.append(numpy.zeros(int(16000 * gap), "float32"))
        n += len(parts[-1]) + len(parts[-2])
        i += 1
    noise = numpy.random.default_rng(1).normal(0, 0.0005, n).astype("float32")
    soundfile.write(output, numpy.concatenate(parts) + noise, 16000, subtype="PCM_16")


def faster_whisper(directory):
    from faster_whisper import WhisperModel
    model = WhisperModel(directory, device="cpu", compute_type="float32", cpu_threads=1)

    def run(x, options):
        segments, _ = model.transcribe(x, language="en", temperature=[0.0], **options)
        return [(s.tokens, s.start, s.end, [(w.word, w.start, w.end) for w in s.words or []])
                for s in segments]
    return run


def transformers(directory):
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor
    torch.set_num_threads(1)
    model = WhisperForConditionalGeneration.from_pretrained(directory, dtype=torch.float32).eval()
    processor = WhisperProcessor.from_pretrained(directory)

    def run(x, options):
        more = {} if len(x) <= 480000 else dict(truncation=False, padding="longest")
        inputs = processor(x, sampling_rate=16000, return_tensors="pt", **more)
        out = model.generate(
            inputs.input_features, return_timestamps=True, return_segments=True,
            temperature=(0.0,), condition_on_prev_tokens=True, compression_ratio_threshold=2.4,
            logprob_threshold=-1.0, no_speech_threshold=0.6, **options)
        return [(s["tokens"].tolist(), float(s["start"]), float(s["end"]), [])
                for s in out["segments"][0]]
    return run


def elcl(command, model, sound, options):
    out = subprocess.run([command, "transcribe", "--quiet", "--format", "json", "--temperatures",
                          "0", *options, model, sound], check=True, capture_output=True)
    return [(s["tokens"], s["start"], s["end"],
             [(w["word"], w["start"], w["end"]) for w in s.get("words", [])])
            for s in json.loads(out.stdout)["segments"]]


def compare(got, want):
    times = [abs(a - b) for g, w in zip(got, want) for a, b in zip(g[1:3], w[1:3])]
    times += [abs(a - b) for g, w in zip(got, want) for u, v in zip(g[3], w[3])
              for a, b in zip(u[1:], v[1:])]
    same = [g[0] for g in got] == [w[0] for w in want]
    same = same and [[u[0] for u in g[3]] for g in got] == [[v[0] for v in w[3]] for w in want]
    n_tokens = sum(len(w[0]) for w in want)
    print(f"{'same' if same else 'DIFFERENT'}: {len(want)} segments, {n_tokens} tokens, times "
          f"within {max(times, default=0):.3f} s", flush=True)
    return same


def main():
    if sys.argv[1:2] == ["--make"]:
        return make(float(sys.argv[2]), sys.argv[3], sys.argv[4:])
    parser = argparse.ArgumentParser()
    parser.add_argument("--set", action="append", choices=SETS)
    for name in ["elcl", "hf_model", "ct2_model"]:
        parser.add_argument(name)
    parser.add_argument("sound", nargs="+")
    args = parser.parse_args()
    references = {}
    ok = True
    for name in args.set or SETS:
        options, reference, more = SETS[name]
        if reference not in references:
            references[reference] = (faster_whisper(args.ct2_model)
                                     if reference == "faster-whisper"
                                     else transformers(args.hf_model))
        for sound in args.sound:
            x, rate = soundfile.read(sound, dtype="float32")
            assert rate == 16000, sound
            print(f"{name}, {reference}, {sound}: ", end="", flush=True)
            ok &= compare(elcl(args.elcl, args.hf_model, sound, options),
                          references[reference](x, more))
    return 0 if ok else 1


sys.exit(main())

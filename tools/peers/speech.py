#!/usr/bin/env python3
"""Times speech to text: elcl, faster-whisper and whisper.cpp on the same weights and sounds.

    speech.py ELCL MODEL SOUND... [--ct2 DIRECTORY] [--ggml FILE]... [--beams K]...
              [--batched N] [--rounds N] [--threads N] [--save FILE]

MODEL is a Hugging Face directory; --ct2 has the same weights for faster-whisper, --ggml for
whisper.cpp. Each program decodes all sounds once untimed, then in turns: a round runs all of them,
one after another, so that a busy machine slows all of them alike. Reading sounds and computing
features is timed; opening the model is timed for elcl only. Fallback is off and no window sees the
text before it, so that the work is equal.
--batched N decodes N windows at once, cut at silence (whisper.cpp cannot). The table has the
median seconds, the range, the length of the sounds divided by the median, and the number of words
that differ from those of the first row. --save adds all seconds as a line of JSON.

Needs faster-whisper and pywhispercpp (PyPI), soundfile and numpy. Sounds have 16 kHz, one channel.
"""

import argparse
import difflib
import json
import os
import re
import statistics
import subprocess
import sys
import time


def contenders(args):
    """(name, command) of each program; a peer's command runs this script as a server."""
    rows = []
    for weights in args.weights:
        rows.append((f"elcl {weights}", ["elcl", weights]))
    if args.ct2:
        rows += [(f"faster-whisper {t}", ["faster-whisper", t]) for t in ("float32", "int8")]
    if args.ggml and not args.batched:
        rows += [(f"whisper.cpp {os.path.basename(f)}", ["whisper.cpp", f]) for f in args.ggml]
    return rows


def environment(args):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    env["OMP_NUM_THREADS"] = str(args.threads)
    return env


class Elcl:
    """Starts the command each time; the seconds of its summary include opening the model."""

    def __init__(self, args, weights, beams):
        self.command = [args.elcl, "transcribe", args.model, *args.sounds]
        self.command += ["--weights", weights, "--num-beams", str(beams), "--temperatures", "0"]
        self.command += ["--no-condition-on-previous-text", "--output-dir", args.work]
        self.command += ["--verbose", "--language", args.language]
        if args.batched:
            self.command += ["--batched", "--batch-size", str(args.batched)]
        self.args = args

    def run(self):
        done = subprocess.run(
            self.command, env=environment(self.args), capture_output=True, text=True, check=True
        )
        seconds = float(re.search(r" in ([0-9.]+) s: ", done.stderr).group(1))
        text = ""
        for sound in self.args.sounds:
            name = os.path.splitext(os.path.basename(sound))[0] + ".txt"
            with open(os.path.join(self.args.work, name), encoding="utf-8") as f:
                text += f.read()
        return seconds, text


class Peer:
    """A process that keeps the model loaded and answers one line for each line."""

    def __init__(self, args, program, model, beams):
        request = {
            "program": program,
            "model": model,
            "ct2": args.ct2,
            "beams": beams,
            "batched": args.batched,
            "sounds": args.sounds,
            "language": args.language,
            "threads": args.threads,
        }
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--serve", json.dumps(request)],
            env=environment(args),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                answer = json.loads(line)
                return answer["seconds"], answer["text"]
        sys.exit("a peer ended without an answer")


def faster_whisper(request):
    import faster_whisper

    model = faster_whisper.WhisperModel(
        request["ct2"],
        device="cpu",
        compute_type=request["model"],
        cpu_threads=request["threads"],
    )
    options = {
        "beam_size": request["beams"],
        "temperature": 0,
        "condition_on_previous_text": False,
        "language": request["language"],
    }
    run = model.transcribe
    if request["batched"]:
        run = faster_whisper.BatchedInferencePipeline(model).transcribe
        options.update(batch_size=request["batched"], without_timestamps=False)

    def transcribe():
        segments = []
        for sound in request["sounds"]:
            segments += [s.text for s in run(sound, **options)[0]]
        return " ".join(segments)

    return transcribe


def whisper_cpp(request):
    import soundfile
    from pywhispercpp.model import Model

    beams = request["beams"]
    model = Model(
        request["model"],
        params_sampling_strategy=0 if beams == 1 else 1,
        n_threads=request["threads"],
        language=request["language"],
        no_context=True,
        temperature_inc=0.0,
        print_progress=False,
        print_timestamps=False,
        greedy={"best_of": 1},
        beam_search={"beam_size": beams, "patience": -1.0},
    )

    def transcribe():
        segments = []
        for sound in request["sounds"]:
            samples, _ = soundfile.read(sound, dtype="float32")
            segments += [s.text for s in model.transcribe(samples)]
        return " ".join(segments)

    return transcribe


def serve(request):
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whisper.cpp prints
    start = {"faster-whisper": faster_whisper, "whisper.cpp": whisper_cpp}[request["program"]]
    transcribe = start(request)
    for _ in sys.stdin:
        began = time.perf_counter()
        text = transcribe()
        answer = {"seconds": time.perf_counter() - began, "text": text}
        print(json.dumps(answer), file=out, flush=True)


def words(text):
    return re.findall(r"[a-z0-9']+", text.lower())


def differ(a, b):
    """Words of either text that are not in the other one at the same place."""
    matcher = difflib.SequenceMatcher(None, a, b, autojunk=False)
    return sum(
        max(i2 - i1, j2 - j1) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if tag != "equal"
    )


def length(sounds):
    import soundfile

    return sum(soundfile.info(s).duration for s in sounds)


def time_beams(args, beams):
    runners = []
    for name, (program, model) in contenders(args):
        runner = (
            Elcl(args, model, beams)
            if program == "elcl"
            else Peer(args, program, model, beams)
        )
        runners.append((name, runner, [], runner.run()[1]))
    for _ in range(args.rounds):
        for _, runner, seconds, _ in runners:
            seconds.append(runner.run()[0])
    total = length(args.sounds)
    first = words(runners[0][3])
    batch = f", {args.batched} windows at once" if args.batched else ""
    print(f"\n{beams} beam{'s' if beams > 1 else ''}{batch}, {total:.0f} s of sound\n")
    print("| program | median s | range | times as fast as speech | words | that differ |")
    print("|---|---|---|---|---|---|")
    for name, _, seconds, text in runners:
        median = statistics.median(seconds)
        print(
            f"| {name} | {median:.2f} | {min(seconds):.2f} .. {max(seconds):.2f} "
            f"| {total / median:.1f} | {len(words(text))} | {differ(first, words(text))} |"
        )
        if args.save:
            row = {"name": name, "beams": beams, "batched": args.batched, "seconds": seconds}
            with open(args.save, "a", encoding="utf-8") as f:
                print(json.dumps(row), file=f)
    sys.stdout.flush()
    for _, runner, _, _ in runners:
        if isinstance(runner, Peer):
            runner.process.stdin.close()
            runner.process.wait()


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--serve":
        serve(json.loads(sys.argv[2]))
        return
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("elcl")
    parser.add_argument("model")
    parser.add_argument("sounds", nargs="+")
    parser.add_argument("--ct2")
    parser.add_argument("--ggml", action="append", default=[])
    parser.add_argument("--beams", type=int, action="append")
    parser.add_argument("--batched", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--weights", nargs="+", default=["f32", "int8"])
    parser.add_argument("--language", default="en")
    parser.add_argument("--work", default="speech-work")
    parser.add_argument("--save")
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    for beams in args.beams or [1, 5]:
        time_beams(args, beams)


if __name__ == "__main__":
    main()

"""The programs that compare.py times: how to start each, and its answer.

A contender's `settings` are sets of environment variables; a short try selects one. A time is a
dict. `status` is ok, slow, or failed; `error` is the reason of a failure. If it is ok, the dict
has `seconds` of each repetition of the whole batch, `ids_hash`, and `about` (versions; for elcl
also the device and its measured `rates`).
"""

import dataclasses
import json
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


@dataclasses.dataclass(frozen=True)
class Cell:
    """The work of all contenders."""

    model: str
    type: str
    batch: int
    beams: int
    source: int
    new: int

    def name(self):
        return (
            f"{self.model} {self.type} batch {self.batch} beams {self.beams} "
            f"source {self.source} new {self.new}"
        )


@dataclasses.dataclass(frozen=True)
class Contender:
    name: str  # in the table
    program: str  # elcl, or a peer of time_peer.py
    attention: str = ""  # of elcl
    types: tuple = ()  # cell type, type of the program: ((f32, f32), ...)
    settings: tuple = ((),)  # each: ((variable, value), ...)

    def type_for(self, cell):
        """The type of the program, or None if it cannot do the work."""
        if self.program == "llama.cpp" and (cell.beams > 1 or not cell.model.startswith("gpt2")):
            return None
        return dict(self.types).get(cell.type)


def same(*types):
    return tuple((t, t) for t in types)


def all_contenders(args):
    waits = [("OMP_WAIT_POLICY", w) for w in args.wait]
    mkl = [("CT2_USE_MKL", "0"), ("CT2_USE_MKL", "1")]
    every = same("f32", "bf16", "int8")
    more = same("f32", "bf16", "int8", "int4")
    elcl = [Contender(f"elcl {a}", "elcl", a, more) for a in args.attention]
    waiting = tuple((w,) for w in waits)
    peers = [
        Contender(
            "CTranslate2", "ctranslate2", "", every, tuple((m, w) for m in mkl for w in waits)
        ),
        Contender("transformers", "transformers", "", every, waiting),
        Contender("llama.cpp", "llama.cpp", "", more, waiting),
        Contender("llama.cpp f16", "llama.cpp", "", (("bf16", "f16"),), waiting),
    ]
    return elcl + [p for p in peers if p.program in args.peers]


def environment(args, setting):
    env = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    env["OMP_NUM_THREADS"] = str(args.threads)
    env.update(setting)
    return env


def start(args, command, setting):
    """Standard output and None, or None and a time with the reason."""
    process = subprocess.Popen(
        command,
        env=environment(args, setting),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, errors = process.communicate(timeout=args.limit)
    except subprocess.TimeoutExpired:
        return None, {"status": "slow", "limit_s": args.limit}
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        lines = errors.strip().splitlines()
        why = lines[-1] if lines else f"exit status {process.returncode}"
        return None, {"status": "failed", "error": why}
    return out, None


def export(args, model):
    """Writes the files of a synthetic model once; returns their folder."""
    folder = os.path.join(args.work, model)
    if not os.path.exists(os.path.join(folder, "config.json")):
        os.makedirs(args.work, exist_ok=True)
        command = [args.elcl, "bench", "--synthetic", model, "--export", folder + ".part"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        os.rename(folder + ".part", folder)
    return folder


def read_elcl(out):
    run = json.loads(out)
    result = run["results"][0]
    if result["status"] != "ok":
        return {"status": "failed", "error": result["error"]}
    about = {
        "elcl": f"{run['elcl']} {run['commit']}",
        "device": f"{run['device']['name']}, {run['device']['platform']} {run['device']['driver']}",
        "rates": run["rates"],
    }
    rates = result["samples_per_second"]["values"]
    return {
        "status": "ok",
        "seconds": [result["batch_size"] / rate for rate in rates],
        "ids_hash": result["ids_hash"],
        "about": about,
    }


def time_elcl(args, contender, cell, repeat):
    command = [args.elcl, "bench", "--synthetic", cell.model, "--attention", contender.attention]
    command += ["--weights", cell.type, "--batch-size", str(cell.batch)]
    command += ["--num-beams", str(cell.beams), "--source-length", str(cell.source)]
    command += ["--new-tokens", str(cell.new), "--repetitions", str(repeat)]
    command += ["--no-profile", "--quiet", "--format", "json", *args.elcl_options.split()]
    out, failure = start(args, command, ())
    return failure or read_elcl(out)


def time_peer(args, contender, cell, setting, repeat):
    command = [args.python, os.path.join(HERE, "time_peer.py"), contender.program]
    command += [export(args, cell.model), "--type", contender.type_for(cell)]
    command += ["--batch", str(cell.batch), "--beams", str(cell.beams)]
    command += ["--source", str(cell.source), "--new", str(cell.new)]
    command += ["--threads", str(args.threads), "--repeat", str(repeat)]
    command += ["--seconds", str(args.seconds), "--keep", os.path.join(args.work, cell.model)]
    out, failure = start(args, command, setting)
    if failure:
        return failure
    answer = json.loads(out.splitlines()[-1])
    return {
        "status": "ok",
        "seconds": answer["seconds"],
        "ids_hash": answer["ids_hash"],
        "about": answer["versions"],
    }


def time_one(args, contender, cell, setting, repeat):
    if contender.program == "elcl":
        time = time_elcl(args, contender, cell, repeat)
    else:
        time = time_peer(args, contender, cell, setting, repeat)
    if args.verbose:
        print(f"  {contender.name} {dict(setting)}: {time}", file=sys.stderr)
    return time

"""Makes PyTorch files for the tests: pytorch/*.bin, and tiny-bart as two shards
(tiny-bart-shards)."""
import collections
import json
import pathlib
import shutil

import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).parent


def state():
    """Returns a state dictionary with every kind of entry that one may have."""
    base = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    state = collections.OrderedDict(
        f32=base, f16=base.half() / 2, bf16=-base.bfloat16(), f64=base.double() + 0.25,
        tied=base, row=base[1:], columns=base[:, 1:], transposed=base.t(),
        parameter=torch.nn.Parameter(base + 1), scalar=torch.tensor(1.5),
        empty=torch.zeros(0, 3), expanded=base[:1].expand(4, 3), five=base.reshape(1, 1, 1, 2, 3),
        i64=torch.arange(3), i32=torch.arange(3, dtype=torch.int32), u8=torch.zeros(2).byte(),
        flag=torch.tensor([True]), number=3, text="x", nothing=None, ratio=0.5, big=1 << 40,
    )
    state._metadata = collections.OrderedDict([("", dict(version=1))])
    return state


def state_files():
    directory = HERE / "pytorch"
    directory.mkdir(exist_ok=True)
    for protocol in (2, 3, 4):
        torch.save(state(), directory / f"protocol{protocol}.bin", pickle_protocol=protocol)
    torch.save(dict(state()), directory / "plain.bin")
    torch.save(state(), directory / "legacy.bin", _use_new_zipfile_serialization=False)
    quantized = torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8)
    torch.save(dict(w=quantized), directory / "quantized.bin")


def split(tensors):
    """Returns two halves: all names of the second one follow those of the first."""
    names = sorted(tensors)
    cut = names.index("model.encoder.embed_positions.weight")
    return [{n: tensors[n] for n in part} for part in (names[:cut], names[cut:])]


def shards():
    source, target = HERE / "tiny-bart", HERE / "tiny-bart-shards"
    target.mkdir(exist_ok=True)
    for file in ("config.json", "generation_config.json"):
        shutil.copy(source / file, target / file)
    tensors = load_file(source / "model.safetensors")
    shared = tensors["model.shared.weight"]  # as in such files: one storage, several names
    for name in ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight",
                 "lm_head.weight"):
        tensors[name] = shared
    for name in ("model.encoder.layers.0.fc1.weight",
                 "model.decoder.layers.1.self_attn.k_proj.weight"):
        tensors[name] = tensors[name].t().contiguous().t()  # the same values, columns first
    weight_map = {}
    for i, part in enumerate(split(tensors)):
        file = f"pytorch_model-{i + 1:05}-of-00002.bin"
        torch.save(part, target / file)
        weight_map.update({name: file for name in part})
    with open(target / "pytorch_model.bin.index.json", "w") as f:
        json.dump({"metadata": {}, "weight_map": weight_map}, f, indent=1)
        f.write("\n")


if __name__ == "__main__":
    state_files()
    shards()

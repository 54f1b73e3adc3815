"""Trains a small Whisper on what make_digits.py makes.

usage: train_digits.py DATA OUT [--minutes M] [--held-out DIRECTORY] [--resume]

DATA is the directory that make_digits.py --hours wrote, and DIRECTORY one of its --held-out. OUT
becomes a Hugging Face model directory of WhisperForConditionalGeneration (float16).

A sample is a window of 5 seconds with one or several utterances. Its target has timestamps, or
not; some follow a prompt of earlier text. Two losses exist only in training: the encoder names
the word at each state, and one head of the last decoder layer finds the word that comes next.

Needs NumPy and PyTorch. Runs on the CPU. The clock ends the training, so results differ between
machines.
"""
import argparse
import json
import math
import os
import random
import time
import wave

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from make_digits import HOP, MELS, RATE, WORDS, log_mel
from shared import edit_distance, save_weights

WIDTH, HEADS, FEED_FORWARD, ENCODER_LAYERS, DECODER_LAYERS = 96, 3, 384, 2, 2
SECONDS = 5
FRAMES, STATES, POSITIONS = SECONDS * 100, SECONDS * 50, 96
SILENCE = -10.0  # log10 of the mel power where there is no sound
PROMPT = 44      # tokens of a prompt, at most
WARM_UP_STEPS = 200
IGNORE = -100


# ---- vocabulary ---------------------------------------------------------------------------------


def byte_letters():
    """How byte-level BPE writes each byte: printable ones as they are, others from U+0100."""
    letters, n = {}, 0
    for byte in range(256):
        printable = 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255
        letters[byte] = chr(byte if printable else 256 + n)
        n += not printable
    return letters


class Vocabulary:
    """Bytes, words with the blank before them, special tokens, timestamps."""

    def __init__(self):
        letters = byte_letters()
        space = letters[ord(" ")]
        self.tokens, self.merges = list(letters.values()), []
        for word in WORDS:
            for n in range(len(word)):
                if space + word[:n + 1] not in self.tokens:
                    self.tokens.append(space + word[:n + 1])
                    self.merges.append("%s %s" % (space + word[:n], word[n]))
        self.n_text = len(self.tokens)
        names = ["endoftext", "startoftranscript", "en", "translate", "transcribe", "startoflm",
                 "startofprev", "nospeech", "notimestamps"]
        names += ["%.2f" % (i / 50) for i in range(STATES + 1)]
        self.tokens += ["<|%s|>" % name for name in names]
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        self.words = [self.ids[space + word] for word in WORDS]
        self.end, self.start = self.ids["<|endoftext|>"], self.ids["<|startoftranscript|>"]
        self.previous = self.ids["<|startofprev|>"]
        self.no_speech = self.ids["<|nospeech|>"]
        self.no_timestamps = self.ids["<|notimestamps|>"]
        self.time = self.no_timestamps + 1

    def __len__(self):
        return len(self.tokens)

    def text(self, ids):
        return "".join(self.tokens[i][1:] + " " for i in ids if i < self.n_text).strip()


# ---- samples ------------------------------------------------------------------------------------


class Window:
    """Features [FRAMES, MELS] before clamping, and the words in them."""

    def __init__(self):
        self.mel = np.full((FRAMES, MELS), SILENCE, np.float32)
        self.utterances = []  # lists of (word, first frame, end frame); may pass the window's end
        self.end = 0          # of the last speech


class Data:
    def __init__(self, directory, vocabulary):
        self.vocabulary = vocabulary
        self.frames = np.load(os.path.join(directory, "frames.npy"), mmap_mode="r")
        self.noises = np.load(os.path.join(directory, "noises.npy")).astype(np.float32)
        with open(os.path.join(directory, "utterances.json"), encoding="utf-8") as f:
            self.utterances = json.load(f)

    def place(self, window, at, inside):
        """Puts a random utterance at a frame; inside: from one of its later words on."""
        while True:
            first, n, words, times = random.choice(self.utterances)
            if not inside or len(words) > 1:
                break
        skip, k = 0, 0
        if inside:
            k = random.randrange(1, len(words))
            skip = max(0, times[k] - random.randint(0, 4))
        mel = self.frames[first + skip:first + n][:FRAMES - at].astype(np.float32)
        window.mel[at:at + len(mel)] = mel + np.float32(random.gauss(0, 0.1))
        shift = at - skip
        window.utterances.append([(words[i], times[i] + shift, times[i + 1] + shift)
                                  for i in range(k, len(words))])
        window.end = min(FRAMES, times[-1] + shift)
        return at + n - skip

    def speech(self):
        """Returns a window with at least one whole word."""
        while True:
            window, at = Window(), 0
            inside = random.random() < 0.25
            if not inside:
                at = random.randint(0, random.choice([20, 100, 100, 250]))
            fill = random.random() < 0.6
            while at < FRAMES - 5:
                at = self.place(window, at, inside) + random.randint(15, 120)
                inside = False
                if not fill:
                    break
            if window.utterances[0][0][2] <= FRAMES:
                return window

    def degrade(self, window):
        """Another microphone and noise; then the scale of Whisper's features."""
        mel = window.mel + np.linspace(-1, 1, MELS, dtype=np.float32) * random.gauss(0, 0.15)
        mel += random.gauss(0, 0.3)
        speech = bool(window.utterances)
        loudness = np.log10(np.mean(10 ** mel[:window.end])) if speech else random.uniform(-3, 0)
        if random.random() < 0.85:
            noise = random.choice(self.noises)
            at = random.randrange(len(noise) - FRAMES)
            noise = noise[at:at + FRAMES]
            level = loudness - np.log10(np.mean(10 ** noise)) - random.uniform(0.8, 4.5)
            mel = np.logaddexp2(mel * np.log2(10), (noise + level) * np.log2(10)) / np.log2(10)
        tail = random.randint(window.end + 3, FRAMES + 2) if window.end < FRAMES else FRAMES
        after = random.choice(["noise", "silence", "zero"])
        if after != "noise":
            mel[tail:] = SILENCE
        loudest = mel.max() + (random.uniform(0, 0.6) if random.random() < 0.3 else 0)
        mel = np.maximum(mel, loudest - 8) / 4 + 1
        if after == "zero":
            mel[tail:] = 0
        if random.random() < 0.3:
            at, n = random.randrange(MELS - 8), random.randint(2, 8)
            mel[:, at:at + n] = mel[:, at:at + n].mean()
        return mel.astype(np.float32)

    def with_timestamps(self, window):
        """Returns target ids and, for each, the states where the sound of it is."""
        v, ids, places = self.vocabulary, [], []

        def stamp(frame, low, high):
            state = min(STATES, max(0, round(frame / 2)))
            ids.append(v.time + state)
            places.append((state + low, state + high))

        for words in window.utterances:
            whole = [word for word in words if word[2] <= FRAMES + 4]
            if words[0][1] < FRAMES - 8:
                stamp(words[0][1], -1, 4)
            if not whole:
                continue
            for word, begin, end in whole:
                ids.append(v.words[word])
                places.append((begin // 2, end // 2))
            stamp(whole[-1][2], -4, 1)
            if len(whole) < len(words) and words[len(whole)][1] < FRAMES - 8:
                stamp(words[len(whole)][1], -1, 4)
        return ids, places

    def without_timestamps(self, window):
        ids, places = [self.vocabulary.no_timestamps], [None]
        for words in window.utterances:
            for word, begin, end in words:
                if begin < FRAMES and FRAMES - begin >= 0.8 * (end - begin):
                    ids.append(self.vocabulary.words[word])
                    places.append((begin // 2, end // 2))
        return ids, places

    def prompt(self):
        """Returns ids of an earlier text, cut on the left, with timestamps or without."""
        v, ids, stamps = self.vocabulary, [], random.random() < 0.5
        state = 0
        for _ in range(random.randint(1, 4)):
            words = random.choice(self.utterances)[2]
            times = [v.time + min(STATES, state), v.time + min(STATES, state + 10 * len(words))]
            state += 10 * len(words) + 20
            ids += times[:stamps] + [v.words[word] for word in words] + times[1:1 + stamps]
        return [v.previous] + ids[-PROMPT:]

    def sample(self, prompted):
        """Returns features, input ids, labels, places of labels, words and starts at states."""
        v = self.vocabulary
        named, starts = np.zeros(STATES, np.int64), np.zeros(STATES, np.float32)
        if random.random() < 0.04:
            window = Window()
            ids = random.choice([[v.no_speech], [v.no_timestamps], [v.time]])
            places = [None]
        else:
            window = self.speech()
            stamps = random.random() < 0.6
            ids, places = (self.with_timestamps if stamps else self.without_timestamps)(window)
        for word, begin, end in (word for words in window.utterances for word in words):
            named[max(0, begin // 2):end // 2] = 1 + word
            starts[max(0, begin // 2):begin // 2 + 2] = 1
        before = (self.prompt() if prompted else []) + [v.start]
        given = before + ids
        labels = [IGNORE] * (len(before) - 1) + ids + [v.end]
        if ids[0] == v.no_timestamps:
            labels[len(before) - 1] = IGNORE
        places = [None] * (len(before) - 1) + places + [None]
        return self.degrade(window), given, labels, places, named, starts

    def batch(self, n):
        prompted = random.random() < 0.12
        samples = [self.sample(prompted) for _ in range(n)]
        length = max(len(sample[1]) for sample in samples)
        given = torch.full((n, length), self.vocabulary.end)
        labels = torch.full((n, length), IGNORE)
        places = torch.zeros(n, length, STATES)
        for i, (_, ids, label, place, _, _) in enumerate(samples):
            given[i, :len(ids)] = torch.tensor(ids)
            labels[i, :len(label)] = torch.tensor(label)
            for t, span in enumerate(place):
                if span:
                    places[i, t, max(0, span[0]):max(1, span[1])] = 1
        mel, named, starts = (torch.from_numpy(np.stack([sample[i] for sample in samples]))
                              for i in (0, 4, 5))
        return mel, given, labels, places, named, starts


# ---- model: the tensor names are those of WhisperForConditionalGeneration -----------------------


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            setattr(self, name, nn.Linear(WIDTH, WIDTH, bias=name != "k_proj"))

    def forward(self, x, memory, causal=False, tap=False):
        """x [B, T, D] attends to memory [B, S, D]. tap: also the first head's weights."""
        def split(y):
            return y.view(y.shape[0], y.shape[1], HEADS, WIDTH // HEADS).transpose(1, 2)

        q, k, v = split(self.q_proj(x)), split(self.k_proj(memory)), split(self.v_proj(memory))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        y = self.out_proj(y.transpose(1, 2).reshape(x.shape))
        if not tap:
            return y, None
        scores = q[:, 0] @ k[:, 0].transpose(1, 2) * (WIDTH // HEADS) ** -0.5
        return y, scores.float().softmax(-1)


class Layer(nn.Module):
    """A pre-norm layer. With cross-attention it is a decoder layer."""

    def __init__(self, cross):
        super().__init__()
        self.self_attn = Attention()
        self.self_attn_layer_norm = nn.LayerNorm(WIDTH)
        if cross:
            self.encoder_attn = Attention()
            self.encoder_attn_layer_norm = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, FEED_FORWARD)
        self.fc2 = nn.Linear(FEED_FORWARD, WIDTH)
        self.final_layer_norm = nn.LayerNorm(WIDTH)

    def forward(self, x, memory=None, tap=False):
        y, weights = self.self_attn_layer_norm(x), None
        x = x + self.self_attn(y, y, causal=memory is not None)[0]
        if memory is not None:
            y, weights = self.encoder_attn(self.encoder_attn_layer_norm(x), memory, tap=tap)
            x = x + y
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x)))), weights


class Stack(nn.Module):
    def __init__(self, n_layers, n_positions, cross):
        super().__init__()
        self.embed_positions = nn.Embedding(n_positions, WIDTH)
        self.layers = nn.ModuleList(Layer(cross) for _ in range(n_layers))
        self.layer_norm = nn.LayerNorm(WIDTH)


class Whisper(nn.Module):
    def __init__(self, vocabulary_size):
        super().__init__()
        self.model = nn.Module()
        encoder = self.model.encoder = Stack(ENCODER_LAYERS, STATES, cross=False)
        encoder.conv1 = nn.Conv1d(MELS, WIDTH, 3, padding=1)
        encoder.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, stride=2, padding=1)
        self.model.decoder = Stack(DECODER_LAYERS, POSITIONS, cross=True)
        self.model.decoder.embed_tokens = nn.Embedding(vocabulary_size, WIDTH)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.05)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)
        rates = 10000 ** (-torch.arange(WIDTH // 2) / (WIDTH // 2 - 1))
        angles = torch.arange(STATES)[:, None] * rates
        encoder.embed_positions.weight = nn.Parameter(
            torch.cat([angles.sin(), angles.cos()], 1), requires_grad=False)

    def encode(self, mel):
        """[B, FRAMES, MELS] -> states [B, STATES, D]."""
        encoder = self.model.encoder
        x = F.gelu(encoder.conv2(F.gelu(encoder.conv1(mel.transpose(1, 2)))))
        x = x.transpose(1, 2) + encoder.embed_positions.weight
        for layer in encoder.layers:
            x, _ = layer(x)
        return encoder.layer_norm(x)

    def decode(self, ids, states, tap=False):
        """[B, T] ids -> logits [B, T, V], and one head's weights [B, T, STATES]."""
        decoder = self.model.decoder
        x = decoder.embed_tokens(ids) + decoder.embed_positions.weight[:ids.shape[1]]
        for i, layer in enumerate(decoder.layers):
            x, weights = layer(x, states, tap and i == DECODER_LAYERS - 1)
        return decoder.layer_norm(x) @ decoder.embed_tokens.weight.t(), weights


# ---- evaluation ---------------------------------------------------------------------------------


def read_held_out(directory):
    """Returns scaled features [n, FRAMES, MELS] and the texts."""
    features, texts = [], []
    with open(os.path.join(directory, "text.tsv"), encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f]
    for name, _, text in lines:
        with wave.open(os.path.join(directory, name), "rb") as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
        samples = np.pad(samples, (0, FRAMES * HOP - len(samples))).astype(np.float32) / 32768
        mel = log_mel(samples)
        features.append(np.maximum(mel, mel.max() - 8) / 4 + 1)
        texts.append(text)
    assert FRAMES * HOP == SECONDS * RATE
    return torch.from_numpy(np.stack(features)), texts


@torch.no_grad()
def greedy(net, vocabulary, mel):
    """Returns texts by greedy search, without timestamps."""
    states = net.encode(mel)
    ids = torch.tensor([[vocabulary.start, vocabulary.no_timestamps]] * len(mel))
    done = torch.zeros(len(mel), dtype=torch.bool)
    for _ in range(40):
        logits = net.decode(ids, states)[0][:, -1]
        token = logits.argmax(-1)
        token[done] = vocabulary.end
        ids = torch.cat([ids, token[:, None]], 1)
        done |= token == vocabulary.end
        if done.all():
            break
    return [vocabulary.text(row) for row in ids.tolist()]


def word_error_rate(net, vocabulary, mel, texts):
    said = [text for part in mel.split(50) for text in greedy(net, vocabulary, part)]
    edits = sum(edit_distance(a.split(), b.split()) for a, b in zip(said, texts))
    return edits / sum(len(text.split()) for text in texts)


# ---- files --------------------------------------------------------------------------------------


def config_files(v):
    """Returns {file name: content} of everything but the weights and the merges."""
    special = dict(bos_token_id=v.end, pad_token_id=v.end, eos_token_id=v.end,
                   decoder_start_token_id=v.start)
    unwanted = [i for i in range(v.end + 1, v.no_timestamps)]
    config = dict(
        architectures=["WhisperForConditionalGeneration"], model_type="whisper",
        vocab_size=len(v), num_mel_bins=MELS, d_model=WIDTH, max_source_positions=STATES,
        max_target_positions=POSITIONS, encoder_layers=ENCODER_LAYERS,
        decoder_layers=DECODER_LAYERS, encoder_attention_heads=HEADS,
        decoder_attention_heads=HEADS, encoder_ffn_dim=FEED_FORWARD,
        decoder_ffn_dim=FEED_FORWARD, activation_function="gelu", scale_embedding=False,
        is_encoder_decoder=True, torch_dtype="float16", use_cache=True, **special)
    generation = dict(
        max_length=POSITIONS, is_multilingual=False, no_timestamps_token_id=v.no_timestamps,
        prev_sot_token_id=v.previous, suppress_tokens=unwanted, begin_suppress_tokens=[],
        max_initial_timestamp_index=STATES, return_timestamps=False,
        alignment_heads=[[DECODER_LAYERS - 1, 0]], **special)
    sound = dict(
        feature_extractor_type="WhisperFeatureExtractor", feature_size=MELS, sampling_rate=RATE,
        hop_length=HOP, n_fft=400, chunk_length=SECONDS, n_samples=SECONDS * RATE,
        nb_max_frames=FRAMES, padding_side="right", padding_value=0.0,
        return_attention_mask=False)
    end = "<|endoftext|>"
    tokenizer = dict(tokenizer_class="WhisperTokenizer", bos_token=end, eos_token=end,
                     pad_token=end, unk_token=end, add_prefix_space=False, errors="replace",
                     model_max_length=POSITIONS)
    special_tokens = dict(bos_token=end, eos_token=end, pad_token=end, unk_token=end,
                          additional_special_tokens=v.tokens[v.end:v.time])
    return {"config.json": config, "generation_config.json": generation,
            "preprocessor_config.json": sound, "tokenizer_config.json": tokenizer,
            "special_tokens_map.json": special_tokens,
            "vocab.json": {token: i for token, i in v.ids.items() if i <= v.end},
            "added_tokens.json": {token: i for token, i in v.ids.items() if i > v.end}}


def save(net, vocabulary, out):
    """Writes the whole model directory."""
    for name, content in config_files(vocabulary).items():
        lists = name in ("vocab.json", "added_tokens.json")
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            json.dump(content, f, indent=None if lists else 1, ensure_ascii=False)
            f.write("\n")
    with open(os.path.join(out, "merges.txt"), "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n" + "".join(merge + "\n" for merge in vocabulary.merges))
    save_weights(net.state_dict(), os.path.join(out, "model.safetensors"))


# ---- training -----------------------------------------------------------------------------------


def orthogonal(m):
    """[n, rows, columns] -> nearly the closest matrices with singular values 1 (Newton-Schulz)."""
    tall = m.shape[1] > m.shape[2]
    m = m.transpose(1, 2) if tall else m
    m = m / (m.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        square = m @ m.transpose(1, 2)
        m = 3.4445 * m + (-4.7750 * square + 2.0315 * square @ square) @ m
    return m.transpose(1, 2) if tall else m


class Muon:
    """Momentum whose steps are orthogonal matrices: fewer steps than AdamW for the layers."""

    def __init__(self, parameters):
        shapes = {}
        for p in parameters:
            shapes.setdefault(p.flatten(1).shape, []).append(p)
        self.groups = list(shapes.values())
        self.momenta = [torch.zeros(len(group), *group[0].flatten(1).shape)
                        for group in self.groups]

    @torch.no_grad()
    def step(self, rate):
        for group, momentum in zip(self.groups, self.momenta):
            gradient = torch.stack([p.grad.flatten(1) for p in group])
            momentum.mul_(0.95).add_(gradient)
            step = orthogonal(gradient + 0.95 * momentum)
            scale = rate * max(1, step.shape[1] / step.shape[2]) ** 0.5
            for p, one in zip(group, step):
                p.mul_(1 - 0.01 * rate).sub_(scale * one.view_as(p))


class Trainer:
    def __init__(self, args):
        self.args = args
        self.vocabulary = Vocabulary()
        self.data = Data(args.data, self.vocabulary)
        self.net = Whisper(len(self.vocabulary))
        self.name = nn.Linear(WIDTH, 1 + len(WORDS))  # the word at each state; 0: none
        self.begin = nn.Linear(WIDTH, 1)              # does a word begin here?
        self.parameters = [p for part in (self.net, self.name, self.begin)
                           for p in part.parameters() if p.requires_grad]
        layers = [p for name, p in self.net.named_parameters()
                  if p.ndim > 1 and "embed" not in name]
        others = [p for p in self.parameters if all(p is not layer for layer in layers)]
        self.muon = Muon(layers)
        self.adam = torch.optim.AdamW(others, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)
        self.held_out = read_held_out(args.held_out) if args.held_out else None
        self.step, self.seconds, self.mean = 0, 0.0, np.zeros(4)

    def losses(self, batch):
        """Returns the losses of the text, of the named states, of their starts, of the head."""
        mel, given, labels, places, named, starts = batch
        with torch.autocast("cpu", dtype=torch.bfloat16):
            states = self.net.encode(mel)
            logits, weights = self.net.decode(given, states, tap=True)
            names, begins = self.name(states), self.begin(states)[..., 0]
        text = F.cross_entropy(logits.float().flatten(0, 1), labels.flatten(),
                               ignore_index=IGNORE, label_smoothing=0.05)
        name = F.cross_entropy(names.float().flatten(0, 1), named.flatten())
        begin = F.binary_cross_entropy_with_logits(begins.float(), starts)
        found = (weights * places).sum(-1)[places.any(-1)]
        return text, name, begin, -(found + 1e-4).log().mean()

    def train_step(self, progress):
        rate = min(1, (self.step + 1) / WARM_UP_STEPS)
        rate *= 0.505 + 0.495 * math.cos(math.pi * progress)
        for group in self.adam.param_groups:
            group["lr"] = self.args.lr * rate
        losses = self.losses(self.data.batch(self.args.batch))
        text, name, begin, head = losses
        for p in self.parameters:
            p.grad = None
        (text + (1 - 0.7 * progress) * (name + begin) + 0.2 * head).backward()
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.adam.step()
        self.muon.step(self.args.muon_lr * rate)
        self.step += 1
        self.mean += (np.array([loss.item() for loss in losses]) - self.mean) * \
            max(0.02, 1 / self.step)

    def report(self):
        print("step %d %.1f min: text %.3f, states %.3f, starts %.3f, head %.3f"
              % (self.step, self.seconds / 60, *self.mean), flush=True)

    def checkpoint(self):
        save(self.net, self.vocabulary, self.args.out)
        path = os.path.join(self.args.out, "state.pt")
        torch.save([self.step, self.seconds, self.mean, self.net.state_dict(),
                    self.name.state_dict(), self.begin.state_dict(),
                    self.adam.state_dict(), self.muon.momenta], path + ".new")
        os.replace(path + ".new", path)
        if self.held_out:
            print("== word error rate on held-out voices %.4f"
                  % word_error_rate(self.net, self.vocabulary, *self.held_out), flush=True)

    def resume(self):
        self.step, self.seconds, self.mean, net, name, begin, adam, self.muon.momenta = \
            torch.load(os.path.join(self.args.out, "state.pt"), weights_only=False)
        for part, state in ((self.net, net), (self.name, name), (self.begin, begin),
                            (self.adam, adam)):
            part.load_state_dict(state)

    def run(self):
        """Trains until the time is up. The rate warms up, then falls on a cosine over it."""
        duration, saved = self.args.minutes * 60, self.seconds
        while self.seconds < duration:
            start = time.time()
            self.train_step(self.seconds / duration)
            self.seconds += time.time() - start
            if self.step % 50 == 0:
                self.report()
            if self.seconds - saved > 60 * self.args.save_minutes:
                self.checkpoint()
                saved = self.seconds
        self.checkpoint()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data")
    parser.add_argument("out", help="the directory to write")
    parser.add_argument("--held-out", help="a directory of WAV files to try at each checkpoint")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--save-minutes", type=float, default=5)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--lr", type=float, default=2e-3, help="AdamW's highest rate")
    parser.add_argument("--muon-lr", type=float, default=0.015, help="Muon's highest rate")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/state.pt")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    random.seed(args.seed)
    torch.set_num_threads(args.threads)
    os.makedirs(args.out, exist_ok=True)
    trainer = Trainer(args)
    if args.resume:
        trainer.resume()
    print("vocabulary %d, %d utterances, %d parameters"
          % (len(trainer.vocabulary), len(trainer.data.utterances),
             sum(p.numel() for p in trainer.net.parameters())), flush=True)
    trainer.run()


if __name__ == "__main__":
    main()

"""Trains a small BART that turns English spelling into phonemes.

usage: train_g2p.py DICTIONARY OUT [--minutes M] [--init DIRECTORY --lr RATE]

Each line of DICTIONARY has a word in lower case and its pronunciations, separated by tabs:
    word<TAB>PH ON EM ES[<TAB>another pronunciation]...
Words with md5(word) % 20 == 0 are held out, and go to test.tsv. OUT becomes a Hugging Face model
directory of BartForConditionalGeneration (float16).

Needs PyTorch. Runs on the CPU. The clock ends the training, so results differ between machines.
"""
import argparse
import hashlib
import json
import math
import os
import random
import struct
import time

import torch
import torch.nn.functional as F
from torch import nn

from shared import edit_distance, save_weights

WIDTH, HEADS, FEED_FORWARD, ENCODER_LAYERS, DECODER_LAYERS, POSITIONS = 192, 6, 768, 3, 3, 128
DROPOUT = 0.1
BOS, PAD, EOS, UNK = range(4)
SPACE = "\u0120"  # as byte-level BPE writes a blank
WARM_UP_STEPS = 600
MASKED = -1e9


# ---- data ---------------------------------------------------------------------------------------


def read_dictionary(path):
    """Returns [[word, pronunciation, ...], ...] for training, and the held-out ones."""
    with open(path, encoding="utf-8") as f:
        words = [line.rstrip("\n").split("\t") for line in f]
    parts = [], []
    for word in words:
        held_out = int(hashlib.md5(word[0].encode()).hexdigest(), 16) % 20 == 0
        parts[held_out].append(word)
    return parts


class Vocabulary:
    """Letters of the source and phonemes of the target in one list of tokens."""

    def __init__(self, words):
        letters = sorted({c for word in words for c in word[0]})
        phonemes = sorted({p for word in words for said in word[1:] for p in said.split()})
        self.tokens = ["<s>", "<pad>", "</s>", "<unk>"] + letters + [SPACE, SPACE + "|"]
        self.tokens += [SPACE + p for p in phonemes]
        self.ids = {token: i for i, token in enumerate(self.tokens)}

    def __len__(self):
        return len(self.tokens)

    def source(self, text):
        return [BOS] + [self.ids[SPACE if c == " " else c] for c in text] + [EOS]

    def target(self, words):
        """Returns the ids of the words' phonemes, with separators, without special tokens."""
        ids = []
        for word in words:
            if ids:
                ids.append(self.ids[SPACE + "|"])
            ids += [self.ids[SPACE + p] for p in word[1].split()]
        return ids

    def text(self, ids):
        return " ".join(self.tokens[i][1:] for i in ids if i > UNK)


def pad(rows):
    """Lists of ids -> [len(rows), longest]."""
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


def make_samples(train, vocabulary):
    """Returns (source ids, target ids) for all training words; 40% join 2 to 6 words."""
    pool = train[:]
    random.shuffle(pool)
    samples = []
    at = 0
    while at < len(pool):
        n = 1 if random.random() < 0.6 else random.randint(2, 6)
        words = pool[at:at + n]
        at += n
        text = " ".join(word[0] for word in words)
        target = vocabulary.target(words)
        if max(len(text), len(target)) <= POSITIONS - 4:
            samples.append((vocabulary.source(text), target))
    return samples


def make_batches(samples, max_tokens):
    """Returns batches of similar source length, of at most max_tokens with padding, shuffled."""
    samples = sorted(samples, key=lambda sample: len(sample[0]) + random.random() * 3)
    batches, batch, longest = [], [], 0
    for sample in samples:
        length = len(sample[0]) + len(sample[1])
        if batch and max(longest, length) * (len(batch) + 1) > max_tokens:
            batches.append(batch)
            batch, longest = [], 0
        batch.append(sample)
        longest = max(longest, length)
    if batch:
        batches.append(batch)
    random.shuffle(batches)
    return batches


# ---- model: the tensor names are those of BartForConditionalGeneration --------------------------


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            setattr(self, name, nn.Linear(WIDTH, WIDTH))

    def forward(self, x, memory, mask):
        """x [B, T, D] attends to memory [B, S, D]. Adds mask to the scores [B, H, T, S]."""
        head = WIDTH // HEADS

        def split(y):
            return y.view(y.shape[0], y.shape[1], HEADS, head).transpose(1, 2)

        q = split(self.q_proj(x)) * head ** -0.5
        k = split(self.k_proj(memory))
        v = split(self.v_proj(memory))
        weights = (q @ k.transpose(-1, -2) + mask).softmax(-1)
        return self.out_proj((weights @ v).transpose(1, 2).reshape(x.shape))


class Layer(nn.Module):
    """A post-norm layer. With cross-attention it is a decoder layer."""

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

    def drop(self, x):
        return F.dropout(x, DROPOUT, self.training)

    def forward(self, x, self_mask, memory=None, cross_mask=None):
        x = self.self_attn_layer_norm(x + self.drop(self.self_attn(x, x, self_mask)))
        if memory is not None:
            attended = self.encoder_attn(x, memory, cross_mask)
            x = self.encoder_attn_layer_norm(x + self.drop(attended))
        return self.final_layer_norm(x + self.drop(self.fc2(F.gelu(self.fc1(x)))))


class Stack(nn.Module):
    def __init__(self, n_layers, cross):
        super().__init__()
        self.embed_positions = nn.Embedding(POSITIONS + 2, WIDTH)  # BART's offset of 2
        self.layernorm_embedding = nn.LayerNorm(WIDTH)
        self.layers = nn.ModuleList(Layer(cross) for _ in range(n_layers))

    def embed(self, words):
        x = words + self.embed_positions.weight[2:2 + words.shape[1]]
        return F.dropout(self.layernorm_embedding(x), DROPOUT, self.training)


class Bart(nn.Module):
    def __init__(self, vocabulary_size):
        super().__init__()
        self.model = nn.Module()
        self.model.shared = nn.Embedding(vocabulary_size, WIDTH)
        self.model.encoder = Stack(ENCODER_LAYERS, cross=False)
        self.model.decoder = Stack(DECODER_LAYERS, cross=True)
        self.register_buffer("final_logits_bias", torch.zeros(1, vocabulary_size))
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.05)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def encode(self, source):
        """[B, S] ids -> hidden states [B, S, D] and the mask over them."""
        mask = torch.zeros(source.shape).masked_fill(source == PAD, MASKED)[:, None, None]
        x = self.model.encoder.embed(self.model.shared(source))
        for layer in self.model.encoder.layers:
            x = layer(x, mask)
        return x, mask

    def decode(self, target, memory, mask):
        """[B, T] ids -> logits [B, T, V]."""
        length = target.shape[1]
        causal = torch.full((length, length), MASKED).triu(1)
        x = self.model.decoder.embed(self.model.shared(target))
        for layer in self.model.decoder.layers:
            x = layer(x, causal, memory, mask)
        return x @ self.model.shared.weight.t() + self.final_logits_bias


# ---- evaluation ---------------------------------------------------------------------------------


@torch.no_grad()
def greedy(net, vocabulary, texts):
    """Returns the phonemes of each text by greedy search."""
    net.eval()
    n = len(texts)
    memory, mask = net.encode(pad([vocabulary.source(text) for text in texts]))
    target = torch.tensor([[EOS, BOS]] * n)
    done = torch.zeros(n, dtype=torch.bool)
    for _ in range(min(POSITIONS - 3, 2 * max(map(len, texts)) + 8)):
        token = net.decode(target, memory, mask)[:, -1].argmax(-1)
        token[done] = PAD
        target = torch.cat([target, token[:, None]], 1)
        done |= token == EOS
        if done.all():
            break
    net.train()
    return [vocabulary.text(row[2:].tolist()) for row in target]


def evaluate(net, vocabulary, words):
    """Returns word and phoneme error rates, by the nearest accepted pronunciation."""
    wrong = edits = length = 0
    for at in range(0, len(words), 500):
        part = words[at:at + 500]
        for word, said in zip(part, greedy(net, vocabulary, [word[0] for word in part])):
            wrong += said not in word[1:]
            distance, n = min((edit_distance(said.split(), accepted.split()), len(accepted.split()))
                              for accepted in word[1:])
            edits += distance
            length += n
    return wrong / max(1, len(words)), edits / max(1, length)


# ---- files --------------------------------------------------------------------------------------


def load_weights(net, path):
    with open(path, "rb") as f:
        n = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(n))
        data = f.read()
    header.pop("__metadata__", None)
    state = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensor = torch.frombuffer(bytearray(data[begin:end]), dtype=torch.float16)
        state[name] = tensor.float().view(entry["shape"])
    net.load_state_dict(state)


def save(net, vocabulary, held_out, out):
    """Writes the whole model directory."""
    special = dict(bos_token_id=BOS, pad_token_id=PAD, eos_token_id=EOS,
                   decoder_start_token_id=EOS, forced_bos_token_id=BOS, forced_eos_token_id=EOS)
    config = dict(
        architectures=["BartForConditionalGeneration"], model_type="bart",
        vocab_size=len(vocabulary), d_model=WIDTH, max_position_embeddings=POSITIONS,
        encoder_layers=ENCODER_LAYERS, decoder_layers=DECODER_LAYERS,
        encoder_attention_heads=HEADS, decoder_attention_heads=HEADS,
        encoder_ffn_dim=FEED_FORWARD, decoder_ffn_dim=FEED_FORWARD, activation_function="gelu",
        dropout=DROPOUT, scale_embedding=False, tie_word_embeddings=True, is_encoder_decoder=True,
        torch_dtype="float16", use_cache=True, **special)
    generation = dict(max_length=POSITIONS, num_beams=4, early_stopping=True, **special)
    for name, content, indent in (("config.json", config, 1), ("vocab.json", vocabulary.ids, None),
                                  ("generation_config.json", generation, 1)):
        with open(os.path.join(out, name), "w", encoding="utf-8") as f:
            json.dump(content, f, indent=indent)
    with open(os.path.join(out, "merges.txt"), "w", encoding="utf-8") as f:
        f.write("#version: 0.2\n")
    with open(os.path.join(out, "test.tsv"), "w", encoding="utf-8") as f:
        f.writelines("\t".join(word) + "\n" for word in held_out)
    save_weights(net.state_dict(), os.path.join(out, "model.safetensors"))


# ---- training -----------------------------------------------------------------------------------


def loss_of(net, batch):
    """Returns the label-smoothed cross-entropy of a batch, without the forced first token."""
    target = pad([[EOS, BOS] + ids + [EOS] for _, ids in batch])
    memory, mask = net.encode(pad([source for source, _ in batch]))
    logits = net.decode(target[:, :-1], memory, mask)[:, 1:]
    return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), target[:, 2:].reshape(-1),
                           ignore_index=PAD, label_smoothing=0.1)


def train(net, vocabulary, words, args, after_epoch):
    """Trains until the time is up. The rate warms up, then falls on a cosine over the time."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=args.lr, betas=(0.9, 0.98),
                                  weight_decay=0.01)
    start, duration = time.time(), args.minutes * 60
    step, epoch, mean = 0, 0, 0.0
    while time.time() - start < duration:
        for batch in make_batches(make_samples(words, vocabulary), args.tokens):
            done = (time.time() - start) / duration
            if done >= 1:
                break
            cosine = 0.5 + 0.5 * 0.99 * math.cos(math.pi * done)
            rate = args.lr * min(1, (step + 1) / WARM_UP_STEPS) * cosine
            for group in optimizer.param_groups:
                group["lr"] = rate
            loss = loss_of(net, batch)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            step += 1
            mean += (loss.item() - mean) * (0.02 if step > 50 else 0.2)
            if step % 200 == 0:
                print("epoch %d step %d loss %.3f rate %.2e %.1f min"
                      % (epoch, step, mean, rate, done * args.minutes), flush=True)
        epoch += 1
        after_epoch(epoch)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dictionary")
    parser.add_argument("out", help="the directory to write")
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--tokens", type=int, default=3500, help="tokens in a batch, with padding")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--lr", type=float, default=1.2e-3, help="the highest learning rate")
    parser.add_argument("--init", help="start from this directory's model.safetensors")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main():
    args = arguments()
    torch.manual_seed(args.seed)
    random.seed(args.seed)
    torch.set_num_threads(args.threads)
    os.makedirs(args.out, exist_ok=True)

    words, held_out = read_dictionary(args.dictionary)
    vocabulary = Vocabulary(words + held_out)
    net = Bart(len(vocabulary))
    if args.init:
        load_weights(net, os.path.join(args.init, "model.safetensors"))
    print("vocabulary %d, %d words to train, %d held out, %d parameters"
          % (len(vocabulary), len(words), len(held_out),
             sum(p.numel() for p in net.parameters())), flush=True)

    def report(title, part):
        rates = evaluate(net, vocabulary, part)
        print("== %s: greedy, %d held-out words: word error rate %.4f, phoneme error rate %.4f"
              % (title, len(part), *rates), flush=True)

    def after_epoch(epoch):
        save(net, vocabulary, held_out, args.out)
        if epoch % 4 == 0:
            report("epoch %d" % epoch, held_out[:1000])

    train(net, vocabulary, words, args, after_epoch)
    save(net, vocabulary, held_out, args.out)
    report("end", held_out)
    for word in held_out[:5]:
        print("%s: %s" % (word[0], greedy(net, vocabulary, [word[0]])[0]))


if __name__ == "__main__":
    main()

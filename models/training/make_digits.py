"""Makes spoken numbers and spelled words with espeak-ng, as features or as sound files.

usage: make_digits.py OUT --hours H [--seed S]           utterances to train on, as features
       make_digits.py OUT --held-out N [--accents new]   N WAV files of held-out voices
       make_digits.py OUT --score TEXTS                  word error rate of OUT's WAV files

Features are OUT/frames.npy [frames, 80], float16: log10 of the mel power, as Whisper's feature
extractor has it before it clamps and scales. OUT/utterances.json has one entry per utterance:
its first frame, its number of frames, its words and the frame where each word begins; after
these, the frame where the last word ends. OUT/noises.npy has the features of noise.

WAV files are mono, 16 kHz. OUT/text.tsv has a line per file: its name, its voice and its words.
The recognized text of NAME.wav is TEXTS/NAME.txt, as `elcl transcribe --output-dir TEXTS` writes
it.

Needs libespeak-ng 1.51, NumPy and PyTorch.
"""
import argparse
import ctypes
import json
import os
import random
import wave

import numpy as np
import torch

from shared import edit_distance

RATE, ESPEAK_RATE, MELS, FFT, HOP = 16000, 22050, 80, 400, 160
LIBRARY = "libespeak-ng.so.1"

ACCENTS = ["en-us", "en", "en-gb-scotland", "en-029", "en-gb-x-gbclan", "en-gb-x-gbcwmd",
           "en-us-nyc"]
HELD_OUT_ACCENTS = ["en-gb-x-rp"]
VARIANTS = """Alex Alicia Andrea Andy Annie Denis Diogo Gene Gene2 Henrique Hugo Jacky Lee Marco
Mario Mike Nguyen RicishayMax RicishayMax3 adam anika announcer antonio aunty belinda
benjamin boris caleb david ed edward edward2 f1 f2 f4 f5 grandma gustave iven iven2 iven4 john
kaukovalta klatt klatt2 klatt4 linda m1 m2 m3 m5 m6 m7 m8 marcelo max miguel
norbert pablo paul pedro quincy rob robert sandro shelby steph steph3 travis zac""".split()
HELD_OUT_VARIANTS = "Michael f3 m4 klatt3 iven3 steph2 victor grandpa michel RicishayMax2".split()

DIGITS = "zero one two three four five six seven eight nine".split()
TEENS = """ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
nineteen""".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
OTHERS = "hundred thousand million and point minus percent".split()
LETTERS = [chr(c) for c in range(ord("A"), ord("Z") + 1)]
WORDS = DIGITS + TEENS + TENS + OTHERS + LETTERS


# ---- text ---------------------------------------------------------------------------------------


def below_hundred(n):
    if n < 10:
        return [DIGITS[n]]
    if n < 20:
        return [TEENS[n - 10]]
    return [TENS[n // 10 - 2]] + ([DIGITS[n % 10]] if n % 10 else [])


def below_thousand(n, joiner):
    if n < 100:
        return below_hundred(n)
    rest = joiner + below_hundred(n % 100) if n % 100 else []
    return [DIGITS[n // 100], "hundred"] + rest


def cardinal(n, joiner):
    """Words of n < 1,000,000. joiner is ["and"] in British style, [] in American style."""
    if n < 1000:
        return below_thousand(n, joiner)
    rest = n % 1000
    words = below_thousand(n // 1000, joiner) + ["thousand"]
    if rest:
        words += (joiner if rest < 100 else []) + below_thousand(rest, joiner)
    return words


def year():
    century, rest = random.randint(11, 20), random.randint(0, 99)
    if rest < 10:
        return below_hundred(century) + ["hundred"] if century != 20 else ["two", "thousand"]
    return below_hundred(century) + below_hundred(rest)


def digits(least, most):
    return random.choices(DIGITS, k=random.randint(least, most))


def number():
    n = random.randrange(10 ** random.randint(1, 6))
    return cardinal(n, random.choice([[], ["and"]]))


def decimal():
    n = random.randrange(10 ** random.randint(1, 3))
    return (["minus"] if random.random() < 0.3 else []) + cardinal(n, []) + ["point"] + digits(1, 3)


def quantity():
    return number() + [random.choice(["million", "percent"])]


def code():
    return [random.choice(LETTERS + DIGITS) for _ in range(random.randint(2, 7))]


def utterance_words():
    kind = random.choices(
        [lambda: digits(1, 9), number, decimal, year, quantity, code,
         lambda: random.choices(LETTERS, k=random.randint(1, 8)),
         lambda: random.choices(WORDS, k=random.randint(1, 7))],
        [20, 20, 7, 5, 5, 11, 20, 12])[0]
    return kind()


# ---- speech -------------------------------------------------------------------------------------


class Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("id", ctypes.c_uint), ("text_position", ctypes.c_int),
                ("length", ctypes.c_int), ("audio_ms", ctypes.c_int), ("sample", ctypes.c_int),
                ("user", ctypes.c_void_p), ("value", ctypes.c_char * 8)]


class Espeak:
    """libespeak-ng: text to samples, with the time of each word."""

    RATE_PARAMETER, PITCH, RANGE, WORD_GAP = 1, 3, 4, 7
    EVENT_WORD = 1

    def __init__(self):
        self.library = ctypes.CDLL(LIBRARY)
        if self.library.espeak_Initialize(2, 0, None, 0) != ESPEAK_RATE:
            raise SystemExit("espeak-ng does not speak at %d Hz" % ESPEAK_RATE)
        self.blocks, self.words = [], []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int,
                                ctypes.POINTER(Event))
        self.callback = kind(self.receive)
        self.library.espeak_SetSynthCallback(self.callback)

    def receive(self, samples, n, events):
        if samples and n > 0:
            self.blocks.append(np.ctypeslib.as_array(samples, (n,)).copy())
        i = 0
        while events[i].type:
            if events[i].type == self.EVENT_WORD and events[i].text_position:  # 0: the end
                self.words.append((events[i].text_position, events[i].audio_ms))
            i += 1
        return 0

    def say(self, words, voice, speed, pitch, spread, gap):
        """Returns samples at 16 kHz and the seconds where words begin, or None if unclear."""
        if self.library.espeak_SetVoiceByName(voice.encode()):
            raise SystemExit("espeak-ng has no voice " + voice)
        for parameter, value in ((self.RATE_PARAMETER, speed), (self.PITCH, pitch),
                                 (self.RANGE, spread), (self.WORD_GAP, gap)):
            self.library.espeak_SetParameter(parameter, value, 0)
        said = ["eigh" if word == "A" else word for word in words]  # A may be an article
        text = " ".join(said)
        self.blocks, self.words = [], []
        self.library.espeak_Synth(text.encode(), len(text) + 1, 0, 1, 0, 1, None, None)
        self.library.espeak_Synchronize()
        at, positions = 1, []
        for word in said:
            positions.append(at)
            at += len(word) + 1
        if [position for position, _ in self.words] != positions or not self.blocks:
            return None
        samples = np.concatenate(self.blocks).astype(np.float32) / 32768
        return resample(samples), [ms / 1000 for _, ms in self.words]


def resample(samples):
    """22,050 Hz to 16,000 Hz: cuts the spectrum."""
    n = -(-(len(samples) + 400) // 441)
    spectrum = np.fft.rfft(samples, n * 441)[:n * 160 + 1]
    return np.fft.irfft(spectrum, n * 320).astype(np.float32) * np.float32(320 / 441)


def trim(samples, times):
    """Cuts silence before and after the speech. times gains the end of the last word."""
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max())
    begin, end = max(0, loud[0] - 160), min(len(samples), loud[-1] + 400)
    times = [max(0, t - begin / RATE) for t in times] + [(end - begin) / RATE]
    return samples[begin:end], times


def add_room(samples):
    """Convolves with a decaying noise, as a small room does."""
    decay = random.uniform(0.05, 0.25)
    n = int(RATE * decay)
    echo = np.random.randn(n) * np.exp(-5 * np.arange(n) / n) * random.uniform(0.01, 0.06)
    echo[0] = 1
    size = len(samples) + n
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(echo, size),
                        size)[:size].astype(np.float32)


def say_random(espeak, voices):
    """Returns samples, times, words and the voice of a random utterance."""
    while True:
        words, voice = utterance_words(), random.choice(voices)
        gap = random.choices([0, random.randint(1, 8), random.randint(10, 40)], [60, 25, 15])[0]
        said = espeak.say(words, voice, random.randint(110, 230), random.randint(20, 80),
                          random.randint(20, 80), gap)
        if said is None:
            continue
        samples, times = trim(*said)
        if np.any(np.diff(times) < 0.03) or times[-1] > 12:
            continue
        if random.random() < 0.3:
            samples = add_room(samples)
        level = 10 ** random.uniform(-1.2, -0.05)
        return samples * (level / np.abs(samples).max()), times, words, voice


# ---- features -----------------------------------------------------------------------------------


def mel_filters():
    """Slaney's mel filters [MELS, FFT / 2 + 1], as librosa and Whisper have them."""
    def to_hertz(mel):
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))

    top = 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4)
    edges = to_hertz(np.linspace(0, top, MELS + 2))
    bins = np.linspace(0, RATE / 2, FFT // 2 + 1)
    up = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    filters = np.maximum(0, np.minimum(up, down)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    return torch.from_numpy(filters.astype(np.float32))


FILTERS = mel_filters()


def log_mel(samples):
    """Returns log10 of the mel power [frames, MELS], a frame per 10 ms."""
    stft = torch.stft(torch.from_numpy(samples), FFT, HOP, window=torch.hann_window(FFT),
                      pad_mode="reflect", return_complex=True)
    power = stft[:, :-1].abs() ** 2
    return (FILTERS @ power).clamp(min=1e-10).log10().T.numpy()


def noises():
    """Returns features of one minute of each kind of noise, of the same power."""
    n = 60 * RATE
    frequency = np.maximum(np.fft.rfftfreq(n, 1 / RATE), 20)
    shapes = [np.ones_like(frequency), frequency ** -0.5, 1 / frequency, frequency ** 0.5,
              frequency ** -0.5 * (frequency < 3400)]
    result = []
    for shape in shapes:
        sound = np.fft.irfft(np.fft.rfft(np.random.randn(n)) * shape)
        swell = 1 + 0.5 * np.interp(np.arange(n), np.arange(0, n + 1, RATE // 2),
                                    np.random.randn(2 * 60 + 1)).clip(-1, 1)
        sound = sound * swell
        result.append(log_mel((sound / sound.std() * 0.1).astype(np.float32)))
    return np.stack(result).astype(np.float16)


# ---- files --------------------------------------------------------------------------------------


def voices_of(accents, variants):
    return [accent + "+" + variant for accent in accents for variant in variants]


def write_features(espeak, out, hours):
    voices = voices_of(ACCENTS, VARIANTS)
    silence = np.zeros(400, np.float32)  # so that the window at each end is not reflected speech
    parts, entries, at = [], [], 0
    while at < hours * 360000:
        samples, times, words, _ = say_random(espeak, voices)
        frames = log_mel(np.concatenate([silence[:HOP], samples, silence])).astype(np.float16)
        entries.append([at, len(frames), [WORDS.index(word) for word in words],
                        [round(t * 100 + 1) for t in times]])
        parts.append(frames)
        at += len(frames)
    np.save(os.path.join(out, "frames.npy"), np.concatenate(parts))
    np.save(os.path.join(out, "noises.npy"), noises())
    with open(os.path.join(out, "utterances.json"), "w", encoding="utf-8") as f:
        json.dump(entries, f)
    print("%d utterances, %.1f hours" % (len(entries), at / 360000))


def add_noise(samples):
    """Adds white or pink noise at 15 to 40 dB."""
    noise = np.random.randn(len(samples))
    if random.random() < 0.5:
        spectrum = np.fft.rfft(noise)
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 20))
        noise = np.fft.irfft(spectrum, len(samples))
    loudness = samples.std() / noise.std() * 10 ** (-random.uniform(15, 40) / 20)
    return samples + noise * loudness


def write_sounds(espeak, out, n, accents):
    voices = voices_of(accents, HELD_OUT_VARIANTS)
    with open(os.path.join(out, "text.tsv"), "w", encoding="utf-8") as text:
        made = 0
        while made < n:
            samples, times, words, voice = say_random(espeak, voices)
            if times[-1] > 4.2:
                continue
            before, after = (np.zeros(int(RATE * random.uniform(0.1, 0.4))) for _ in range(2))
            samples = add_noise(np.concatenate([before, samples, after])).clip(-1, 1)
            name = "%04d.wav" % made
            with wave.open(os.path.join(out, name), "wb") as f:
                f.setparams((1, 2, RATE, 0, "NONE", None))
                f.writeframes((samples * 32767).astype("<i2").tobytes())
            text.write("\t".join([name, voice, " ".join(words)]) + "\n")
            made += 1


def score(sounds, texts):
    """Prints the word error rate, and the share of files with an error."""
    with open(os.path.join(sounds, "text.tsv"), encoding="utf-8") as f:
        lines = [line.rstrip("\n").split("\t") for line in f]
    edits = words = wrong = 0
    for name, _, right in lines:
        with open(os.path.join(texts, name[:-4] + ".txt"), encoding="utf-8") as f:
            distance = edit_distance(f.read().split(), right.split())
        edits += distance
        words += len(right.split())
        wrong += distance > 0
    print("%d of %d words: word error rate %.2f%%; %d of %d files have an error"
          % (edits, words, 100 * edits / words, wrong, len(lines)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out")
    parser.add_argument("--hours", type=float, default=10)
    parser.add_argument("--held-out", type=int, help="write this many WAV files")
    parser.add_argument("--score", help="the directory of recognized texts")
    parser.add_argument("--accents", choices=["known", "new"], default="known")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    if args.score:
        score(args.out, args.score)
        return
    random.seed(args.seed)
    np.random.seed(args.seed)
    os.makedirs(args.out, exist_ok=True)
    espeak = Espeak()
    if args.held_out:
        accents = ACCENTS if args.accents == "known" else HELD_OUT_ACCENTS
        write_sounds(espeak, args.out, args.held_out, accents)
    else:
        write_features(espeak, args.out, args.hours)


if __name__ == "__main__":
    main()

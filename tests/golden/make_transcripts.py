"""Writes transcripts.json: what the writers of openai-whisper make of two transcripts.

    python make_transcripts.py        (openai-whisper 20250625)

tests/unit/test_transcripts.c reads the transcripts and compares its files with these.
"""
import io
import json
import os

from whisper import utils

TEXTS = [" And so, my fellow Americans,", " ask not what your country can do for you;",
         " --> ask what you can do\tfor your country. ",
         " \u00dcber die gr\u00fc\u00dfende T\u00fcr\u3000",
         "\u4eca\u65e5\u306f\u3044\u3044\u5929\u6c17\u3067\u3059\u306d", "",
         " \"The\" end \\ \u00a0"]
TIMES = [(0.0, 3.5), (3.5, 7.62), (7.62, 11.0), (13.3, 59.9995), (3599.9996, 3600.5),
         (3661.0625, 7322.125), (7322.125, 7324.0005)]


def words_of(text, start, end):
    pieces, word = [], ""
    for c in text:
        if c in " \t" and word.strip():
            pieces.append(word)
            word = ""
        word += c
    if word:
        pieces.append(word)
    step = (end - start) / max(1, len(pieces))
    return [{"word": w, "start": round(start + i * step + (i % 3 == 1) * 0.02, 2),
             "end": round(start + (i + 1) * step, 2), "probability": round(0.5 + 0.03 * i, 3)}
            for i, w in enumerate(pieces)]


def transcript(with_words):
    segments = []
    for i, (text, (start, end)) in enumerate(zip(TEXTS, TIMES)):
        segment = {"id": i, "seek": 3000 * (i // 3), "start": start, "end": end, "text": text,
                   "tokens": [50363 + 7 * i, 11 * i, 50364], "temperature": 0.2 * (i % 2),
                   "avg_logprob": -0.25 - i / 16, "compression_ratio": 1.5, "no_speech_prob": 0.125}
        if with_words:
            segment["words"] = words_of(text, start, end)
        segments.append(segment)
    return {"text": "".join(TEXTS), "segments": segments, "language": "en"}


def written(writer, result, options):
    file = io.StringIO()
    writer("").write_result(result, file, options)
    return file.getvalue()


FORMATS = {"txt": utils.WriteTXT, "srt": utils.WriteSRT, "vtt": utils.WriteVTT,
           "tsv": utils.WriteTSV, "json": utils.WriteJSON}
SUBTITLES = [{"highlight_words": True}, {"max_words_per_line": 2},
             {"max_line_width": 16, "max_line_count": 2}, {"max_line_width": 16},
             {"max_line_width": 12, "max_line_count": 1, "highlight_words": True},
             {"max_line_count": 1}]
golden = {"transcripts": [transcript(False), transcript(True)], "cases": []}
for i, result in enumerate(golden["transcripts"]):
    for name, writer in FORMATS.items():
        golden["cases"].append({"transcript": i, "format": name, "options": {},
                                "text": written(writer, result, {})})
for options in SUBTITLES:
    golden["cases"].append({"transcript": 1, "format": "srt", "options": options,
                            "text": written(utils.WriteSRT, golden["transcripts"][1], options)})
with open(os.path.join(os.path.dirname(__file__) or ".", "transcripts.json"), "w") as f:
    f.write('{"transcripts": [\n')
    f.write(",\n".join(json.dumps(t, ensure_ascii=False) for t in golden["transcripts"]))
    f.write('],\n"cases": [\n')
    f.write(",\n".join(json.dumps(c, ensure_ascii=False) for c in golden["cases"]) + "]}\n")

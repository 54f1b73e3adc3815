"""The source tokens of `elcl bench` and its hash of the results, for equal work."""

START = 0xCBF29CE484222325
PRIME = 0x100000001B3
MASK = (1 << 64) - 1


def mix(value, number):
    """FNV-1a over the eight bytes of a number."""
    for shift in range(0, 64, 8):
        value = ((value ^ (number >> shift & 255)) * PRIME) & MASK
    return value


def sources(n_samples, length, vocabulary, seed=0):
    """[n_samples][length] token ids, without the lowest few, which mark the ends of texts."""
    first = 4 if vocabulary > 8 else 0
    rows = []
    for sample in range(n_samples):
        start = mix(mix(START, seed), sample)
        hashes = (mix(start, place) for place in range(length))
        rows.append([first + (h ^ h >> 32) % (vocabulary - first) for h in hashes])
    return rows


def ids_hash(results):
    """`ids_hash` of the best hypothesis of each sample, start token or prompt included."""
    whole = START
    for ids in results:
        one = START
        for token in ids:
            one = mix(one, token)
        whole = mix(whole, one)
    return f"{whole:016x}"

"""
Writes buzhash.json: where BorgBackup's own chunker cuts. It needs Python with borgbackup (1.2 or 1.4) and blake3:

    python3 tests/vectors/buzhash_judge.py > tests/vectors/buzhash.json
"""

import io
import json

import borg
from blake3 import blake3
from borg.chunker import Chunker

# The content, its length, the bits of minimum, maximum and mask, the window, and the seed.
CASES = [
    ("noise", 200_000, 6, 10, 8, 63, 0),
    ("noise", 200_000, 9, 12, 10, 1023, 0),
    ("noise", 200_000, 10, 14, 12, 4095, 0xDEADBEEF),
    ("noise", 200_000, 4, 20, 16, 31, 1),
    ("noise", 4 << 20, 15, 19, 17, 4095, 0),
    ("noise", 6 << 20, 19, 23, 21, 4095, 0),
    ("zeros", 50_000, 6, 10, 8, 63, 0),
    ("noise", 126, 6, 10, 8, 63, 0),
    ("noise", 127, 6, 10, 8, 63, 0),
    ("noise", 128, 6, 10, 8, 63, 0),
]


def content(name, length):
    return blake3(b"penstock").digest(length) if name == "noise" else bytes(length)


def cuts(name, length, minimum, maximum, mask, window, seed):
    # BorgBackup has the 32 bits as a signed number.
    signed = seed - (1 << 32) if seed >= 1 << 31 else seed
    chunker = Chunker(signed, minimum, maximum, mask, window)
    end = 0
    for chunk in chunker.chunkify(io.BytesIO(content(name, length))):
        end += chunk.meta["size"] if hasattr(chunk, "meta") else len(chunk)
        yield end


print(
    json.dumps(
        {
            "content": "noise: BLAKE3 of the ASCII text penstock, extended to `length` bytes; zeros",
            "source": f"BorgBackup {borg.__version__}, by buzhash_judge.py; of a case at most the first 120 cuts",
            "cases": [
                {
                    "content": case[0],
                    "length": case[1],
                    "minimum": 1 << case[2],
                    "maximum": 1 << case[3],
                    "average": 1 << case[4],
                    "window": case[5],
                    "seed": case[6],
                    "cuts": list(cuts(*case))[:120],
                }
                for case in CASES
            ],
        },
        indent=2,
    )
)

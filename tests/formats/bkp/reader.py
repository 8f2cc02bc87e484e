"""A reader and a writer of bkp repositories, made from SPEC.md alone. interop.test.ts compares Penstock with it.

reader.py read DIR [PASSWORD]   prints every entry of every snapshot as a line of JSON
reader.py document DIR          the same, like a program that knows only the document: heads, single objects, a
                                packfile for each prefix
reader.py write DIR [NODE]      writes a small repository like such a program: no config, no encryption
"""
import gzip
import hashlib
import hmac
import json
import os
import struct
import sys
import unicodedata


def sha(data):
    return hashlib.sha256(data).digest()


class Repository:
    def __init__(self, root, password, alone=False):
        self.root = root
        self.alone = alone
        self.master = None
        path = os.path.join(root, "config")
        assert not (alone and os.path.exists(path)), "it has a config now"
        if os.path.exists(path):
            with open(path, "rb") as file:
                raw = file.read()
            config = json.loads(raw)
            check = config.pop("check")
            body = json.dumps(config, separators=(",", ":"), ensure_ascii=False) + "\n"
            assert hashlib.sha256(body.encode()).hexdigest() == check
            encryption = config["encryption"]
            if encryption is not None:
                self.unlock(encryption, password)
        self.objects = {"metadata": {}, "blocks": {}}
        for area in self.objects:
            self.load(area)

    def unlock(self, encryption, password):
        secret = unicodedata.normalize("NFC", password).encode()
        key = hashlib.pbkdf2_hmac("sha256", secret, bytes.fromhex(encryption["salt"]), encryption["iterations"])
        self.scheme = encryption["keys"]
        self.master = self.open_with(key, bytes.fromhex(encryption["key"]), b"bkp key")

    @staticmethod
    def open_with(key, sealed, aad):
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        return ChaCha20Poly1305(key).decrypt(sealed[:12], sealed[12:], aad)

    def open(self, name, data):
        if self.master is None:
            return data
        key = self.master
        if self.scheme == "per-object":
            extracted = hmac.new(bytes(32), self.master, hashlib.sha256).digest()
            key = hmac.new(extracted, b"penstock bkp 1 object " + name.encode() + b"\x01", hashlib.sha256).digest()
        return self.open_with(key, data, b"data" if name.startswith("blocks/") else b"meta")

    def load(self, area):
        for directory, _, files in os.walk(os.path.join(self.root, area)):
            for file in files:
                path = os.path.join(directory, file)
                name = os.path.relpath(path, self.root)
                with open(path, "rb") as stream:
                    data = self.open(name, stream.read())
                if file.endswith(".pack"):
                    if self.alone and "-" in file:
                        continue
                    self.unpack(area, gzip.decompress(data))
                else:
                    assert sha(data).hex() == file
                    self.objects[area][sha(data)] = data

    def unpack(self, area, data):
        magic, count, prefix_length = struct.unpack_from("<4sIB", data)
        assert magic == b"PACK"
        at = 9 + prefix_length
        prefix = data[9:at]
        last = b""
        for _ in range(count):
            suffix = data[at : at + 32 - prefix_length]
            at += 32 - prefix_length
            (length,) = struct.unpack_from("<I", data, at)
            body = data[at + 4 : at + 4 + length]
            at += 4 + length
            assert prefix + suffix == sha(body) and last < suffix
            last = suffix
            self.objects[area][sha(body)] = body
        assert at == len(data)

    def node(self, object_id):
        data = self.objects["metadata"][object_id]
        _, kind, name_length = struct.unpack_from("<QBH", data)
        name = data[11 : 11 + name_length]
        at = 11 + name_length
        mtime, _, _, mode, count = struct.unpack_from("<QQQHI", data, at)
        at += 30
        if kind == 2:
            assert at + count == len(data)
            return kind, name, mtime, mode, data[at:]
        assert at + 32 * count == len(data)
        return kind, name, mtime, mode, [data[at + 32 * i : at + 32 * i + 32] for i in range(count)]

    def walk(self, object_id, path=b"", root=True):
        kind, name, mtime, mode, body = self.node(object_id)
        here = name if root or path == b"" else path + b"/" + name
        flags = mode >> 13 if mode & 0x1000 else 0
        entry = {
            "path": here.hex(),
            "kind": {1: "directory", 2: "symlink", 3: "file"}[kind],
            "mode": None if flags & 1 else mode & 0o7777,
            "mtime": None if flags & 2 else mtime,
        }
        if kind == 2:
            entry["target"] = body.hex()
        if kind == 3:
            content = b"".join(self.objects["blocks"][chunk] for chunk in body)
            entry["size"] = len(content)
            entry["content"] = sha(content).hex()
        if not (kind == 1 and flags & 4):
            yield entry
        if kind == 1:
            for child in body:
                yield from self.walk(child, here, False)

    def snapshots(self):
        for head in sorted(os.listdir(os.path.join(self.root, "heads"))):
            with open(os.path.join(self.root, "heads", head), "rb") as file:
                snapshot = file.read()
            while not self.alone:
                link = os.path.join(self.root, "next", head, snapshot.hex())
                if not os.path.exists(link):
                    break
                with open(link, "rb") as file:
                    snapshot = file.read()
            while snapshot is not None:
                data = self.objects["metadata"][snapshot]
                created, kind, root, has_parent = struct.unpack_from("<QB32sB", data)
                assert kind == 0 and len(data) == 42 + 32 * has_parent
                yield {"id": snapshot.hex(), "node": head, "time": created, "entries": list(self.walk(root))}
                snapshot = data[42:] if has_parent else None


def node(kind, name, count, body, mode=0o644, created=1000):
    head = struct.pack("<QBH", created, kind, len(name)) + name
    return head + struct.pack("<QQQHI", 100, 200, 300, mode, count) + body


def put(root, name, data):
    path = os.path.join(root, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def pack(root, area, objects):
    """All objects with the same first byte, in a packfile with that prefix."""
    groups = {}
    for data in objects:
        groups.setdefault(sha(data)[:1], set()).add(data)
    for prefix, group in groups.items():
        entries = sorted((sha(data), data) for data in group)
        body = b"".join(key[1:] + struct.pack("<I", len(data)) + data for key, data in entries)
        whole = b"PACK" + struct.pack("<IB", len(entries), 1) + prefix + body
        put(root, f"{area}/{prefix.hex()}/{prefix.hex()}.pack", gzip.compress(whole))


def write(root, head):
    chunks = [b"chunk %d\n" % i for i in range(600)]
    pack(root, "blocks", chunks[:500])
    for data in chunks[500:]:
        put(root, f"blocks/{sha(data).hex()[:2]}/{sha(data).hex()}", data)
    files = [node(3, b"f%03d" % i, 2, sha(chunks[i]) + sha(chunks[-1 - i])) for i in range(300)]
    link = node(2, b"link\xff", 4, b"../\xfe", 0o777)
    inner = node(1, b"inner", 300, b"".join(map(sha, files)), 0o700)
    root_tree = node(1, b"", 2, sha(inner) + sha(link), 0o755)
    first = struct.pack("<QB", 1001, 0) + sha(root_tree) + b"\0"
    second = struct.pack("<QB", 1002, 0) + sha(root_tree) + b"\1" + sha(first)
    pack(root, "metadata", [*files, link, inner, root_tree, first, second])
    put(root, f"heads/{head}", sha(second))


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "python")
    else:
        password = sys.argv[3] if len(sys.argv) > 3 else ""
        for snapshot in Repository(sys.argv[2], password, sys.argv[1] == "document").snapshots():
            print(json.dumps(snapshot))

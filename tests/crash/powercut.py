"""
powercut.py - the disk as a power cut may leave it, from powercut.c's log.

    disk = Disk({"shop.db": inode}, {"shop.db": bytes}, directory)
    for position, record in enumerate(read(log)):
        disk.apply(record)
        files = disk.image("half", rng)      # {name: bytes}

The model: a write, a truncation and a new or removed name are safe once a sync
of their file (of the directory, for names) that began after them has ended.
Until then each may or may not be on the disk, in any combination, and a write's
sectors of 512 bytes each for themselves.

Does not model: a disk that says it has flushed and has not, unless the log was
made with SHIM_DISK_LIES; a sector that is neither old nor new.
"""
import os
import struct

CREATE, WRITE, TRUNCATE, SYNC, SYNCED, UNLINK = range(1, 7)
ACK, SEEN = 100, 101  # the test's own: order confirmed, event received
HEAD = struct.Struct("<IIQQQ")
SECTOR = 512
WAYS = ("none", "all", "half", "late", "torn")


def note(fd, op, text):
    """Appends a record of the test's own; one write, so it is whole."""
    text = text.encode()
    os.write(fd, HEAD.pack(op, len(text), 0, 0, 0) + text)


def read(path):
    """The records: (op, inode, offset, token, data)."""
    with open(path, "rb") as f:
        log = f.read()
    at, records = 0, []
    while at < len(log):
        op, length, inode, offset, token = HEAD.unpack_from(log, at)
        at += HEAD.size
        records.append((op, inode, offset, token, log[at:at + length]))
        at += length
    return records


class File:
    """Safe content, and the changes that no sync has covered yet."""

    def __init__(self, content=b""):
        self.safe, self.pending, self.done = bytearray(content), [], 0

    def written(self):
        return self.done + len(self.pending)

    def sync(self, upto):
        """Makes safe all but what came after the first ${upto} changes."""
        n = max(0, upto - self.done)
        for change in self.pending[:n]:
            put(self.safe, *change)
        del self.pending[:n]
        self.done += n

    def image(self, keep):
        content = bytearray(self.safe)
        for change in keep(self.pending):
            put(content, *change)
        return bytes(content)


def put(content, offset, data):
    if data is None:  # a truncation, or an extension
        del content[offset:]
        content.extend(bytes(offset - len(content)))
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset:offset + len(data)] = data


def sectors(change):
    offset, data = change
    if data is None:
        yield change
        return
    at = 0
    while at < len(data):
        n = min(len(data) - at, SECTOR - (offset + at) % SECTOR)
        yield offset + at, data[at:at + n]
        at += n


def keeper(way, rng):
    """A function that chooses what of the unsynced changes is on the disk."""
    def keep(changes):
        if way == "none":
            return []
        if way == "all":
            return changes
        if way == "half":
            return [c for c in changes if rng.random() < 0.5]
        if way == "late":  # what was written last is there, the rest is not
            return changes[rng.randint(0, len(changes)):]
        return [s for c in changes for s in sectors(c) if rng.random() < 0.5]
    return keep


class Disk:
    def __init__(self, directory, files):
        """${directory} is its inode, ${files} {name: (inode, content)}."""
        self.directory = directory
        self.names = {n: File(c) for n, (_, c) in files.items()}
        self.files = {i: self.names[n] for n, (i, _) in files.items()}
        # Names that no sync of the directory covers: (name, File or None).
        self.entries, self.entries_done, self.marks = [], 0, {}

    def apply(self, record):
        op, inode, offset, token, data = record
        if op == CREATE:
            self.files[inode] = File()
            self.entries.append((os.path.basename(data.decode()),
                                 self.files[inode]))
        elif op == UNLINK:
            self.entries.append((os.path.basename(data.decode()), None))
        elif op == WRITE:
            self.files[inode].pending.append((offset, data))
        elif op == TRUNCATE:
            self.files[inode].pending.append((offset, None))
        elif op == SYNC and inode == self.directory:
            self.marks[token] = self.entries_done + len(self.entries)
        elif op == SYNC:
            self.marks[token] = self.files[inode].written()
        elif op == SYNCED and inode == self.directory:
            n = max(0, self.marks.pop(token) - self.entries_done)
            self.names = self.names_with(self.entries[:n])
            del self.entries[:n]
            self.entries_done += n
        elif op == SYNCED:
            self.files[inode].sync(self.marks.pop(token))

    def names_with(self, entries):
        names = dict(self.names)
        for name, file in entries:
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file
        return names

    def image(self, way, rng):
        """What is in the directory after the cut: {name: bytes}."""
        keep = keeper(way, rng)
        if way == "torn":  # a name is there or not
            entries = [e for e in self.entries if rng.random() < 0.5]
        else:
            entries = keep(self.entries)
        return {name: file.image(keep)
                for name, file in self.names_with(entries).items()}

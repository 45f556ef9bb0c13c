"""Bundles of coinstack-signon, versions 1 and 2, from docs/formats.md alone."""
import json
import os

from chain import check_anchor
from formats import (
    administration_text, check, check_side, inclusion_root, is_signed_by, leaf_hash, node_hash, read_note, read_record,
    read_server, unbase64, unhex,
)
from signatures import message_signer, sha256

MEMBERS = ['format', 'version', 'origin', 'from', 'to', 'size', 'files', 'left', 'right']
FILES = {'records.bin', 'servers.jsonl', 'checkpoints.jsonl', 'anchors.jsonl'}
MAY_BE_DROPPED = ('grant:', 'session:', 'assertion:', 'par:', 'attempts:')


class Tree:
    """Full subtrees, appended from the left; equal neighbours merge."""

    def __init__(self):
        self.size, self.roots = 0, []

    def append(self, root, width=1):
        check(self.size % width == 0, 'subtree stands where it can')
        at = self.size // width
        while at & 1:
            root, at = node_hash(self.roots.pop(), root), at >> 1
        self.roots.append(root)
        self.size += width

    def root(self):
        root = self.roots[-1]
        for left in self.roots[-2::-1]:
            root = node_hash(left, root)
        return root


def widths_before(position):
    return [1 << bit for bit in reversed(range(position.bit_length())) if position >> bit & 1]


def widths_behind(position, size):
    widths = []
    while position < size:
        width = 1
        while position % (width * 2) == 0 and position + width * 2 <= size:
            width *= 2
        widths.append(width)
        position += width
    return widths


def read_manifest(folder):
    with open(os.path.join(folder, 'manifest.json'), encoding='utf-8', newline='') as opened:
        text = opened.read()
    told = json.loads(text)
    check(isinstance(told, dict) and told.get('format') == 'coinstack-signon bundle', 'it is a bundle')
    check(told.get('version') in (1, 2), 'bundle version is known')
    check(list(told) == MEMBERS, 'manifest has its members')
    check(json.dumps(told, indent=2, ensure_ascii=False) + '\n' == text, 'manifest is written in its one form')
    files = FILES | ({'dropped.jsonl'} if told['version'] == 2 else set())
    check(files <= set(told['files']) <= files | {'sides.bin'}, 'bundle has the files of its version')
    check(set(os.listdir(folder)) == set(told['files']) | {'manifest.json'}, 'folder has these files and no others')
    check(0 <= told['from'] <= told['to'] < told['size'], 'range lies in its tree')
    return told


class Bundle:
    def __init__(self, folder):
        self.folder, self.told = folder, read_manifest(folder)
        self.files = {}
        for name, digest in self.told['files'].items():
            with open(os.path.join(folder, name), 'rb') as opened:
                self.files[name] = opened.read()
            check(sha256(self.files[name]).hex() == digest, 'file is the one that the manifest names')
        fewest = 28 * (self.told['to'] + 1 - self.told['from'])
        check(len(self.files['records.bin']) >= fewest, 'records are not too short for the range')

    def lines(self, name):
        return [json.loads(line) for line in self.files[name].decode().splitlines()]

    def records(self):
        """Record, or None and the leaf hash."""
        data, at = self.files['records.bin'], 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 4], 'big')
            check(length > 0 or self.told['version'] == 2, 'record is there')
            end = at + 4 + (length or 32)
            check(end <= len(data), 'records end with the file')
            yield (data[at + 4 : end], None) if length else (None, data[at + 4 : end])
            at = end

    def sides(self):
        data, at, found = self.files.get('sides.bin', b''), 0, {}
        while at < len(data):
            position, length = int.from_bytes(data[at : at + 8], 'big'), int.from_bytes(data[at + 8 : at + 12], 'big')
            check(not found or position > max(found), 'side records are in the order of the log')
            found[position] = data[at + 12 : at + 12 + length]
            at += 12 + length
        return found

    def proven(self, name, covering):
        """Records with their places in the covering tree."""
        last = -1
        for item in self.lines(name):
            check(set(item) == {'record', 'proof'}, 'proven record has its members')
            data = unbase64(item['record'])
            record = read_record(data)
            head, note = item['proof'].split('\n\n', 1)
            first, index, *path = head.split('\n')
            check(first == 'c2sp.org/tlog-proof@v1' and index == 'index %d' % record['position'], 'proof names its place')
            check(note == covering['note'], 'proof is of the covering tree')
            root = inclusion_root(leaf_hash(data), record['position'], covering['size'], [unbase64(it) for it in path])
            check(root == covering['root'], 'inclusion proof')
            check(record['position'] > last, 'proven records are in the order of the log')
            last = record['position']
            yield record


def read_numbers(data):
    """LEB128, each in its shortest form."""
    number = shift = 0
    for byte in data:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            check(byte or shift == 7, 'number is in its shortest form')
            yield number
            number = shift = 0
    check(shift == 0, 'list of positions is whole')


def read_drop(record):
    check(record['type'] == 2 and record['stream'] == 'retention:payloads', 'drop is a payloads.dropped')
    start, stop, count, packed, age, streams = record['fields'][:6]
    numbers, runs, at = list(read_numbers(packed)), [], 0
    check(numbers and len(numbers) % 2 == 0, 'list of positions is whole')
    for skipped, length in zip(numbers[::2], numbers[1::2]):
        check(length and (skipped or not runs), 'runs are as long as they can be')
        runs.append((at + skipped, at + skipped + length))
        at += skipped + length
    summed = (runs[0][0], runs[-1][1], sum(end - begin for begin, end in runs))
    check(summed == (start, stop, count), 'drop sums up its positions')
    check(stop <= record['position'], 'what was dropped stands before the drop')
    digests = [streams[i : i + 8] for i in range(0, len(streams), 8)]
    check(digests and len(streams) % 8 == 0 and len(digests) <= count, 'streams are named by 8 bytes each')
    check(digests == sorted(digests), 'streams are named in order')
    return {'position': record['position'], 'to': stop, 'runs': runs, 'streams': set(digests),
            'newest': record['time'] - age * 1000}


def read_drops(bundle, covering):
    """The drops, and by position those of the range that are gone."""
    first, behind = bundle.told['from'], bundle.told['to'] + 1
    drops, gone = [], set()
    if bundle.told['version'] == 1:
        return drops, gone
    for record in bundle.proven('dropped.jsonl', covering):
        drop = read_drop(record)
        named = [at for begin, end in drop['runs'] for at in range(max(begin, first), min(end, behind))]
        check(named, 'drop names a position of the range')
        check(gone.isdisjoint(named), 'position is dropped once')
        gone.update(named)
        drops.append(drop)
    check(drops, 'something was dropped')
    return drops, gone


def check_bundle(folder, known):
    bundle = Bundle(folder)
    told = bundle.told
    first, last, size = told['from'], told['to'], told['size']
    notes = bundle.lines('checkpoints.jsonl')
    trees = {tree['size']: tree for tree in ({**read_note(note), 'note': note} for note in notes)}
    check(list(trees) == sorted(trees) and len(trees) == len(notes), 'checkpoints are in the order of their sizes')
    check(all(first < it <= last + 1 or it == size for it in trees), 'checkpoint is of the range')
    check(all(tree['origin'] == told['origin'] for tree in trees.values()), 'checkpoint is of the log')
    check(size in trees, 'covering tree is there')
    covering = trees[size]
    servers = [{**read_server(record), 'position': record['position']} for record in bundle.proven('servers.jsonl', covering)]
    same = lambda one, other: all(one[name] == other[name] for name in ('origin', 'key', 'administrator'))
    trusted = [server for server in servers if known in (None, server['address'])]
    for server in servers:
        check(any(same(server, other) for other in trusted), 'server is the known one')
    drops, gone = read_drops(bundle, covering)

    tree = Tree()
    def compare():
        if tree.size in trees:
            check(tree.root() == trees[tree.size]['root'], 'checkpoint has the root of the records')

    def append_all(hashes, widths):
        check(len(hashes) == len(widths), 'as many hashes stand beside the range as are needed')
        for text, width in zip(hashes, widths):
            tree.append(unhex(text), width)

    append_all(told['left'], widths_before(first))
    sides, versions, last_time, position = bundle.sides(), {}, 0, first
    for data, leaf in bundle.records():
        check((leaf is not None) == (position in gone), 'record is missing where a drop names it, and only there')
        if data is None:
            check(len(leaf) == 32, 'leaf hash stands for a dropped record')
        else:
            record = read_record(data)
            check(record['position'] == position, 'positions have no gap')
            check(record['time'] >= last_time, 'time does not run backwards')
            last_time = record['time']
            check_streams(record, versions, drops, first)
            check(all(position >= drop['to'] or record['time'] <= drop['newest'] for drop in drops), 'drop was not early')
            if position in sides:
                check_side(record, sides.pop(position))
            if record['type'] == 1:
                check(any(it['position'] == position for it in servers), 'server of the range is among the servers')
            check_administration(record, servers)
        tree.append(leaf_hash(data) if leaf is None else leaf)
        compare()
        position += 1
    check(position == last + 1, 'range has all of its positions')
    check(not sides, 'side record belongs to a record')
    append_all(told['right'], widths_behind(last + 1, size))
    compare()
    for signed in trees.values():
        signers = [it for it in servers if it['position'] < signed['size'] and it['origin'] == signed['origin']]
        check(any(is_signed_by(signed, it['key']) for it in signers), 'checkpoint is signed')
    for anchor in bundle.lines('anchors.jsonl'):
        check(set(anchor) == {'transaction', 'block'}, 'anchor has its members')
        check(set(anchor['block']) == {'header', 'index', 'branch'}, 'block has its members')
        check_anchor(unhex(anchor['transaction']), anchor['block'], list(trees.values()), [it['address'] for it in servers])


def check_streams(record, versions, drops, first):
    """Versions without gaps, nothing left of what was dropped, and references that lead somewhere."""
    stream, version = record['stream'], record['version']
    check(version == versions.get(stream, -1) + 1 or (first > 0 and stream not in versions), 'versions have no gap')
    versions[stream] = version
    digest = lambda name: sha256(name.encode())[:8]
    for drop in drops:
        is_left = digest(stream) in drop['streams'] and record['position'] < drop['position']
        check(not is_left, 'nothing is left of a dropped stream')
    for other in references(record) if first == 0 else []:
        is_dropped = other.startswith(MAY_BE_DROPPED) and any(digest(other) in drop['streams'] for drop in drops)
        check(other in versions or is_dropped, 'reference leads to a stream that is there or was dropped')


def references(record):
    """Streams that must have begun before: of sessions, consents and codes, which name the most."""
    fields = record['fields']
    if record['type'] == 48:
        return ['user:' + fields[0]] + (['session:' + fields[5]] if len(fields) > 5 and fields[5] else [])
    if record['type'] == 64:
        return ['user:' + fields[0], 'client:' + fields[1]]
    if record['type'] == 80:
        return ['client:' + fields[1], 'user:' + fields[3], 'session:' + fields[4]]
    return []


def check_administration(record, servers):
    before = [server for server in servers if server['position'] < record['position']]
    text = before and administration_text(record, before[-1]['origin'])
    if text:
        signer = message_signer(text, unbase64(record['fields'][-1]))
        check(signer == before[-1]['administrator'], 'administration is signed')

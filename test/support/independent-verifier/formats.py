"""Records, tree, checkpoints and signatures of coinstack-signon, from docs/formats.md alone."""
import base64
import re
import struct

from signatures import ed25519_verify, message_signer, sha256


class Wrong(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Wrong(what)
    counts[what] = counts.get(what, 0) + 1


counts = {}


def unbase64(text):
    data = base64.b64decode(text, validate=True)
    check(base64.b64encode(data).decode() == text, 'base64 in its one form')
    return data


def unhex(text):
    check(text == text.lower(), 'hex is lower case')
    return bytes.fromhex(text)


# --- records -----------------------------------------------------------------------------------------------------
def read_record(data):
    check(len(data) > 23 and data[0] == 1, 'record version is known')
    length = data[22]
    check(length >= 1 and data[21] in (0, 1), 'record has no unknown flag')
    end = 23 + length + (32 if data[21] else 0)
    body = data[end:]
    fields, rest = read_cbor(body)
    check(rest == len(body) and isinstance(fields, list), 'record body is one CBOR array')
    return {
        'position': int.from_bytes(data[1:9], 'big'),
        'time': int.from_bytes(data[9:15], 'big'),
        'type': int.from_bytes(data[15:17], 'big'),
        'version': int.from_bytes(data[17:21], 'big'),
        'stream': data[23 : 23 + length].decode(),
        'commitment': data[23 + length : end] if data[21] else None,
        'body': body,
        'fields': fields,
    }


def read_cbor(data, at=0):
    """RFC 8949: integers, byte strings, text, arrays, maps, simple values and doubles. Returns value and end."""
    major, low = data[at] >> 5, data[at] & 31
    at += 1
    if major == 7:
        if low == 27:
            return struct.unpack('>d', data[at : at + 8])[0], at + 8
        return {20: False, 21: True, 22: None, 23: None}[low], at
    if low >= 24:
        size = 1 << (low - 24)
        low, at = int.from_bytes(data[at : at + size], 'big'), at + size
    if major == 0:
        return low, at
    if major == 1:
        return -1 - low, at
    if major in (2, 3):
        piece = data[at : at + low]
        return (piece if major == 2 else piece.decode()), at + low
    items = []
    for _ in range(low * (2 if major == 5 else 1)):
        item, at = read_cbor(data, at)
        items.append(item)
    return (items if major == 4 else dict(zip(items[::2], items[1::2]))), at


def check_side(record, side):
    check(sha256(side) == record['commitment'] and len(side) > 32, 'side record is the committed one')
    fields, end = read_cbor(side[32:])
    check(isinstance(fields, list) and end == len(side) - 32, 'side record is salt and one CBOR array')


def without_last(body):
    """The CBOR array of all fields but the last one."""
    count, at, last = body[0] & 31, 1, 1
    check(body[0] >> 5 == 4 and count < 24, 'signed body is a short array')
    for _ in range(count):
        last = at
        _, at = read_cbor(body, at)
    return bytes([0x80 + count - 1]) + body[1:last]


# --- tree (RFC 9162 sections 2.1.1, 2.1.3.2, 2.1.4.2) -------------------------------------------------------------
leaf_hash = lambda record: sha256(b'\0' + record)
node_hash = lambda left, right: sha256(b'\1' + left + right)


def root_of(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b'')
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return node_hash(root_of(leaves[:half]), root_of(leaves[half:]))


def inclusion_root(leaf, index, size, path):
    check(index < size, 'place lies in the tree')
    at, last, root = index, size - 1, leaf
    for sibling in path:
        check(last > 0, 'path is not too long')
        if at & 1 or at == last:
            root = node_hash(sibling, root)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        at, last = at >> 1, last >> 1
    check(last == 0, 'path is not too short')
    return root


def is_consistent(first, second, first_root, second_root, path):
    if first == second:
        return not path and first_root == second_root
    path = ([first_root] if first & (first - 1) == 0 else []) + path
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and (old, new) == (first_root, second_root)


# --- checkpoints and signatures ----------------------------------------------------------------------------------
def read_note(note):
    text, signatures = note.rsplit('\n\n', 1)
    origin, size, root = text.split('\n')
    check(re.fullmatch('0|[1-9][0-9]*', size), 'tree size is a decimal')
    return {'text': text + '\n', 'origin': origin, 'size': int(size), 'root': unbase64(root), 'signatures': signatures}


def is_signed_by(note, public_key):
    key_id = sha256(note['origin'].encode() + b'\n\1' + public_key)[:4]
    for line in note['signatures'].splitlines():
        dash, name, data = line.split(' ')
        data = unbase64(data)
        if dash == '\u2014' and name == note['origin'] and data[:4] == key_id:
            return ed25519_verify(public_key, note['text'].encode(), data[4:])
    return False


def read_server(record):
    check(record['type'] == 1, 'server is a server.opened')
    origin, administrator, server, key, signature = record['fields'][:5]
    named = base64.urlsafe_b64encode(key).decode().rstrip('=')
    lines = ['coinstack-signon server', 'ledger: ' + origin, 'administrator: ' + administrator]
    text = '\n'.join(lines + ['server: ' + server, 'checkpoint key: ' + named])
    check(message_signer(text, unbase64(signature)) == server, 'server vouches for its checkpoint key')
    return {'origin': origin, 'administrator': administrator, 'address': server, 'key': key, 'text': text}


names = {
    16: 'client.registered', 17: 'client.removed', 18: 'client.updated', 19: 'client.secret_rotated',
    24: 'invitation.issued', 25: 'invitation.withdrawn', 32: 'user.registered', 33: 'user.removed', 34: 'user.erased',
    35: 'user.password_changed', 36: 'user.updated', 85: 'rotation.ordered', 161: 'login.unlocked',
}


def administration_text(record, origin):
    """None for what the administrator does not sign."""
    name = names.get(record['type'])
    if record['type'] == 84 and record['fields'][0] == 'administrator':
        name = 'grant.revoked'
    if name is None:
        return None
    side = record['commitment'].hex() if record['commitment'] else 'none'
    lines = ['coinstack-signon administration', 'ledger: ' + origin, 'stream: ' + record['stream']]
    lines += ['version: %d' % record['version'], 'event: ' + name]
    return '\n'.join(lines + ['body: ' + sha256(without_last(record['body'])).hex(), 'side: ' + side])

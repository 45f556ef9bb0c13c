"""Transactions, blocks and anchors of a Bitcoin-type chain, as far as receipts and bundles need them."""
from formats import check, unhex
from signatures import address, ecdsa_verify, read_public_key, ripemd160, sha256, sha256d

shown = lambda digest: digest[::-1].hex()
unshown = lambda text: bytes.fromhex(text)[::-1]


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        if self.at > len(self.data):
            raise ValueError('it ends early')
        return self.data[self.at - count : self.at]

    def number(self, count):
        return int.from_bytes(self.take(count), 'little')

    def compact(self):
        first = self.number(1)
        return first if first < 253 else self.number({253: 2, 254: 4, 255: 8}[first])

    def text(self):
        return self.take(self.compact())


def read_transaction(data):
    reader = Reader(data)
    version = reader.number(4)
    inputs = [
        {'outpoint': reader.take(36), 'script': reader.text(), 'sequence': reader.take(4)}
        for _ in range(reader.compact())
    ]
    outputs = [{'value': reader.take(8), 'script': reader.text()} for _ in range(reader.compact())]
    transaction = {'version': version, 'inputs': inputs, 'outputs': outputs, 'locktime': reader.take(4)}
    if reader.at != len(data) or write(transaction) != data:
        raise ValueError('something is behind the transaction')
    return transaction


def compact(number):
    return bytes([number]) if number < 253 else b'\xfd' + number.to_bytes(2, 'little')


def write(transaction):
    text = lambda script: compact(len(script)) + script
    data = transaction['version'].to_bytes(4, 'little') + compact(len(transaction['inputs']))
    data += b''.join(it['outpoint'] + text(it['script']) + it['sequence'] for it in transaction['inputs'])
    data += compact(len(transaction['outputs']))
    data += b''.join(it['value'] + text(it['script']) for it in transaction['outputs'])
    return data + transaction['locktime']


def payloads(transaction):
    """What OP_RETURN outputs with one direct push of up to 75 bytes hold."""
    scripts = [output['script'] for output in transaction['outputs']]
    return [it[2:] for it in scripts if len(it) > 2 and it[0] == 0x6A and it[1] == len(it) - 2 <= 75]


def signers(transaction):
    """Addresses of the inputs that are P2PKH with a right SIGHASH_ALL signature."""
    found = []
    for i, own in enumerate(transaction['inputs']):
        reader = Reader(own['script'])
        signature, key = reader.take(reader.number(1)), reader.take(reader.number(1))
        script = b'\x76\xa9\x14' + ripemd160(sha256(key)) + b'\x88\xac'
        inputs = [{**it, 'script': script if j == i else b''} for j, it in enumerate(transaction['inputs'])]
        digest = sha256d(write({**transaction, 'inputs': inputs}) + (1).to_bytes(4, 'little'))
        if signature[-1] == 1 and ecdsa_verify(read_public_key(key), digest, *read_der(signature[:-1])):
            found.append(address(key))
    return found


def read_der(data):
    length = data[3]
    r, s = data[4 : 4 + length], data[6 + length :]
    if data[0] != 0x30 or data[1] != len(data) - 2 or data[5 + length] != len(s):
        raise ValueError('no signature')
    return int.from_bytes(r, 'big'), int.from_bytes(s, 'big')


def branch_root(txid, index, branch):
    node = txid
    for sibling in branch:
        if index & 1:
            if sibling == node:
                raise ValueError('a hash that pairs with itself stands at the right')
            node = sha256d(sibling + node)
        else:
            node = sha256d(node + sibling)
        index >>= 1
    if index:
        raise ValueError('the path is too short')
    return node


def has_work(header):
    """The header's hash meets the target that its own bits name."""
    bits = int.from_bytes(header[72:76], 'little')
    target = (bits & 0x7FFFFF) << 8 * ((bits >> 24) - 3) if bits >> 24 > 3 else (bits & 0x7FFFFF)
    return 0 < target and int.from_bytes(sha256d(header), 'little') <= target


def anchor_payload(origin, size, root):
    return b'CSO1' + sha256(origin.encode())[:8] + size.to_bytes(8, 'big') + root


def check_anchor(transaction, block, trees, addresses):
    """Returns the tree that the transaction commits to."""
    parsed = read_transaction(transaction)
    own = [payload for payload in payloads(parsed) if payload[:4] == b'CSO1' and len(payload) == 52]
    check(len(own) == 1, 'anchor has one payload')
    found = [it for it in trees if anchor_payload(it['origin'], it['size'], it['root']) == own[0]]
    check(found, 'payload commits to a checkpoint')
    check(set(signers(parsed)) & set(addresses), 'anchor is signed by the server')
    header = unhex(block['header'])
    check(len(header) == 80 and has_work(header), 'header has the work it names')
    root = branch_root(sha256d(transaction), block['index'], [unshown(text) for text in block['branch']])
    check(root == header[36:68], 'branch leads to the header')
    return found[0]

"""Checks vectors, receipts and bundles of coinstack-signon from docs/formats.md alone, without any code of the program.

    verify.py vectors fixtures/vectors/ledger.json
    verify.py receipt FILE [ADDRESS OF THE SERVER]
    verify.py bundle FOLDER [ADDRESS OF THE SERVER]

Exit code 0 and how often each check held, or 1 and the check that does not hold.
"""
import json
import sys

import chain
from bundle import check_bundle
from chain import check_anchor
from signatures import message_signer, sha256d
from formats import (
    Wrong, administration_text, check, check_side, counts, inclusion_root, is_consistent, is_signed_by, leaf_hash,
    read_note, read_record, read_server, root_of, unbase64, unhex,
)


def check_vectors(vectors):
    origin, keys = vectors['origin'], vectors['keys']
    leaves, servers, last_time, versions = [], [], 0, {}
    for position, told in enumerate(vectors['records']):
        data = unhex(told['record'])
        record = read_record(data)
        check(record['position'] == position == told['event']['position'], 'positions have no gap')
        check(record['version'] == versions.get(record['stream'], -1) + 1, 'versions have no gap')
        check(record['time'] >= last_time, 'time does not run backwards')
        versions[record['stream']], last_time = record['version'], record['time']
        check(leaf_hash(data).hex() == told['leafHash'], 'leaf hash')
        check((record['commitment'] is None) == ('side' not in told), 'side record where there is a commitment')
        if record['commitment']:
            check(record['commitment'].hex() == told['commitment'], 'commitment')
            check_side(record, unhex(told['side']))
        if record['type'] == 1:
            servers.append(read_server(record))
            check(servers[-1]['text'] == told['signedText'], 'text that the server signs')
        text = administration_text(record, origin)
        if text:
            check(text == told['signedText'], 'text that the administrator signs')
            signer = message_signer(text, unbase64(record['fields'][-1]))
            check(signer == servers[-1]['administrator'] == keys['administrator']['address'], 'administration is signed')
        leaves.append(leaf_hash(data))
    roots = [root_of(leaves[:size]) for size in range(len(leaves) + 1)]
    check([root.hex() for root in roots] == vectors['roots'], 'roots of all sizes')
    check(unhex(vectors['tile']['bytes']) == b''.join(leaves), 'tile holds the leaf hashes')
    for proof in vectors['inclusionProofs']:
        path = [unhex(text) for text in proof['path']]
        root = inclusion_root(leaves[proof['index']], proof['index'], proof['size'], path)
        check(root == roots[proof['size']], 'inclusion proof')
    for proof in vectors['consistencyProofs']:
        first, second = proof['from'], proof['to']
        path = [unhex(text) for text in proof['path']]
        check(is_consistent(first, second, roots[first], roots[second], path), 'consistency proof')
    for told in vectors['checkpoints']:
        note, anchor = read_note(told['note']), told['anchor']
        check((note['origin'], note['size']) == (origin, told['size']), 'checkpoint names origin and size')
        check(note['root'] == roots[told['size']], 'checkpoint has the root of the records')
        check(is_signed_by(note, servers[0]['key']), 'checkpoint is signed')
        payload = chain.anchor_payload(origin, note['size'], note['root'])
        check(payload.hex() == anchor['payload'], 'anchor payload')
        transaction = unhex(anchor['transaction'])
        check(chain.shown(sha256d(transaction)) == anchor['txid'], 'transaction id')
        check_anchor(transaction, anchor['block'], [note], [servers[0]['address']])


def check_receipt(receipt, known):
    check(isinstance(receipt, dict) and receipt.get('format') == 'coinstack-signon receipt', 'it is a receipt')
    check(receipt.get('version') == 1, 'receipt version is known')
    check(set(receipt) == {'format', 'version', 'events', 'servers', 'anchors'}, 'receipt has its members')
    trees = {}

    def prove(item):
        check({'record', 'proof'} <= set(item) <= {'record', 'proof', 'side'}, 'proven record has its members')
        data = unbase64(item['record'])
        record = read_record(data)
        head, note = item['proof'].split('\n\n', 1)
        first, index, *path = head.split('\n')
        check(first == 'c2sp.org/tlog-proof@v1' and index == 'index %d' % record['position'], 'proof names its place')
        tree = trees.setdefault(note, read_note(note))
        root = inclusion_root(leaf_hash(data), record['position'], tree['size'], [unbase64(it) for it in path])
        check(root == tree['root'], 'inclusion proof')
        if 'side' in item:
            check_side(record, unbase64(item['side']))
        return record, tree

    events = [prove(item) for item in receipt['events']]
    check(events, 'receipt has an event')
    records = [prove(item)[0] for item in receipt['servers']]
    for listed in [record for record, _ in events], records:
        positions = [record['position'] for record in listed]
        check(positions == sorted(set(positions)), 'records stand in the order of the log')
    servers = [{**read_server(record), 'position': record['position']} for record in records]
    same = lambda one, other: all(one[name] == other[name] for name in ('origin', 'key', 'administrator'))
    trusted = [server for server in servers if known in (None, server['address'])]
    for server in servers:
        check(any(same(server, other) for other in trusted), 'server is the known one')
    for tree in trees.values():
        signed = [it for it in servers if it['position'] < tree['size'] and it['origin'] == tree['origin']]
        check(any(is_signed_by(tree, server['key']) for server in signed), 'checkpoint is signed')
    for record, _ in events:
        before = [server for server in servers if server['position'] < record['position']]
        text = before and administration_text(record, before[-1]['origin'])
        if text:
            signer = message_signer(text, unbase64(record['fields'][-1]))
            check(signer == before[-1]['administrator'], 'administration is signed')
    for anchor in receipt['anchors']:
        check(set(anchor) == {'transaction', 'block'}, 'anchor has its members')
        check(set(anchor['block']) == {'header', 'index', 'branch'}, 'block has its members')
        addresses = [server['address'] for server in servers]
        check_anchor(unhex(anchor['transaction']), anchor['block'], list(trees.values()), addresses)


def main(what, file, known=None):
    try:
        if what == 'bundle':
            check_bundle(file, known)
        else:
            with open(file, encoding='utf-8') as opened:
                told = json.load(opened)
            check_vectors(told) if what == 'vectors' else check_receipt(told, known)
    except (Wrong, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        print('does not hold: %s' % error)
        return 1
    print(json.dumps(counts, indent=2))
    return 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))

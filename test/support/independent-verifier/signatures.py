"""What the formats rest on, from the standards and Python's standard library alone (slow, and only for checking).

Ed25519: RFC 8032 section 5.1. secp256k1: SEC 2 section 2.4.1, recovery: SEC 1 section 4.1.6. RIPEMD-160 is written out
since OpenSSL 3 has put it among its legacy algorithms.
"""
import hashlib

sha256 = lambda data: hashlib.sha256(data).digest()
sha256d = lambda data: sha256(sha256(data))

# --- Ed25519 -----------------------------------------------------------------------------------------------------
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def _ed_x(y, sign):
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    return P - x if x & 1 != sign else x


def _ed_point(data):
    y = int.from_bytes(data, 'little')
    x = _ed_x(y & (2**255 - 1), y >> 255)
    return None if x is None else (x, y & (2**255 - 1))


def _ed_add(a, b):
    (x1, y1), (x2, y2) = a, b
    k = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P,
    )


def _ed_times(n, point):
    total = (0, 1)
    while n:
        if n & 1:
            total = _ed_add(total, point)
        point = _ed_add(point, point)
        n >>= 1
    return total


_ed_y = 4 * pow(5, -1, P) % P
ED_BASE = (_ed_x(_ed_y, 0), _ed_y)


def ed25519_verify(public_key, message, signature):
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r, s = _ed_point(public_key), _ed_point(signature[:32]), int.from_bytes(signature[32:], 'little')
    if a is None or r is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), 'little') % L
    return _ed_times(s, ED_BASE) == _ed_add(r, _ed_times(k, a))


# --- secp256k1 ---------------------------------------------------------------------------------------------------
Q = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def _add(a, b):
    if a is None or b is None:
        return a or b
    (x1, y1), (x2, y2) = a, b
    if x1 == x2 and (y1 + y2) % Q == 0:
        return None
    slope = 3 * x1 * x1 * pow(2 * y1, -1, Q) if a == b else (y2 - y1) * pow(x2 - x1, -1, Q)
    x = (slope * slope - x1 - x2) % Q
    return x, (slope * (x1 - x) - y1) % Q


def _times(n, point):
    total = None
    while n:
        if n & 1:
            total = _add(total, point)
        point = _add(point, point)
        n >>= 1
    return total


def _lift(x, is_odd):
    y = pow(x**3 + 7, (Q + 1) // 4, Q)
    if x >= Q or (y * y - x**3 - 7) % Q:
        raise ValueError('not on the curve')
    return x, y if y & 1 == is_odd else Q - y


def ecdsa_verify(public_key, digest, r, s):
    if not (0 < r < N and 0 < s < N):
        return False
    w, z = pow(s, -1, N), int.from_bytes(digest, 'big')
    point = _add(_times(z * w % N, G), _times(r * w % N, public_key))
    return point is not None and point[0] % N == r


def read_public_key(data):
    x = int.from_bytes(data[1:33], 'big')
    if len(data) == 33 and data[0] in (2, 3):
        return _lift(x, data[0] & 1)
    if len(data) == 65 and data[0] == 4:
        return x, int.from_bytes(data[33:], 'big')
    raise ValueError('no public key')


def message_signer(text, signature):
    """The address that signed a Bitcoin Signed Message: 27 + recovery id, + 4 for a compressed key; r; s."""
    message = text.encode()
    size = bytes([len(message)]) if len(message) < 253 else b'\xfd' + len(message).to_bytes(2, 'little')
    z = int.from_bytes(sha256d(b'\x18Bitcoin Signed Message:\n' + size + message), 'big')
    header, r, s = signature[0] - 27, *(int.from_bytes(signature[i : i + 32], 'big') for i in (1, 33))
    if len(signature) != 65 or not 0 <= header < 8 or not (0 < r < N and 0 < s < N):
        raise ValueError('no signature')
    point = _lift(r + (N if header & 2 else 0), header & 1)
    inverse = pow(r, -1, N)
    x, y = _add(_times(s * inverse % N, point), _times(-z * inverse % N, G))
    compressed = bytes([2 + (y & 1)]) + x.to_bytes(32, 'big')
    full = b'\x04' + x.to_bytes(32, 'big') + y.to_bytes(32, 'big')
    return address(compressed if header & 4 else full)


# --- addresses ---------------------------------------------------------------------------------------------------
def address(public_key):
    payload = b'\x00' + ripemd160(sha256(public_key))
    data = payload + sha256d(payload)[:4]
    number, text = int.from_bytes(data, 'big'), ''
    while number:
        number, digit = divmod(number, 58)
        text = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'[digit] + text
    return '1' * (len(data) - len(data.lstrip(b'\0'))) + text


_ORDER_LEFT = [list(range(16))]
_ORDER_RIGHT = [[(9 * i + 5) % 16 for i in range(16)]]
_PERMUTATION = [7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8]
for _ in range(4):
    _ORDER_LEFT.append([_PERMUTATION[i] for i in _ORDER_LEFT[-1]])
    _ORDER_RIGHT.append([_PERMUTATION[i] for i in _ORDER_RIGHT[-1]])
_SHIFTS = [
    [11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8],
    [12, 13, 11, 15, 6, 9, 9, 7, 12, 15, 11, 13, 7, 8, 7, 7],
    [13, 15, 14, 11, 7, 7, 6, 8, 13, 14, 13, 12, 5, 5, 6, 9],
    [14, 11, 12, 14, 8, 6, 5, 5, 15, 12, 15, 14, 9, 9, 8, 6],
    [15, 12, 13, 13, 9, 5, 8, 6, 14, 11, 12, 11, 8, 6, 5, 5],
]
_MASK = 2**32 - 1
_ROUND = [
    lambda x, y, z: x ^ y ^ z,
    lambda x, y, z: (x & y) | (~x & z),
    lambda x, y, z: (x | ~y) ^ z,
    lambda x, y, z: (x & z) | (y & ~z),
    lambda x, y, z: x ^ (y | ~z),
]
_LEFT = [0, 0x5A827999, 0x6ED9EBA1, 0x8F1BBCDC, 0xA953FD4E]
_RIGHT = [0x50A28BE6, 0x5C4DD124, 0x6D703EF3, 0x7A6D76E9, 0]


def ripemd160(data):
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0]
    padded = data + b'\x80' + bytes(-(len(data) + 9) % 64) + (8 * len(data)).to_bytes(8, 'little')
    for start in range(0, len(padded), 64):
        words = [int.from_bytes(padded[start + i : start + i + 4], 'little') for i in range(0, 64, 4)]
        left = _line(state, words, _ORDER_LEFT, _LEFT, _ROUND)
        right = _line(state, words, _ORDER_RIGHT, _RIGHT, _ROUND[::-1])
        mixed = [state[(i + 1) % 5] + left[(i + 2) % 5] + right[(i + 3) % 5] & _MASK for i in range(5)]
        state = mixed
    return b''.join(word.to_bytes(4, 'little') for word in state)


def _line(state, words, order, constants, functions):
    a, b, c, d, e = state
    for number in range(5):
        for i in range(16):
            word = order[number][i]
            shift = _SHIFTS[number][word]
            t = a + functions[number](b, c, d) + words[word] + constants[number] & _MASK
            t = ((t << shift | t >> (32 - shift)) + e) & _MASK
            a, b, c, d, e = e, t, b, (c << 10 | c >> 22) & _MASK, d
    return a, b, c, d, e

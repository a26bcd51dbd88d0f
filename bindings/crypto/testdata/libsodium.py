"""The other side of sealed boxes and signatures, by libsodium: libsodium.py VERB HEX... prints hex."""

import sys

from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.signing import SigningKey, VerifyKey

verbs = {
    "exchange_public": lambda secret: bytes(PrivateKey(secret).public_key),
    "seal": lambda public, data: SealedBox(PublicKey(public)).encrypt(data),
    "open": lambda secret, sealed: SealedBox(PrivateKey(secret)).decrypt(sealed),
    "signing_public": lambda seed: bytes(SigningKey(seed).verify_key),
    "sign": lambda seed, data: SigningKey(seed).sign(data).signature,
    "verify": lambda public, data, signature: VerifyKey(public).verify(data, signature),
}
verb, *args = sys.argv[1:]
print(verbs[verb](*map(bytes.fromhex, args)).hex())

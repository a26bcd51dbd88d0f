---@meta

--- Digests, derived keys, random bytes, encodings, signatures and sealed boxes.
---
--- Data, keys and signatures are Lua strings of raw bytes; only digests come as hex, unless `raw` is asked for. A key,
--- once it is a handle, never gives its secret back. The device's own identity is out of reach.
---
--- A call takes at most 16 MiB, else it fails with the code `limit`.
---
--- ```lua
--- local key = crypto.generate_signing_key()
--- local signature = key:sign("tern")
--- assert(crypto.verify(key:public_key(), "tern", { signature = signature }))
--- assert(not crypto.verify(key:public_key(), "gull", { signature = signature }))
--- ```
---@class cryptolib
crypto = {}

---@alias crypto.Hash "sha256"|"sha384"|"sha512"|"sha1"

---@class crypto.SigningKey
local SigningKey = {}

---@class crypto.ExchangeKey
local ExchangeKey = {}

--- Computes a digest.
---
--- `md5` and `sha1` can be forged: they are here to compare with checksums that others publish, and for nothing else.
---
--- ```lua
--- assert(crypto.digest("md5", "abc") == "900150983cd24fb0d6963f7d28e17f72")
--- assert(#crypto.digest("sha256", "abc", { raw = true }) == 32)
--- ```
---@param algorithm crypto.Hash|"md5" Which digest.
---@param data string The bytes.
---@param opts? crypto.DigestOptions
---@return string? digest
---@return string? message
---@return string? code
function crypto.digest(algorithm, data, opts) end

---@class crypto.DigestOptions
---@field raw? boolean Bytes instead of hex. Default false.

--- Computes a message authentication code (HMAC, RFC 2104).
---
--- Compare it with `crypto.constant_time_equal`, never with `==`.
---
--- ```lua
--- local mac = crypto.hmac("Jefe", "what do ya want for nothing?")
--- assert(mac == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
--- ```
---@param key string The shared secret.
---@param data string The bytes.
---@param opts? crypto.HmacOptions
---@return string? mac
---@return string? message
---@return string? code
function crypto.hmac(key, data, opts) end

---@class crypto.HmacOptions
---@field algorithm? crypto.Hash The digest inside. Default "sha256".
---@field raw? boolean Bytes instead of hex. Default false.

--- Derives a key from a secret that is hard to guess (HKDF, RFC 5869).
---
--- It is not for passwords. Raises for a length that is not between 1 and 255 digests.
---
--- ```lua
--- local key = crypto.hkdf(crypto.random_bytes(32), 16, { info = "backup key" })
--- assert(#key == 16)
--- ```
---@param secret string The secret, in full strength.
---@param length integer Bytes wanted.
---@param opts? crypto.DeriveOptions
---@return string? key
---@return string? message
---@return string? code
function crypto.hkdf(secret, length, opts) end

---@class crypto.DeriveOptions
---@field salt? string Bytes that need not be secret, different for each secret; none when left out.
---@field info? string What the key is for: another purpose, another key; empty when left out.
---@field algorithm? crypto.Hash The digest inside. Default "sha256".

--- Gives bytes that nobody can guess, from the operating system.
---
--- Raises for more than 65,536.
---
--- ```lua
--- assert(#crypto.hex_encode(crypto.random_bytes(16)) == 32)
--- ```
---@param n integer Bytes wanted.
---@return string bytes
function crypto.random_bytes(n) end

--- Compares two secrets in a time that tells nothing of where they differ.
---
--- It may tell that their lengths differ.
---
--- ```lua
--- assert(crypto.constant_time_equal("same", "same"))
--- ```
---@param a string One secret.
---@param b string The other.
---@return boolean equal
function crypto.constant_time_equal(a, b) end

--- Writes bytes as base64 (RFC 4648).
---
--- ```lua
--- assert(crypto.base64_encode("\255\239") == "/+8=")
--- assert(crypto.base64_encode("\255\239", { url = true, padding = false }) == "_-8")
--- ```
---@param data string The bytes.
---@param opts? crypto.Base64Options
---@return string? text
---@return string? message
---@return string? code
function crypto.base64_encode(data, opts) end

--- Reads base64, strictly: the alphabet and the padding asked for, no blank and no line end, no stray bits.
---
--- Codes: `syntax`, with the place ("byte 5: not base64").
---
--- ```lua
--- assert(crypto.base64_decode("dGVybg==") == "tern")
--- local data, message, code = crypto.base64_decode("dGVybg")
--- assert(data == nil and code == "syntax")
--- ```
---@param text string Base64.
---@param opts? crypto.Base64Options
---@return string? data
---@return string? message
---@return string? code
function crypto.base64_decode(text, opts) end

---@class crypto.Base64Options
---@field url? boolean The alphabet for URLs and file names, with `-` and `_`. Default false.
---@field padding? boolean With `=` at the end. Default true.

--- Writes bytes as lower-case hexadecimal digits.
---@param data string The bytes.
---@return string? text
---@return string? message
---@return string? code
function crypto.hex_encode(data) end

--- Reads hexadecimal digits of either case, and nothing else.
---
--- Codes: `syntax`, with the place.
---
--- ```lua
--- assert(crypto.hex_decode("7465726E") == "tern")
--- ```
---@param text string Hexadecimal digits, an even number.
---@return string? data
---@return string? message
---@return string? code
function crypto.hex_decode(text) end

--- Makes a new Ed25519 key (RFC 8032) that lives as long as the role.
---
--- Codes: `limit` when the role has 1,024 things open.
---@return crypto.SigningKey? key
---@return string? message
---@return string? code
function crypto.generate_signing_key() end

--- Makes the Ed25519 key that belongs to a seed.
---
--- Codes: `invalid` for a seed that is not 32 bytes long; `limit` when the role has 1,024 things open.
---
--- ```lua
--- local key = crypto.signing_key_from_seed(("\0"):rep(32))
--- assert(crypto.hex_encode(key:public_key()):sub(1, 8) == "3b6a27bc")
--- ```
---@param seed string 32 secret bytes.
---@return crypto.SigningKey? key
---@return string? message
---@return string? code
function crypto.signing_key_from_seed(seed) end

--- Checks an Ed25519 signature. A signature of the wrong length is a wrong signature.
---
--- Codes: `invalid` for a public key that is not 32 bytes long.
---@param public_key string The signer's 32 bytes.
---@param data string What was signed.
---@param opts crypto.VerifyOptions
---@return boolean? genuine
---@return string? message
---@return string? code
function crypto.verify(public_key, data, opts) end

---@class crypto.VerifyOptions
---@field signature string The 64 bytes to check.

--- Makes a new X25519 key (RFC 7748) that lives as long as the role.
---
--- Codes: `limit` when the role has 1,024 things open.
---
--- ```lua
--- local mine, theirs = crypto.generate_exchange_key(), crypto.generate_exchange_key()
--- local ours = mine:derive(theirs:public_key(), 32, { info = "chat" })
--- assert(ours == theirs:derive(mine:public_key(), 32, { info = "chat" }))
--- ```
---@return crypto.ExchangeKey? key
---@return string? message
---@return string? code
function crypto.generate_exchange_key() end

--- Seals data so that only the owner of a key can open it; who sealed it stays unknown.
---
--- The form is libsodium's sealed box (`crypto_box_seal`), 48 bytes longer than the data.
---
--- Codes: `invalid` for a public key that is not 32 bytes long or keeps no secret.
---
--- ```lua
--- local key = crypto.generate_exchange_key()
--- local sealed = crypto.seal(key:public_key(), "for your eyes")
--- assert(key:open(sealed) == "for your eyes")
--- ```
---@param public_key string The receiver's 32 bytes.
---@param data string What to seal.
---@return string? sealed
---@return string? message
---@return string? code
function crypto.seal(public_key, data) end

--- Signs data.
---
--- Codes: `closed` once the key is closed.
---@param data string What to sign.
---@return string? signature 64 bytes.
---@return string? message
---@return string? code
function SigningKey:sign(data) end

--- Gives the public key.
---
--- Codes: `closed` once the key is closed.
---@return string? public_key 32 bytes.
---@return string? message
---@return string? code
function SigningKey:public_key() end

--- Forgets the key.
---@async
---@return true closed
function SigningKey:close() end

--- Gives the public key.
---
--- Codes: `closed` once the key is closed.
---@return string? public_key 32 bytes.
---@return string? message
---@return string? code
function ExchangeKey:public_key() end

--- Derives a key that the other side derives too, from its key and our public one.
---
--- The shared secret itself never appears: what comes out is HKDF of it. Raises for a length that is not between 1 and
--- 255 digests. Codes: `invalid` for a public key that is not 32 bytes long or keeps no secret; `closed`.
---@param peer string The other side's public key, 32 bytes.
---@param length integer Bytes wanted.
---@param opts? crypto.DeriveOptions
---@return string? key
---@return string? message
---@return string? code
function ExchangeKey:derive(peer, length, opts) end

--- Opens what was sealed for this key with `crypto.seal`, or by libsodium.
---
--- Codes: `invalid` for what was sealed for another key, or was changed since; `closed`.
---@param sealed string The box.
---@return string? data
---@return string? message
---@return string? code
function ExchangeKey:open(sealed) end

--- Forgets the key.
---@async
---@return true closed
function ExchangeKey:close() end

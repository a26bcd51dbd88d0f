---@meta

--- Certificates read and checked.
---
--- A certificate is a Lua string: PEM text or the bytes of one certificate in DER. A PEM text may hold several; whatever
--- else stands in it, private keys included, is passed over and never shown. At most 1 MiB and 1,024 certificates at a
--- time, with RSA keys of at most 16,384 bits.
---
--- ```lua
--- local function days_left(pem, now)
---   local chain, message, code = x509.verify(pem, { host = "engine.example" })
---   if not chain then
---     log.warn("certificate refused", { message = message, code = code })
---     return nil
---   end
---   return math.floor((chain[1].not_after - now) / 86400)
--- end
--- ```
---@class x509lib
x509 = {}

---@class x509.Certificate
---@field subject string The subject's name, as RFC 2253 writes it: "CN=engine.example,O=Borealis".
---@field issuer string The issuer's name, written likewise.
---@field serial string The serial number in lower-case hex, without leading zeros.
---@field not_before number The first moment of its validity, Unix seconds.
---@field not_after number The last moment of its validity, Unix seconds.
---@field dns_names string[] The DNS names that it is for.
---@field ip_addresses string[] The IP addresses that it is for.
---@field sha256 string The SHA-256 digest of its DER bytes, in lower-case hex.
---@field is_ca boolean Whether it may issue others.
---@field key_type "rsa"|"ecdsa"|"ed25519"|"other" The kind of its public key.

--- Reads certificates, without judging them.
---
--- Codes: `syntax` when there is none, or one that cannot be read; `limit` for too much at once.
---
--- ```lua
--- local list, message, code = x509.read("no certificate")
--- assert(list == nil and code == "syntax")
--- ```
---@param data string PEM text, or one certificate in DER.
---@return x509.Certificate[]? list In the order of the text.
---@return string? message
---@return string? code
function x509.read(data) end

--- Checks a certificate: its time, its issuers' signatures up to a root that is trusted, its use, and its name.
---
--- Revocation is not asked about. With `host`, the certificate must be meant for servers.
---
--- Codes: `expired` for one that is no longer or not yet valid; `untrusted` for no way to a trusted root; `hostname` for
--- one that is for other names; `invalid` for any other reason to refuse it; `syntax` and `limit` as for `x509.read`.
---@async
---@param chain string PEM text, the certificate first and then what helps to reach a root; or one certificate in DER.
---@param opts? x509.VerifyOptions
---@return x509.Certificate[]? trusted The way from the certificate to its root.
---@return string? message
---@return string? code
function x509.verify(chain, opts) end

---@class x509.VerifyOptions
---@field roots? string The roots to trust, PEM or DER; the system's when left out.
---@field intermediates? string More certificates that help to reach a root, PEM or DER.
---@field host? string The DNS name or IP address that it must be for; any when left out.
---@field at? number The moment to check for, Unix seconds; now when left out.

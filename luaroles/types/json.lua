---@meta

--- Text to values and back.
---
--- A JSON object becomes a table with string keys, a list a table 1..n. A list that came from here stays a list when it
--- is empty; an empty table made in Lua is an object, unless `json.array` marks it. `null` holds its place in a list as
--- `json.null`; an object has no member for it.
---
--- Numbers are float64: whole numbers are exact up to 2^53, larger ones are rounded to the nearest that there is. Keep
--- larger identifiers in strings.
---
--- ```lua
--- local host = json.decode('{"name": "lab-pc7", "disks": [{"size_bytes": 512}, null]}')
--- assert(host.name == "lab-pc7" and host.disks[1].size_bytes == 512 and host.disks[2] == json.null)
--- assert(json.encode({ tags = json.array({}), name = host.name }) == '{"name":"lab-pc7","tags":[]}')
--- ```
---@class jsonlib
json = {}

--- JSON's null, where nil cannot stand: inside a list, or as a member that must be sent.
---@class json.Null
json.null = {}

--- Reads one JSON text.
---
--- A text that is just `null` gives nil without a message. The last of two members of the same name counts. Half a
--- surrogate pair becomes U+FFFD.
---
--- Codes: `syntax` for what is not JSON in UTF-8, with the place ("byte 6: ..."); `limit` for more than 8 MiB, 100
--- levels or 262,144 values.
---
--- ```lua
--- local value, message, code = json.decode('{"a": x}')
--- assert(value == nil and code == "syntax" and message:find("byte 7", 1, true))
--- ```
---@param text string JSON text.
---@return any? value What the text holds; nil when it is `null`.
---@return string? message
---@return string? code
function json.decode(text) end

--- Writes a value as JSON text, members sorted by name.
---
--- Raises for what JSON has no form for: a function, a handle, NaN and the infinities.
---
--- Codes: `utf8` for a string that is not UTF-8 (encode bytes with `crypto.base64_encode`); `limit` for more than 8 MiB
--- of text, 100 levels or 262,144 values.
---
--- ```lua
--- assert(json.encode({ 1, "two", json.null }) == '[1,"two",null]')
--- assert(json.encode({ a = 1 }, { indent = 2 }) == '{\n  "a": 1\n}')
--- ```
---@param value any A string, number, boolean, table, `json.null` or nil.
---@param opts? json.EncodeOptions
---@return string? text
---@return string? message
---@return string? code
function json.encode(value, opts) end

---@class json.EncodeOptions
---@field indent? integer Spaces for each level, at most 8; 0 = all on one line. Default 0.

--- Marks a list as a list, so that it stays one when it is empty.
---
--- Give it the finished list and keep what it returns: that is a copy. Raises for what `json.encode` raises for.
---
--- Codes: `limit` as for `json.encode`.
---
--- ```lua
--- assert(json.encode({ files = json.array({}) }) == '{"files":[]}')
--- ```
---@param list any[] A list, possibly empty.
---@return any[]? list The same values, marked.
---@return string? message
---@return string? code
function json.array(list) end

---@meta

--- Values that a role keeps on disk, under keys.
---
--- They survive a reload, a restart, a crash and the removal of the role's file; `save_state` is for what only has to
--- reach the next version. Each role has its own store, in each service mode, and no other role reads it; the old and
--- the new version of a reloaded role share it.
---
--- A value is a string of any bytes, a number, a boolean, or a table that `json.encode` would take, in which strings
--- may again be any bytes; null in a list comes back as `json.null`, in an object not at all. A key has 1 to 256 bytes.
--- One value may have 262144 bytes as it is kept (a string just that long fits), and the whole store 4194304 bytes and
--- 10000 keys; it is for what a role has to remember, while large things are files.
---
--- Setting and deleting wait for the disk, some milliseconds each, and calls of one role go one after the other: keep
--- what belongs together in one table under one key, which also changes it whole or not at all. Setting a value that
--- is there already costs nothing.
---
--- Every function can fail with one of these codes; where more is said at a function, it comes on top.
---
--- - `"in_use"`: another process, such as an agent that has not ended yet, has the store
--- - `"damaged"`: what is on disk was found broken; it is kept as `*.damaged`, and an empty store takes its place
--- - `"permission"`, `"full"`: the system refuses the file to the agent, or the disk has no room
--- - `"cancelled"`: the role is ending
--- - `"failed"`: the system gave another reason; the message tells it
---
--- ```lua
--- local seen = assert(store.get("seen") or { count = 0 })
--- seen.count = seen.count + 1
--- assert(store.set("seen", seen))
--- assert(store.get("seen").count == seen.count)
--- ```
---@class storelib
store = {}

--- Reads the value under a key; nil alone when there is none.
---
--- ```lua
--- local value, message, code = store.get("never set")
--- assert(value == nil and code == nil, message)
--- ```
---@async
---@param key string
---@return any? value
---@return string? message
---@return string? code
function store.get(key) end

--- Puts a value under a key, in the place of the one that was there. It is on the disk when this returns.
---
--- Raises for a value that is nil, a function or a handle: `store.delete` removes a key. A value above its cap fails
--- with `"too_large"`. A store without room fails with `"full"`, and keeps what it has: delete keys, or set smaller
--- values, which always works.
---
--- ```lua
--- assert(store.set("job/7", { state = "done", output = "\0\255 any bytes" }))
--- assert(store.get("job/7").output == "\0\255 any bytes")
--- ```
---@async
---@param key string
---@param value any
---@return true? done
---@return string? message
---@return string? code
function store.set(key, value) end

--- Removes a key and its value.
---
--- ```lua
--- assert(store.set("old", true))
--- assert(store.delete("old") == true)
--- assert(store.delete("old") == false)
--- ```
---@async
---@param key string
---@return boolean? found Whether there was one.
---@return string? message
---@return string? code
function store.delete(key) end

--- Lists the keys, sorted by their bytes.
---
--- ```lua
--- for _, key in ipairs { "job/2", "job/10", "name" } do assert(store.set(key, 1)) end
--- assert(table.concat(assert(store.keys("job/")), " ") == "job/10 job/2")
--- ```
---@async
---@param prefix? string Only keys that begin with it.
---@return string[]? keys
---@return string? message
---@return string? code
function store.keys(prefix) end

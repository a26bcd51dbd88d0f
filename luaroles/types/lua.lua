---@meta

--- Lua scripts, each in a world of its own that has what the role was granted.
---
--- A script is the body of a function: it may use every module that the role may use, and `env`, a table of texts. Lua of
--- it runs within the limits that roles have (500 ms of processor time, waiting not counted, and 64 MiB). What it prints
--- is its output; what it raises ends it.
---
--- ```lua
--- local script = assert(lua.start('print("hello " .. env.WHOM)', { env = { WHOM = "you" }, timeout = 60 }))
--- local ending = assert(script:wait())
--- if ending.exit_code ~= 0 then
---   error(script:output().stderr)
--- end
--- script:close()
--- ```
---@class lualib
lua = {}

---@class lua.StartOptions
---@field env? table<string, string> What the script meets as `env`.
---@field timeout? number Seconds until the script is ended; 0 = none. Default 0.

---@class lua.Ending
---@field exit_code integer 0 when it came to its end, 1 when it raised or cannot be read, -1 when it was ended.
---@field timed_out boolean Whether it was ended because its time was up.
---@field duration number Seconds from its start to its end.

---@class lua.Output
---@field stdout string The first MiB of what it printed, of each `print` at most 4 KiB.
---@field stderr string What it raised, or why it was ended.
---@field truncated boolean Whether something was left out.

--- Starts a script.
---
--- It lives until it ends, its `timeout` is up, its handle is closed, or the role ends; the end of the handler that
--- started it does not matter to it. Codes: `limit` while 8 scripts of the role run.
---
---@async
---@param source string
---@param opts? lua.StartOptions
---@return lua.Script? script
---@return string? message
---@return string? code
function lua.start(source, opts) end

--- A script that was started.
---@class lua.Script
local Script = {}

--- Waits for the script to end.
---@async
---@return lua.Ending? ending
---@return string? message
---@return string? code
function Script:wait() end

--- What the script printed and raised, once it has ended.
---
--- Fails with `"running"` before that.
---
---@return lua.Output? output
---@return string? message
---@return string? code
function Script:output() end

--- Ends the script. Nothing happens to one that has ended.
---@return true? done
---@return string? message
---@return string? code
function Script:kill() end

--- Ends the script, if it runs, and forgets its output.
---@async
---@return true? done
---@return string? message
---@return string? code
function Script:close() end

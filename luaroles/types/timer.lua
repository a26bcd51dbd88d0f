---@meta

--- Functions that run later, once or again and again.
---
--- A timer's function runs as an event of its role, at most as many at a time as any event; an error in it is logged
--- with file and line, and a timer that repeats goes on. Timers end with their role: a reloaded role starts its own. A
--- role may have 1,000 running at a time.
---
--- ```lua
--- local beats = 0
--- local beat = timer.every(60, function() beats = beats + 1 end)
--- timer.after(3600, function() beat:cancel() end)
--- ```
---@class timerlib
timer = {}

---@class timer.Timer
local Timer = {}

--- Runs a function once, after a time.
---
--- Codes: `limit` when 1,000 timers are running already; `cancelled` when the role is ending.
---
--- ```lua
--- timer.after(1.5, function() log.info("one and a half seconds later") end)
--- ```
---@param seconds number How long from now; 0 = as soon as the role can.
---@param fn fun() What to run.
---@return timer.Timer? timer
---@return string? message
---@return string? code
function timer.after(seconds, fn) end

--- Runs a function again and again, the first time after one period.
---
--- The function never overlaps itself: while it still runs, the ticks that come due are skipped, and so are those that
--- a sleeping machine missed. The beat is kept: a tick that comes late does not move the next.
---
--- Raises for a period shorter than 0.01. Codes: `limit` when 1,000 timers are running already; `cancelled` when the
--- role is ending.
---@param seconds number The period, at least 0.01.
---@param fn fun() What to run.
---@return timer.Timer? timer
---@return string? message
---@return string? code
function timer.every(seconds, fn) end

--- Waits. The role's other events run meanwhile.
---
--- Codes: `timeout` when the event's own time is up first; `cancelled` when the role is ending.
---@async
---@param seconds number How long.
---@return true? passed
---@return string? message
---@return string? code
function timer.sleep(seconds) end

--- Lets the function run no more; one that runs already is not stopped.
---
--- Codes: `closed` for a timer that ended long ago, or was closed.
---
--- ```lua
--- local later = timer.after(60, function() end)
--- assert(later:cancel() == true)
--- assert(later:cancel() == false)
--- ```
---@return boolean? cancelled Whether it would have run again.
---@return string? message
---@return string? code
function Timer:cancel() end

--- Counts the ticks that were skipped so far.
---
--- Codes: `closed` as for `cancel`.
---@return integer? ticks
---@return string? message
---@return string? code
function Timer:skipped() end

--- Cancels the timer and lets go of it. A timer that has ended needs no closing.
---@async
---@return true closed
function Timer:close() end

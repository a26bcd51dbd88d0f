---@meta

--- What the tests beside a role get: role_X_test.lua holds functions `test_...(t)`, which run in the order of the file.
---
--- Each test meets a new role. The clock stands still, nothing of the machine is touched, and nothing is sent: a call that
--- would touch the machine raises until the test stubs it.
---@class borealis.Test
local Test = {}

--- Raises unless both are alike. Tables are compared by what they hold; an empty list and an empty object are alike.
---@param got any
---@param want any
function Test.equal(got, want) end

--- Raises unless a text matches a regular expression (Go's, not Lua's patterns).
---@param text string
---@param pattern string
function Test.match(text, pattern) end

--- Raises unless the function raises, and what it raises matches the regular expression.
---@param fn fun()
---@param pattern? string
function Test.raises(fn, pattern) end

--- From now on, the role's calls of a module's function come to `fn`. Raises for a function that no module has.
---
--- ```lua
--- t.stub("process.run", function(argv) return { exit_code = 0, stdout = "up 3 days\n", stderr = "" } end)
--- ```
---@param name string For example `"process.run"`.
---@param fn function
function Test.stub(name, fn) end

--- Gives the role an event, and returns once its handlers have ended or wait for the clock. Raises what they raise.
---@param event string
---@param payload? any
function Test.deliver(event, payload) end

--- Gives the role the Engine's list of configurations, as `deliver` does an event.
---@param roles table[] Not an empty list: that is `stop`.
function Test.config(roles) end

--- Stops the role as an empty list of configurations does: its `stop_all` is run. It lives on.
function Test.stop() end

--- Everything that the role has sent so far.
---@return { event: string, data: any }[]
function Test.sent() end

--- Moves the clock, and returns once what came due is done.
---@param seconds number
function Test.clock(seconds) end

--- The lines that the role printed, each quoted as the log has it.
---@return string[]
function Test.printed() end

--- A test within the test; what follows runs also when it fails.
---@param name string
---@param fn fun(t: borealis.Test)
function Test.run(name, fn) end

---@meta

--- What a role says to the Engine, in the device's name.
---
--- A role needs the grant `engine`; `engine:NAME` narrows it to one event or one path, and may be listed several times.
---
--- ```lua
--- engine.emit("quick_job_result", { job_id = 4711, status = "Success", stdout = "tern-7\n", stderr = "" })
--- ```
---@class enginelib
engine = {}

--- Hands an event to the outbox, which keeps it on disk until the Engine has it, over lost connections and restarts.
---
--- Bytes in a string that are not UTF-8 arrive as U+FFFD: encode them with `crypto.base64_encode` where they matter.
---
--- Raises for a name that is not a role's to send: Socket.IO's own (`connect`, `disconnect`, ...), the core's
--- (`connect_agent`, ...) and an operator's (`vpn_shell_open`, ...). Codes: `denied` for an event that a narrowed grant
--- does not cover; `limit` for more than 16 MiB of JSON, 100 levels or 262,144 values, and for more than 64 MiB in a
--- minute; and whatever the outbox says when it cannot keep the event.
---@param event string The event's name: letters, digits and any of `_-.:/`.
---@param data table|string What to send; a table travels as JSON, as `json.encode` writes it.
---@return true? kept
---@return string? message
---@return string? code
function engine.emit(event, data) end

--- Posts to the Engine over REST and gives its answer.
---
--- The core adds the device's token and waits its turn among all requests. Raises for a path that is not below
--- `/api/agent/` (or `/api/ansible/recap/report`), and for those of enrollment and tokens. Codes: `denied` for a path that a narrowed grant does not
--- cover; `timeout`; `utf8` and `limit` as for `json.encode`, with 16 MiB; `syntax` for an answer that is no JSON; and
--- whatever the Engine's refusal is called.
---
--- ```lua
--- local answer, message, code = engine.request("/api/agent/vpn/ensure", { agent_id = "H_G_SYSTEM" }, { timeout = 10 })
--- if not answer then
---   log.warn("no tunnel", { message = message, code = code })
--- end
--- ```
---@async
---@param path string The path, for example "/api/agent/details".
---@param body? table<string, any> The JSON object to post; an empty one when left out.
---@param opts? engine.RequestOptions
---@return any? answer What the Engine's JSON holds; nil without a message when it is empty or `null`.
---@return string? message
---@return string? code
function engine.request(path, body, opts) end

---@class engine.RequestOptions
---@field timeout? number Seconds until the answer must be there, at most 600. Default 30.

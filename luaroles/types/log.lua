---@meta

--- Lines for the role's log.
---
--- `debug` lines appear only where the agent's log level asks for them.
---
--- A message of more than 8 KiB and a field of more than 4 KiB are cut and say so; of more than 32 fields the rest is
--- left out and counted in `fields_left_out`. A table appears as JSON. Never log a secret: nothing here can tell it from
--- other text.
---
--- ```lua
--- log.info("inventory sent", { packages = 412, seconds = 1.5 })
--- log.warn("no package database", { tried = { "/var/lib/dpkg/status", "/var/lib/rpm" } })
--- ```
---@class loglib
log = {}

--- Logs what only a developer of the role wants to read.
---@param message string What happened, in lower case.
---@param fields? table<string, any> The particulars, by name.
---@return true logged
function log.debug(message, fields) end

--- Logs what an operator may want to know.
---@param message string What happened, in lower case.
---@param fields? table<string, any> The particulars, by name.
---@return true logged
function log.info(message, fields) end

--- Logs what is odd, though the role goes on by itself.
---@param message string What happened, in lower case.
---@param fields? table<string, any> The particulars, by name.
---@return true logged
function log.warn(message, fields) end

--- Logs what failed and needs somebody.
---@param message string What happened, in lower case.
---@param fields? table<string, any> The particulars, by name.
---@return true logged
function log.error(message, fields) end

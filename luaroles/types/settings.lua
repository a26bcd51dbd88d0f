---@meta

--- What the operator of this machine has set for the role.
---
--- Settings stand under `role_settings` and the role's name in `agent_settings_SYSTEM.json`, or `_CURRENTUSER`, among the
--- agent's settings: `"role_settings": { "RDP": { "auto_enable": true } }`. A change counts from the next look at it. The
--- file is no place for secrets.
---
--- ```lua
--- local minutes = settings.get("minutes")
--- if type(minutes) ~= "number" then -- people write it, so it may be anything
---   minutes = 30
--- end
--- ```
---@class settingslib
settings = {}

--- Reads one setting; nil when it is not set.
---@param name string
---@return any? value As JSON has it: text, number, boolean, or a table.
---@return string? message
---@return string? code
function settings.get(name) end

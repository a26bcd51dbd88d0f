-- The environment that a job's script runs in: what the Engine sends, and what its variables say beyond that.
local environment = {}

--- Every character that an environment name cannot hold becomes an underscore.
---@param name string
---@return string
local function sanitized(name)
  return (name:match("^%s*(.-)%s*$"):gsub("[^%w_]", "_"))
end

--- The text of a variable's value: booleans as True and False, nothing as the empty text, whole numbers without a point.
---@param value any
---@return string
local function text(value)
  if value == nil or value == json.null then
    return ""
  end
  if type(value) == "boolean" then
    return value and "True" or "False"
  end
  if type(value) == "number" and value % 1 == 0 then
    return ("%d"):format(value)
  end
  return tostring(value)
end

--- The Engine's environment comes first; a variable counts where its name is absent there: its value, else its default.
--- Each is also there under its name as it was written, when that is a name at all.
---@param job engine.QuickJob
---@return table<string, string>
function environment.of(job)
  local env = {}
  for name, value in pairs(job.environment or {}) do
    env[name] = text(value)
  end
  for _, variable in ipairs(job.variables or {}) do
    local name = sanitized(variable.name or "")
    if name ~= "" then
      local key = name:upper()
      if env[key] == nil then
        local value = variable.value
        if value == nil then
          value = variable.default
        end
        env[key] = text(value)
      end
      if env[name] == nil then
        env[name] = env[key]
      end
    end
  end
  return env
end

return environment

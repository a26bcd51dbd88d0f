-- The environment that a job's script runs in: what the Engine sends, and what its variables say beyond that.
local environment = {}

--- Every character that an environment name cannot hold becomes an underscore: one, however many bytes it has.
---@param name string
---@return string
local function sanitized(name)
  local plain = name:match("^%s*(.-)%s*$"):gsub("[\192-\255][\128-\191]*", "_")
  return (plain:gsub("[^A-Za-z0-9_]", "_"))
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

--- Adds a value under its canonical name and, as an alias, under the name as it was written; neither replaces one.
---@param env table<string, string>
---@param written string
---@param value any
local function add(env, written, value)
  local name = sanitized(written)
  if name == "" then
    return
  end
  local key = name:upper()
  if env[key] == nil then
    env[key] = text(value)
  end
  if env[name] == nil then
    env[name] = env[key]
  end
end

--- The Engine's environment comes first; a variable counts where its name is absent there: its value, else its default.
---@param job engine.QuickJob
---@return table<string, string>
function environment.of(job)
  local env = {}
  local given_env = type(job.environment) == "table" and job.environment or {}
  for name, value in pairs(given_env) do
    if name == sanitized(name):upper() then -- canonical names before what others would make of theirs
      env[name] = text(value)
    end
  end
  for name, value in pairs(given_env) do
    if sanitized(name) ~= "" then
      env[sanitized(name)] = text(value)
      add(env, name, value)
    end
  end
  for _, variable in ipairs(type(job.variables) == "table" and job.variables or {}) do
    if type(variable) == "table" and type(variable.name) == "string" then
      local value = variable.value
      if value == nil or value == json.null then
        value = variable.default
      end
      add(env, variable.name, value)
    end
  end
  return env
end

return environment

-- One idea: the user's desktop. On the event "form_fill" the role finds a window, waits until it is ready, and fills it in.
-- The shipped macro role does the same by its steps (docs/screens.md), without a line of Lua.
ROLE_NAME = "form"
ROLE_CONTEXTS = { "interactive" }
ROLE_GRANTS = { "desktop", "input", "engine" } -- "input" comes by the operator's word only: role allow form input

local Role = {}

---@param events borealis.Events
function Role:register_events(events)
  events:on("form_fill", function(form)
    local done, why = self:fill(form)
    engine.emit("form_filled", { id = form.id, ok = done == true, reason = why })
  end)
end

--- Fills the fields in their order, as the Tab key goes through them.
---@async
---@return true? done
---@return string? why
function Role:fill(form)
  local window, why = self:find(form.title, 10)
  if not window then
    return nil, why
  end
  local active, trouble = desktop.activate(window.handle)
  if not active then
    return nil, trouble
  end
  for _, text in ipairs(form.fields) do
    local typed, message = input.text(text) -- any Unicode; input.keys would read ^ and { as keys
    if not typed then
      return nil, message
    end
    input.keys("{Tab}")
  end
  return input.keys("{Enter}")
end

--- Waits until there is a window, twice a second.
---@async
function Role:find(title, seconds)
  for _ = 1, seconds * 2 do
    local list, message = desktop.windows({ title = title })
    if not list then
      return nil, message
    elseif list[1] then
      return list[1]
    end
    timer.sleep(0.5)
  end
  return nil, ("no window %q came within %d seconds"):format(title, seconds)
end

return Role

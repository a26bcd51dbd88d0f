-- Types into the logged-in user's windows what the configuration asks for, once, again and again, or when it is triggered.
--
-- It types nothing before the operator of the machine allows it: borealis-agent role allow macro input
-- borealis-agent macro stop ends all of it at once, until borealis-agent macro start.
ROLE_NAME = "macro"
ROLE_CONTEXTS = { "interactive" }
ROLE_GRANTS = { "input", "desktop", "engine:macro_status" }

-- Milliseconds between two attempts of one macro, at least.
local FASTEST = 50
-- What a macro may consist of, and how many seconds one of its steps may wait.
local MOST_STEPS, LONGEST_WAIT = 100, 60

local ALLOW = "the operator has not allowed it: borealis-agent role allow macro input"

---@class Macro
local Role = {}

---@param events borealis.Events
function Role:register_events(events)
  self.nodes, self.queue = {}, {}
  self.carried = self.ctx.state -- until the first list, whoever it is from
  events:on("macro_stop", function() self:stop() end)
  events:on("macro_start", function() self:start() end)
  timer.after(0.01, function()
    if self.carried then
      self:on_config(self.carried.roles)
    else
      self:prepare()
    end
  end)
end

--- Learns once what it may do: asking waits, which a file that loads must not.
---@async
function Role:prepare()
  if self.stopped == nil then
    self.stopped = store.get("stopped") == true
    -- It presses nothing, and already the module's name raises where it is not allowed.
    self.denied = not pcall(function() return input.text("") end)
  end
end

--- The next version goes on with what this one was asked for, but repeats nothing that was to happen once.
function Role:save_state()
  if self.carried then
    return self.carried
  end
  local done = {}
  for id, node in pairs(self.nodes) do
    done[id] = { done = node.done, trigger = node.trigger }
  end
  return { roles = self.roles or {}, nodes = done }
end

--- Takes the whole list. What changed of a macro counts at once.
---@param roles table[]
function Role:on_config(roles)
  local state = self.carried and self.carried.nodes or {}
  self.roles, self.carried = roles, nil
  self:prepare()
  local before = self.nodes
  self.nodes = {}
  for _, entry in ipairs(roles) do
    if type(entry) == "table" and entry.role == "macro" and type(entry.node_id) == "string" and entry.node_id ~= "" then
      local id = entry.node_id
      local node = before[id] or state[id] or {}
      node.id = id
      self.nodes[id] = node
      self:consider(node, entry)
    end
  end
  for id, node in pairs(before) do
    if not self.nodes[id] then
      self:rest(node)
    end
  end
  self:work()
end

function Role:stop_all()
  self.roles = {}
  for _, node in pairs(self.nodes) do
    self:rest(node)
  end
  self.nodes, self.queue = {}, {}
end

--- The operator's emergency stop. It holds over a restart.
function Role:stop()
  self.stopped = true
  self.queue = {}
  for _, node in pairs(self.nodes) do
    self:rest(node)
  end
  store.set("stopped", true)
  log.warn("macros are stopped by the operator of this machine")
end

function Role:start()
  self.stopped = false
  store.delete("stopped")
  log.info("macros may run again")
  for _, node in pairs(self.nodes) do
    self:consider(node, node.entry)
  end
  self:work()
end

local function is_on(value)
  return value == true or value == 1 or value == "1" or tostring(value):lower() == "true"
end

--- Decides what a macro is to do now that its entry is this one.
---@param node table
---@param entry table
function Role:consider(node, entry)
  local active = entry.active == nil or is_on(entry.active)
  local trigger = is_on(entry.trigger)
  local rising = trigger and not node.trigger
  node.entry, node.trigger = entry, trigger
  if not active or self.stopped then
    node.done = false
    self:rest(node)
    return
  end
  local mode = tostring(entry.operation_mode or "Continuous"):lower()
  if mode == "run once" then
    self:rest(node)
    if not node.done then
      self:enqueue(node)
    end
  elseif mode == "trigger-once" then
    self:rest(node)
    if rising then
      self:enqueue(node)
    end
  elseif mode == "continuous" or mode == "trigger-continuous" then
    if mode == "trigger-continuous" and not trigger then
      self:rest(node)
    elseif not node.repeats then
      node.repeats = true
      self:enqueue(node)
    end
  else
    self:rest(node)
    self:report(node, false, ("operation mode %q is not known"):format(tostring(entry.operation_mode)))
  end
end

--- Lets a macro do nothing more by itself.
function Role:rest(node)
  node.repeats = false
  node.queued = false
  if node.timer then
    node.timer:close()
    node.timer = nil
  end
end

function Role:enqueue(node)
  if not node.queued then
    node.queued = true
    self.queue[#self.queue + 1] = node
  end
end

--- Carries out what is due, one after the other: there is one keyboard.
---@async
function Role:work()
  if self.working then
    return
  end
  self.working = true
  local ok, err = pcall(function()
    while #self.queue > 0 and not self.stopped do
      local node = table.remove(self.queue, 1)
      if node.queued and self.nodes[node.id] == node then
        node.queued = false
        node.done = self:attempt(node)
        self:again(node)
      end
    end
  end)
  self.working = false
  if not ok then
    error(err, 0)
  end
end

--- Sees to a macro's next attempt, if it repeats.
function Role:again(node)
  if not node.repeats or node.timer or self.stopped or self.nodes[node.id] ~= node then
    return
  end
  local entry = node.entry
  local wait = tonumber(entry.interval_ms) or 1000
  if is_on(entry.randomize_interval) then
    local least = tonumber(entry.random_min) or 750
    local most = math.max(least, tonumber(entry.random_max) or 950)
    wait = least + math.random() * (most - least)
  end
  node.timer = timer.after(math.max(FASTEST, wait) / 1000, function()
    node.timer = nil
    if node.repeats then
      self:enqueue(node)
      self:work()
    end
  end)
end

--- Tries once, and says how that went.
---@async
---@return boolean done
function Role:attempt(node)
  local ok, done, message, code = pcall(self.play, self, node.entry)
  if not ok then -- a mistake in the macro, such as a key that there is not
    done, message = nil, tostring(done):gsub("^[^:]+:%d+: ", "")
  end
  if not done and (code == "denied" or self.denied) then
    self.denied, message = true, ALLOW
  end
  self:report(node, done and true or false, done and "sent" or message or "failed")
  return done and true or false
end

---@async
---@param entry table
---@return true? done
---@return string? message
---@return string? code
function Role:play(entry)
  local handle, message, code = self:window(entry)
  if not handle then
    return nil, message, code
  end
  local active
  active, message, code = desktop.activate(handle)
  if not active then
    return nil, message, code
  end
  if type(entry.steps) == "table" then
    return self:steps(entry.steps)
  end
  local kind = tostring(entry.macro_type or "keypress"):lower()
  if kind == "text" or kind == "typed_text" then
    if type(entry.text) ~= "string" or entry.text == "" then
      return nil, "there is no text to type"
    end
    return self:write(entry.text)
  elseif kind ~= "keypress" then
    return nil, ("macro type %q is not known"):format(kind)
  elseif type(entry.key) ~= "string" or entry.key == "" then
    return nil, "there is no key to press"
  end
  return input.keys(entry.key)
end

--- Types a text in pieces of some 200 bytes, between which it can be stopped.
---@async
---@param text string
---@return true? done
---@return string? message
---@return string? code
function Role:write(text)
  local from = 1
  while from <= #text do
    if self.stopped then
      return nil, "stopped by the operator of the machine"
    end
    local to = math.min(#text, from + 199)
    while to < #text and text:byte(to + 1) >= 0x80 and text:byte(to + 1) < 0xC0 do
      to = to + 1 -- no character is cut in two
    end
    local done, message, code = input.text(text:sub(from, to))
    if not done then
      return nil, message, code
    end
    from = to + 1
  end
  return true
end

--- The window that a macro is for: by its handle, or by a part of its title or its program's name.
---@async
---@return integer? handle
---@return string? message
---@return string? code
function Role:window(entry)
  local handle = tonumber(entry.window_handle)
  local title, process = entry.window_title, entry.window_process
  if not handle and not title and not process then
    return nil, "no window is chosen"
  end
  local list, message, code = desktop.windows({ title = title and tostring(title) or "", process = process and tostring(process) or "" })
  if not list then
    return nil, message, code
  end
  for _, window in ipairs(list) do
    if not handle or window.handle == handle then
      return window.handle
    end
  end
  return nil, "the window is not there"
end

--- What one step of a macro does, by its one key.
local STEPS = {
  keys = function(_, value) return input.keys(value) end,
  text = function(self, value) return self:write(tostring(value)) end,
  click = function(_, value) return input.click({ x = value.x, y = value.y, button = value.button, count = value.count }) end,
  wait = function(_, value) return timer.sleep(math.max(0, math.min(LONGEST_WAIT, tonumber(value) or 0))) end,
  wait_window = function(self, value)
    return self:wait_for(value, "no such window came", function()
      local list, message, code = desktop.windows({ title = tostring(value.title or ""), process = tostring(value.process or "") })
      return list and #list > 0 and desktop.activate(list[1].handle), message, code
    end)
  end,
  wait_pixel = function(self, value)
    return self:wait_for(value, "the pixel never had that colour", function()
      local colour, message, code = desktop.pixel(value.x, value.y)
      return colour and colour == tostring(value.colour):lower(), message, code
    end)
  end,
}

--- Goes through the steps, until one fails.
---@async
function Role:steps(list)
  if #list > MOST_STEPS then
    return nil, ("%d steps, of at most %d"):format(#list, MOST_STEPS)
  end
  for i, step in ipairs(list) do
    local name = type(step) == "table" and next(step) or nil
    local play = STEPS[name]
    if not play or next(step, name) ~= nil then
      return nil, ("step %d: it wants one of keys, text, click, wait, wait_window and wait_pixel"):format(i)
    end
    local done, message, code = play(self, step[name])
    if not done then
      return nil, ("step %d, %s: %s"):format(i, name, message or "failed"), code
    end
    if self.stopped then
      return nil, "stopped by the operator of the machine"
    end
  end
  return true
end

--- Waits until something holds, ten times a second.
---@async
function Role:wait_for(value, otherwise, holds)
  local left = math.max(0, math.min(LONGEST_WAIT, tonumber(value.within) or 10)) * 10
  while true do
    local held, message, code = holds()
    if held then
      return true
    elseif code == "denied" then
      return nil, message, code
    elseif left <= 0 or self.stopped then
      return nil, otherwise
    end
    left = left - 1
    timer.sleep(0.1)
  end
end

---@param success boolean
---@param message string
function Role:report(node, success, message)
  self.trouble = not success and message or nil
  engine.emit("macro_status", { agent_id = self.ctx.agent_id, node_id = node.id, success = success, message = message })
end

---@return borealis.Health
function Role:health_report()
  if self.denied then
    return { status = "pending", detail = ALLOW }
  elseif self.stopped then
    return { status = "pending", detail = "stopped by the operator of this machine: borealis-agent macro start" }
  elseif self.trouble then
    return { status = "recovering", detail = self.trouble }
  end
  return { status = "healthy" }
end

return Role

-- Shows the Engine parts of the logged-in user's screen, as its configuration asks for them, and lists the user's windows.
--
-- Settings: every_frame, true to send pictures that have not changed too, for an Engine that wants them all.
ROLE_NAME = "screenshot"
ROLE_CONTEXTS = { "interactive" }
ROLE_GRANTS = { "screenshot", "desktop", "engine:agent_screenshot_task", "engine:agent_window_list" }

-- Milliseconds between two pictures: what an Engine may ask for.
local FASTEST, SLOWEST = 100, 24 * 60 * 60 * 1000

---@class Screenshot
local Role = {}

---@param events borealis.Events
function Role:register_events(events)
  self.nodes, self.views = {}, {}
  events:on("list_agent_windows", function(event)
    if event.agent_id == nil or event.agent_id == self.ctx.agent_id then
      self:list_windows()
    end
  end)
  if self.ctx.state then
    self:on_config(self.ctx.state.roles)
  end
end

--- The next version goes on with what this one was asked for.
function Role:save_state()
  return { roles = self.roles or {} }
end

--- Takes the whole list: nodes that are new begin, nodes that are gone end, and nodes that changed follow.
---@param roles table[]
function Role:on_config(roles)
  self.roles = roles
  local wanted = {}
  for _, entry in ipairs(roles) do
    local node = self:node(entry)
    if node then
      wanted[node.id] = node
    end
  end
  self:rearrange(wanted)
end

function Role:stop_all()
  self.roles = {}
  self:rearrange({})
end

---@class ScreenshotNode
---@field id string
---@field x integer
---@field y integer
---@field w integer
---@field h integer
---@field monitor? integer
---@field interval integer milliseconds
---@field view string the key of its view

--- What one entry of the configuration asks for; nil when it is none of ours.
---@param entry table
---@return ScreenshotNode?
function Role:node(entry)
  if type(entry) ~= "table" or (entry.role ~= "screenshot" and entry.role ~= "node_screenshot") then
    return nil
  end
  if type(entry.node_id) ~= "string" or entry.node_id == "" then
    return nil
  end
  local function number(value, default, least, most)
    return math.floor(math.max(least, math.min(most, tonumber(value) or default)))
  end
  local node = {
    id = entry.node_id,
    x = number(entry.x, 100, -65536, 65536),
    y = number(entry.y, 100, -65536, 65536),
    w = number(entry.w, 300, 1, 16384),
    h = number(entry.h, 200, 1, 16384),
    monitor = tonumber(entry.monitor),
    interval = number(entry.interval, 1000, FASTEST, SLOWEST),
  }
  node.view = ("%d,%d,%d,%d,%s,%d"):format(node.x, node.y, node.w, node.h, tostring(node.monitor), node.interval)
  return node
end

--- Nodes that want the same share one view, of which one picture at a time is taken for all of them.
---@param wanted table<string, ScreenshotNode>
function Role:rearrange(wanted)
  local before = self.nodes
  self.nodes = wanted
  for _, view in pairs(self.views) do
    view.nodes = {}
  end
  for id, node in pairs(wanted) do
    local view = self.views[node.view] or self:open(node)
    view.nodes[#view.nodes + 1] = id
    if not before[id] or before[id].view ~= node.view then
      self:send(node, "")
      view.hash = nil -- the node has no picture yet
    end
  end
  for key, view in pairs(self.views) do
    table.sort(view.nodes)
    if #view.nodes == 0 then
      view.timer:close()
      self.views[key] = nil
    end
  end
end

--- Begins to look at what a node wants.
---@param node ScreenshotNode
function Role:open(node)
  local view = { nodes = {}, node = node }
  self.views[node.view] = view
  view.timer = assert(timer.every(node.interval / 1000, function()
    self:look(view)
  end))
  return view
end

--- Takes a picture and sends it to the nodes of a view, unless they have it. A look that is late is left out: the timer
--- waits for the one before.
---@async
function Role:look(view)
  local node = view.node
  local region = { x = node.x, y = node.y, width = node.w, height = node.h, monitor = node.monitor, base64 = true }
  if not settings.get("every_frame") then
    region.unless = view.hash
  end
  local picture, message, code = screenshot.capture(region)
  if not picture and code == "limit" then
    region.format, region.quality = "jpeg", 75
    picture, message, code = screenshot.capture(region)
  end
  if message ~= view.trouble then
    view.trouble = message
    if message then
      log.warn("no picture", { nodes = table.concat(view.nodes, " "), reason = message, code = code })
    end
  end
  if not picture then
    view.hash = nil
    return
  end
  view.hash = picture.hash
  if picture.unchanged then
    return
  end
  for _, id in ipairs(view.nodes) do
    if self.nodes[id] then
      self:send(self.nodes[id], picture.image)
    end
  end
end

--- Sends a picture, or "" for where it will be. It is worth something only now: a slow line drops it.
---@param node ScreenshotNode
---@param image string
function Role:send(node, image)
  engine.emit("agent_screenshot_task", {
    agent_id = self.ctx.agent_id,
    node_id = node.id,
    image_base64 = image,
    x = node.x,
    y = node.y,
    w = node.w,
    h = node.h,
  })
end

--- Answers with the windows that have a title; with none where they cannot be listed.
---@async
function Role:list_windows()
  local seen, message = desktop.windows()
  if not seen then
    log.warn("windows cannot be listed", { reason = message })
  end
  local list = {}
  for _, window in ipairs(seen or {}) do
    list[#list + 1] = { title = window.title, handle = window.handle }
  end
  engine.emit("agent_window_list", { agent_id = self.ctx.agent_id, windows = json.array(list) })
end

---@return borealis.Health
function Role:health_report()
  local count, trouble = 0, nil
  for _, view in pairs(self.views) do
    count = count + #view.nodes
    trouble = trouble or view.trouble
  end
  if trouble then
    return { status = "recovering", detail = trouble }
  end
  return { status = "healthy", detail = count > 0 and ("%d nodes look at the screen"):format(count) or nil }
end

return Role

-- Tells the Engine what this machine is: all of it after a connect and every six hours, else only what has changed.
--
-- To add a field, add a line to the function of its section below: `system` measures, this file composes.
ROLE_NAME = "device_audit"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "system", "engine:/api/agent/details", "http" }

local inventory = require("lib.inventory")

local MINUTE, HOUR = 60, 3600

-- How far a number may move before it is news. The clock is set now and then, and disks fill by the hour.
local SLACK = { uptime_sec = math.huge, usage = 1, free = math.huge, used = math.huge }

-- What does not change while the machine is up is measured for a full audit only.
local LASTING = { platform = true, hardware = true, cpu = true, memory = true }

---@class DeviceAudit
local Role = {}

---------------------------------------------------------------------------------------------------------------------
-- The sections. Each gets everything that was measured, by the names of `system`'s functions. One that needs what could
-- not be measured is left out, and the Engine keeps what it has; what stands under `m.known` may be missing.

local sections = {}

---@param m Measured
function sections.cpu(m)
  return {
    name = m.cpu.name,
    physical_cores = m.cpu.physical_cores,
    logical_cores = m.cpu.logical_cores,
    base_clock_ghz = m.cpu.base_ghz,
    -- The Engine has no column for these, and keeps them only in here.
    system_manufacturer = m.hardware.manufacturer,
    system_model_raw = m.hardware.model,
    system_model = inventory.joined(m.hardware.manufacturer, m.hardware.model),
    system_serial_number = Role.serial(m.hardware),
  }
end

---@param m Measured
function sections.memory(m)
  local list = {}
  for _, module in ipairs(m.memory.modules) do
    list[#list + 1] = {
      slot = inventory.first(module.slot, module.bank, "unknown"),
      speed = module.speed_mts and ("%d MT/s"):format(module.speed_mts) or "unknown",
      serial = inventory.first(module.serial, "unknown"),
      capacity = module.bytes,
    }
  end
  if #list == 0 then
    list[1] = { slot = "physical", speed = "unknown", serial = "unknown", capacity = m.memory.total_bytes }
  end
  return list
end

---@param m Measured
function sections.storage(m)
  local list = {}
  for _, volume in ipairs(m.volumes) do
    local usable = volume.used_bytes + volume.free_bytes
    list[#list + 1] = {
      drive = volume.device,
      disk_type = volume.removable and "Removable" or "Fixed Disk",
      usage = usable > 0 and math.floor(volume.used_bytes / usable * 1000 + 0.5) / 10 or 0,
      total = volume.total_bytes,
      free = volume.free_bytes,
      used = volume.used_bytes,
    }
  end
  return list
end

---@param m Measured
function sections.network(m)
  local list = {}
  for _, interface in ipairs(m.interfaces) do
    local ips = #interface.ipv4 > 0 and interface.ipv4 or interface.ipv6
    if #ips > 0 and not interface.loopback then
      list[#list + 1] = {
        adapter = interface.name,
        ips = ips,
        mac = interface.mac,
        link_speed = interface.speed_mbps and ("%d Mb/s"):format(interface.speed_mbps) or "",
      }
    end
  end
  return list
end

---@param m Measured
function sections.software(m)
  local list = {}
  for i, program in ipairs(m.software) do
    list[i] = { name = program.name, version = program.version, source = program.source }
  end
  return list
end

---@param m Measured
function sections.summary(m)
  local known, hardware, serial = m.known, m.hardware, Role.serial(m.hardware)
  return {
    hostname = m.host.name,
    os = m.platform.name,
    operating_system = m.platform.name,
    username = m.host.user,
    domain = m.host.domain,
    uptime_sec = math.floor(m.host.uptime),
    last_reboot = os.date("!%Y-%m-%d %H:%M:%S", m.host.boot_time),
    device_type = inventory.device_type(hardware, m.platform),
    internal_ip = known.interfaces and inventory.internal_ip(sections.network(m)),
    external_ip = known.external_ip,
    last_user = known.sessions and inventory.last_user(known.sessions, known.last_login),
    processor = known.cpu and inventory.processor(known.cpu),
    total_ram = known.memory and known.memory.total_bytes,
    manufacturer = hardware.manufacturer,
    system_model = hardware.model,
    device_model = hardware.model,
    model = inventory.joined(hardware.manufacturer, hardware.model),
    serial_number = serial,
    serial = serial,
    bios_serial = serial,
    ansible_ee_ver = "",
    cpu = known.cpu and sections.cpu(m),
  }
end

---@param hardware system.Hardware
---@return string
function Role.serial(hardware)
  return inventory.first(hardware.serial, hardware.board_serial, hardware.chassis_serial, hardware.uuid)
end

---------------------------------------------------------------------------------------------------------------------
-- When what is measured and sent.

---@class Measured: table<string, any>
---@field known table<string, any> What was measured, where a missing value is nil and no reason to give up.

---@param events borealis.Events
function Role:register_events(events)
  self.measured, self.reasons, self.sent = {}, {}, {}
  self.failures, self.full = 0, true
  events:on("connect", function()
    self.full = true
    self:plan(self.rested and 5 * MINUTE or 0)
  end)
  self:plan(0)
  self:plan_full()
end

--- A setting that people write, within bounds.
---@param name string
---@param default number
---@param least number
---@param most number
---@return number
local function setting(name, default, least, most)
  local value = settings.get(name)
  if type(value) ~= "number" then
    return default
  end
  return math.min(math.max(value, least), most)
end

--- Plans the next audit, in the place of the one that was planned. No two devices keep the same time.
---@param seconds number
function Role:plan(seconds)
  if self.next then
    self.next:cancel()
  end
  local spread = setting("spread_seconds", 30, 0, HOUR)
  self.next = timer.after(seconds + math.max(spread, seconds * 0.2) * math.random(), function() self:audit() end)
end

--- Everything is sent again now and then: an Engine may have lost it.
function Role:plan_full()
  self.next_full = timer.after(setting("full_hours", 6, 1, 24 * 7) * HOUR * (0.9 + 0.2 * math.random()), function()
    self.full = true
    self:plan_full()
  end)
end

--- One audit, and one at a time.
---@async
function Role:audit()
  if self.busy then
    self:plan(MINUTE)
    return
  end
  self.busy = true
  self:plan(self:interval()) -- before anything can fail
  local ok, message = pcall(function() self:tell(self.full) end)
  self.busy = false
  if not ok then
    self:failed(message)
  end
end

--- Seconds between two audits: the operator's, and longer while the Engine does not take them.
---@return number
function Role:interval()
  if self.failures > 0 then
    return math.min(MINUTE * 2 ^ (self.failures - 1), HOUR)
  end
  return setting("interval_minutes", 30, 5, 24 * 60) * MINUTE
end

--- Measures, and sends what the Engine does not know yet.
---@async
---@param full boolean
function Role:tell(full)
  if self.ctx.agent_id == "" then
    return -- not enrolled yet; the role is loaded anew once it is
  end
  self:measure(full)
  local details = self:compose()
  local news = self:news(details, full)
  if not next(news) then
    return
  end
  local answer, message = engine.request("/api/agent/details", {
    agent_id = self.ctx.agent_id,
    hostname = self.ctx.hostname,
    agent_hash = "",
    details = news,
  }, { timeout = 120 })
  if not answer then
    self:failed(message)
    return
  end
  self:settled(news, full)
end

---@param message string
function Role:failed(message)
  self.failures = self.failures + 1
  self.failure = message
  log.warn("the inventory was not taken", { reason = message, failures = self.failures })
  self:plan(self:interval())
end

--- Notes what the Engine knows now.
---@param news table<string, table>
---@param full boolean
function Role:settled(news, full)
  for name, section in pairs(news) do
    self.sent[name] = section
  end
  if news.software then
    -- Its stamp tells whether it changed, so that thousands of lines need not be kept to compare them.
    self.stamp, self.sent.software, self.measured.software = self.stamp_now, {}, nil
  end
  if self.failures > 0 then
    self.failures = 0
    self:plan(self:interval())
  end
  if full then
    -- A connection that comes and goes is no reason to send everything each time.
    self.full, self.rested = false, true
    self.rest = timer.after(5 * MINUTE, function() self.rested = false end)
  end
end

--- Measures what may have changed; what fails keeps its reason and no value.
---@async
---@param full boolean
function Role:measure(full)
  for _, name in ipairs({ "platform", "hardware", "cpu", "memory", "host", "volumes", "interfaces", "sessions", "last_login" }) do
    if full or not LASTING[name] or self.measured[name] == nil then
      self:note(name, system[name]())
    end
  end
  self:steady_boot()
  local stamp = system.software_stamp()
  if full or not stamp or stamp ~= self.stamp then
    self:note("software", system.software())
    self.stamp_now = stamp
  end
  self:external_ip(full)
end

--- Keeps one measurement, or why there is none. Only what is new is said.
---@param name string
---@param value any
---@param message? string
---@param code? string
function Role:note(name, value, message, code)
  self.measured[name] = value
  if code == "unsupported" then
    message = nil
  end
  if message and self.reasons[name] ~= message then
    log.warn("not measured", { what = name, reason = message })
  end
  self.reasons[name] = message
end

--- When the clock is set, the time of the last start seems to move.
function Role:steady_boot()
  local host = self.measured.host
  if not host then
    return
  end
  if self.boot and math.abs(host.boot_time - self.boot) < 2 * MINUTE then
    host.boot_time = self.boot
  end
  self.boot = host.boot_time
end

--- The address that others see, asked of whom the operator names, and of nobody else.
---@async
---@param full boolean
function Role:external_ip(full)
  local url = settings.get("external_ip_url")
  if type(url) ~= "string" or url == "" then
    self:note("external_ip", "")
    return
  end
  if not full and not self.reasons.external_ip then
    return
  end
  local answer, message = http.get(url, { timeout = 10 })
  local ip = answer and answer.status == 200 and answer.body:match("^%s*([%x.:]+)%s*$")
  self:note("external_ip", ip or "", not ip and (message or "the answer is no address") or nil)
end

-- What stands in for hardware that the machine does not show.
local UNKNOWN = {
  manufacturer = "", model = "", version = "", serial = "", uuid = "", board_serial = "", chassis_serial = "",
  chassis = "", virtual = "", container = "",
}

--- Composes every section that has what it needs.
---@return table<string, table>
function Role:compose()
  local measured, missing = self.measured, {}
  local m = setmetatable({ known = measured, hardware = measured.hardware or UNKNOWN }, {
    __index = function(_, name)
      return measured[name] or error(missing, 0)
    end,
  })
  local details = {}
  for name, compose in pairs(sections) do
    local ok, section = pcall(compose, m)
    if ok then
      details[name] = next(section) and section or nil -- the Engine ignores what is empty
      self:note("section " .. name, true)
    elseif section ~= missing then
      self:note("section " .. name, nil, tostring(section)) -- somebody's edit
    end
  end
  return details
end

--- The sections that the Engine does not know as they are.
---@param details table<string, table>
---@param full boolean
---@return table<string, table>
function Role:news(details, full)
  if full then
    return details
  end
  local news = {}
  for name, section in pairs(details) do
    if not inventory.alike(section, self.sent[name], SLACK) then
      news[name] = section
    end
  end
  return news
end

function Role:stop_all()
  for _, planned in ipairs({ self.next, self.next_full, self.rest }) do
    planned:cancel()
  end
end

---@return borealis.Health
function Role:health_report()
  local troubles = {}
  if self.failures > 0 then
    troubles[1] = "the Engine did not take the inventory: " .. tostring(self.failure)
  end
  for name, reason in pairs(self.reasons) do
    troubles[#troubles + 1] = name .. ": " .. reason
  end
  table.sort(troubles)
  if #troubles > 0 then
    return { status = self.failures == 1 and "recovering" or "unhealthy", detail = table.concat(troubles, "; ") }
  end
  if not next(self.sent) then
    return { status = "pending", detail = "nothing was sent yet" }
  end
  return { status = "healthy" }
end

return Role

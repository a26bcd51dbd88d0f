-- What an inventory is made of: small rules that turn what `system` measures into what the Engine shows.
local inventory = {}

--- The first of the texts that says something, or "".
---@param ... string?
---@return string
function inventory.first(...)
  for i = 1, select("#", ...) do
    local text = select(i, ...)
    if text and text ~= "" then
      return text
    end
  end
  return ""
end

--- A maker and a model in one, without saying the maker twice.
---@param manufacturer string
---@param model string
---@return string
function inventory.joined(manufacturer, model)
  if manufacturer == "" or model:lower():sub(1, #manufacturer) == manufacturer:lower() then
    return model
  end
  return model == "" and manufacturer or manufacturer .. " " .. model
end

--- "AMD EPYC 7443P (2.8GHz) @ 4 Cores", with as much of it as is known.
---@param cpu system.Cpu
---@return string
function inventory.processor(cpu)
  local text = cpu.name
  if cpu.base_ghz then
    text = ("%s (%.1fGHz)"):format(text, cpu.base_ghz)
  end
  local cores = cpu.physical_cores or cpu.logical_cores
  if cores then
    text = ("%s @ %d Cores"):format(text, cores)
  end
  return text
end

--- What the machine is for, in the Engine's three words.
---@param hardware system.Hardware
---@param platform system.Platform
---@return "Virtual Machine"|"Server"|"Workstation"
function inventory.device_type(hardware, platform)
  if hardware.virtual ~= "" or hardware.container ~= "" then
    return "Virtual Machine"
  end
  if platform.server or hardware.chassis == "server" then
    return "Server"
  end
  local at_a_desk = hardware.chassis == "notebook" or hardware.chassis == "tablet"
  return (at_a_desk or platform.graphical) and "Workstation" or "Server"
end

--- Whether an IPv4 address is one of those that are not routed.
---@param ip string
---@return boolean
local function private(ip)
  local a, b = ip:match("^(%d+)%.(%d+)%.")
  a, b = tonumber(a), tonumber(b)
  return a == 10 or a == 192 and b == 168 or a == 172 and b ~= nil and b >= 16 and b <= 31
end

--- The address under which the machine is met inside: the first private one, else the first.
---@param network { ips: string[] }[]
---@return string
function inventory.internal_ip(network)
  local first
  for _, adapter in ipairs(network) do
    for _, ip in ipairs(adapter.ips) do
      if private(ip) then
        return ip
      end
      first = first or ip
    end
  end
  return first or ""
end

--- Who is logged in, else who was last.
---@param sessions system.Session[]
---@param last? system.Login
---@return string
function inventory.last_user(sessions, last)
  local names, seen = {}, {}
  for _, session in ipairs(sessions) do
    if not seen[session.user] then
      seen[session.user] = true
      names[#names + 1] = session.user
    end
  end
  if #names > 0 then
    return table.concat(names, ", ")
  end
  return last and last.user or "No Users Logged In"
end

--- Whether two values are alike all through. Numbers may be apart by as much as is said for the name that they stand
--- under: what moves all the time is no news until it has moved far enough.
---@param a any
---@param b any
---@param slack? table<string, number>
---@param name? string
---@return boolean
function inventory.alike(a, b, slack, name)
  if type(a) == "number" and type(b) == "number" then
    return math.abs(a - b) <= (slack and slack[name] or 0)
  end
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not inventory.alike(value, b[key], slack, key) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

return inventory

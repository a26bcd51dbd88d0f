-- One idea: http. On the event "probe" the role asks one host whether it is well.
ROLE_NAME = "probe"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "http:status.example.org", "engine" } -- this one host, and no other

local Role = {}

---@param events borealis.Events
function Role:register_events(events)
  events:on("probe", function(ask)
    -- What the world refuses comes back as nil, a message for people, and one stable word.
    local answer, err, code = http.get("https://status.example.org/health", { timeout = 10 })
    if not answer then
      engine.emit("probe_result", { id = ask.id, up = false, reason = code, detail = err })
      return
    end
    engine.emit("probe_result", { id = ask.id, up = answer.status == 200, status = answer.status })
  end)
end

return Role

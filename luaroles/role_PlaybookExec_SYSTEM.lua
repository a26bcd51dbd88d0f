-- Runs the playbooks that the Engine sends, and tells how they go while they run. The core has made a job of the type
-- "ansible" of each, whichever way it came, and has seen to its signature.
--
-- Settings: collections_path, a directory with collections; nothing is downloaded.
ROLE_NAME = "playbook_exec_system"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "process:ansible-playbook", "fs", "engine" }

local ansible = require("lib.ansible")
local files = require("lib.files")
local jobs = require("lib.jobs")

-- How many playbooks run at a time. The rest wait, in the order in which they came.
local AT_ONCE = 4
-- Bytes of the output that are kept: the newest.
local MOST = 256 * 1024
-- Lines of it that a report while the run goes on holds.
local LIVE_LINES = 25

-- The file that says of a run's folder whose it is.
local RECORD = "run.json"

local LOST = "the agent was interrupted before this playbook ended; how far it came is not known, and it is not run again"

local MISSING = "ansible-playbook is not on this machine: the package ansible-core brings it, on Linux and macOS only"

---@class PlaybookExec
local Role = {}

---@param events borealis.Events
function Role:register_events(events)
  self.runs, self.older, self.began = {}, {}, os.time()
  for _, id in ipairs(self.ctx.state and self.ctx.state.runs or {}) do
    self.older[id] = true
  end
  events:on("quick_job_run", function(job)
    if job.run_mode == "system" and tostring(job.script_type):lower() == "ansible" then
      self:take(job)
    end
  end, { within = jobs.LONGEST, at_once = AT_ONCE })
  events:on("ansible_playbook_cancel", function(event) self:cancel("run_id", event.run_id) end)
  events:on("job_cancel", function(event) self:cancel("job_id", event.job_id) end)
  self.sweeping = timer.after(1, function() self:sweep() end)
end

--- The next version leaves the runs alone that this one, and those before it, still finish.
function Role:save_state()
  local ids = {}
  for id in pairs(self.runs) do
    ids[#ids + 1] = id
  end
  for id in pairs(self.older) do
    ids[#ids + 1] = id
  end
  return { runs = ids }
end

function Role:stop_all()
  self.sweeping:cancel()
end

---@class PlaybookRun
---@field job engine.QuickJob
---@field run_id string
---@field child? process.Child not there until it has started
---@field lines string[] the output so far
---@field bytes integer
---@field hosts? table<string, table<string, integer>> the recap
---@field cancelled boolean
---@field deaf boolean the Engine takes no reports
---@field news boolean there is something to report

--- Runs one playbook to its end and answers its job.
---@async
---@param job engine.QuickJob
function Role:take(job)
  local run = {
    job = job,
    run_id = self:name(job),
    started = os.time(),
    lines = {},
    bytes = 0,
    cancelled = false,
    deaf = false,
    news = false,
  }
  self.runs[run.run_id] = run
  local ok, err = pcall(function() self:carry_out(run) end)
  if run.child then
    run.child:close()
  end
  self:remove("runs/" .. run.run_id)
  self.runs[run.run_id] = nil -- now another run may have its name, and its folder
  if not ok then
    error(err, 0) -- the core answers in our place
  end
end

--- A run is called what its job says, as far as that can name a folder of its own.
---@param job engine.QuickJob
---@return string
function Role:name(job)
  local id = job.run_id
  if type(id) == "string" and id:match("^%w+$") and #id <= 64 and not self.runs[id] then
    return id
  end
  return crypto.hex_encode(crypto.random_bytes(16))
end

---@async
---@param run PlaybookRun
function Role:carry_out(run)
  local argv, opts = self:prepare(run)
  if not argv then
    self:answer(run, "Failed", opts)
    return
  end
  self:report(run, "Running")
  local child, message, code = process.start(argv, opts)
  if not child then
    self:answer(run, "Failed", code == "not_found" and MISSING or message)
    return
  end
  run.child = child
  if run.cancelled then
    child:kill()
  end
  local ticking = timer.every(1, function()
    if run.news then
      self:report(run, "Running")
    end
  end)
  self:follow(run)
  if ticking then
    ticking:cancel()
  end
  local ending, trouble = child:wait()
  self:conclude(run, ending, trouble)
end

--- Lays out the folder of a run. Credentials are in files that only the agent's user reads, never among the arguments.
---@async
---@param run PlaybookRun
---@return string[]? argv
---@return process.StartOptions|string opts, or why it cannot be
function Role:prepare(run)
  local dir = "runs/" .. run.run_id
  local full = self.ctx.data_dir .. "/" .. dir
  local content, message = files.of(run.job)
  if not content then
    return nil, message or "its files cannot be read"
  end
  local inventory, unknown = ansible.inventory(run.job.connection)
  if not inventory then
    return nil, unknown
  end
  local collections = settings.get("collections_path")
  local values, vault = ansible.variables(run.job)
  for _, name in ipairs({ "playbook.yml", "hosts", "ansible.cfg", "borealis.py", "variables.json", "vault", "known_hosts", RECORD }) do
    if content[name] then
      return nil, ("file %q: a run needs this name itself"):format(name)
    end
  end
  content["playbook.yml"] = run.job.script
  content["hosts"] = inventory
  content["ansible.cfg"] = ansible.config(full, type(collections) == "string" and collections or nil)
  content["borealis.py"] = ansible.CALLBACK
  content[RECORD] = json.encode(self:record(run))
  local argv = { "ansible-playbook", "-i", full .. "/hosts" }
  if next(values) then
    content["variables.json"] = json.encode(values)
    argv[#argv + 1], argv[#argv + 2] = "-e", "@" .. full .. "/variables.json"
  end
  if vault then
    content["vault"] = vault
    argv[#argv + 1], argv[#argv + 2] = "--vault-password-file", full .. "/vault"
  end
  argv[#argv + 1] = full .. "/playbook.yml"
  local made, trouble = self:lay_out(dir, content)
  if not made then
    return nil, trouble
  end
  return argv, {
    cwd = full,
    env = { ANSIBLE_CONFIG = full .. "/ansible.cfg", ANSIBLE_HOME = full .. "/home", HOME = full .. "/home", LC_ALL = "C.UTF-8" },
    timeout = self:limit(run.job),
    merge_stderr = true,
  }
end

--- What a report on a run needs that nobody is at any more.
---@param run PlaybookRun
function Role:record(run)
  local job = run.job
  return {
    run_id = run.run_id,
    started = run.started,
    job = { job_id = job.job_id, script_name = job.script_name, script_path = job.script_path, context = job.context },
  }
end

---@param job engine.QuickJob
---@return number seconds
function Role:limit(job)
  local longest = jobs.LONGEST - 60
  local seconds = tonumber(job.timeout_seconds) or 3600
  return seconds > 0 and math.min(seconds, longest) or longest
end

---@async
---@param dir string
---@param content table<string, string>
---@return true? made
---@return string message
function Role:lay_out(dir, content)
  for _, sub in ipairs({ "/home", "/tmp" }) do
    local made, message = fs.mkdir(dir .. sub)
    if not made then
      return nil, "its folder cannot be made: " .. message
    end
  end
  for name, text in pairs(content) do
    if name:find("[/\\]") then
      return nil, ("file %q: its name has a slash"):format(name)
    end
    local written, message = fs.write(dir .. "/" .. name, text)
    if not written then
      return nil, ("file %q cannot be written: %s"):format(name, message)
    end
  end
  return true, ""
end

--- Reads what the run says until it says no more.
---@async
---@param run PlaybookRun
function Role:follow(run)
  local rest = ""
  while true do
    local piece = run.child:read()
    if not piece then
      break
    end
    rest = rest .. piece
    local from = 1
    while true do
      local stop = rest:find("\n", from, true)
      if not stop then
        break
      end
      self:hear(run, rest:sub(from, stop - 1))
      from = stop + 1
    end
    rest = rest:sub(from)
  end
  if rest ~= "" then
    self:hear(run, rest)
  end
end

--- Takes one line: an event of ours, or what Ansible says beside them.
---@param run PlaybookRun
---@param line string
function Role:hear(run, line)
  local event = line:sub(1, 1) == "{" and json.decode(line)
  if type(event) ~= "table" or type(event.event) ~= "string" then
    self:keep(run, line)
    return
  end
  if event.event == "stats" and type(event.hosts) == "table" then
    run.hosts = event.hosts
  end
  for _, text in ipairs(ansible.lines(event)) do
    self:keep(run, text)
  end
end

---@param run PlaybookRun
---@param line string
function Role:keep(run, line)
  run.lines[#run.lines + 1] = line
  run.bytes = run.bytes + #line + 1
  run.news = true
  if run.bytes > 2 * MOST then -- seldom, so that it costs little
    local kept = jobs.cut(table.concat(run.lines, "\n"), MOST)
    run.lines, run.bytes = { kept }, #kept
  end
end

--- How the run ended: by its exit code and whether it was ended, never by what it wrote.
---@param run PlaybookRun
---@param ending? process.Ending
---@param trouble? string
function Role:conclude(run, ending, trouble)
  if not ending then
    self:answer(run, "Failed", trouble)
    return
  end
  local status = ending.exit_code == 0 and not ending.timed_out and "Success" or "Failed"
  if run.cancelled then
    status = "Cancelled"
  end
  self:answer(run, status, jobs.last_line({ cancelled = run.cancelled }, ending, false))
end

--- Answers the job, which Engines understand in two words only, and tells the recap to those that want it.
---@async
---@param run PlaybookRun
---@param status "Success"|"Failed"|"Cancelled"
---@param remark? string
function Role:answer(run, status, remark)
  local job = run.job
  engine.emit("quick_job_result", {
    job_id = job.job_id,
    status = status == "Success" and "Success" or "Failed",
    stdout = jobs.cut(table.concat(run.lines, "\n"), MOST),
    stderr = remark or "",
    context = type(job.context) == "table" and job.context or nil,
  })
  self:report(run, status)
end

--- Reports to the Engine's collector of recaps. Many Engines have none: then nothing more is told until the end.
---@async
---@param run PlaybookRun
---@param status "Running"|"Success"|"Failed"|"Cancelled"
function Role:report(run, status)
  run.news = false
  local final = status ~= "Running"
  if run.deaf and not final then
    return
  end
  local job = run.job
  local context = type(job.context) == "table" and job.context or {}
  local answer = engine.request("/api/ansible/recap/report", {
    run_id = run.run_id,
    hostname = self.ctx.hostname,
    agent_id = self.ctx.agent_id,
    playbook_name = job.script_name,
    playbook_path = job.script_path,
    activity_job_id = job.job_id,
    scheduled_job_id = context.scheduled_job_id,
    scheduled_run_id = context.scheduled_job_run_id,
    status = status,
    started_ts = run.started,
    finished_ts = final and os.time() or nil,
    recap_text = table.concat(run.lines, "\n", math.max(1, #run.lines - (final and 120 or LIVE_LINES) + 1)),
    recap_json = final and run.hosts or nil,
  }, { timeout = 10 })
  run.deaf = run.deaf or answer == nil
end

--- Ends a run and all that it started.
---@param field "run_id"|"job_id"
---@param id any
function Role:cancel(field, id)
  for _, run in pairs(self.runs) do
    if id ~= nil and tostring(field == "run_id" and run.run_id or run.job.job_id) == tostring(id) then
      run.cancelled = true
      if run.child then
        run.child:kill()
      end
    end
  end
end

--- Removes a folder with all that is in it.
---@async
---@param path string
function Role:remove(path)
  for _, entry in ipairs(fs.list(path) or {}) do
    local below = path .. "/" .. entry.name
    if entry.kind == "dir" then
      self:remove(below)
    else
      fs.remove(below)
    end
  end
  fs.remove(path)
end

--- Removes what runs of an agent that was killed have left, and reports them. (Their jobs the core has answered.)
---@async
function Role:sweep()
  for _, entry in ipairs(fs.list("runs") or {}) do
    local id, info = entry.name, fs.stat("runs/" .. entry.name)
    -- Beside a version that still finishes its runs, one may be young that nobody has told of.
    local left = not self.ctx.state or info and info.modified < self.began
    if left and not self.runs[id] and not self.older[id] then
      local run = json.decode(fs.read("runs/" .. id .. "/" .. RECORD) or "")
      self:remove("runs/" .. id)
      if type(run) == "table" and type(run.job) == "table" then
        run.lines = { LOST }
        self:report(run, "Failed")
      end
    end
  end
end

---@return borealis.Health
function Role:health_report()
  local n = 0
  for _ in pairs(self.runs) do
    n = n + 1
  end
  return { status = "healthy", detail = n > 0 and ("%d playbooks run"):format(n) or nil }
end

return Role

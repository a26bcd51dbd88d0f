-- Runs the script jobs that are meant for the machine itself, and says how they ended.
ROLE_NAME = "script_exec_system"
ROLE_CONTEXTS = { "system" }
ROLE_GRANTS = { "process", "engine" }

local environment = require("lib.environment")

-- A script may take longer than the ten minutes that handlers have else.
local A_DAY = 24 * 60 * 60

---@class ScriptExecSystem
local Role = {}

--- The Engine broadcasts jobs; the core has already checked host name and signature.
---@param events borealis.Events
function Role:register_events(events)
  events:on("quick_job_run", function(job)
    if job.run_mode == "system" then
      self:run(job)
    end
  end, { within = A_DAY })
end

--- Runs one job to its end. Other jobs run meanwhile.
---@async
---@param job engine.QuickJob
function Role:run(job)
  local done, err = process.run_script(job.script_type, job.script, {
    env = environment.of(job),
    timeout = job.timeout_seconds,
  })
  if not done then
    self:answer(job, "Failed", "", err)
    return
  end
  local ok = done.exit_code == 0 and not done.timed_out
  self:answer(job, ok and "Success" or "Failed", done.stdout, done.stderr .. self:remarks(job, done))
end

--- What the wire has no field for is said in the last lines of stderr.
---@param job engine.QuickJob
---@param done process.Result
---@return string
function Role:remarks(job, done)
  local lines = {}
  if done.timed_out then
    lines[#lines + 1] = ("[borealis] timed out after %g s; the script and all that it started were ended"):format(job.timeout_seconds)
  elseif done.exit_code ~= 0 then
    lines[#lines + 1] = ("[borealis] exit code %d"):format(done.exit_code)
  end
  if done.truncated then
    lines[#lines + 1] = "[borealis] the output was too long: its middle is left out"
  end
  if #lines == 0 then
    return ""
  end
  local gap = (done.stderr == "" or done.stderr:sub(-1) == "\n") and "" or "\n"
  return gap .. table.concat(lines, "\n") .. "\n"
end

---@param job engine.QuickJob
---@param status "Success"|"Failed"
---@param stdout string
---@param stderr string
function Role:answer(job, status, stdout, stderr)
  engine.emit("quick_job_result", {
    job_id = job.job_id,
    status = status,
    stdout = stdout,
    stderr = stderr,
    context = job.context,
  })
end

return Role

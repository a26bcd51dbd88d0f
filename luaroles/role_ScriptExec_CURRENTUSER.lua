-- Runs the script jobs that are meant for the logged-in user, as that user, and says how they ended.
ROLE_NAME = "script_exec_currentuser"
ROLE_CONTEXTS = { "interactive" }
ROLE_GRANTS = { "process", "engine" }

local jobs = require("lib.jobs")

-- How many jobs run at a time. The rest wait, in the order in which they came.
local AT_ONCE = 8

---@class ScriptExecCurrentUser
local Role = {}

--- The Engine broadcasts jobs; the core has already checked host name and signature.
---@param events borealis.Events
function Role:register_events(events)
  self.jobs = jobs.new(function(...)
    return self:answer(...)
  end)
  events:on("quick_job_run", function(job)
    if job.run_mode == "current_user" then
      self.jobs:run(job)
    end
  end, { within = jobs.LONGEST, at_once = AT_ONCE })
  events:on("job_cancel", function(event)
    self.jobs:cancel(event.job_id)
  end)
end

---@param job engine.QuickJob
---@param status "Success"|"Failed"
---@param stdout string
---@param stderr string
---@return true? kept
---@return string? message
function Role:answer(job, status, stdout, stderr)
  return engine.emit("quick_job_result", {
    job_id = job.job_id,
    status = status,
    stdout = stdout,
    stderr = stderr,
    context = type(job.context) == "table" and job.context or nil,
  })
end

--- What runs shows in the agent's status.
---@return borealis.Health
function Role:health_report()
  return { status = "healthy", detail = self.jobs:summary() }
end

return Role

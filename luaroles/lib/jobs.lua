-- Script jobs under way: each is run to its end, or to its cancelling, and answered once.
local environment = require("lib.environment")
local files = require("lib.files")

local jobs = {}

--- Seconds that a job may take from its beginning to its answer, whatever its own timeout says: a day.
jobs.LONGEST = 24 * 60 * 60

-- What is kept for the end: killing and answering take time too.
local RESERVE = 60

-- A job whose Engine says nothing of a timeout has an hour, as assemblies have.
local USUAL = 60 * 60

-- Bytes kept of stdout and of stderr. As text they may become three times as many, and a role's strings have a limit of
-- 4 MiB; besides, other results wait behind a large one.
local MOST = 1024 * 1024

-- Seconds between two looks at what a running script wrote, for an Engine that shows it.
local LOOK = 2

-- Bytes of each that a result is cut to when the whole one is refused.
local LITTLE = 64 * 1024

---@class Jobs
---@field answer fun(job: engine.QuickJob, status: string, stdout: string, stderr: string): true?, string?
---@field running table<string, RunningJob> by the text of its id
local Jobs = {}
Jobs.__index = Jobs

---@class RunningJob
---@field script? process.Script|lua.Script not there until it has started
---@field cancelled boolean

---@param answer fun(job: engine.QuickJob, status: string, stdout: string, stderr: string): true?, string?
---@return Jobs
function jobs.new(answer)
  return setmetatable({ answer = answer, running = {} }, Jobs)
end

--- Whether the Engine that sent a job shows what a script writes while it runs. Only later Engines do; they are known by
--- what they say of a job that upstream's earlier ones did not know.
---@param job engine.QuickJob
---@return boolean
function jobs.is_shown(job)
  return job.activity_kind ~= nil or job.queue_lane ~= nil or job.target_context ~= nil
end

--- Runs one job to its end and answers it. Other jobs run meanwhile.
---@async
---@param job engine.QuickJob
function Jobs:run(job)
  local id = tostring(job.job_id)
  local running = { cancelled = false }
  self.running[id] = running
  local ok, err = pcall(self.carry_out, self, job, running)
  self.running[id] = nil
  if running.script then
    running.script:close()
  end
  if not ok then
    error(err, 0) -- the core answers in our place
  end
end

--- Ends a job that runs; it is answered with what it wrote until then.
---@param job_id integer|string
function Jobs:cancel(job_id)
  local running = self.running[tostring(job_id)]
  if not running then
    return
  end
  running.cancelled = true
  if running.script then
    running.script:kill()
  end
end

--- Which jobs run, in words.
---@return string? summary nil when there are none
function Jobs:summary()
  local ids = {}
  for id in pairs(self.running) do
    ids[#ids + 1] = id
  end
  if #ids == 0 then
    return nil
  end
  table.sort(ids)
  return "runs job " .. table.concat(ids, ", ")
end

---@async
---@param job engine.QuickJob
---@param running RunningJob
function Jobs:carry_out(job, running)
  local script, err = self:start(job)
  if not script then
    self:refuse(job, err)
    return
  end
  running.script = script
  if running.cancelled then
    script:kill()
  end
  local watch = self:watch(job, script)
  local ending, trouble = script:wait()
  if watch then
    watch:close()
  end
  if ending then
    self:report(job, running, ending, ending.output or script:output())
  else
    self:refuse(job, trouble)
  end
end

--- What a script wrote since the last time, while it runs. It is worth something only now: what does not arrive is in the
--- answer too.
---@param job engine.QuickJob
---@param stdout string
---@param stderr string
local function tell(job, stdout, stderr)
  engine.emit("quick_job_progress", {
    job_id = job.job_id,
    status = "Running",
    stdout = stdout,
    stderr = stderr,
    append_output = true,
    context = type(job.context) == "table" and job.context or nil,
  })
end

--- Tells an Engine that shows it what a script writes, as long as it runs. What a Lua job says is known at its end only.
---@param job engine.QuickJob
---@param script process.Script|lua.Script
---@return timer.Timer? watch
function Jobs:watch(job, script)
  if not jobs.is_shown(job) or tostring(job.script_type):lower() == "lua" then
    return nil
  end
  return timer.every(LOOK, function()
    local news = script:progress()
    if news and (news.stdout ~= "" or news.stderr ~= "") then
      tell(job, news.stdout, news.stderr)
    end
  end)
end

--- Lua jobs run in a world of their own, with what this role is granted; files would have no place there.
---@async
---@param job engine.QuickJob
---@return process.Script|lua.Script? script
---@return string? message
function Jobs:start(job)
  local staged, err = files.of(job)
  if not staged then
    return nil, err
  end
  local kind = tostring(job.script_type):lower()
  local timeout = tonumber(job.timeout_seconds) or USUAL
  local longest = jobs.LONGEST - RESERVE
  if timeout <= 0 or timeout > longest then
    timeout = longest
  end
  if kind == "lua" then
    if next(staged) then
      return nil, "a Lua job takes no files"
    end
    return lua.start(job.script, { env = environment.of(job), timeout = timeout })
  end
  return process.start_script(kind, job.script, {
    env = environment.of(job),
    files = staged,
    timeout = timeout,
    max_output_bytes = MOST,
  })
end

--- Answers a job of which nothing is known but what went wrong.
---@param job engine.QuickJob
---@param reason string?
function Jobs:refuse(job, reason)
  assert(self.answer(job, "Failed", "", reason or "unknown"))
end

--- Answers a job that has ended. It does not wait, so that no two outputs are in memory at a time. A result that is not
--- taken is tried with less of the output, and at last with none.
---@param job engine.QuickJob
---@param running RunningJob
---@param ending process.ScriptEnding|lua.Ending
---@param output process.Output|lua.Output
function Jobs:report(job, running, ending, output)
  local ok = ending.exit_code == 0 and not ending.timed_out and not running.cancelled
  local refusal
  for _, most in ipairs({ math.huge, LITTLE, 0 }) do
    local stdout, stderr = jobs.cut(output.stdout, most), jobs.cut(output.stderr, most)
    local truncated = output.truncated or stdout ~= output.stdout or stderr ~= output.stderr
    local gap = (stderr == "" or stderr:sub(-1) == "\n") and "" or "\n"
    local kept, err =
      self.answer(job, ok and "Success" or "Failed", stdout, stderr .. gap .. jobs.last_line(running, ending, truncated))
    if kept then
      return
    end
    refusal = refusal or err
  end
  error(("the result is not taken, not even without its output: %s"):format(refusal), 0)
end

local function yes(condition)
  return condition and "yes" or "no"
end

--- What the wire has no field for is said in the last line of stderr, always in this form.
---@param running RunningJob
---@param ending process.ScriptEnding|lua.Ending
---@param truncated boolean
---@return string
function jobs.last_line(running, ending, truncated)
  return ("[borealis] exit_code=%d signal=%s duration=%.3f timed_out=%s cancelled=%s truncated=%s\n"):format(
    ending.exit_code,
    ending.signal or "none",
    ending.duration,
    yes(ending.timed_out),
    yes(running.cancelled),
    yes(truncated)
  )
end

--- The first and the last half of what a text may have, with a line between them that says how much is left out.
---@param text string
---@param most number
---@return string
function jobs.cut(text, most)
  if #text <= most then
    return text
  end
  -- No character is cut in two.
  local head = text:sub(1, math.floor(most / 2)):gsub("[\192-\255][\128-\191]*$", "")
  local tail = most > 0 and text:sub(-math.floor(most / 2)):gsub("^[\128-\191]+", "") or ""
  return ("%s\n[... %d bytes left out ...]\n%s"):format(head, #text - #head - #tail, tail)
end

return jobs

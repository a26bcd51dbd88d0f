local function job(changes)
  local j = {
    job_id = 4711,
    run_mode = "system",
    script_type = "bash",
    script = "echo tern",
    timeout_seconds = 120,
    environment = { GREETING = "tern" },
    variables = {},
    context = { assembly_source = "runtime" },
  }
  for name, value in pairs(changes or {}) do
    j[name] = value
  end
  return j
end

-- A script that has ended, as process.start_script gives one.
local function ended(changes)
  local all = { exit_code = 0, timed_out = false, duration = 0.1, stdout = "", stderr = "", truncated = false }
  for name, value in pairs(changes or {}) do
    all[name] = value
  end
  local script = {}
  script.wait = function()
    return all
  end
  script.output = function()
    return all
  end
  script.kill = function() end
  script.close = function()
    script.closed = true
  end
  return script
end

local function runs(t, script, seen)
  t.stub("process.start_script", function(kind, text, opts)
    if seen then
      seen.kind, seen.text, seen.opts = kind, text, opts
    end
    return script
  end)
end

local PLAIN = "[borealis] exit_code=0 signal=none duration=0.100 timed_out=no cancelled=no truncated=no\n"

function test_a_job_is_run_and_answered(t)
  local seen, script = {}, ended({ stdout = "tern\n" })
  runs(t, script, seen)
  t.deliver("quick_job_run", job({ script_type = "Bash" }))
  t.equal({ seen.kind, seen.text, seen.opts.timeout, seen.opts.env.GREETING }, { "bash", "echo tern", 120, "tern" })
  t.equal(script.closed, true)
  t.equal(t.sent(), {
    {
      event = "quick_job_result",
      data = {
        job_id = 4711,
        status = "Success",
        stdout = "tern\n",
        stderr = PLAIN,
        context = { assembly_source = "runtime" },
      },
    },
  })
end

function test_output_that_comes_with_the_ending_is_not_asked_for(t)
  local script = ended({ output = { stdout = "tern\n", stderr = "", truncated = false } })
  script.output = nil
  runs(t, script)
  t.deliver("quick_job_run", job())
  t.equal(t.sent()[1].data.stdout, "tern\n")
end

function test_only_an_object_comes_back_as_context(t)
  runs(t, ended())
  t.deliver("quick_job_run", job({ context = "text" }))
  t.equal(t.sent()[1].data.context, nil)
end

function test_jobs_of_other_modes_are_left_alone(t)
  t.deliver("quick_job_run", job({ run_mode = "current_user" }))
  t.equal(t.sent(), {})
end

function test_the_last_line_of_stderr_says_how_it_ended(t)
  for name, case in pairs({
    exit_code = { { exit_code = 3, stderr = "no newline" }, "no newline\n", "exit_code=3 signal=none duration=0.100 timed_out=no cancelled=no truncated=no" },
    signal = { { exit_code = -1, signal = "SIGSEGV", stderr = "a\n" }, "a\n", "exit_code=-1 signal=SIGSEGV duration=0.100 timed_out=no cancelled=no truncated=no" },
    timeout = { { exit_code = -1, timed_out = true, duration = 120 }, "", "exit_code=-1 signal=none duration=120.000 timed_out=yes cancelled=no truncated=no" },
    zero_but_late = { { timed_out = true }, "", "exit_code=0 signal=none duration=0.100 timed_out=yes cancelled=no truncated=no" },
  }) do
    t.run(name, function(t)
      runs(t, ended(case[1]))
      t.deliver("quick_job_run", job())
      local sent = t.sent()
      t.equal(sent[#sent].data.status, "Failed")
      t.equal(sent[#sent].data.stderr, case[2] .. "[borealis] " .. case[3] .. "\n")
    end)
  end
end

function test_output_that_was_cut_says_so(t)
  runs(t, ended({ truncated = true }))
  t.deliver("quick_job_run", job())
  t.equal(t.sent()[1].data.status, "Success")
  t.match(t.sent()[1].data.stderr, "truncated=yes")
end

function test_a_script_that_cannot_start_fails_with_the_reason(t)
  t.stub("process.start_script", function() return nil, "no interpreter for \"perl\"", "unsupported" end)
  t.deliver("quick_job_run", job({ script_type = "perl" }))
  t.equal(t.sent()[1].data.status, "Failed")
  t.equal(t.sent()[1].data.stderr, "no interpreter for \"perl\"")
end

function test_every_job_has_a_timeout(t)
  for name, case in pairs({
    given = { 5, 5 },
    text = { "7", 7 },
    none = { 0, 86340 },
    too_long = { 1e9, 86340 },
  }) do
    t.run(name, function(t)
      local seen = {}
      runs(t, ended(), seen)
      t.deliver("quick_job_run", job({ timeout_seconds = case[1] }))
      t.equal(seen.opts.timeout, case[2])
    end)
  end
end

-- A script that lasts until it is killed, or 60 seconds.
local function lasting(stdout)
  local script = ended({ stdout = stdout })
  script.kill = function(self)
    self.killed = true
  end
  script.wait = function(self)
    for _ = 1, 60 do
      if self.killed then
        return { exit_code = -1, signal = "SIGKILL", timed_out = false, duration = 2 }
      end
      timer.sleep(1)
    end
    return { exit_code = 0, timed_out = false, duration = 60 }
  end
  return script
end

function test_a_job_that_is_cancelled_is_ended_and_answered(t)
  runs(t, lasting("so far\n"))
  t.deliver("quick_job_run", job())
  t.deliver("job_cancel", { job_id = 1 })
  t.clock(1)
  t.equal(t.sent(), {})
  t.deliver("job_cancel", { job_id = 4711 })
  t.clock(1)
  local data = t.sent()[1].data
  t.equal({ data.job_id, data.status, data.stdout }, { 4711, "Failed", "so far\n" })
  t.match(data.stderr, "signal=SIGKILL .* cancelled=yes")
end

function test_a_job_that_is_cancelled_while_it_starts_is_ended_too(t)
  local script = lasting("")
  t.stub("process.start_script", function()
    timer.sleep(1)
    return script
  end)
  t.deliver("quick_job_run", job())
  t.deliver("job_cancel", { job_id = 4711 })
  t.clock(1)
  t.equal(script.killed, true)
  t.equal(#t.sent(), 1)
end

function test_jobs_run_beside_each_other(t)
  local left = 0
  t.stub("process.start_script", function()
    left = left + 1
    return lasting("job " .. left)
  end)
  t.deliver("quick_job_run", job({ job_id = 1 }))
  t.deliver("quick_job_run", job({ job_id = 2 }))
  t.equal(left, 2)
  t.deliver("job_cancel", { job_id = 2 })
  for _ = 1, 60 do
    t.clock(1)
  end
  t.equal({ t.sent()[1].data.stdout, t.sent()[2].data.stdout }, { "job 2", "job 1" })
end

function test_an_engine_that_shows_what_a_script_writes_is_told_of_it(t)
  for name, case in pairs({
    shows = { { activity_kind = "quick_job" }, 2 },
    knows_it_not = { {}, 0 },
    lua = { { activity_kind = "quick_job", script_type = "lua" }, 0 },
  }) do
    t.run(name, function(t)
      local script, looks, before = lasting("all of it"), 0, #t.sent()
      script.progress = function()
        looks = looks + 1
        return { stdout = ({ "1\n", "", "3\n" })[looks], stderr = looks == 3 and "e" or "" }
      end
      runs(t, script)
      t.stub("lua.start", function()
        return script
      end)
      t.deliver("quick_job_run", job(case[1]))
      for _ = 1, 6 do
        t.clock(1)
      end
      local sent = t.sent()
      t.equal(#sent - before, case[2])
      if case[2] > 0 then
        t.equal(sent[#sent], {
          event = "quick_job_progress",
          data = {
            job_id = 4711,
            status = "Running",
            stdout = "3\n",
            stderr = "e",
            append_output = true,
            context = { assembly_source = "runtime" },
          },
        })
      end
      t.deliver("job_cancel", { job_id = 4711 })
      t.clock(1)
      t.clock(10)
      sent = t.sent()
      t.equal(#sent - before, case[2] + 1)
      t.equal(sent[#sent].event, "quick_job_result")
    end)
  end
end

-- The Engine's side takes no result with more text than this.
local function takes(t, most, sent)
  t.stub("engine.emit", function(event, data)
    if #data.stdout + #data.stderr > most then
      return nil, "too much", "limit"
    end
    sent[#sent + 1] = data
    return true
  end)
end

function test_a_result_that_is_refused_is_sent_shorter(t)
  local long = "first " .. ("ż"):rep(100000) .. " last"
  local sent = {}
  takes(t, 140000, sent)
  runs(t, ended({ stdout = long, stderr = long }))
  t.deliver("quick_job_run", job())
  t.equal(#sent, 1)
  t.equal(sent[1].status, "Success")
  t.match(sent[1].stdout, "^first ż+\n\\[... [0-9]+ bytes left out ...]\nż+ last$")
  t.match(sent[1].stderr, "truncated=yes\n$")
end

function test_a_result_that_is_refused_again_is_sent_without_output(t)
  local sent = {}
  takes(t, 1000, sent)
  runs(t, ended({ exit_code = 4, stdout = ("x"):rep(100000) }))
  t.deliver("quick_job_run", job())
  t.equal({ sent[1].status, sent[1].stdout }, { "Failed", "\n[... 100000 bytes left out ...]\n" })
  t.match(sent[1].stderr, "exit_code=4 .*truncated=yes")
end

function test_a_result_that_is_never_taken_is_left_to_the_core(t)
  local script = ended({ stdout = "x" })
  takes(t, -1, {})
  runs(t, script)
  t.raises(function()
    t.deliver("quick_job_run", job())
  end, "not taken, not even without its output: too much")
  t.equal(script.closed, true)
end

function test_files_lie_beside_the_script(t)
  local seen = {}
  runs(t, ended(), seen)
  t.deliver("quick_job_run", job({ files = {
    { file_name = "a.txt", size = 3, mime_type = "text/plain", data = "YQAL\n" },
    { file_name = "b", data = "" },
  } }))
  t.equal(seen.opts.files, { ["a.txt"] = "a\0\11", b = "" })
end

function test_files_that_are_not_what_they_say_fail_the_job(t)
  local many = {}
  for i = 1, 101 do
    many[i] = { file_name = tostring(i), data = "" }
  end
  for reason, list in pairs({
    ["is not base64"] = { { file_name = "a", data = "%%" } },
    ["it has 1 bytes, not 2"] = { { file_name = "a", size = 2, data = "YQ==" } },
    ["has no name or no data"] = { { file_name = "a" } },
    ["two files are called"] = { { file_name = "a", data = "" }, { file_name = "a", data = "" } },
    ["more than 8388608 bytes"] = {
      { file_name = "a", data = ("AAAA"):rep(1000000) },
      { file_name = "b", data = ("AAAA"):rep(1000000) },
      { file_name = "c", data = ("AAAA"):rep(1000000) },
    },
    ["101 files, at most 100"] = many,
  }) do
    t.run(reason, function(t)
      t.deliver("quick_job_run", job({ files = list }))
      local sent = t.sent()
      t.equal(sent[#sent].data.status, "Failed")
      t.match(sent[#sent].data.stderr, reason)
    end)
  end
end

function test_variables_complete_the_environment(t)
  local seen = {}
  runs(t, ended(), seen)
  t.deliver("quick_job_run", job({
    environment = { SET = "by the Engine", ["odd name-ż"] = true, [" "] = "nothing" },
    variables = {
      { name = "set", value = "ignored" },
      { name = "a count", value = 3, default = 1 },
      { name = "flag", default = true },
      { name = "off", value = false, default = true },
      { name = "nothing" },
      "no variable",
    },
  }))
  t.equal(seen.opts.env, {
    SET = "by the Engine",
    set = "by the Engine",
    ODD_NAME__ = "True",
    odd_name__ = "True",
    A_COUNT = "3",
    a_count = "3",
    FLAG = "True",
    flag = "True",
    OFF = "False",
    off = "False",
    NOTHING = "",
    nothing = "",
  })
end

function test_lua_jobs_run_in_a_world_of_their_own(t)
  local seen
  t.stub("lua.start", function(text, opts)
    seen = { text = text, timeout = opts.timeout, greeting = opts.env.GREETING }
    return ended({ stdout = "tern\n", exit_code = 1, stderr = "script.lua:1: no\n" })
  end)
  t.deliver("quick_job_run", job({ script_type = "lua" }))
  t.equal(seen, { text = "echo tern", timeout = 120, greeting = "tern" })
  t.equal({ t.sent()[1].data.status, t.sent()[1].data.stdout }, { "Failed", "tern\n" })
  t.deliver("quick_job_run", job({ script_type = "lua", files = { { file_name = "a", data = "" } } }))
  t.equal(t.sent()[2].data.stderr, "a Lua job takes no files")
end

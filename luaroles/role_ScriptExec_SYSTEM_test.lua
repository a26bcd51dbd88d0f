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

local function result(changes)
  local r = { exit_code = 0, stdout = "", stderr = "", timed_out = false, truncated = false, duration = 0.1 }
  for name, value in pairs(changes or {}) do
    r[name] = value
  end
  return r
end

function test_a_job_is_run_and_answered(t)
  local seen
  t.stub("process.run_script", function(kind, script, opts)
    seen = { kind = kind, script = script, timeout = opts.timeout, greeting = opts.env.GREETING }
    return result({ stdout = "tern\n" })
  end)
  t.deliver("quick_job_run", job())
  t.equal(seen, { kind = "bash", script = "echo tern", timeout = 120, greeting = "tern" })
  t.equal(t.sent(), {
    {
      event = "quick_job_result",
      data = {
        job_id = 4711,
        status = "Success",
        stdout = "tern\n",
        stderr = "",
        context = { assembly_source = "runtime" },
      },
    },
  })
end

function test_jobs_of_other_modes_are_left_alone(t)
  t.deliver("quick_job_run", job({ run_mode = "current_user" }))
  t.equal(t.sent(), {})
end

function test_what_went_wrong_is_said(t)
  for name, case in pairs({
    exit_code = { result({ exit_code = 3, stderr = "no newline" }), "no newline\n[borealis] exit code 3\n" },
    timeout = {
      result({ exit_code = -1, timed_out = true }),
      "[borealis] timed out after 120 s; the script and all that it started were ended\n",
    },
  }) do
    t.run(name, function(t)
      t.stub("process.run_script", function() return case[1] end)
      t.deliver("quick_job_run", job())
      local sent = t.sent()
      t.equal(sent[#sent].data.status, "Failed")
      t.equal(sent[#sent].data.stderr, case[2])
    end)
  end
end

function test_output_that_was_cut_says_so(t)
  t.stub("process.run_script", function() return result({ truncated = true }) end)
  t.deliver("quick_job_run", job())
  t.equal(t.sent()[1].data.status, "Success")
  t.match(t.sent()[1].data.stderr, "too long")
end

function test_a_script_that_cannot_start_fails_with_the_reason(t)
  t.stub("process.run_script", function() return nil, "no interpreter for \"perl\"", "unsupported" end)
  t.deliver("quick_job_run", job({ script_type = "perl" }))
  t.equal(t.sent()[1].data.status, "Failed")
  t.equal(t.sent()[1].data.stderr, "no interpreter for \"perl\"")
end

function test_variables_complete_the_environment(t)
  local env
  t.stub("process.run_script", function(_, _, opts)
    env = opts.env
    return result()
  end)
  t.deliver("quick_job_run", job({
    environment = { SET = "by the Engine" },
    variables = {
      { name = "set", value = "ignored" },
      { name = "a count", value = 3, default = 1 },
      { name = "flag", default = true },
      { name = "nothing" },
    },
  }))
  t.equal(env, {
    SET = "by the Engine",
    set = "by the Engine",
    A_COUNT = "3",
    a_count = "3",
    FLAG = "True",
    flag = "True",
    NOTHING = "",
    nothing = "",
  })
end

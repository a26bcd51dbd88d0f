local function job(run_mode)
  return { job_id = 4711, run_mode = run_mode, script_type = "bash", script = "echo tern", timeout_seconds = 120 }
end

function test_jobs_of_the_user_are_run(t)
  t.stub("process.start_script", function(_, script)
    return {
      wait = function()
        return { exit_code = 0, timed_out = false, duration = 1 }
      end,
      output = function()
        return { stdout = script, stderr = "", truncated = false }
      end,
      close = function() end,
    }
  end)
  t.deliver("quick_job_run", job("current_user"))
  t.equal(t.sent()[1].data.status, "Success")
  t.equal(t.sent()[1].data.stdout, "echo tern")
end

function test_jobs_of_the_machine_are_left_alone(t)
  t.deliver("quick_job_run", job("system"))
  t.deliver("job_cancel", { job_id = 4711 })
  t.equal(t.sent(), {})
end

local function job(changes)
  local j = {
    job_id = 4720, run_mode = "system", script_type = "ansible", script = "- hosts: localhost\n", script_name = "Noop",
    timeout_seconds = 120, environment = {}, variables = {}, files = {}, context = { scheduled_job_id = 9, scheduled_job_run_id = 31 },
  }
  for name, value in pairs(changes or {}) do
    j[name] = value
  end
  return j
end

--- Stubs the disk, the Engine and the program, which says what it is given and then ends.
local function play(t, said, ending)
  local m = { written = {}, reports = {}, removed = {}, folders = {} }
  t.stub("fs.mkdir", function() return true end)
  t.stub("fs.write", function(path, text)
    m.written[path:match("[^/]+$")] = text
    return true
  end)
  t.stub("fs.list", function(path)
    if path ~= "runs" then
      return {}
    end
    local list = {}
    for name in pairs(m.folders) do
      list[#list + 1] = { name = name, kind = "dir" }
    end
    return list
  end)
  t.stub("fs.stat", function(path) return { modified = m.folders[path:match("[^/]+$")].modified } end)
  t.stub("fs.read", function(path)
    local folder = m.folders[path:match("runs/([^/]+)/run.json$")]
    return folder and folder.record, "not there", "not_found"
  end)
  t.stub("fs.remove", function(path)
    m.removed[#m.removed + 1] = path
    return true
  end)
  t.stub("engine.request", function(path, body)
    t.equal(path, "/api/ansible/recap/report")
    m.reports[#m.reports + 1] = body
    if m.refused then
      return nil, "no such path", "refused"
    end
    return { status = "ok" }
  end)
  t.stub("process.start", function(argv, opts)
    m.argv, m.opts = argv, opts
    if m.missing then
      return nil, "not found", "not_found"
    end
    local child = { n = 0 }
    function child:read()
      child.n = child.n + 1
      if m.waits then
        timer.sleep(m.waits)
      end
      return said[child.n]
    end
    function child:kill() m.killed = true end
    function child:wait() return ending end
    function child:close() m.closed = true end
    return child
  end)
  return m
end

local function ended(changes)
  local e = { exit_code = 0, timed_out = false, duration = 1.5 }
  for name, value in pairs(changes or {}) do
    e[name] = value
  end
  return e
end

local STATS = '{"event": "stats", "hosts": {"localhost": {"ok": 2, "changed": 1, "failures": 0, "unreachable": 0, "skipped": 0, "rescued": 0, "ignored": 0}}}\n'

function test_a_playbook_is_run_and_answered(t)
  local m = play(t, {
    'a warning\n{"event": "play", "name": "all"}\n{"event": "task", "na',
    'me": "say"}\n{"event": "host", "status": "changed", "host": "localhost", "text": "tern"}\n',
    STATS,
  }, ended())
  t.deliver("quick_job_run", job())
  local answer = t.sent()[1].data
  t.equal(answer.status, "Success")
  t.equal(answer.job_id, 4720)
  t.equal(answer.context, { scheduled_job_id = 9, scheduled_job_run_id = 31 })
  t.equal(
    answer.stdout,
    "a warning\n\nPLAY [all]\n\nTASK [say]\nchanged: [localhost] tern\n\nPLAY RECAP\n"
      .. "localhost : ok=2 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0"
  )
  t.match(answer.stderr, "exit_code=0 .*cancelled=no")
  t.equal(m.written["playbook.yml"], "- hosts: localhost\n")
  t.match(m.written["ansible.cfg"], "stdout_callback = borealis")
  t.equal({ m.argv[1], m.argv[2], #m.argv }, { "ansible-playbook", "-i", 4 })
  t.equal({ m.closed, m.opts.timeout, #m.removed }, { true, 120, 1 })
  local first, last = m.reports[1], m.reports[#m.reports]
  t.equal({ first.status, last.status, last.recap_json.localhost.changed }, { "Running", "Success", 1 })
  t.equal({ last.activity_job_id, last.scheduled_job_id, last.scheduled_run_id, last.run_id }, { 4720, 9, 31, first.run_id })
end

function test_a_run_is_called_what_its_job_says_if_that_is_a_name(t)
  local m = play(t, {}, ended())
  t.deliver("quick_job_run", job({ run_id = "5b0e3c6f9a1d4e7f8c2b1a0d9e8f7c6b" }))
  t.equal(m.reports[#m.reports].run_id, "5b0e3c6f9a1d4e7f8c2b1a0d9e8f7c6b")
  for _, id in ipairs({ "../../etc", "", ("x"):rep(65), 7 }) do
    t.deliver("quick_job_run", job({ run_id = id }))
    t.match(m.reports[#m.reports].run_id, "^[0-9a-f]{32}$")
  end
end

function test_how_it_ended_counts_and_not_what_it_wrote(t)
  for name, case in pairs({
    ["exit code"] = { ended({ exit_code = 2 }), "Failed" },
    timeout = { ended({ exit_code = -1, timed_out = true }), "Failed" },
    ["failed in words only"] = { ended(), "Success" },
  }) do
    t.run(name, function(t)
      local m = play(t, { "FAILED! => fatal\n", STATS }, case[1])
      t.deliver("quick_job_run", job())
      local sent = t.sent()
      t.equal(sent[#sent].data.status, case[2])
      t.equal(m.reports[#m.reports].status, case[2])
    end)
  end
end

function test_other_jobs_are_left_alone(t)
  play(t, {}, ended())
  t.deliver("quick_job_run", job({ script_type = "bash" }))
  t.deliver("quick_job_run", job({ run_mode = "current_user" }))
  t.equal(t.sent(), {})
end

function test_a_missing_ansible_is_named(t)
  local m = play(t, {}, ended())
  m.missing = true
  t.deliver("quick_job_run", job())
  t.equal(t.sent()[1].data.status, "Failed")
  t.match(t.sent()[1].data.stderr, "ansible-core")
end

function test_variables_and_credentials_go_through_files(t)
  local m = play(t, { STATS }, ended())
  t.deliver("quick_job_run", job({
    variables = {
      { name = "count", value = 3, default = 1 },
      { name = "who", default = "amy" },
      { name = "vault_password", value = "s3cret", type = "credential" },
      { name = "not a name", value = 1 },
    },
  }))
  t.equal(json.decode(m.written["variables.json"]), { count = 3, who = "amy" })
  t.equal(m.written["vault"], "s3cret")
  t.equal(#m.argv, 8)
  for _, arg in ipairs(m.argv) do
    t.equal(arg:find("s3cret", 1, true) == nil, true)
  end
end

function test_a_run_is_cancelled(t)
  for _, event in ipairs({ "job_cancel", "ansible_playbook_cancel" }) do
    t.run(event, function(t)
      local m = play(t, { '{"event": "task", "name": "slow"}\n', STATS }, ended({ exit_code = -1 }))
      m.waits = 100
      t.deliver("quick_job_run", job())
      t.deliver(event, { job_id = 4720, run_id = m.reports[1].run_id })
      t.equal(m.killed, true)
      t.clock(1000)
      local sent = t.sent()
      t.equal(sent[#sent].data.status, "Failed")
      t.match(sent[#sent].data.stderr, "cancelled=yes")
      t.equal(m.reports[#m.reports].status, "Cancelled")
    end)
  end
end

function test_progress_is_told_once_a_second_at_most(t)
  local said = {}
  for i = 1, 40 do
    said[i] = ('{"event": "host", "status": "ok", "host": "localhost", "text": "%d"}\n'):format(i)
  end
  local m = play(t, said, ended())
  m.waits = 0.25
  t.deliver("quick_job_run", job())
  for _ = 1, 60 do
    t.clock(0.25)
  end
  t.equal(#m.reports >= 8 and #m.reports <= 13, true)
  t.match(m.reports[3].recap_text, "ok: \\[localhost\\] 2")
end

function test_an_engine_without_a_collector_is_not_asked_again(t)
  local said = {}
  for i = 1, 40 do
    said[i] = "x\n"
  end
  local m = play(t, said, ended())
  m.waits, m.refused = 1, true
  t.deliver("quick_job_run", job())
  for _ = 1, 60 do
    t.clock(1)
  end
  t.equal({ #m.reports, m.reports[2].status, t.sent()[1].data.status }, { 2, "Success", "Success" })
end

function test_what_a_killed_agent_left_is_reported_and_removed(t)
  local m = play(t, {}, ended())
  m.folders.gone = {
    modified = 0,
    record = json.encode({ run_id = "gone", started = 5, job = { job_id = 7, script_name = "Noop", context = { scheduled_job_id = 9 } } }),
  }
  m.folders.cut = { modified = 0 } -- the agent was killed before it could write what this is
  t.clock(1)
  t.equal(#m.removed, 2)
  t.equal(#m.reports, 1)
  local report = m.reports[1]
  t.equal({ report.run_id, report.activity_job_id, report.status, report.started_ts, report.scheduled_job_id }, { "gone", 7, "Failed", 5, 9 })
  t.match(report.recap_text, "interrupted")
end

function test_how_this_machine_is_reached(t)
  for name, case in pairs({
    [json.null] = "ansible_connection=local\n",
    [""] = "ansible_connection=local\n",
    ["local"] = "ansible_connection=local\n",
    WinRM = "ansible_connection=local\n",
    ssh = "ansible_connection=ssh ansible_host=127.0.0.1\n",
  }) do
    local m = play(t, { STATS }, ended())
    t.deliver("quick_job_run", job({ connection = name }))
    t.match(m.written.hosts, "^localhost " .. case)
  end
  play(t, {}, ended())
  t.deliver("quick_job_run", job({ connection = "telnet" }))
  local sent = t.sent()
  t.equal(sent[#sent].data.status, "Failed")
  t.match(sent[#sent].data.stderr, "telnet.* is not known; there are local, ssh")
end

function test_chosen_values_of_a_playbook_come_first(t)
  local m = play(t, { STATS }, ended())
  t.deliver("quick_job_run", job({
    variables = { { name = "count", default = 1 }, { name = "who", default = "amy" } },
    variable_values = { count = 3, vault_password = "s3cret", ["no name"] = 1 },
  }))
  t.equal(json.decode(m.written["variables.json"]), { count = 3, who = "amy" })
  t.equal(m.written.vault, "s3cret")
end

function test_a_file_of_a_job_replaces_none_of_the_run(t)
  local m = play(t, { STATS }, ended())
  t.deliver("quick_job_run", job({ files = { { file_name = "hosts", data = "" } } }))
  t.equal(t.sent()[1].data.status, "Failed")
  t.match(t.sent()[1].data.stderr, '"hosts": a run needs this name itself')
  t.equal(m.argv, nil)
end

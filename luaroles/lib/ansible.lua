-- What a run of ansible-playbook needs besides the playbook, and what its events mean.
local ansible = {}

--- The callback by which a run tells what happens, one JSON line per event. What a task hides stays hidden.
ansible.CALLBACK = [==[
DOCUMENTATION = '''
name: borealis
type: stdout
short_description: one JSON line per event
description: For the agent that started the run.
'''

import json
import sys

from ansible.plugins.callback import CallbackBase

MOST = 16384


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = 'stdout'
    CALLBACK_NAME = 'borealis'

    def say(self, **event):
        sys.stdout.write(json.dumps(event, default=str) + '\n')
        sys.stdout.flush()

    def result(self, result, status):
        said = result._result
        text = ''
        if said.get('_ansible_no_log') or result._task.no_log:
            text = '(hidden: no_log)'
        elif status != 'skipped':
            wanted = ['msg', 'stderr', 'stdout'] if status in ('failed', 'unreachable', 'ignored') else ['msg']
            text = '\n'.join(str(said[name]) for name in wanted if said.get(name))
        self.say(event='host', status=status, host=result._host.get_name(), text=text[:MOST])

    def v2_playbook_on_play_start(self, play):
        self.say(event='play', name=play.get_name())

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.say(event='task', name=task.get_name())

    def v2_playbook_on_handler_task_start(self, task):
        self.say(event='task', name=task.get_name())

    def v2_runner_on_ok(self, result):
        self.result(result, 'changed' if result.is_changed() else 'ok')

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.result(result, 'ignored' if ignore_errors else 'failed')

    def v2_runner_on_unreachable(self, result):
        self.result(result, 'unreachable')

    def v2_runner_on_skipped(self, result):
        self.result(result, 'skipped')

    def v2_playbook_on_stats(self, stats):
        self.say(event='stats', hosts=dict((h, stats.summarize(h)) for h in sorted(stats.processed)))
]==]

-- How a run reaches this machine. Engines say "winrm" of every machine; where Ansible itself runs, it needs no such way.
local CONNECTIONS = { ["local"] = "local", winrm = "local", psrp = "local", ssh = "ssh ansible_host=127.0.0.1" }

--- This machine, under every name by which playbooks call it.
---@param connection any What the job says; nothing means "local".
---@return string? inventory
---@return string? message
function ansible.inventory(connection)
  if connection == nil or connection == "" or connection == json.null then
    connection = "local"
  end
  local way = type(connection) == "string" and CONNECTIONS[connection:lower()]
  if not way then
    return nil, ("connection %q is not known; there are local, ssh, winrm and psrp"):format(tostring(connection))
  end
  return "localhost ansible_connection=" .. way .. "\n\n[local]\nlocalhost\n"
end

--- The configuration of a run that keeps everything in its own folder and fetches nothing.
---@param dir string
---@param collections? string A directory with collections.
---@return string
function ansible.config(dir, collections)
  local lines = {
    "[defaults]",
    "stdout_callback = borealis",
    "callback_plugins = " .. dir,
    "local_tmp = " .. dir .. "/tmp",
    "remote_tmp = " .. dir .. "/tmp",
    "retry_files_enabled = False",
    "interpreter_python = auto_silent",
    "nocows = True",
    "nocolor = True",
    "host_key_checking = True",
  }
  if collections then
    lines[#lines + 1] = "collections_path = " .. collections
  end
  -- Whom a run has not met before it believes once: what it learns is forgotten with its folder.
  lines[#lines + 1] = "[ssh_connection]"
  lines[#lines + 1] = ("ssh_args = -o UserKnownHostsFile=%s/known_hosts -o StrictHostKeyChecking=accept-new -o ControlMaster=no"):format(dir)
  return table.concat(lines, "\n") .. "\n"
end

--- The variables that a playbook gets: what the operator chose, else their defaults, with their types. Playbooks come
--- with their chosen values apart (`variable_values`).
---@param job engine.QuickJob
---@return table<string, any> values
---@return string? vault The vault's password, which is no variable.
function ansible.variables(job)
  local values, vault = {}, nil
  local function take(name, value)
    if name == "vault_password" then
      vault = type(value) == "string" and value or nil
    elseif name:match("^[%a_][%w_]*$") and value ~= json.null then
      values[name] = value
    end
  end
  for _, variable in ipairs(type(job.variables) == "table" and job.variables or {}) do
    if type(variable) == "table" and type(variable.name) == "string" then
      local value = variable.value
      if value == nil or value == json.null then
        value = variable.default
      end
      take(variable.name, value)
    end
  end
  for name, value in pairs(type(job.variable_values) == "table" and job.variable_values or {}) do
    if type(name) == "string" and value ~= json.null then
      take(name, value)
    end
  end
  return values, vault
end

-- The order in which Ansible itself counts.
local COUNTS = { "ok", "changed", "unreachable", "failures", "skipped", "rescued", "ignored" }

--- The recap as people know it.
---@param hosts table<string, table<string, integer>>
---@return string[]
function ansible.recap(hosts)
  local names, lines = {}, { "", "PLAY RECAP" }
  for name in pairs(hosts) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local counts = {}
    for _, count in ipairs(COUNTS) do
      counts[#counts + 1] = ("%s=%d"):format(count == "failures" and "failed" or count, hosts[name][count] or 0)
    end
    lines[#lines + 1] = name .. " : " .. table.concat(counts, " ")
  end
  return lines
end

--- The lines that an event is worth.
---@param event table
---@return string[]
function ansible.lines(event)
  if event.event == "play" then
    return { "", "PLAY [" .. tostring(event.name) .. "]" }
  elseif event.event == "task" then
    return { "", "TASK [" .. tostring(event.name) .. "]" }
  elseif event.event == "stats" then
    return ansible.recap(event.hosts)
  end
  local line = ("%s: [%s]"):format(tostring(event.status), tostring(event.host))
  if event.text and event.text ~= "" then
    line = line .. " " .. event.text
  end
  return { line }
end

return ansible

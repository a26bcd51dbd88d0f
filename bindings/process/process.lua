---@meta

--- Programs and scripts, run to their end or talked with.
---
--- A role needs `"process"`, or better one program of it: `"process:uname"`. A narrowed grant covers the program that
--- the name stands for, not a file of that name elsewhere: that one needs its whole path in the grant. For
--- `process.run_script` the name is the script's type: `"process:bash"`.
---
--- A program is a list: its name and its arguments, each handed over as it is. No shell reads it, so nothing needs
--- quotes. A name without a path is looked for in the directories of the agent's PATH that nobody but the agent's user
--- and the administrator can write; on Windows in those below Windows, Program Files and the user's profile.
---
--- When a program has ended, everything that it started ends too, also what has detached itself: after one second if
--- it still holds the output open, else at once. When its time is up, when the handler that waits for it is cancelled,
--- or when the role ends, the program and all that it started are killed. Where the system has left the agent a part of
--- its cgroup tree, a program and all that it started are at most 4096 processes and threads at a time.
---
--- A program gets a small environment: PATH, the user's name and home, language, time zone, desktop session (Windows:
--- the system's usual variables), then what `env` adds, and `BOREALIS_RUN_ID`, which names the run. No secret of the
--- agent is in it.
---
--- With `user`, a program runs as that user: with the user's id and groups, the user's HOME, USER, LOGNAME and SHELL,
--- nothing of the agent's session, and in the user's home if there is one. A script then lies in the system's temporary
--- directory, for that user alone. It is no login: no PAM session, no limits, no profile. All of it ends as any other run.
---
--- Output is text: what is not UTF-8 is decoded (UTF-16 behind its byte order mark, on Windows the machine's code page)
--- and bytes that fit nothing become U+FFFD. With `raw = true` the bytes come as they were written.
---
--- A program that ends with an exit code other than 0 is a result. Failures are one of these codes:
---
--- - `"not_found"`: there is no such program, or only where others may write; or no such user
--- - `"denied"`: no grant covers it
--- - `"permission"`: the system does not let the agent run it, or not as another user, which needs root
--- - `"untrusted"`: an interpreter that the agent was told to use can be changed by others
--- - `"unsupported"`: this system does not know such a script, cannot give such a program arguments safely, or cannot
---   run a program as another user
--- - `"no_cwd"`: the working directory does not exist
--- - `"invalid"`: a zero byte in an argument, a name that cannot be a variable's or a file's, or more than the system
---   takes
--- - `"limit"`: 64 programs of the role run already
--- - `"cancelled"`, `"timeout"`: the handler was, or ran out of its own time
--- - `"stuck"`: it was killed, but the system keeps it, for example because its disk is lost
--- - `"failed"`: the system gave another reason; the message tells it
---
--- ```lua
--- local done, message = process.run({ "uname", "-s" }, { timeout = 10 })
--- assert(done, message)
--- if done.exit_code ~= 0 then
---   error(done.stderr)
--- end
--- ```
---@class processlib
process = {}

---@class process.RunOptions
---@field env? table<string, string> Variables besides the usual ones, named exactly so.
---@field cwd? string Working directory, an absolute path; else the agent's own, or the home of `user`.
---@field user? string Name of the user to run it as; else the agent's own. Linux and macOS, for an agent that is root.
---@field timeout? number Seconds until the program and all that it started are killed; 0 = none. Default 0.
---@field raw? boolean Give the output's bytes untouched. Default false.
---@field stdin? string What the program reads; without it, it reads the end at once.
---@field max_output_bytes? integer Bytes kept of stdout and of stderr, each: the first and the last half. Default 10485760.

---@class process.ScriptOptions: process.RunOptions
---@field env? table<string, string> Variables besides the usual ones, named exactly so.
---@field cwd? string Working directory, an absolute path; else the agent's own, or the home of `user`.
---@field user? string Name of the user to run it as; else the agent's own. Linux and macOS, for an agent that is root.
---@field timeout? number Seconds until the script and all that it started are killed; 0 = none. Default 0.
---@field raw? boolean Give the output's bytes untouched. Default false.
---@field stdin? string What the script reads; without it, it reads the end at once.
---@field max_output_bytes? integer Bytes kept of stdout and of stderr, each: the first and the last half. Default 10485760.
---@field files? table<string, string> Files to lie beside the script while it runs: their names and what is in them.

---@class process.StartOptions
---@field env? table<string, string> Variables besides the usual ones, named exactly so.
---@field cwd? string Working directory, an absolute path; else the agent's own, or the home of `user`.
---@field user? string Name of the user to run it as; else the agent's own. Linux and macOS, for an agent that is root.
---@field timeout? number Seconds until the program and all that it started are killed; 0 = none. Default 0.
---@field raw? boolean Give the output's bytes untouched. Default false.
---@field merge_stderr? boolean Let stderr go where stdout goes, in the order written. Default false.
---@field buffer_bytes? integer Bytes of each stream that wait to be read before the program has to wait. Default 1048576.
---@field pty? process.Window Give the program a terminal of this size instead of pipes: `{}` is 24 by 80.

--- The size of a terminal, in characters.
---@class process.Window
---@field rows? integer From 1 to 32767. Default 24.
---@field cols? integer From 1 to 32767. Default 80.

---@class process.ReadOptions
---@field stream? "stdout"|"stderr" Which of the two. Default stdout.
---@field line? boolean Wait for a whole line and give it without its end. Default false.
---@field max_bytes? integer Most to give at once; a longer line comes in pieces. Default 65536.
---@field timeout? number Seconds to wait; 0 = none. Default 0.

---@class process.ProgressOptions
---@field max_bytes? integer The most of each stream to give, in bytes; of more, the last is given. Default 65536.

---@class process.WaitOptions
---@field timeout? number Seconds to wait; 0 = none. Default 0.

---@class process.Ending
---@field exit_code integer What the program ended with; -1 when it was killed.
---@field signal? string The signal that ended it, for example `"SIGSEGV"`; not on Windows.
---@field timed_out boolean Whether it was killed because its time was up.
---@field duration number Seconds from its start to its end.

---@class process.ScriptEnding: process.Ending
---@field exit_code integer What the program ended with; -1 when it was killed.
---@field signal? string The signal that ended it, for example `"SIGSEGV"`; not on Windows.
---@field timed_out boolean Whether it was killed because its time was up.
---@field duration number Seconds from its start to its end.
---@field output? process.Output What `output` would say, when it wrote at most 16 KiB in all: that saves a call.

---@class process.Output
---@field stdout string
---@field stderr string
---@field stdout_bytes integer Bytes that it wrote to stdout, kept or not.
---@field stderr_bytes integer Bytes that it wrote to stderr, kept or not.
---@field truncated boolean Whether something was left out; unless `raw`, a line in the middle says how much.

---@class process.Done: process.Ending
---@field exit_code integer What the program ended with; -1 when it was killed.
---@field signal? string The signal that ended it, for example `"SIGSEGV"`; not on Windows.
---@field timed_out boolean Whether it was killed because its time was up. The output up to then is there.
---@field duration number Seconds from its start to its end.
---@field stdout string
---@field stderr string
---@field stdout_bytes integer Bytes that it wrote to stdout, kept or not.
---@field stderr_bytes integer Bytes that it wrote to stderr, kept or not.
---@field truncated boolean Whether something was left out; unless `raw`, a line in the middle says how much.

--- Runs a program to its end.
---
--- ```lua
--- local done = assert(process.run({ "sort", "-u" }, { stdin = "b\na\nb\n" }))
--- assert(done.exit_code == 0 and done.stdout == "a\nb\n")
---
--- local missing, message, code = process.run({ "no-such-program" })
--- assert(missing == nil and code == "not_found", message)
--- ```
---
---@async
---@param argv string[] The program's name or absolute path, then its arguments.
---@param opts? process.RunOptions
---@return process.Done? done
---@return string? message
---@return string? code
function process.run(argv, opts) end

--- Runs a script to its end.
---
--- Types are `"bash"`, `"sh"`, `"powershell"` and `"python"`, on Windows `"batch"` instead of `"sh"`. `"bash"` is run by
--- what the agent's variable `BOREALIS_BASH_BIN` names, else by bash, else by sh; `"powershell"` by Windows PowerShell,
--- else by pwsh. The script lies in a file for the user alone who runs it, in a folder of its own, while it runs; `files`
--- lie beside it, where `dirname "$0"` or `$PSScriptRoot` leads. Shells get it with the line ends that they want.
---
--- ```lua
--- local done = assert(process.run_script("sh", 'echo "hello $WHOM"; exit 3', { env = { WHOM = "you" } }))
--- assert(done.exit_code == 3 and done.stdout == "hello you\n")
--- ```
---
---@async
---@param script_type string
---@param script string The script itself.
---@param opts? process.ScriptOptions
---@return process.Done? done
---@return string? message
---@return string? code
function process.run_script(script_type, script, opts) end

--- Starts a script that somebody may want to end early, or whose output should stay in the core until it is asked for.
---
--- It is run as by `process.run_script`, and lives until it ends, its `timeout` is up, its handle is closed, or the role
--- ends; the end of the handler that started it does not matter to it.
---
--- ```lua
--- local script = assert(process.start_script("sh", "echo begun; exec sleep 1000"))
--- script:kill()
--- assert(script:wait().exit_code == -1)
--- assert(script:output().stderr == "")
--- script:close()
--- ```
---
---@async
---@param script_type string
---@param script string The script itself.
---@param opts? process.ScriptOptions
---@return process.Script? script
---@return string? message
---@return string? code
function process.start_script(script_type, script, opts) end

--- Starts a program to talk with.
---
--- It lives until it ends, its `timeout` is up, its handle is closed, or the role ends; the end of the handler that
--- started it does not matter to it. A program that writes more than `buffer_bytes` waits until some of it is read.
---
--- With `pty` it has a terminal: what it writes to either stream is read as stdout, `close_stdin` types Ctrl-D, and the
--- terminal edits and echoes what is written unless the program turns that off.
---
--- ```lua
--- local child = assert(process.start({ "cat" }))
--- assert(child:write("hello\n"))
--- assert(child:read({ line = true }) == "hello")
--- child:close_stdin()
--- assert(child:wait().exit_code == 0)
--- child:close()
--- ```
---
---@async
---@param argv string[] The program's name or absolute path, then its arguments.
---@param opts? process.StartOptions
---@return process.Child? child
---@return string? message
---@return string? code
function process.start(argv, opts) end

--- A program that was started.
---@class process.Child
local Child = {}

--- Reads what the program wrote, as soon as there is some, or a whole line.
---
--- At the end of the stream it gives nil and no message. Fails with `"timeout"` when nothing came in time; what comes
--- later is still there to be read. Fails with `"closed"` when the handle is closed meanwhile.
---
---@async
---@param opts? process.ReadOptions
---@return string? piece
---@return string? message
---@return string? code
function Child:read(opts) end

--- Writes to the program, and returns when it has taken all of it.
---
--- Fails with `"closed"` when the program no longer reads, or `close_stdin` was called.
---
---@async
---@param data string
---@return true? written
---@return string? message
---@return string? code
function Child:write(data) end

--- Lets the program read the end of its input.
---@return true? done
---@return string? message
---@return string? code
function Child:close_stdin() end

--- Waits for the program, and what it started, to be gone.
---
--- What it wrote can still be read afterwards. A program that waits because nobody reads what it writes does not end.
--- Fails with `"timeout"` when it did not end in time.
---
---@async
---@param opts? process.WaitOptions
---@return process.Ending? ending
---@return string? message
---@return string? code
function Child:wait(opts) end

--- Kills the program and all that it started. Nothing happens to one that has ended.
---@return true? done
---@return string? message
---@return string? code
function Child:kill() end

--- Sends the program a signal: `"HUP"`, `"INT"`, `"QUIT"`, `"TERM"`, `"USR1"` or `"USR2"`.
---
--- What it runs in its process group gets it too; on a terminal, `INT` and `QUIT` reach what runs in front instead, as Ctrl-C
--- would. Nothing happens to a program that has ended. Fails with `"unsupported"` on Windows.
---
---@param name string
---@return true? done
---@return string? message
---@return string? code
function Child:signal(name) end

--- The program's process number.
---@return integer? pid
---@return string? message
---@return string? code
function Child:pid() end

--- Tells the program's terminal a new size. Raises for a program without one.
---@param rows integer From 1 to 32767.
---@param cols integer From 1 to 32767.
---@return true? done
---@return string? message
---@return string? code
function Child:resize(rows, cols) end

--- Kills the program, if it lives, with all that it started, and gives up what was not read.
---@async
---@return true? done
---@return string? message
---@return string? code
function Child:close() end

--- A script that was started.
---@class process.Script
local Script = {}

--- Waits for the script, and what it started, to be gone.
---
--- Fails with `"timeout"` when it did not end in time.
---
---@async
---@param opts? process.WaitOptions
---@return process.ScriptEnding? ending
---@return string? message
---@return string? code
function Script:wait(opts) end

--- What the script wrote, once it has ended.
---
--- Fails with `"running"` before that.
---
---@return process.Output? output
---@return string? message
---@return string? code
function Script:output() end

--- What the script wrote since `progress` was last asked for. It does not wait.
---
--- The end of a character that is not there yet comes with the next piece. `stdout_bytes` and `stderr_bytes` count from
--- the script's start; `truncated` tells that a piece came too late, or was larger than `max_bytes`: then a line in front
--- of it says how much is left out. `output` gives all that is kept, whatever was followed.
---
--- ```lua
--- local script = assert(process.start_script("sh", "echo one; sleep 0.1; echo two"))
--- local seen = ""
--- repeat
---   local ended = script:wait({ timeout = 0.05 })
---   seen = seen .. script:progress().stdout
--- until ended
--- assert(seen == "one\ntwo\n")
--- script:close()
--- ```
---
---@param opts? process.ProgressOptions
---@return process.Output? output
---@return string? message
---@return string? code
function Script:progress(opts) end

--- Kills the script and all that it started. Nothing happens to one that has ended.
---@return true? done
---@return string? message
---@return string? code
function Script:kill() end

--- The process number of the script's interpreter.
---@return integer? pid
---@return string? message
---@return string? code
function Script:pid() end

--- Kills the script, if it lives, with all that it started, and forgets its output.
---@async
---@return true? done
---@return string? message
---@return string? code
function Script:close() end

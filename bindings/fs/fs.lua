---@meta

--- Files and directories, within what the role was granted.
---
--- A role needs `"fs.read"` or `"fs.write"`, for everything, or better narrowed to a path, which for a directory
--- includes what lies below it: `"fs.read:/etc/os-release"`, `"fs.write:/srv/reports"`. With any of them, and with
--- plain `"fs"`, the role may also read and write in its own data directory (`self.ctx.data_dir`), where every
--- relative path lies.
---
--- Nothing leads out of a granted directory: a link that does is refused, and so is every `..` and, on Windows,
--- network and device paths, streams, names of devices such as `NUL`, short (8.3) names, and names that end in a dot or
--- a space. There, a grant and a path may differ in case, and in `/` or `\`. A granted file that is itself a link, as
--- `/etc/os-release` often is, is read through it, if nobody but the agent's user and the administrator could have
--- laid it; on Windows it is refused. Only regular files are read and written. What is made is for the agent's user
--- alone: files with mode 0600, directories with 0700.
---
--- Every function can fail with one of these codes; where more is said at a function, it comes on top.
---
--- - `"denied"`: no grant covers the path, or a link leads out of the grant
--- - `"permission"`: the system refuses it to the agent
--- - `"not_found"`: the path, or a directory on the way, does not exist
--- - `"not_dir"`, `"is_dir"`, `"not_file"`: something else stands there than the function works on
--- - `"bad_path"`: the path itself is not accepted
--- - `"full"`: the disk or the quota is
--- - `"failed"`: the system gave another reason; the message tells it
---
--- ```lua
--- assert(fs.write("greeting.txt", "hello\n"))
--- assert(fs.append("greeting.txt", "again\n"))
--- assert(fs.read("greeting.txt") == "hello\nagain\n")
---
--- local text, message, code = fs.read("missing.txt")
--- assert(text == nil and code == "not_found", message)
--- ```
---@class fslib
fs = {}

---@class fs.ReadOptions
---@field max_bytes? integer Size above which the file is refused instead of read. Default 10485760.

---@class fs.OpenOptions
---@field mode? "r"|"w"|"a" Read, write from the start with the old content gone, or append. Default r.

---@class fs.Entry
---@field name string The name alone, without the directory.
---@field kind "file"|"dir"|"link"|"other" What it is.

---@class fs.Info
---@field kind "file"|"dir"|"link"|"other" What it is. A link only where it is not followed: as a granted path itself.
---@field size_bytes integer Size in bytes; of a directory, what the system says.
---@field modified number When the content last changed, in Unix seconds.

--- What a watch tells: a path, spelt from the one that was given to `fs.watch`, and what became of it.
---@alias fs.Change { path: string, change: "created"|"changed"|"removed" }

--- Reads a whole file.
---
--- A file above `max_bytes` fails with `"too_large"`: read it in pieces with `fs.open`.
---
---@async
---@param path string
---@param opts? fs.ReadOptions
---@return string? content
---@return string? message
---@return string? code
function fs.read(path, opts) end

--- Writes a file, whole or not at all.
---
--- The bytes are on the disk under a scratch name (`.borealis-*`, in the same directory) before the file is renamed
--- into its place, so that a reader, a crash or a power cut meets the old content or the new, never a part. An
--- existing file keeps its mode and owner; a link is replaced by the file, not followed. The directory must exist.
---
---@async
---@param path string
---@param content string
---@return true? done
---@return string? message
---@return string? code
function fs.write(path, content) end

--- Adds bytes to the end of a file, which is made when it does not exist.
---
---@async
---@param path string
---@param content string
---@return true? done
---@return string? message
---@return string? code
function fs.append(path, content) end

--- Opens a file to read or write it in pieces, or for another module to stream from or to.
---
--- A file opened with `"w"` changes as it is written, not at once as with `fs.write`. Close it when it is done with;
--- at most 1024 things are open per role.
---
--- ```lua
--- local file = assert(fs.open("long.txt", { mode = "w" }))
--- for i = 1, 3 do assert(file:write("line " .. i .. "\n")) end
--- file:close()
---
--- file = assert(fs.open("long.txt"))
--- local text = ""
--- for piece in function() return file:read(8) end do text = text .. piece end
--- file:close()
--- assert(text == "line 1\nline 2\nline 3\n")
--- ```
---@async
---@param path string
---@param opts? fs.OpenOptions
---@return fs.File? file
---@return string? message
---@return string? code
function fs.open(path, opts) end

--- Lists what is in a directory, sorted by name, without `.` and `..`.
---
--- More than 10000 names fail with `"too_large"`.
---
--- ```lua
--- assert(fs.mkdir("inbox/today"))
--- assert(fs.write("inbox/a.txt", ""))
--- local names = {}
--- for _, entry in ipairs(assert(fs.list("inbox"))) do
---   names[#names + 1] = entry.name .. ":" .. entry.kind
--- end
--- assert(table.concat(names, " ") == "a.txt:file today:dir")
--- ```
---@async
---@param path string
---@return fs.Entry[]? entries
---@return string? message
---@return string? code
function fs.list(path) end

--- Tells what a path names; nil alone when there is nothing.
---
--- Links are followed within the grant.
---
---@async
---@param path string
---@return fs.Info? info
---@return string? message
---@return string? code
function fs.stat(path) end

--- Makes a directory, and those above it that are missing. One that exists already is fine.
---
---@async
---@param path string
---@return true? done
---@return string? message
---@return string? code
function fs.mkdir(path) end

--- Removes a file, a link or an empty directory.
---
--- A directory with something in it fails with `"not_empty"`. A granted directory itself, and the data directory,
--- are not removed: `"denied"`.
---
---@async
---@param path string
---@return true? done
---@return string? message
---@return string? code
function fs.remove(path) end

--- Gives a file, a directory or a link another name; what bore that name before is replaced in the same step.
---
--- Both names must be granted for writing, and the old one for reading too, for else a role could move what it may not
--- read to where it may. A link is renamed, not what it leads to. A directory replaces an empty directory only. Fails
--- with `"other_device"` between file systems, and on Windows with `"unsupported"` between two granted directories,
--- unless the grant is not narrowed. A granted directory itself is not renamed: `"denied"`.
---
--- ```lua
--- assert(fs.write("report.new", "done"))
--- assert(fs.rename("report.new", "report.txt"))
--- assert(fs.read("report.txt") == "done" and fs.stat("report.new") == nil)
--- ```
---@async
---@param from string
---@param to string
---@return true? done
---@return string? message
---@return string? code
function fs.rename(from, to) end

--- Watches a path, which need not exist yet; of a directory, itself and what is directly in it.
---
--- It is looked at once a second, and the function runs, as an event of its role, once for each name that changed since
--- the look before: what was created and removed again in between is not told, and several changes of one file are one.
--- The next look comes when the function has returned. A file changed when its size or time did or another took its
--- name; a directory changes only by being replaced. Links in a directory are watched themselves, not what they lead to.
---
--- At most 16 watches of a role are open: `"limit"`. A directory with more than 1000 names fails with `"too_large"`; one
--- that grows to it later, as one that cannot be read for other reasons, is logged and tells nothing until it can be
--- looked at again.
---
--- ```lua
--- assert(fs.mkdir("inbox"))
--- local watch = assert(fs.watch("inbox", function(change)
---   if change.change ~= "removed" then log.info("news", { path = change.path }) end
--- end))
--- timer.after(60, function() watch:close() end)
--- ```
---@async
---@param path string
---@param fn fun(change: fs.Change) What to run.
---@return fs.Watch? watch
---@return string? message
---@return string? code
function fs.watch(path, fn) end

--- An open file. Other modules take it where they stream, for example `http.get(url, { to = file })`.
---@class fs.File
local File = {}

--- Reads the next bytes; nil alone at the end of the file.
---
---@async
---@param n? integer At most so many bytes, up to 10485760; 65536 when left out. Fewer only at the end.
---@return string? piece
---@return string? message
---@return string? code
function File:read(n) end

--- Writes bytes at the end of what was written before.
---
---@async
---@param content string
---@return true? done
---@return string? message
---@return string? code
function File:write(content) end

--- Lets go of the file. A closed file answers everything with `"closed"`.
---
---@async
---@return true? done
---@return string? message
---@return string? code
function File:close() end

--- A watched path.
---@class fs.Watch
local Watch = {}

--- Ends the watch: the function runs no more, though one that runs already is not stopped.
---
---@async
---@return true? done
---@return string? message
---@return string? code
function Watch:close() end

-- The files that a job brings along, to lie beside its script.
local files = {}

-- All of them together: a role's memory has bounds. One file has at most 3 MiB, whose base64 just fits into a string.
local MOST_BYTES = 8 * 1024 * 1024
local MOST_BASE64 = 4 * 1024 * 1024
local MOST_FILES = 100

--- The content of one file, when it is what the job says of it.
---@param file engine.JobFile
---@return string? content
---@return string? message
local function content(file)
  if type(file) ~= "table" or type(file.file_name) ~= "string" or type(file.data) ~= "string" then
    return nil, "a file has no name or no data"
  end
  local name = ("%q"):format(file.file_name)
  if #file.data > MOST_BASE64 then
    return nil, "file " .. name .. ": it is larger than 3 MiB"
  end
  local text = file.data
  if text:find("\n", 1, true) then -- a pattern takes its time with a long text, so it is not tried on every one
    text = text:gsub("%s+", "")
  end
  local data = crypto.base64_decode(text)
  if not data then
    return nil, "file " .. name .. ": its data is not base64"
  end
  if file.size ~= nil and tonumber(file.size) ~= #data then
    return nil, ("file %s: it has %d bytes, not %s"):format(name, #data, tostring(file.size))
  end
  return data
end

--- The files by name. Names are checked where the files are written.
---@param job engine.QuickJob
---@return table<string, string>? staged
---@return string? message
function files.of(job)
  local staged, bytes = {}, 0
  if type(job.files) ~= "table" then
    return staged
  end
  if #job.files > MOST_FILES then
    return nil, ("%d files, at most %d are taken"):format(#job.files, MOST_FILES)
  end
  for _, file in ipairs(job.files) do
    local data, err = content(file)
    if not data then
      return nil, err
    end
    if staged[file.file_name] then
      return nil, ("two files are called %q"):format(file.file_name)
    end
    bytes = bytes + #data
    if bytes > MOST_BYTES then
      return nil, ("the files have more than %d bytes"):format(MOST_BYTES)
    end
    staged[file.file_name] = data
  end
  return staged
end

return files

---@meta

--- The windows of the logged-in user's programs, and the colour of a pixel.
---
--- A role needs the grant `desktop` (`desktop:NAME` narrows it to one function) and the context `interactive`; elsewhere every function
--- fails with `"unsupported"`. Coordinates are pixels of the whole desktop. Where there is no desktop, the code says why: `no_display`,
--- `permission`, `locked`, `lost` (it went away in the middle), `unsupported`.
---
--- ```lua
--- local editors = desktop.windows({ title = "notes" })
--- if editors and editors[1] then
---   desktop.activate(editors[1].handle)
--- end
--- ```
---@class desktoplib
desktop = {}

---@class desktop.WindowsOptions
---@field title? string Only windows whose title has this in it, in any case. Default "".
---@field process? string Only windows of programs whose name has this in it, in any case. Default "".

---@class desktop.Window
---@field handle integer Names the window as long as it lives.
---@field title string
---@field process string The program's name; "" where it is not known.
---@field pid integer 0 where it is not known.
---@field x integer
---@field y integer
---@field width integer
---@field height integer
---@field active boolean Whether it has the keyboard.

---@class desktop.PlaceOptions
---@field x integer
---@field y integer
---@field width integer
---@field height integer

--- Lists the windows that have a title.
---@async
---@param opts? desktop.WindowsOptions
---@return desktop.Window[]? windows
---@return string? message
---@return string? code
function desktop.windows(opts) end

--- Raises a window and gives it the keyboard; returns once it has it.
---
--- Fails with `"not_found"` for a window that is gone, and with `"failed"` where the system does not give it the keyboard.
---@async
---@param handle integer
---@return true? active
---@return string? message
---@return string? code
function desktop.activate(handle) end

--- Moves and resizes a window. A window manager may have its own opinion.
---
--- Fails with `"not_found"` for a window that is gone.
---@async
---@param handle integer
---@param opts desktop.PlaceOptions
---@return true? asked
---@return string? message
---@return string? code
function desktop.place(handle, opts) end

--- The colour of a pixel, as `"#rrggbb"`.
---
--- Fails with `"not_found"` outside of the desktop.
---@async
---@param x integer
---@param y integer
---@return string? colour
---@return string? message
---@return string? code
function desktop.pixel(x, y) end

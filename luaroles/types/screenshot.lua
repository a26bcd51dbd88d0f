---@meta

--- Pictures of the logged-in user's screen.
---
--- A role needs the grant `screenshot` and the context `interactive`; elsewhere every function fails with `"unsupported"`. Coordinates are
--- pixels of the whole desktop. Where nothing can be seen, the code says why: `no_display`, `permission`, `locked`, `black`, `lost` (the
--- display went away in the middle), `unsupported`. A later call finds a display that came back.
---
--- ```lua
--- local picture, message, code = screenshot.capture({ monitor = 1, format = "jpeg", quality = 60, scale = 0.5 })
--- if picture then
---   fs.write("screen.jpg", picture.image)
--- else
---   log.warn("nothing to be seen", { reason = message, code = code })
--- end
--- ```
---@class screenshotlib
screenshot = {}

---@class screenshot.Monitor
---@field name string
---@field x integer
---@field y integer
---@field width integer
---@field height integer
---@field scale number Pixels per unit of the user's own scaling.
---@field primary boolean

---@class screenshot.CaptureOptions
---@field monitor? integer Its place in `monitors()`. Without it, and without a window, all of them together.
---@field window? integer A window's handle, as `desktop.windows()` gives it: the part of the screen where it is.
---@field x? integer The left edge of the part to see, from that of the monitor or the window if one is named.
---@field y? integer
---@field width? integer In pixels.
---@field height? integer
---@field format? "png"|"jpeg" Default "png".
---@field quality? integer Of a JPEG, from 1 to 100. Default 80.
---@field scale? number How large the picture is, above 0 and at most 1. Default 1.
---@field unless? string The `hash` of the picture that is known: the same one comes without its bytes. Default "".
---@field base64? boolean Whether the bytes come as base64. Default false.

---@class screenshot.Picture
---@field image string The encoded picture, at most 3 MiB of it; "" if it is unchanged.
---@field format string
---@field x integer What was seen, in pixels of the desktop.
---@field y integer
---@field width integer
---@field height integer
---@field hash string Tells this picture from others of the same role.
---@field unchanged boolean Whether it is the one that `unless` names.

--- Lists the monitors, the primary one first.
---@async
---@return screenshot.Monitor[]? monitors
---@return string? message
---@return string? code
function screenshot.monitors() end

--- Takes a picture. What lies outside of all monitors is black in it.
---
--- Besides the codes above: `not_found` for a monitor or a window that is not there, `limit` for a picture of more than 3 MiB.
---@async
---@param opts? screenshot.CaptureOptions
---@return screenshot.Picture? picture
---@return string? message
---@return string? code
function screenshot.capture(opts) end

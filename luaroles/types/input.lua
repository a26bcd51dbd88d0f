---@meta

--- Types, presses keys and moves the mouse as the logged-in user, in whatever window is active.
---
--- A role needs the grant `input` (`input:NAME` narrows it to one function), which no shipped role has by itself: the operator allows it with
--- `borealis-agent role allow ROLE input`. It needs the context `interactive`, too; elsewhere every function fails with `"unsupported"`. Coordinates
--- are pixels of the whole desktop. Where nothing can be pressed, the code says why: `no_display`, `permission`, `locked`, `no_key` (the
--- keyboard has no such key), `lost` (the display went away in the middle), `unsupported`.
---
--- ```lua
--- local typed, message, code = input.text("Zażółć gęślą jaźń")
--- if typed then
---   input.keys("{Enter}^s")
--- else
---   log.warn("nothing was typed", { reason = message, code = code })
--- end
--- ```
---@class inputlib
input = {}

---@class input.TypeOptions
---@field rate? number Characters a second, at most 1000; 0 is as fast as it goes. Default 0.

---@class input.ClickOptions
---@field x? integer Where; without it and `y`, where the mouse is.
---@field y? integer
---@field button? "left"|"middle"|"right" Default "left".
---@field count? integer How often, from 1 to 3. Default 1.

---@class input.DragOptions
---@field from_x integer
---@field from_y integer
---@field to_x integer
---@field to_y integer
---@field button? "left"|"middle"|"right" Default "left".

---@class input.WheelOptions
---@field x? integer Notches to the right, negative to the left. Default 0.
---@field y? integer Notches down, negative up. Default 0.

--- Types a text of at most 20,000 characters, whatever the keyboard's layout. A line feed is the Enter key.
---@async
---@param text string
---@param opts? input.TypeOptions
---@return true? typed
---@return string? message
---@return string? code
function input.text(text, opts) end

--- Presses keys, in AutoHotkey's notation. All of it is read first: a mistake raises, and presses nothing.
---
--- Plain characters are typed. `^`, `!`, `+` and `#` hold Ctrl, Alt, Shift and Win for the next key. `{NAME}` is a key with a name, such as `{Enter}`,
--- `{Tab}`, `{F5}`, `{PgUp}`; `{NAME 3}` presses it three times, `{NAME down}` and `{NAME up}` only press or let go. `{U+20AC}` is a character by its number,
--- `{{}`, `{}}`, `{^}`, `{!}`, `{+}` and `{#}` are those characters; `{Text}` makes all that follows plain.
---
--- A key that is still down when the call fails is let go of.
---@async
---@param notation string
---@param opts? input.TypeOptions
---@return true? pressed
---@return string? message
---@return string? code
function input.keys(notation, opts) end

--- Moves the mouse.
---@async
---@param x integer
---@param y integer
---@return true? moved
---@return string? message
---@return string? code
function input.move(x, y) end

--- Clicks.
---@async
---@param opts? input.ClickOptions
---@return true? clicked
---@return string? message
---@return string? code
function input.click(opts) end

--- Drags from one pixel to another, in a tenth of a second.
---@async
---@param opts input.DragOptions
---@return true? dragged
---@return string? message
---@return string? code
function input.drag(opts) end

--- Turns the wheel by notches, at most 100.
---@async
---@param opts? input.WheelOptions
---@return true? turned
---@return string? message
---@return string? code
function input.wheel(opts) end

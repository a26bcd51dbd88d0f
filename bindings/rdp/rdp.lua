---@meta

--- The machine's remote desktop server: how it is set up, what it offers, and on Windows what lets people in.
---
--- A role needs the grant `rdp`; `rdp:NAME` narrows it to one function, and may be listed several times. Nothing is ever
--- installed, and network level authentication is never turned off. Where no such server can be, as on macOS, every
--- function but `probe` fails with `"unsupported"`.
---
--- ```lua
--- local state = rdp.state()
--- if state and state.server ~= "" then
---   local offer, message = rdp.probe({ port = state.port })
---   log.info(offer and "ready" or "not ready", { security = offer and offer.security, reason = message })
--- end
--- ```
---@class rdplib
rdp = {}

---@class rdp.State
---@field server ""|"termservice"|"xrdp"|"gnome-remote-desktop" Whose it is; "" where none is installed.
---@field port integer The port that it is set to listen on.
---@field address string The one address that it listens on; "" for all of them.
---@field connections? boolean Windows: people are let in.
---@field policy? boolean Windows: what a group policy says to that, which comes first.
---@field nla? boolean Windows: only those who have proved who they are meet the login screen.
---@field start ""|"automatic"|"manual"|"disabled" How the server is started; "" where nobody says.
---@field running? boolean Windows: the service runs.
---@field firewall ""|"on"|"partly"|"off" Windows: which of the firewall's rules for remote desktop count.

---@class rdp.ProbeOptions
---@field port? integer The port on this machine. Default 3389.
---@field timeout? number Seconds that all of it may take. Default 5.

---@class rdp.Offer
---@field security ""|"nla"|"tls"|"rdp" The best that the server offers.
---@field nla boolean It takes clients that prove who they are first.
---@field tls boolean It takes clients with TLS and the login screen; false where it insists on NLA.
---@field classic boolean It takes clients without TLS.
---@field certificate boolean It has the certificate that it needs, as far as it says.

---@class rdp.Changes
---@field connections? boolean Let people in, or no longer.
---@field start? "automatic"|"manual"|"disabled" How the server is started.
---@field running? boolean Start the service, or stop it, which ends its sessions.
---@field firewall? boolean Let all of the firewall's rules for remote desktop count, or none.

--- Looks at how the server is set up. It opens no connection.
---@async
---@return rdp.State? state
---@return string? message
---@return string? code
function rdp.state() end

--- Asks the server which security it offers, in the first messages of a connection, three times. Nobody is logged in.
---
--- Only this machine's own servers are asked. Codes: `unreachable` when nobody listens, `timeout`, and `protocol` when
--- something else than a remote desktop server answers.
---
--- ```lua
--- local offer, message, code = rdp.probe({ port = 1, timeout = 2 })
--- assert(offer == nil and code == "unreachable", message)
--- ```
---@async
---@param opts? rdp.ProbeOptions
---@return rdp.Offer? offer
---@return string? message
---@return string? code
function rdp.probe(opts) end

--- Changes what is named, and nothing else: first how the service starts, then whether it runs, then who is let in.
---
--- A change that fails leaves the ones before it. Elsewhere than on Windows it fails with `"unsupported"`.
---@async
---@param opts? rdp.Changes
---@return true? changed
---@return string? message
---@return string? code
function rdp.change(opts) end

---@meta

--- The WireGuard tunnel to the Engine: opened on the Engine's word, with nothing changed on the machine by default.
---
--- An Engine offers a tunnel by the event `vpn_tunnel_start` or by its answer to `/api/agent/vpn/ensure`. The agent
--- checks what the Engine signed, keeps the keys to itself, and hands the rest to roles; a role opens the tunnel by its
--- id. There is one tunnel at a time. Only the Engine's address in it is answered, and it reaches the ports in `forward`
--- alone, which lead to 127.0.0.1: port 3389 of the tunnel is port 3389 of this machine. TCP is forwarded, UDP is not. With
--- `tunnel.mode` `tun` in the agent's settings these ports are the machine's own at the address in the tunnel.
---
--- A tunnel stays open while a role that has opened it, or has got it from `tunnel.get`, is running: a reloaded role that
--- asks for it before the old version ends keeps it.
---
--- A role may listen on a port of the tunnel itself and speak a protocol of its own there; no port of the machine is
--- listened on. It must be one of the offer's `allowed_ports`, and comes before a forward.
---
--- A role needs the grant `tunnel`; `tunnel:FUNCTION` narrows it to one function.
---
--- ```lua
--- local state, message = tunnel.open("0f1e2d3c4b5a69788796a5b4c3d2e1f0", { forward = { 3389, 22 } })
--- if not state then
---   log.warn("no tunnel", { message = message })
--- end
--- ```
---@class tunnellib
tunnel = {}

---@class tunnel.State
---@field id string The tunnel's id.
---@field address string This machine's address in the tunnel.
---@field engine string The Engine's.
---@field endpoint string Where the Engine's packets come from, as far as is known: address and port.
---@field opened number When it was opened.
---@field handshake? number When the Engine last proved who it is; at most about three minutes ago while the tunnel is healthy and used, or `keepalive` is set. Nil before the first time.
---@field interface? string This machine's interface for it; nil when it lives in the agent alone.
---@field sent integer Bytes sent to the Engine, as WireGuard counts them.
---@field received integer Bytes received from it.
---@field connections integer Connections that are open now.
---@field accepted integer Connections that came about so far.
---@field refused integer Connections that did not: the port is not forwarded, nobody listens there, or there were too many.
---@field to_engine integer Bytes of forwarded connections, to the Engine.
---@field to_machine integer Bytes of forwarded connections, to this machine.

---@class tunnel.Listener
local Listener = {}

---@class tunnel.Conn
local Conn = {}

---@class tunnel.WaitOptions
---@field timeout? number Seconds to wait; 0 = until the call's own time is up. Default 0.

---@class tunnel.ReadOptions
---@field timeout? number Seconds to wait; 0 = until the call's own time is up. Default 0.
---@field max_bytes? integer Bytes to give at most, up to 16 MiB. Default 65536.

---@class tunnel.Options
---@field forward? integer[] Ports that the Engine reaches, each of them one of the offer's `allowed_ports`. None when left out.
---@field keepalive? number Seconds between packets that keep the way open through a NAT; 0 = none. Default 30.
---@field mtu? integer Bytes of the largest packet inside the tunnel, 576 to 9000. Default 1420.
---@field max_connections? integer Connections at a time, 1 to 1024; those that an interface of the machine takes are not counted. Default 64.

--- Opens the tunnel that the Engine offered under an id, or the newest offer where it did so again.
---
--- It does not wait for the Engine: `handshake` tells when that has answered. An endpoint that is this machine itself, or
--- none, means the host of the Engine's URL. Codes: `unknown` when no such tunnel was offered to this agent since it
--- started; `open` when there is a tunnel already; `port` for a port that the offer does not allow; `endpoint` when the
--- Engine's name has no address; `interface` when the machine gives none; `denied` when a narrowed grant does not cover it; `cancelled` when the role is ending;
--- `unsupported` where nothing carries tunnels; `failed` for anything else.
---@async
---@param id string The offer's `tunnel_id`.
---@param opts? tunnel.Options
---@return tunnel.State? state
---@return string? message
---@return string? code
function tunnel.open(id, opts) end

--- Looks at the open tunnel, and keeps it open for this role.
---
--- Codes: `denied` and `unsupported` as for `open`.
---
--- ```lua
--- local state = tunnel.get()
--- if state and state.handshake then
---   log.info("the tunnel is up", { address = state.address })
--- end
--- ```
---@return tunnel.State? state Nil without a message when no tunnel is open.
---@return string? message
---@return string? code
function tunnel.get() end

--- Ends the open tunnel with all its connections, whoever opened it.
---
--- Codes: `denied` and `unsupported` as for `open`.
---@async
---@return boolean? closed False when none was open.
---@return string? message
---@return string? code
function tunnel.close() end

--- Listens on a port of the tunnel's own address, for the Engine alone. It ends with the tunnel.
---
--- Raises for what is no port. Codes: `closed` when no tunnel is open; `port` for one that the offer does not allow;
--- `busy` when it is listened on already; `denied` and `unsupported` as for `open`.
---
--- ```lua
--- local listener = tunnel.listen(47002)
--- if listener then
---   local conn = listener:accept({ timeout = 60 })
---   local line = conn and conn:read_line({ timeout = 10 })
---   if line then
---     conn:write("you said " .. line .. "\n")
---   end
--- end
--- ```
---@param port integer
---@return tunnel.Listener? listener
---@return string? message
---@return string? code
function tunnel.listen(port) end

--- Connects to a port of the Engine's address in the tunnel.
---
--- Raises for what is no port. Codes: `closed` when no tunnel is open; `unreachable` when nobody answers there, or not in
--- time; `denied` and `unsupported` as for `open`.
---@async
---@param port integer
---@param opts? tunnel.WaitOptions
---@return tunnel.Conn? conn
---@return string? message
---@return string? code
function tunnel.dial(port, opts) end

--- Waits for the next connection.
---
--- Codes: `timeout`; `closed` once the port is no longer listened on, also because the tunnel ended; `cancelled`.
---@async
---@param opts? tunnel.WaitOptions
---@return tunnel.Conn? conn
---@return string? message
---@return string? code
function Listener:accept(opts) end

--- Gives the port back. Connections that were accepted stay.
---@async
---@return true closed
function Listener:close() end

--- Reads what comes next, at least one byte. One read at a time; others wait their turn.
---
--- Codes: `timeout`, after which nothing is lost; `closed` for a connection that broke; `cancelled`.
---@async
---@param opts? tunnel.ReadOptions
---@return string? data Nil without a message at the end.
---@return string? message
---@return string? code
function Conn:read(opts) end

--- Reads a line, without its line feed. What stands after the last line feed counts as one when the end comes.
---
--- Codes: as for `read`, and `limit` for a line of more than `max_bytes`: then only closing is left.
---@async
---@param opts? tunnel.ReadOptions
---@return string? line Nil without a message at the end.
---@return string? message
---@return string? code
function Conn:read_line(opts) end

--- Writes all of the data. It waits while the Engine takes none.
---
--- Codes: `closed` for a connection that ended or broke; `cancelled`, after which it is closed.
---@async
---@param data string
---@return true? written
---@return string? message
---@return string? code
function Conn:write(data) end

--- Closes the connection.
---@async
---@return true closed
function Conn:close() end
